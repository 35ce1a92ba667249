//! The lecture's last cell, `Pool(4).map(fn, range(100))`, three ways, and what
//! it would take for each to pay.
//!
//! ```text
//! cargo run --release -p pool --example pool-lecture
//! ```

use std::time::{Duration, Instant};

use pool::cube::{CUBE, cube};
use pool::{Error, ProcessPool, RayonPool, ThreadPool, chunk, serial};
use processes::Task;
use report::work::{busy, steps};

const WORKERS: usize = 4;

const BUSY: Task<u64, u64> = Task::new("pool/busy", busy);

fn main() -> Result<(), Error> {
    processes::worker_entry(pool::cube::registry().with(&BUSY));

    let a: Vec<u64> = (0..100).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let size = chunk::automatic(a.len(), WORKERS);
    println!("a = range(100), fn(x) = x**3, processes = {WORKERS}, on {cores} cores");
    println!("Python hands that out in {} chunks of {size}\n", a.len().div_ceil(size));

    println!("{:<14}{:>12}{:>12}{:>12}{:>12}", "", "create", "first map", "tenth map", "close");
    let cubes = serial::map(&a, |&x| cube(x));
    lecture(&cubes, "serial", || Ok(()), |()| Ok(serial::map(&a, |&x| cube(x))))?;
    lecture(&cubes, "threads", || ThreadPool::new(WORKERS), |pool| pool.map(&a, |&x| cube(x)))?;
    lecture(&cubes, "rayon", || RayonPool::new(WORKERS), |pool| pool.map(&a, |&x| cube(x)))?;
    lecture(&cubes, "processes", || ProcessPool::new(WORKERS), |pool| pool.map(&CUBE, &a))?;

    let known: Vec<u64> = cubes.iter().copied().flatten().collect();
    println!("\nall three return {:?}, ... {:?}, in order", &known[..5], &known[97..]);
    println!(
        "a hundred cubes are not worth a pool; so here are a hundred items that take longer\n"
    );

    let threads = ThreadPool::new(WORKERS)?;
    let rayon = RayonPool::new(WORKERS)?;
    let processes = ProcessPool::new(WORKERS)?;
    println!(
        "{:<14}{:>12}{:>12}{:>12}{:>12}",
        "an item takes", "serial", "threads", "rayon", "processes"
    );
    for cost in [100, 1_000, 10_000, 100_000, 1_000_000].map(Duration::from_nanos) {
        let items = vec![steps(cost); 100];
        let times = [
            best(|| Ok(serial::map(&items, |&steps| busy(steps)))),
            best(|| threads.map(&items, |&steps| busy(steps))),
            best(|| rayon.map(&items, |&steps| busy(steps))),
            best(|| processes.map(&BUSY, &items)),
        ];
        print!("{:<14}", format!("{cost:?}"));
        for time in times {
            print!("{:>12}", format!("{:.1?}", time?));
        }
        println!();
    }
    println!(
        "\neach row is the best of five; a pool pays from the row on in which it beats serial"
    );
    Ok(())
}

/// Makes a pool, maps ten times and closes it, as the lecture forgets to do.
fn lecture<P>(
    expected: &[Option<u64>],
    name: &str,
    create: impl FnOnce() -> Result<P, Error>,
    map: impl Fn(&P) -> Result<Vec<Option<u64>>, Error>,
) -> Result<(), Error> {
    let (created, pool) = timed(create);
    let pool = pool?;
    let mut maps = Vec::new();
    for _ in 0..10 {
        let (mapped, cubes) = timed(|| map(&pool));
        assert_eq!(cubes?, expected, "{name} came back wrong");
        maps.push(mapped);
    }
    let (closed, ()) = timed(|| drop(pool));
    print!("{name:<14}");
    for time in [created, maps[0], maps[9], closed] {
        print!("{:>12}", format!("{time:.1?}"));
    }
    println!();
    Ok(())
}

/// The shortest of five times: the others were disturbed, or the first.
fn best<R>(work: impl Fn() -> Result<R, Error>) -> Result<Duration, Error> {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let (time, result) = timed(&work);
        result?;
        best = best.min(time);
    }
    Ok(best)
}

fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}
