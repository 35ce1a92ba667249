//! Tasks, lazy maps, the builder and the end of a thread pool.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use pool::{Error, Handle, ThreadPool};

/// Nothing here should take a tenth of it.
const DEADLINE: Duration = Duration::from_secs(10);

fn pool(workers: usize) -> ThreadPool {
    ThreadPool::new(workers).expect("threads start")
}

/// A task that holds one thread until the sender is used or dropped.
fn occupied(pool: &ThreadPool) -> (mpsc::Sender<()>, pool::Handle<()>) {
    let (open, gate) = mpsc::channel::<()>();
    let (began, begins) = mpsc::channel();
    let handle = pool.submit(move || {
        began.send(()).expect("the test waits");
        let _ = gate.recv();
    });
    begins.recv_timeout(DEADLINE).expect("a thread is free");
    (open, handle.expect("the pool is open"))
}

#[test]
fn tasks_run_on_threads_of_the_pool() {
    let pool = ThreadPool::builder().workers(3).name("crew").build().expect("threads start");
    let names: Vec<_> = (0..20)
        .map(|_| pool.submit(|| thread::current().name().map(String::from)))
        .map(|handle| handle.expect("the pool is open").join().expect("no panic"))
        .map(|name| name.expect("threads of a pool have names"))
        .collect();
    assert!(names.iter().all(|name| name.starts_with("crew-")), "{names:?}");
}

#[test]
fn the_default_is_a_thread_for_each_processor() {
    let pool = ThreadPool::builder().build().expect("threads start");
    assert_eq!(pool.workers(), thread::available_parallelism().map_or(1, usize::from));
}

#[test]
fn as_many_tasks_at_a_time_as_threads() {
    let pool = pool(3);
    let barrier = Arc::new(std::sync::Barrier::new(3));
    let handles: Vec<_> = (0..3)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            pool.submit(move || barrier.wait().is_leader()).expect("the pool is open")
        })
        .collect();
    let leaders = handles.into_iter().map(|handle| {
        let outcome = handle.join_timeout(DEADLINE).expect("all three meet");
        usize::from(outcome.expect("no panic"))
    });
    assert_eq!(leaders.sum::<usize>(), 1);
}

#[test]
fn a_handle_knows_whether_the_task_is_over() {
    let pool = pool(1);
    let (open, first) = occupied(&pool);
    let second = pool.submit(|| 2).expect("the pool is open");
    assert!(!first.is_finished() && !second.is_finished());
    drop(open);
    let second = second.join_timeout(DEADLINE).expect("it is over soon");
    assert_eq!(second.expect("no panic"), 2);
    assert!(first.is_finished(), "there is one thread, so the first came before the second");
    first.join().expect("no panic");
}

#[test]
fn a_handle_that_is_dropped_lets_its_task_run() {
    let pool = pool(1);
    let (tell, told) = mpsc::channel();
    drop(pool.submit(move || tell.send(7)).expect("the pool is open"));
    assert_eq!(told.recv_timeout(DEADLINE), Ok(7));
}

#[test]
fn a_task_waits_for_tasks_of_its_own_pool() {
    fn fibonacci(pool: &Arc<ThreadPool>, n: u64) -> u64 {
        if n < 2 {
            return n;
        }
        let again = Arc::clone(pool);
        let left = pool.submit(move || fibonacci(&again, n - 1)).expect("the pool is open");
        let right = fibonacci(pool, n - 2);
        left.join().expect("no panic") + right
    }
    // Miri takes its time.
    let (n, expected) = if cfg!(miri) { (4, 3) } else { (12, 144) };
    for workers in [1, 2] {
        let pool = Arc::new(pool(workers));
        let inner = Arc::clone(&pool);
        let sum = pool.submit(move || fibonacci(&inner, n)).expect("the pool is open");
        let sum = sum.join_timeout(DEADLINE).expect("no deadlock").expect("no panic");
        assert_eq!(sum, expected);
    }
}

#[test]
fn a_full_queue_slows_the_one_who_submits_down() {
    let pool = ThreadPool::builder().workers(1).queue(2).build().expect("threads start");
    let (open, first) = occupied(&pool);
    let own = thread::current().id();
    let ran: Vec<_> =
        (0..5).map(|_| pool.submit(|| thread::current().id()).expect("the pool is open")).collect();
    // Two wait in the queue; three were run by this thread on the way.
    assert_eq!(ran.iter().filter(|handle| handle.is_finished()).count(), 3);
    drop(open);
    first.join().expect("no panic");
    let here = ran.into_iter().map(|handle| handle.join().expect("no panic"));
    assert_eq!(here.filter(|id| *id == own).count(), 3);
}

