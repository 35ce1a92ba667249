//! What can go wrong with threads and channels, provoked for real.
//!
//! The numbers are those of the fault table in the README. Each fault runs in
//! a process of its own, this test program started again, which must end by
//! itself within [`harness::DEADLINE`]; what it took is printed.

mod harness;

use std::cell::RefCell;
use std::collections::HashSet;
use std::convert::Infallible;
use std::panic::panic_any;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;
use std::{env, thread};

use pool::{Error, ThreadPool};

use harness::{CHILD, fault, no_thread_is_left, pool, threads_named};

#[test]
fn fault_41_a_scope_ends_without_shutdown() {
    fault("fault_41_a_scope_ends_without_shutdown", || {
        let (began, ran, waiting) = (Arc::new(Barrier::new(3)), Arc::default(), Arc::default());
        {
            let pool = pool(2);
            for _ in 0..2 {
                let (began, ran) = (Arc::clone(&began), Arc::<AtomicUsize>::clone(&ran));
                let task = move || {
                    began.wait();
                    thread::sleep(Duration::from_millis(50));
                    ran.fetch_add(1, Ordering::Relaxed);
                };
                drop(pool.submit(task).expect("the pool is open"));
            }
            for _ in 0..10 {
                let waiting = Arc::<AtomicUsize>::clone(&waiting);
                let task = move || waiting.fetch_add(1, Ordering::Relaxed);
                drop(pool.submit(task).expect("the pool is open"));
            }
            began.wait();
        }
        assert_eq!(ran.load(Ordering::Relaxed), 2, "what ran has finished");
        assert_eq!(waiting.load(Ordering::Relaxed), 0, "what waited was dropped");
        no_thread_is_left("pool-");
    });
}

#[test]
fn fault_41_main_returns_while_a_leaked_pool_works() {
    fault("fault_41_main_returns_while_a_leaked_pool_works", || {
        let pool = pool(2);
        let (began, begins) = mpsc::channel();
        let endless = pool.submit(move || {
            began.send(()).expect("main waits");
            loop {
                thread::park();
            }
        });
        drop(endless.expect("the pool is open"));
        begins.recv().expect("it begins");
        std::mem::forget(pool);
    });
}

#[test]
fn fault_43_shutdown_twice_and_use_after() {
    fault("fault_43_shutdown_twice_and_use_after", || {
        let pool = pool(2);
        assert_eq!(pool.map(&[1, 2, 3], |x| x + 1).expect("no panic"), [2, 3, 4]);
        pool.shutdown();
        pool.shutdown();
        pool.kill();
        no_thread_is_left("pool-");
        assert!(matches!(pool.submit(|| ()), Err(Error::Closed)));
        assert!(matches!(pool.map(&[1], |x| *x), Err(Error::Closed)));
        assert!(pool.map_each(&[1, 2], 1, |x| *x).iter().all(|o| matches!(o, Err(Error::Closed))));
        let lazy: Vec<_> = pool.imap(0..5, |x| x).collect();
        assert!(lazy.len() == 5 && lazy.iter().all(|o| matches!(o, Err(Error::Closed))));
        let lazy: Vec<_> = pool.imap_unordered(0..5, |x| x).collect();
        assert!(lazy.len() == 5 && lazy.iter().all(|(_, o)| matches!(o, Err(Error::Closed))));
    });
}

