//! What tasks throw, and values that throw when they are dropped: 53, 54 and 59.

use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use pool::Error;

use crate::harness::{fault, pool, threads_named};

#[test]
fn fault_53_a_panic_beside_one_that_runs() {
    fault("panics::fault_53_a_panic_beside_one_that_runs", || {
        let pool = pool(2);
        for bad in [vec![], vec![0], vec![1], vec![0, 1]] {
            // Both are under way, in two threads, before either panics.
            let (meet, ran) = (Barrier::new(2), AtomicUsize::new(0));
            let outcomes = pool.map_each(&[0, 1], 1, |side| {
                meet.wait();
                ran.fetch_add(1, Ordering::Relaxed);
                assert!(!bad.contains(side), "side {side} fails");
                *side
            });
            assert_eq!(ran.load(Ordering::Relaxed), 2);
            for (side, outcome) in outcomes.into_iter().enumerate() {
                match outcome {
                    Ok(value) => assert!(value == side && !bad.contains(&side)),
                    Err(Error::Panicked { item, message, location, .. }) => {
                        assert_eq!(item, Some(side));
                        assert_eq!(message, format!("side {side} fails"));
                        let location = location.expect("the hook is ours");
                        assert!(location.contains(file!()), "{location}");
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
        // A payload that is no text, in a task.
        let thrown = pool.submit(|| panic_any(7_u8)).expect("the pool is open").join();
        match thrown {
            Err(Error::Panicked { item: None, message, location: Some(_), .. }) => {
                assert!(message.contains("no text"), "{message}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(threads_named("pool-"), 2, "the threads live on");
    });
}

#[test]
fn fault_54_many_panics_are_all_reported() {
    fault("panics::fault_54_many_panics_are_all_reported", || {
        std::panic::set_hook(Box::new(|_| {}));
        let pool = pool(4);
        let items: Vec<usize> = (0..1_000).collect();
        let f = |&item: &usize| assert!(item % 3 != 1, "{item}");
        for chunk in [1, 7, 1_000] {
            let outcomes = pool.map_each(&items, chunk, f);
            let failed: Vec<usize> = outcomes
                .iter()
                .filter_map(|outcome| match outcome {
                    Err(Error::Panicked { item: Some(item), message, .. }) => {
                        assert_eq!(*message, item.to_string());
                        Some(*item)
                    }
                    _ => None,
                })
                .collect();
            let expected: Vec<usize> = items.iter().copied().filter(|i| i % 3 == 1).collect();
            assert_eq!(failed, expected);
        }
        assert!(matches!(pool.map(&items, f), Err(Error::Panicked { item: Some(1), .. })));
        let tasks: Vec<_> = (0..100)
            .map(|task| pool.submit(move || panic!("task {task}")).expect("the pool is open"))
            .collect();
        for (number, task) in tasks.into_iter().enumerate() {
            let outcome: Result<(), _> = task.join();
            match outcome {
                Err(Error::Panicked { message, .. }) => {
                    assert_eq!(message, format!("task {number}"));
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

/// Counts its drops, and may panic in one.
struct Bomb(Arc<AtomicUsize>, bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        assert!(!self.1, "the bomb goes off");
    }
}

#[test]
fn fault_59_results_and_tasks_are_dropped_once_even_if_that_panics() {
    fault("panics::fault_59_results_and_tasks_are_dropped_once_even_if_that_panics", || {
        for panics in [false, true] {
            let drops = Arc::new(AtomicUsize::new(0));
            let bomb = || Bomb(Arc::clone(&drops), panics);
            let pool = pool(1);
            // A result that nobody wants any more: the thread drops it.
            let (open, gate) = mpsc::channel::<()>();
            let result = bomb();
            let task = move || {
                let _ = gate.recv();
                result
            };
            drop(pool.submit(task).expect("the pool is open"));
            // Three tasks that never run: cancelled, and killed with the pool.
            let captured = bomb();
            let task = pool.submit(move || drop(captured)).expect("the pool is open");
            assert!(task.cancel() && !task.cancel());
            assert_eq!(drops.load(Ordering::Relaxed), 1);
            drop(open);
            assert_eq!(pool.submit(|| 5).expect("open").join().expect("the thread lives"), 5);
            assert_eq!(drops.load(Ordering::Relaxed), 2);
            let (open, gate) = mpsc::channel::<()>();
            drop(pool.submit(move || gate.recv()).expect("the pool is open"));
            for captured in [bomb(), bomb()] {
                drop(pool.submit(move || drop(captured)).expect("the pool is open"));
            }
            thread::scope(|scope| {
                scope.spawn(|| pool.kill());
                while drops.load(Ordering::Relaxed) < 4 {
                    thread::yield_now();
                }
                drop(open);
            });
            assert_eq!(drops.load(Ordering::Relaxed), 4);
        }
    });
}
