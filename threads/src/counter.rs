//! One total that many threads add to, and what each way of sharing it costs.
//!
//! `count += 1` is three steps: load, add, store. If two threads load the same
//! value, one of their increments is lost. A lock is the remedy that the
//! lecture names; it is not the only one, and it is not the cheapest.
//!
//! | function | the total is | an increment costs |
//! |---|---|---|
//! | [`serial`] | a local variable | an addition |
//! | [`atomic`] | an atomic, changed by one instruction | the cache line's way between cores |
//! | [`mutex`] | behind a lock | that, twice, and a sleep when it is taken |
//! | [`channel`] | one owner's, who is sent messages | a place in a queue |
//! | [`local_then_reduce`] | a local variable in each thread, added up at the end | an addition |
//! | [`racy`] | an atomic, loaded and stored apart | wrong: increments are lost |
//!
//! Each runs `threads` threads, started inside the call, that add 1 to the
//! total `increments` times, and returns the total. Each increment goes through
//! [`black_box`], or the compiler would add all of a thread's up into one: what
//! only one thread can see, it is free to simplify. That is part of why
//! `local_then_reduce` wins, so the table shows less than its real advantage.
//!
//! Totals are `u64` and wrap on overflow, which no run lives to see.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Messages that may wait for the owner before senders are held back: enough to
/// keep both sides busy, few enough to stay in the first-level cache.
const QUEUE: usize = 1024;

/// Counts without threads: the baseline.
///
/// ```
/// assert_eq!(threads::counter::serial(10, 1_000), 10_000);
/// ```
pub fn serial(threads: usize, increments: u64) -> u64 {
    let mut count = 0;
    for _ in 0..threads {
        count_up(&mut count, increments);
    }
    count
}

/// All threads add to one atomic (`fetch_add`).
///
/// `Relaxed` is enough: nothing but the total is shared, and joining the
/// threads is what orders it before the read.
///
/// # Panics
/// If the system will not start a thread.
pub fn atomic(threads: usize, increments: u64) -> u64 {
    let count = AtomicU64::new(0);
    in_threads(threads, || {
        for _ in 0..increments {
            count.fetch_add(1, Relaxed);
        }
    });
    count.into_inner()
}

/// All threads add to one total behind a lock, taken for each increment.
///
/// # Panics
/// If the system will not start a thread.
pub fn mutex(threads: usize, increments: u64) -> u64 {
    let count = Mutex::new(0);
    in_threads(threads, || {
        for _ in 0..increments {
            // Poison cannot occur: an addition does not panic under the lock.
            *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
    });
    count.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The threads send each increment to the one that owns the total, which is the
/// calling thread.
///
/// # Panics
/// If the system will not start a thread.
pub fn channel(threads: usize, increments: u64) -> u64 {
    let (sender, receiver) = crossbeam_channel::bounded(QUEUE);
    thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(move || {
                for _ in 0..increments {
                    sender.send(1).expect("the owner listens until all senders are gone");
                }
            });
        }
        // The owner's own sender, or the channel would never close.
        drop(sender);
        receiver.iter().sum()
    })
}

/// Each thread counts by itself; the counts are added up when they are joined.
///
/// # Panics
/// If the system will not start a thread.
pub fn local_then_reduce(threads: usize, increments: u64) -> u64 {
    thread::scope(|scope| {
        let counting: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0;
                    count_up(&mut count, increments);
                    count
                })
            })
            .collect();
        counting.into_iter().map(|thread| thread.join().expect("counting does not panic")).sum()
    })
}

/// Not a remedy but the illness: load, add and store, each by itself.
///
/// Returns at most `threads * increments`, and less whenever two threads load
/// the same value. As plain variables this does not compile; relaxed atomics
/// are the only way to write it in safe Rust.
///
/// # Panics
/// If the system will not start a thread.
pub fn racy(threads: usize, increments: u64) -> u64 {
    let count = AtomicU64::new(0);
    in_threads(threads, || {
        for _ in 0..increments {
            let seen = count.load(Relaxed);
            count.store(seen + 1, Relaxed);
        }
    });
    count.into_inner()
}

fn in_threads(threads: usize, work: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(&work);
        }
    });
}

fn count_up(count: &mut u64, increments: u64) {
    for _ in 0..increments {
        *black_box(&mut *count) += 1;
    }
}