#[test]
fn imap_keeps_the_order_and_is_as_lazy_as_its_consumer() {
    for workers in [1, 2, 4] {
        let pool = pool(workers);
        let taken = Arc::new(AtomicUsize::new(0));
        let counts = Arc::clone(&taken);
        let items = (0_u64..).inspect(move |_| {
            counts.fetch_add(1, Ordering::Relaxed);
        });
        let mut fetched = 0;
        for (at, square) in pool.imap(items, |x| x * x).enumerate().take(100) {
            assert_eq!(square.expect("no panic"), (at * at) as u64);
            fetched += 1;
            assert!(taken.load(Ordering::Relaxed) <= fetched + 2 * workers);
        }
        assert_eq!(fetched, 100);
    }
}

#[test]
fn imap_unordered_yields_each_item_once_and_is_lazy() {
    for workers in [1, 2, 4] {
        let pool = pool(workers);
        let taken = Arc::new(AtomicUsize::new(0));
        let counts = Arc::clone(&taken);
        let items = (0_usize..).inspect(move |_| {
            counts.fetch_add(1, Ordering::Relaxed);
        });
        let mut seen = HashSet::new();
        for (at, double) in pool.imap_unordered(items, |x| 2 * x).take(100) {
            assert_eq!(double.expect("no panic"), 2 * at);
            assert!(seen.insert(at));
            assert!(taken.load(Ordering::Relaxed) <= seen.len() + 2 * workers);
        }
        assert_eq!(seen.len(), 100);
    }
}

#[test]
fn lazy_maps_of_nothing_and_of_one() {
    let pool = pool(2);
    assert!(pool.imap(Vec::<u8>::new(), |x| x).next().is_none());
    assert!(pool.imap_unordered(Vec::<u8>::new(), |x| x).next().is_none());
    let mut one = pool.imap([5], |x| x + 1);
    assert_eq!((one.next().and_then(Result::ok), one.next().is_none()), (Some(6), true));
    let mut one = pool.imap_unordered([5], |x| x + 1);
    assert!(matches!(one.next(), Some((0, Ok(6)))));
    assert!(one.next().is_none());
}

#[test]
fn a_lazy_map_names_the_item_that_failed_and_goes_on() {
    let pool = pool(2);
    let f = |x: u32| {
        assert_ne!(x % 10, 3, "{x} is bad");
        x
    };
    let check = |at: usize, outcome: Result<u32, Error>| match outcome {
        Ok(x) => assert!(x as usize == at && at % 10 != 3),
        Err(Error::Panicked { item, message, .. }) => {
            assert_eq!(item, Some(at));
            assert!(message.contains(&format!("{at} is bad")), "{message}");
        }
        Err(other) => panic!("{other:?}"),
    };
    let mut ordered = 0;
    for (at, outcome) in pool.imap(0..30, f).enumerate() {
        check(at, outcome);
        ordered += 1;
    }
    let unordered = pool.imap_unordered(0..30, f).map(|(at, outcome)| check(at, outcome)).count();
    assert_eq!((ordered, unordered), (30, 30));
}

#[test]
fn a_task_that_panics_is_no_item() {
    let pool = pool(1);
    let task = pool.submit(|| panic!("no luck")).expect("the pool is open");
    let outcome: Result<(), _> = task.join();
    let text = outcome.expect_err("it panics").to_string();
    assert!(text.starts_with("the function panicked: no luck, at "), "{text}");
}

#[test]
fn lazy_maps_inside_a_task_of_a_pool_of_one() {
    let pool = Arc::new(pool(1));
    let inner = Arc::clone(&pool);
    let task = move || {
        let ordered: u32 = inner.imap(1..=10, |x| x).map(|x| x.expect("no panic")).sum();
        let unordered = inner.imap_unordered(1..=10, |x| x).map(|(_, x)| x.expect("no panic"));
        ordered + unordered.sum::<u32>()
    };
    let sum = pool.submit(task).expect("the pool is open").join_timeout(DEADLINE);
    assert_eq!(sum.expect("no deadlock").expect("no panic"), 110);
}

