//! Who waits for whom, and is woken: 57 and 58.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use pool::{Error, ThreadPool};

use crate::harness::{fault, pool};

#[test]
fn fault_57_pools_that_wait_for_each_other() {
    fault("waiting::fault_57_pools_that_wait_for_each_other", || {
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
    fault("waiting::fault_58_who_waits_is_woken_when_the_other_side_goes", || {
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
        let closed = |(_, outcome)| matches!(outcome, Err(Error::Closed));
        let consumer = thread::spawn(move || lazy.map(closed).collect::<Vec<_>>());
        let kills = Arc::clone(&pool);
        let killer = thread::spawn(move || kills.kill());
        assert!(matches!(waiter.join().expect("no panic"), Err(Error::Closed)));
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
