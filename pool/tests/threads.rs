//! What the two thread pools do when it gets difficult.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

#[cfg(not(miri))]
use nix::{sched::sched_getaffinity, unistd::Pid};
use pool::{Error, RayonPool, ThreadPool, serial};

fn panics_on(bad: &[u32]) -> impl Fn(&u32) -> u32 + Sync + Copy + '_ {
    move |&item| {
        assert!(!bad.contains(&item), "{item} is bad");
        item * 2
    }
}

#[test]
fn a_panic_is_an_error_with_the_message_of_the_loop() {
    let items: Vec<u32> = (0..100).collect();
    let f = panics_on(&[70, 42, 99]);
    let thrown = catch_unwind(|| serial::map(&items, f)).expect_err("the loop panics");
    let expected = thrown.downcast::<String>().expect("with a text");
    assert_eq!(*expected, "42 is bad");

    let pool = ThreadPool::new(4).expect("threads start");
    for _ in 0..50 {
        match pool.map(&items, f) {
            Err(Error::Panicked { item, message, .. }) => {
                assert_eq!((item, message), (Some(42), *expected.clone()));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(pool.map(&items, |x| x + 1).expect("the pool lives on").len(), 100);

    let rayon = RayonPool::new(4).expect("threads start");
    match rayon.map(&items, f) {
        Err(Error::Panicked { item: None, message, .. }) => assert!(message.ends_with("is bad")),
        other => panic!("{other:?}"),
    }
    assert_eq!(rayon.map(&items, |x| x + 1).expect("the pool lives on").len(), 100);
}

#[test]
fn each_item_has_its_own_outcome() {
    let pool = ThreadPool::new(3).expect("threads start");
    let items: Vec<u32> = (0..50).collect();
    for chunk in [1, 7, 50] {
        let bad = [0, 13, 14, 49];
        for (item, outcome) in items.iter().zip(pool.map_each(&items, chunk, panics_on(&bad))) {
            match outcome {
                Ok(value) => assert_eq!(value, item * 2),
                Err(Error::Panicked { item: at, message, .. }) => {
                    assert!(bad.contains(item));
                    assert_eq!((at, message), (Some(*item as usize), format!("{item} is bad")));
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_panic_may_carry_anything() {
    let pool = ThreadPool::new(2).expect("threads start");
    let outcomes = pool.map_each(&[0, 1], 1, |&item| match item {
        0 => panic_any(7_u8),
        _ => item,
    });
    assert!(
        matches!(&outcomes[0], Err(Error::Panicked { message, .. }) if message.contains("no text"))
    );
    assert!(matches!(outcomes[1], Ok(1)));
}

#[test]
fn order_is_kept_when_the_first_item_is_the_slowest() {
    let pool = ThreadPool::new(4).expect("threads start");
    let items: Vec<u64> = (0..40).collect();
    let doubled = pool.map_chunked(&items, 1, |&item| {
        thread::sleep(Duration::from_micros(500 * (40 - item)));
        item * 2
    });
    assert_eq!(doubled.expect("no panic"), serial::map(&items, |x| x * 2));
}

#[test]
fn as_many_work_at_a_time_as_there_are_workers() {
    // Nobody passes the barrier before four are there, the caller among them.
    let pool = ThreadPool::new(4).expect("threads start");
    let barrier = Barrier::new(4);
    let who = pool.map_chunked(&[(); 4], 1, |()| {
        barrier.wait();
        thread::current().id()
    });
    let who: HashSet<_> = who.expect("no panic").into_iter().collect();
    assert_eq!(who.len(), 4);
    assert!(who.contains(&thread::current().id()));
}

/// Whoever wakes a helper excludes its own processor for a moment; no item sees
/// that.
#[test]
#[cfg(not(miri))]
fn items_run_with_the_whole_affinity() {
    let allowed = || sched_getaffinity(Pid::from_raw(0)).expect("Linux");
    let whole = allowed();
    let pool = ThreadPool::new(3).expect("threads start");
    let mut threads = HashSet::new();
    for _ in 0..20 {
        // Longer than an idle thread looks for work, so it sleeps.
        thread::sleep(Duration::from_millis(2));
        let seen = pool.map_chunked(&[(); 40], 1, |()| {
            thread::sleep(Duration::from_micros(50));
            (thread::current().id(), allowed())
        });
        for (thread, seen) in seen.expect("no panic") {
            assert_eq!(seen, whole);
            threads.insert(thread);
        }
    }
    assert!(threads.len() > 1, "nobody was woken to help");
}

#[test]
fn items_and_results_are_borrowed() {
    let pool = ThreadPool::new(2).expect("threads start");
    let text = String::from("one performer plays many notes");
    let words: Vec<&str> = text.split(' ').collect();
    let firsts: Vec<&str> = pool.map(&words, |word| &word[..1]).expect("no panic");
    assert_eq!(firsts.concat(), "oppmn");
}

#[test]
fn a_map_in_a_map_in_a_map() {
    fn sum(pool: &ThreadPool, depth: u64) -> u64 {
        let parts = pool.map_chunked(&[1, 2, 3], 1, |part| match depth {
            0 => *part,
            _ => part * sum(pool, depth - 1),
        });
        parts.expect("no panic").iter().sum()
    }
    // More maps wait than there are threads, in any pool.
    for workers in 1..=4 {
        let pool = ThreadPool::new(workers).expect("threads start");
        assert_eq!(sum(&pool, 4), 6_u64.pow(5));
    }
}

#[test]
fn two_pools_that_wait_for_each_other() {
    let (a, b) = (ThreadPool::new(2), ThreadPool::new(2));
    let (a, b) = (a.expect("threads start"), b.expect("threads start"));
    let items = [1, 2, 3, 4];
    let sum = |sums: Result<Vec<u32>, Error>| sums.expect("no panic").iter().sum::<u32>();
    let total = sum(a.map_chunked(&items, 1, |x| {
        x * sum(b.map_chunked(&items, 1, |y| y * sum(a.map_chunked(&items, 1, |z| *z))))
    }));
    assert_eq!(total, 1_000);
}

#[test]
fn many_callers_share_a_pool() {
    let pool = ThreadPool::new(2).expect("threads start");
    thread::scope(|scope| {
        for caller in 0..8_u64 {
            let pool = &pool;
            scope.spawn(move || {
                for round in 0..200 {
                    let items: Vec<u64> = (0..round).collect();
                    let sums = pool.map(&items, |x| x + caller).expect("no panic");
                    assert_eq!(sums, serial::map(&items, |x| x + caller));
                }
            });
        }
    });
}

#[test]
fn a_pool_that_is_dropped_has_finished() {
    // What a worker was doing is done, and what it held is released.
    let held = Arc::new(Mutex::new(Vec::new()));
    let pool = ThreadPool::new(4).expect("threads start");
    let pushed = Arc::clone(&held);
    pool.map_chunked(&[1, 2, 3, 4, 5], 1, move |&item| {
        thread::sleep(Duration::from_millis(2));
        pushed.lock().expect("nobody panics").push(item);
    })
    .expect("no panic");
    drop(pool);
    let held = Arc::into_inner(held).expect("no thread holds it");
    assert_eq!(held.into_inner().expect("nobody panics").len(), 5);
}

#[test]
fn results_are_dropped_once_when_a_map_fails() {
    let dropped = AtomicUsize::new(0);
    struct Counts<'a>(&'a AtomicUsize);
    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let pool = ThreadPool::new(4).expect("threads start");
    let items: Vec<u32> = (0..1_000).collect();
    let failed = pool.map(&items, |&item| {
        assert_ne!(item, 500);
        Counts(&dropped)
    });
    assert!(failed.is_err());
    assert_eq!(dropped.load(Ordering::Relaxed), 999);
}

#[test]
fn a_chunk_of_nothing_is_refused() {
    let pool = ThreadPool::new(1).expect("threads start");
    let refused = catch_unwind(AssertUnwindSafe(|| pool.map_chunked(&[1], 0, |x| *x)));
    assert!(refused.is_err());
}

/// A map of few items asks everybody at once, also where a task has been submitted
/// just before, for which somebody is being woken. Here neither item is done before
/// another thread has come for the other, and the task not before the map.
#[test]
#[cfg(not(miri))]
fn a_map_has_its_help_while_a_task_is_begun() {
    let (tell, done) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let pool = ThreadPool::new(4).expect("threads start");
        for _ in 0..20 {
            // All are asleep again.
            thread::sleep(Duration::from_millis(2));
            let (end, ended) = std::sync::mpsc::channel::<()>();
            let task = pool.submit(move || ended.recv()).expect("it is open");
            let both = Barrier::new(2);
            pool.map(&[0, 1], |_| both.wait().is_leader()).expect("no panic");
            drop(end);
            task.join().expect("no panic").expect_err("it is dropped");
        }
        tell.send(()).expect("it is waited for");
    });
    done.recv_timeout(Duration::from_secs(10)).expect("nobody came for the map");
}
