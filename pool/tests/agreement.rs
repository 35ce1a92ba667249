//! Every model returns what the loop returns, in the same order.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use pool::cube::{CUBE, LARGEST, cube, registry};
use pool::{Error, ProcessPool, RayonPool, ThreadPool, serial};
use processes::Task;

type Cubes = Vec<Option<u64>>;

const SLEEP: Task<Duration, ()> = Task::new("sleep", thread::sleep);

/// Workers start here; see `processes::test_worker_entry`.
#[test]
fn worker_entry() {
    processes::test_worker_entry("worker_entry", registry().with(&SLEEP));
}

/// One pool of each kind, mapping cubes in chunks of a size, or in their own.
struct Pools(ThreadPool, RayonPool, ProcessPool);

impl Pools {
    fn of(workers: usize) -> Result<Self, Error> {
        worker_entry();
        Ok(Self(ThreadPool::new(workers)?, RayonPool::new(workers)?, ProcessPool::new(workers)?))
    }

    fn cubes(&self, numbers: &[u64], chunk: Option<usize>) -> Result<[(&str, Cubes); 3], Error> {
        let f = |&x: &u64| cube(x);
        let Self(threads, rayon, processes) = self;
        let (by_threads, by_rayon, by_processes) = match chunk {
            None => (threads.map(numbers, f), rayon.map(numbers, f), processes.map(&CUBE, numbers)),
            Some(chunk) => (
                threads.map_chunked(numbers, chunk, f),
                rayon.map_chunked(numbers, chunk, f),
                processes.map_chunked(&CUBE, numbers, chunk),
            ),
        };
        Ok([("threads", by_threads?), ("rayon", by_rayon?), ("processes", by_processes?)])
    }
}

fn agree(pools: &Pools, numbers: &[u64], chunk: Option<usize>) -> Result<(), Error> {
    let expected = serial::map(numbers, |&x| cube(x));
    for (model, cubes) in pools.cubes(numbers, chunk)? {
        assert_eq!(cubes, expected, "{model}, {} items, chunk {chunk:?}", numbers.len());
    }
    Ok(())
}

#[test]
fn on_no_item_one_and_many() -> Result<(), Error> {
    for workers in [1, 2, 4] {
        let pools = Pools::of(workers)?;
        for items in [0, 1, 2, 3, 15, 16, 17, 100, 1_000] {
            agree(&pools, &(0..items).collect::<Vec<_>>(), None)?;
        }
    }
    Ok(())
}

#[test]
fn in_chunks_of_any_size() -> Result<(), Error> {
    let pools = Pools::of(3)?;
    let numbers: Vec<u64> = (0..100).rev().collect();
    for chunk in [1, 7, 33, 99, 100, 101, usize::MAX] {
        agree(&pools, &numbers, Some(chunk))?;
    }
    Ok(())
}

#[test]
fn on_items_that_have_no_answer() -> Result<(), Error> {
    let pools = Pools::of(4)?;
    let numbers: Vec<u64> = (LARGEST - 50..LARGEST + 50).chain([u64::MAX]).collect();
    assert_eq!(serial::map(&numbers, |&x| cube(x)).iter().flatten().count(), 51);
    agree(&pools, &numbers, None)
}

#[test]
fn no_pool_is_made_of_no_workers() {
    worker_entry();
    assert!(matches!(ThreadPool::new(0), Err(Error::NoWorkers)));
    assert!(matches!(RayonPool::new(0), Err(Error::NoWorkers)));
    assert!(matches!(ProcessPool::new(0), Err(Error::NoWorkers)));
}

#[test]
fn a_pool_is_as_large_as_asked_for() -> Result<(), Error> {
    let Pools(threads, rayon, processes) = Pools::of(3)?;
    assert_eq!([threads.workers(), rayon.workers(), processes.workers()], [3; 3]);
    Ok(())
}

/// What comes of tasks that wait behind one that runs, when their pool is killed;
/// the last was cancelled before.
fn waited<H>(
    tasks: Vec<H>,
    cancel: impl Fn(&H) -> bool,
    kill: impl FnOnce(&[H]),
    join: impl Fn(H) -> Result<(), Error>,
) -> Vec<Error> {
    assert!(tasks.last().is_some_and(&cancel), "it waits");
    kill(&tasks);
    assert!(!tasks.iter().any(cancel), "all are over");
    tasks.into_iter().map(|task| join(task).expect_err("it has not run")).collect()
}

fn assert_closed_and_cancelled(outcomes: &[Error]) {
    let [closed @ .., cancelled] = outcomes else { panic!("no outcome") };
    assert!(closed.iter().all(|error| matches!(error, Error::Closed)), "{closed:?}");
    assert!(matches!(cancelled, Error::Cancelled), "{cancelled:?}");
}

#[test]
fn what_a_killed_pool_drops_is_closed_and_what_its_handle_drops_is_cancelled() {
    let Pools(threads, _, processes) = Pools::of(1).expect("they start");
    let (open, gate) = mpsc::channel::<()>();
    let (began, begins) = mpsc::channel();
    let running = threads.submit(move || {
        began.send(()).expect("the test waits");
        let _ = gate.recv();
    });
    begins.recv().expect("it begins");
    let tasks = (0..4).map(|_| threads.submit(|| ()).expect("it is open")).collect();
    let kill = |tasks: &[pool::Handle<()>]| {
        thread::scope(|scope| {
            // It waits for what runs, when it has dropped what does not.
            scope.spawn(|| threads.kill());
            let started = Instant::now();
            while !tasks.iter().all(pool::Handle::is_finished) {
                assert!(started.elapsed() < Duration::from_secs(10), "they are dropped at once");
                thread::yield_now();
            }
            drop(open);
        });
    };
    let join = |task: pool::Handle<()>| task.join();
    assert_closed_and_cancelled(&waited(tasks, pool::Handle::cancel, kill, join));
    running.expect("it was open").join().expect("it ran");

    let running = processes.submit(&SLEEP, Duration::from_secs(60)).expect("it is open");
    let tasks = (0..4).map(|_| processes.submit(&SLEEP, Duration::ZERO).expect("open")).collect();
    let join = |task: pool::ProcessHandle<()>| task.join();
    let kill = |_: &[pool::ProcessHandle<()>]| processes.kill();
    assert_closed_and_cancelled(&waited(tasks, pool::ProcessHandle::cancel, kill, join));
    assert!(matches!(running.join(), Err(Error::Closed)), "it was killed with its pool");
}
