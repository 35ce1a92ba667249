//! Pools and threads that end: 41, 43, 56 and 60.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use pool::{Error, ThreadPool};

use crate::harness::{fault, no_thread_is_left, pool};

#[test]
fn fault_41_a_scope_ends_without_shutdown() {
    fault("lifecycle::fault_41_a_scope_ends_without_shutdown", || {
        let (began, ran, waiting) = (Arc::new(Barrier::new(3)), Arc::default(), Arc::default());
        {
            let pool = pool(2);
            for _ in 0..2 {
                let (began, ran) = (Arc::clone(&began), Arc::<AtomicUsize>::clone(&ran));
                let task = move || {
                    began.wait();
                    // Longer than it takes to drop the pool, on a busy machine too.
                    thread::sleep(Duration::from_millis(400));
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
    fault("lifecycle::fault_41_main_returns_while_a_leaked_pool_works", || {
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
    fault("lifecycle::fault_43_shutdown_twice_and_use_after", || {
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
fn fault_56_a_pool_is_dropped_while_tasks_run() {
    fault("lifecycle::fault_56_a_pool_is_dropped_while_tasks_run", || {
        let pool = pool(2);
        let meet = Arc::new(Barrier::new(3));
        let running: Vec<_> = (0..2)
            .map(|x| {
                let meet = Arc::clone(&meet);
                pool.submit(move || {
                    meet.wait();
                    // Longer than it takes to drop the pool, on a busy machine too.
                    thread::sleep(Duration::from_millis(400));
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
            assert!(matches!(task.join(), Err(Error::Closed)));
        }
        no_thread_is_left("pool-");
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
    fault("lifecycle::fault_60_a_pool_is_used_while_a_thread_ends", || {
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