#[test]
fn fault_53_a_panic_beside_one_that_runs() {
    fault("fault_53_a_panic_beside_one_that_runs", || {
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
    fault("fault_54_many_panics_are_all_reported", || {
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

#[test]
fn fault_55_an_initializer_fails_or_panics() {
    fault("fault_55_an_initializer_fails_or_panics", || {
        // In one of three threads: the others end before the error is here.
        for panics in [false, true] {
            let calls = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&calls);
            let initializer = move || match counted.fetch_add(1, Ordering::Relaxed) {
                1 if panics => panic!("no luck"),
                1 => Err("no luck"),
                _ => Ok(()),
            };
            let built = ThreadPool::builder().workers(3).initializer(initializer).build();
            match built.map(|_| ()) {
                Err(Error::Initializer { message }) => assert_eq!(message, "no luck"),
                other => panic!("{other:?}"),
            }
            assert_eq!(calls.load(Ordering::Relaxed), 3, "each thread tries once");
            no_thread_is_left("pool-");
        }
        // In the caller, who works too: an error of the map, no loop.
        let main = thread::current().id();
        let initializer = move || match thread::current().id() == main {
            true => Err("not here"),
            false => Ok(()),
        };
        let pool = ThreadPool::builder().workers(2).initializer(initializer).build();
        let pool = pool.expect("its own threads are all right");
        let refused = pool.map(&[1], |x| *x);
        assert!(matches!(refused, Err(Error::Initializer { .. })), "{refused:?}");
        assert_eq!(pool.submit(|| 5).expect("open").join().expect("no panic"), 5);
    });
}

#[test]
fn fault_55_a_thread_cannot_have_that_name() {
    fault("fault_55_a_thread_cannot_have_that_name", || {
        let built = ThreadPool::builder().workers(3).name("a\0b").build();
        assert!(matches!(built, Err(Error::Thread(_))));
        no_thread_is_left("a");
    });
}

#[test]
fn fault_56_a_pool_is_dropped_while_tasks_run() {
    fault("fault_56_a_pool_is_dropped_while_tasks_run", || {
        let pool = pool(2);
        let meet = Arc::new(Barrier::new(3));
        let running: Vec<_> = (0..2)
            .map(|x| {
                let meet = Arc::clone(&meet);
                pool.submit(move || {
                    meet.wait();
                    thread::sleep(Duration::from_millis(30));
                    x
                })
            })
            .map(|task| task.expect("the pool is open"))
            .collect();
        let waiting: Vec<_> =
            (0..50).map(|x| pool.submit(move || x).expect("the pool is open")).collect();
        meet.wait();
        drop(pool);
        assert!(running.iter().all(pool::Handle::is_finished));
        for (x, task) in running.into_iter().enumerate() {
            assert_eq!(task.join().expect("no panic"), x);
        }
        for task in waiting {
            assert!(matches!(task.join(), Err(Error::Cancelled)));
        }
        no_thread_is_left("pool-");
    });
}

#[test]
fn fault_57_pools_that_wait_for_each_other() {
    fault("fault_57_pools_that_wait_for_each_other", || {
        fn ping(a: &Arc<ThreadPool>, b: &Arc<ThreadPool>, depth: u32) -> u32 {
            if depth == 0 {
                return 0;
            }
            let (next, after) = (Arc::clone(b), Arc::clone(a));
            let task = a.submit(move || ping(&next, &after, depth - 1)).expect("the pool is open");
            // A map of the same pool, while the task waits or runs.
            let ones = a.map_chunked(&[1, 1], 1, |x| *x).expect("no panic");
            task.join().expect("no panic") + ones[0]
        }
        let (a, b) = (Arc::new(pool(1)), Arc::new(pool(1)));
        for _ in 0..100 {
            assert_eq!(ping(&a, &b, 20), 20);
        }
        // Recursive halves in a pool of one.
        fn sum(pool: &ThreadPool, numbers: &[u64]) -> u64 {
            if numbers.len() < 2 {
                return numbers.iter().sum();
            }
            let (left, right) = numbers.split_at(numbers.len() / 2);
            let halves = pool.map_chunked(&[left, right], 1, |half| sum(pool, half));
            halves.expect("no panic").iter().sum()
        }
        assert_eq!(sum(&a, &(0..1_000).collect::<Vec<_>>()), 499_500);
    });
}

#[test]
fn fault_58_who_waits_is_woken_when_the_other_side_goes() {
    fault("fault_58_who_waits_is_woken_when_the_other_side_goes", || {
        // The pool goes while somebody waits for a task that has not begun.
        let pool = Arc::new(pool(1));
        let (open, gate) = mpsc::channel::<()>();
        let (began, begins) = mpsc::channel();
        let running = pool.submit(move || {
            began.send(()).expect("the test waits");
            let _ = gate.recv();
        });
        begins.recv().expect("it begins");
        let waiting = pool.submit(|| ()).expect("the pool is open");
        let waiter = thread::spawn(move || waiting.join());
        let lazy = pool.imap_unordered(0..3, |x| x);
        let consumer = thread::spawn(move || lazy.map(|(_, o)| o.is_err()).collect::<Vec<_>>());
        let kills = Arc::clone(&pool);
        let killer = thread::spawn(move || kills.kill());
        assert!(matches!(waiter.join().expect("no panic"), Err(Error::Cancelled)));
        assert_eq!(consumer.join().expect("no panic"), [true; 3]);
        drop(open);
        killer.join().expect("no panic");
        running.expect("the pool was open").join().expect("it had begun");

        // The consumer goes while the threads have results for it.
        let pool = self::pool(2);
        let done = Arc::new(AtomicUsize::new(0));
        let counts = Arc::clone(&done);
        let lazy = pool.imap_unordered(0.., move |x: u64| {
            counts.fetch_add(1, Ordering::Relaxed);
            vec![x; 1_000]
        });
        while done.load(Ordering::Relaxed) < 4 {
            thread::yield_now();
        }
        drop(lazy);
        assert_eq!(pool.submit(|| 5).expect("open").join().expect("no panic"), 5);
        assert_eq!(done.load(Ordering::Relaxed), 4, "no result without a consumer");
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
    fault("fault_59_results_and_tasks_are_dropped_once_even_if_that_panics", || {
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

#[test]
fn fault_60_a_pool_is_used_while_a_thread_ends() {
    /// Uses the pool when its thread ends.
    struct LastWords(Arc<ThreadPool>, Arc<AtomicUsize>);
    impl Drop for LastWords {
        fn drop(&mut self) {
            let Self(pool, heard) = self;
            let sum = pool.map(&[1; 1_000], |x| *x).map(|ones| ones.iter().sum::<usize>());
            let task = pool.submit(|| 5).and_then(pool::Handle::join);
            let lazy: usize = pool.imap(0..10, |_| 1).flatten().sum();
            match (sum, task) {
                (Ok(1_000), Ok(5)) if lazy == 10 => heard.fetch_add(1, Ordering::Relaxed),
                // A thread of a pool that is being dropped.
                (Err(Error::Closed), Err(Error::Closed)) if lazy == 0 => {
                    heard.fetch_add(100, Ordering::Relaxed)
                }
                other => panic!("{other:?}"),
            };
        }
    }
    thread_local! {
        static LAST: RefCell<Option<LastWords>> = const { RefCell::new(None) };
    }
    fault("fault_60_a_pool_is_used_while_a_thread_ends", || {
        let heard = Arc::new(AtomicUsize::new(0));
        let initializer = || Ok::<(), Infallible>(());
        let builder = ThreadPool::builder().workers(2).initializer(initializer);
        let shared = Arc::new(builder.build().expect("it succeeds"));
        // A thread that is no pool's; its variables go in either order.
        for first in [false, true] {
            let last = LastWords(Arc::clone(&shared), Arc::clone(&heard));
            let ends = move || {
                if first {
                    last.0.map(&[1], |x| *x).expect("no panic");
                }
                LAST.set(Some(last));
            };
            thread::spawn(ends).join().expect("it ends well");
        }
        assert_eq!(heard.load(Ordering::Relaxed), 2);
        // A thread of another pool, and of a pool that is being shut down.
        let other = pool(1);
        let last = LastWords(Arc::clone(&shared), Arc::clone(&heard));
        other.submit(|| LAST.set(Some(last))).expect("open").join().expect("no panic");
        drop(other);
        assert_eq!(heard.load(Ordering::Relaxed), 3);
        let last = LastWords(Arc::clone(&shared), Arc::clone(&heard));
        shared.submit(|| LAST.set(Some(last))).expect("open").join().expect("no panic");
        shared.shutdown();
        assert_eq!(heard.load(Ordering::Relaxed), 103);
    });
}

#[test]
fn every_fault_has_a_name_of_its_own() {
    // `fault` starts a test by its name: a wrong one would run no test at all,
    // and succeed.
    let source = include_str!("main.rs");
    let tests: HashSet<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("fn fault_")?.split_once('('))
        .map(|(name, _)| name)
        .collect();
    let called: HashSet<&str> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("fault(\"fault_")?.split_once('"'))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(tests, called);
    assert!(tests.len() >= 10);
}

#[test]
fn a_fault_that_hangs_or_fails_is_found() {
    // The harness itself: a child that fails is an error here.
    let failed = AtomicBool::new(false);
    let name = "a_fault_that_hangs_or_fails_is_found";
    if env::var(CHILD).is_ok_and(|child| child == name) {
        panic!("it fails");
    }
    thread::scope(|scope| {
        let caught = scope.spawn(|| fault(name, || ())).join();
        failed.store(caught.is_err(), Ordering::Relaxed);
    });
    assert!(failed.into_inner());
}
