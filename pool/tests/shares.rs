//! Who gets how many workers of a process pool, when several want them.

use std::ops::Range;
use std::process;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pool::ProcessPool;
use processes::{Registry, Task};

/// Sleeps so many milliseconds, and says when it began, in nanoseconds of the
/// machine's clock.
const NAP: Task<u64, u64> = Task::new("nap", |milliseconds| {
    let began = now();
    thread::sleep(Duration::from_millis(milliseconds));
    began
});

/// Ends its worker.
const LEAVE: Task<u64, u64> = Task::new("leave", |_| process::exit(3));

/// Workers start here; see `processes::test_worker_entry`.
#[test]
fn worker_entry() {
    processes::test_worker_entry("worker_entry", Registry::new().with(&NAP).with(&LEAVE));
}

fn pool_of(workers: usize) -> ProcessPool {
    worker_entry();
    ProcessPool::new(workers).expect("workers start")
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(since.as_nanos()).expect("it is before 2554")
}

/// When work began, each of its items, and the whole of it ended.
struct Run {
    began: u64,
    items: Vec<u64>,
    ended: u64,
}

impl Run {
    fn of(work: impl FnOnce() -> Vec<u64>) -> Self {
        let began = now();
        let items = work();
        Self { began, items, ended: now() }
    }

    fn within(&self, window: &Range<u64>) -> usize {
        self.items.iter().filter(|began| window.contains(began)).count()
    }
}

/// Runs `second` when `first` has had all workers for a while, and says which
/// part of what began from then on, while there was work for both, was the
/// second's; after the time that four items take, for both to settle.
fn share_of_the_second(
    name: &str,
    first: impl FnOnce() -> Vec<u64> + Send,
    second: impl FnOnce() -> Vec<u64>,
) -> f64 {
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| Run::of(first));
        thread::sleep(Duration::from_millis(60));
        let second = Run::of(second);
        (first.join().expect("no panic"), second)
    });
    // The last items of either are begun while others still run.
    let end = first.ended.min(second.ended).saturating_sub(MILLISECONDS * 1_000_000);
    let window = second.began + 4 * MILLISECONDS * 1_000_000..end;
    let (ours, theirs) = (first.within(&window), second.within(&window));
    let share = theirs as f64 / (ours + theirs) as f64;
    let milliseconds = |run: &Run| run.ended.saturating_sub(second.began) / 1_000_000;
    println!(
        "{name}: {ours} and {theirs} items, {share:.2}; over after {} and {} ms",
        milliseconds(&first),
        milliseconds(&second)
    );
    // NaN if nothing did, which is no share.
    share
}

/// How long an item takes.
const MILLISECONDS: u64 = 3;

/// Of four workers the second comes to two; with one it would be a quarter. A
/// machine that stops one of them for a while shifts a single measurement.
fn assert_half(mut share: impl FnMut() -> f64) {
    let shares: Vec<f64> = (0..3).map(|_| share()).collect();
    assert!(shares.iter().any(|share| (0.4..0.6).contains(share)), "{shares:?}");
}

/// One test at a time: they measure each other's share of the processors.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn two_maps_come_to_half_of_the_workers_each() {
    let _turn = TURN.lock();
    let pool = pool_of(4);
    for chunk in [None, Some(1), Some(3)] {
        let map = |items: usize| {
            let items = vec![MILLISECONDS; items];
            let outputs = match chunk {
                None => pool.map(&NAP, &items),
                Some(chunk) => pool.map_chunked(&NAP, &items, chunk),
            };
            outputs.expect("they run")
        };
        // The first has done about eighty when the second comes.
        let name = format!("two maps, chunks of {chunk:?}");
        assert_half(|| share_of_the_second(&name, || map(500), || map(420)));
    }
}

