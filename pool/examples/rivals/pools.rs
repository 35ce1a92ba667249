//! Each rival, in the form its documentation recommends for a map.

use std::num::NonZero;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use pool::{RayonPool, ThreadPool};
use report::work::busy;

/// Does the work on each of these numbers of steps, and returns where each
/// chain ended.
pub type Map = Box<dyn FnMut(&[u64]) -> Vec<u64>>;

/// The names, in the order of [`all`].
pub const NAMES: [&str; 6] =
    ["serial", "thread_pool", "rayon", "rayon_pinned", "chili", "paralight"];

/// The loop, our pool, and the rivals, with so many threads each.
pub fn all(workers: usize) -> Vec<Map> {
    vec![
        Box::new(|items| pool::serial::map(items, |&steps| busy(steps))),
        ours(workers),
        rayon(workers),
        rayon_pinned(workers),
        chili(workers),
        paralight(workers),
    ]
}

fn ours(workers: usize) -> Map {
    let pool = ThreadPool::new(workers).expect("threads start");
    Box::new(move |items| pool.map(items, |&steps| busy(steps)).expect("no panic"))
}

fn rayon(workers: usize) -> Map {
    let pool = RayonPool::new(workers).expect("threads start");
    Box::new(move |items| pool.map(items, |&steps| busy(steps)).expect("no panic"))
}

/// rayon with each thread on a processor of its own, in turn.
fn rayon_pinned(workers: usize) -> Map {
    use rayon::prelude::*;

    let allowed = sched_getaffinity(Pid::from_raw(0)).expect("Linux");
    let processors: Vec<usize> =
        (0..CpuSet::count()).filter(|&p| allowed.is_set(p).unwrap_or(false)).collect();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(workers)
        .start_handler(move |thread| {
            let mut own = CpuSet::new();
            own.set(processors[thread % processors.len()]).expect("it is one of them");
            sched_setaffinity(Pid::from_raw(0), &own).expect("it is allowed");
        })
        .build()
        .expect("threads start");
    Box::new(move |items| pool.install(|| items.par_iter().map(|&steps| busy(steps)).collect()))
}

/// chili has no map; this is its join, halving down to single items, as in its
/// documentation's tree.
fn chili(workers: usize) -> Map {
    fn halves(scope: &mut chili::Scope<'_>, items: &[u64], results: &mut [u64]) {
        match items {
            [] => {}
            [steps] => results[0] = busy(*steps),
            _ => {
                let middle = items.len() / 2;
                let (left, right) = items.split_at(middle);
                let (first, second) = results.split_at_mut(middle);
                scope.join(|s| halves(s, left, first), |s| halves(s, right, second));
            }
        }
    }
    let pool = chili::ThreadPool::with_config(chili::Config {
        thread_count: NonZero::new(workers),
        ..chili::Config::default()
    });
    Box::new(move |items| {
        let mut results = vec![0; items.len()];
        halves(&mut pool.scope(), items, &mut results);
        results
    })
}

fn paralight(workers: usize) -> Map {
    use paralight::prelude::*;

    let mut pool = ThreadPoolBuilder {
        num_threads: ThreadCount::Count(NonZero::new(workers).expect("some workers")),
        range_strategy: RangeStrategy::WorkStealing,
        cpu_pinning: CpuPinningPolicy::No,
    }
    .build();
    Box::new(move |items| {
        items.par_iter().map(|&steps| busy(steps)).with_thread_pool(&mut pool).collect()
    })
}