#[test]
fn a_lazy_map_that_is_dropped_cancels_what_waits() {
    let pool = pool(1);
    let (open, first) = occupied(&pool);
    let ran = Arc::new(AtomicUsize::new(0));
    let count = |ran: &Arc<AtomicUsize>| {
        let ran = Arc::clone(ran);
        move |_| ran.fetch_add(1, Ordering::Relaxed)
    };
    drop(pool.imap(0..100, count(&ran)));
    drop(pool.imap_unordered(0..100, count(&ran)));
    drop(open);
    first.join().expect("no panic");
    pool.shutdown();
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

thread_local! {
    static INITIALIZED: Cell<u32> = const { Cell::new(0) };
}

fn initializing(workers: usize) -> ThreadPool {
    let initializer = || {
        INITIALIZED.set(INITIALIZED.get() + 1);
        Ok::<(), String>(())
    };
    ThreadPool::builder().workers(workers).initializer(initializer).build().expect("it succeeds")
}

#[test]
fn every_thread_that_works_is_initialized_once() {
    let pool = initializing(2);
    for _ in 0..3 {
        let times = pool.map_chunked(&[(); 100], 1, |()| INITIALIZED.get()).expect("no panic");
        assert!(times.iter().all(|times| *times == 1), "{times:?}");
        assert_eq!(pool.submit(|| INITIALIZED.get()).expect("open").join().expect("no panic"), 1);
    }
    assert_eq!(INITIALIZED.get(), 1, "the caller works too");
}

#[test]
fn a_thread_is_replaced_after_so_many_tasks() {
    let pool = ThreadPool::builder().workers(1).max_tasks_per_worker(3).build().expect("it starts");
    let ids: Vec<_> = (0..12)
        .map(|_| pool.submit(|| thread::current().id()).expect("open").join().expect("no panic"))
        .collect();
    for (at, ids) in ids.chunks(3).enumerate() {
        assert!(ids.iter().all(|id| *id == ids[0]), "thread {at}: {ids:?}");
    }
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 4);
    pool.shutdown();
}

#[test]
fn a_thread_whose_successor_cannot_be_initialized_stays() {
    let starts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&starts);
    let initializer = move || match counted.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(()),
        _ => Err("only once"),
    };
    let pool = ThreadPool::builder().workers(1).max_tasks_per_worker(2).initializer(initializer);
    let pool = pool.build().expect("the first time it succeeds");
    let ids: HashSet<_> = (0..5)
        .map(|_| pool.submit(|| thread::current().id()).expect("open").join().expect("no panic"))
        .collect();
    assert_eq!(ids.len(), 1);
    pool.shutdown();
    assert_eq!(starts.load(Ordering::Relaxed), 5, "after tasks 2, 3, 4 and 5 it was tried");
}

#[test]
fn shutdown_runs_what_waits_and_kill_drops_it() {
    for kill in [false, true] {
        let pool = Arc::new(pool(1));
        let (open, first) = occupied(&pool);
        let waiting: Vec<_> =
            (0..10).map(|x| pool.submit(move || x).expect("the pool is open")).collect();
        let ends = Arc::clone(&pool);
        let end = thread::spawn(move || if kill { ends.kill() } else { ends.shutdown() });
        while pool.submit(|| ()).is_ok() {
            thread::yield_now();
        }
        // It closes the pool first: what becomes free in between still runs.
        let closed = Instant::now();
        while kill && !waiting.iter().all(Handle::is_finished) {
            assert!(closed.elapsed() < DEADLINE, "what waits is dropped before what runs ends");
            thread::yield_now();
        }
        drop(open);
        end.join().expect("no panic");
        first.join().expect("what ran has finished");
        for (x, handle) in waiting.into_iter().enumerate() {
            assert!(handle.is_finished());
            match handle.join() {
                Ok(result) => assert!(!kill && result == x),
                Err(Error::Closed) => assert!(kill),
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_task_may_end_its_own_pool() {
    let pool = Arc::new(pool(2));
    let own = Arc::clone(&pool);
    let task = pool.submit(move || own.shutdown()).expect("the pool is open");
    task.join_timeout(DEADLINE).expect("it does not wait for itself").expect("no panic");
    assert!(matches!(pool.submit(|| ()), Err(Error::Closed)));

    // And it may be the last to own it.
    let pool = Arc::new(self::pool(2));
    let (own, (tell, told)) = (Arc::clone(&pool), mpsc::channel());
    let handle = pool.submit(move || {
        while Arc::strong_count(&own) > 1 {
            thread::yield_now();
        }
        drop(own);
        tell.send(()).expect("the test waits");
    });
    drop(pool);
    told.recv_timeout(DEADLINE).expect("the drop comes back");
    handle.expect("the pool was open").join().expect("no panic");
}

#[test]
fn tasks_from_many_threads_at_once_while_the_pool_closes() {
    for round in 0..30 {
        let pool = pool(2);
        let ran = Arc::new(AtomicUsize::new(0));
        let accepted: usize = thread::scope(|scope| {
            let submitters: Vec<_> = (0..3)
                .map(|_| {
                    let (pool, ran) = (&pool, &ran);
                    scope.spawn(move || {
                        let mut accepted = 0;
                        loop {
                            let ran = Arc::clone(ran);
                            match pool.submit(move || ran.fetch_add(1, Ordering::Relaxed)) {
                                Ok(_) => accepted += 1,
                                Err(Error::Closed) => return accepted,
                                Err(other) => panic!("{other:?}"),
                            }
                        }
                    })
                })
                .collect();
            thread::sleep(Duration::from_micros(200 * (round % 5)));
            pool.shutdown();
            submitters.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(ran.load(Ordering::Relaxed), accepted, "each accepted task ran, no other");
    }
}