#[test]
fn a_map_and_submitted_tasks_come_to_half_of_the_workers_each() {
    let _turn = TURN.lock();
    let pool = pool_of(4);
    let map = |items| pool.map(&NAP, &vec![MILLISECONDS; items]).expect("they run");
    let submit = |tasks| {
        let handles: Vec<_> = (0..tasks).map(|_| pool.submit(&NAP, MILLISECONDS)).collect();
        let join = |handle: Result<pool::ProcessHandle<u64>, _>| handle.expect("open").join();
        handles.into_iter().map(join).collect::<Result<Vec<_>, _>>().expect("they run")
    };
    assert_half(|| share_of_the_second("tasks beside a map", || map(500), || submit(420)));
    assert_half(|| share_of_the_second("a map beside tasks", || submit(500), || map(420)));
}

#[test]
fn workers_come_back_to_the_one_who_is_left() {
    let _turn = TURN.lock();
    let pool = pool_of(4);
    let rate = || {
        thread::scope(|scope| {
            let long = scope.spawn(|| Run::of(|| pool.map(&NAP, &[3; 600]).expect("they run")));
            thread::sleep(Duration::from_millis(60));
            let ended = Run::of(|| pool.map(&NAP, &[3; 80]).expect("they run")).ended;
            let long = long.join().expect("no panic");
            // From then on it has four again; three would begin 75 in this time.
            let window = ended + 10_000_000..ended + 110_000_000;
            let began = long.within(&window);
            println!("{began} items of 3 ms in 100 ms");
            began as f64 / long.within(&(window.start - 100_000_000..window.start)) as f64
        })
    };
    // As with shares, a single measurement may be shifted.
    let rates: Vec<f64> = (0..3).map(|_| rate()).collect();
    assert!(rates.iter().any(|rate| *rate > 1.2), "{rates:?} times as many as before");
}

#[test]
fn who_has_no_worker_gets_one_when_the_first_has_done_what_it_is_at() {
    let _turn = TURN.lock();
    let pool = pool_of(2);
    thread::scope(|scope| {
        let long = scope.spawn(|| Run::of(|| pool.map(&NAP, &[200; 6]).expect("they run")));
        thread::sleep(Duration::from_millis(60));
        let asked = now();
        let [short] = pool.map(&NAP, &[0]).expect("it runs")[..] else { panic!("one for one") };
        let long = long.join().expect("no panic");
        // Two are at work; the one that is done first does not go on, but may
        // have claimed its next in the moment of the asking.
        let before = long.items.iter().filter(|began| (asked..short).contains(began)).count();
        println!("{before} items of the long map began between asking and getting");
        assert!(before <= 1, "{before}");
    });
}

#[test]
fn whoever_comes_and_goes_nobody_is_forgotten() {
    let _turn = TURN.lock();
    // More at a time than workers; and some lose theirs.
    for workers in [1, 3, 4] {
        let (tell, told) = channel();
        thread::spawn(move || {
            let pool = pool_of(workers);
            thread::scope(|scope| {
                for caller in 1..=8_u64 {
                    let pool = &pool;
                    scope.spawn(move || come_and_go(pool, caller));
                }
            });
            pool.shutdown();
            tell.send(()).expect("the test waits");
        });
        told.recv_timeout(Duration::from_secs(30)).expect("all of them end, and well");
    }
}

/// Maps and submits a little of everything.
fn come_and_go(pool: &ProcessPool, seed: u64) {
    let mut random = seed;
    for _ in 0..40 {
        // Marsaglia's xorshift.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let items = vec![random >> 8 & 1; (random >> 16 & 15) as usize];
        match random & 7 {
            0..3 => assert_eq!(pool.map(&NAP, &items).expect("they run").len(), items.len()),
            3 | 4 => assert!(pool.map_each(&NAP, &items, 2).iter().all(Result::is_ok)),
            5 | 6 => {
                let tasks: Vec<_> = items.iter().map(|nap| pool.submit(&NAP, *nap)).collect();
                for task in tasks {
                    task.expect("it is open").join().expect("it runs");
                }
            }
            _ => assert!(pool.map(&LEAVE, &[0]).is_err()),
        }
    }
}
