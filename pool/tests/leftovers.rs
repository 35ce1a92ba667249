//! A pool that is dropped leaves nothing behind. This test has a process of
//! its own, because it counts what the process has.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::wait::{WaitPidFlag, waitpid};
use pool::cube::{CUBE, cube, registry};
use pool::{ProcessPool, RayonPool, ThreadPool};

/// Workers start here; see `processes::test_worker_entry`.
#[test]
fn worker_entry() {
    processes::test_worker_entry("worker_entry", registry());
}

#[test]
fn a_dropped_pool_leaves_no_thread_no_process_and_no_descriptor() {
    worker_entry();
    let items: Vec<u64> = (0..100).collect();
    let mut descriptors = BTreeSet::new();
    for round in 0..20 {
        let threads = ThreadPool::new(4).expect("threads start");
        let rayon = RayonPool::new(4).expect("threads start");
        let processes = ProcessPool::new(4).expect("workers start");
        // 4 of each; processes are looked after by who maps.
        threads_become(8);
        let cubes = threads.map(&items, |&x| cube(x)).expect("no panic");
        assert_eq!(rayon.map(&items, |&x| cube(x)).expect("no panic"), cubes);
        assert_eq!(processes.map(&CUBE, &items).expect("every item has a result"), cubes);
        drop((threads, rayon, processes));

        assert_eq!(children(), None, "no child is left, not even a zombie");
        threads_become(0);
        // The first round may open what stays open, such as the null device.
        if round > 0 {
            descriptors.insert(fs::read_dir("/proc/self/fd").expect("Linux").count());
        }
    }
    assert_eq!(descriptors.len(), 1, "as many descriptors after each round: {descriptors:?}");
}

/// Whether there is a child, dead or alive: `None` if there is none.
fn children() -> Option<String> {
    match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Err(nix::errno::Errno::ECHILD) => None,
        other => Some(format!("{other:?}")),
    }
}

/// Waits until so many threads have a pool's name: a thread takes its name a
/// moment after it was started, and the kernel takes it out of the list a
/// moment after it was joined.
fn threads_become(expected: usize) {
    let started = Instant::now();
    while threads_of_pools() != expected {
        let waited = started.elapsed();
        assert!(waited < Duration::from_secs(10), "{} threads", threads_of_pools());
        thread::sleep(Duration::from_millis(1));
    }
}

fn threads_of_pools() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    // A thread may end while the list is read.
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("pool-") || name.starts_with("rayon-")).count()
}
