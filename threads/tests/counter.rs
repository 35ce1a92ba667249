//! Every remedy counts to the same total; what is not a remedy does not.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use threads::{counter, scoped};

type Count = fn(usize, u64) -> u64;

const REMEDIES: [(&str, Count); 5] = [
    ("serial", counter::serial),
    ("atomic", counter::atomic),
    ("mutex", counter::mutex),
    ("channel", counter::channel),
    ("local_then_reduce", counter::local_then_reduce),
];

// The last size is long enough for threads to meet, where there are two cores.
#[test]
fn no_increment_is_lost() {
    for (name, count) in REMEDIES {
        for (threads, increments) in [(0, 5), (5, 0), (1, 1), (1, 1_000), (2, 1_000), (10, 100_000)]
        {
            assert_eq!(
                count(threads, increments),
                threads as u64 * increments,
                "{name}, {threads} threads, {increments} increments"
            );
        }
    }
}

#[test]
fn load_then_store_never_counts_too_much_and_is_right_alone() {
    assert_eq!(counter::racy(0, 1_000), 0);
    assert_eq!(counter::racy(1, 1_000), 1_000);
    // How much is lost is up to the machine, down to none at all.
    let total = counter::racy(10, 10_000);
    assert!((1..=100_000).contains(&total), "{total}");
}

#[test]
fn an_increment_is_lost_when_both_load_before_either_stores() {
    // The unlucky order, forced: on any machine, every time.
    let count = AtomicU64::new(0);
    let both_have_loaded = Barrier::new(2);
    scoped::map(&[(); 2], |()| {
        let seen = count.load(Relaxed);
        both_have_loaded.wait();
        count.store(seen + 1, Relaxed);
    });
    assert_eq!(count.into_inner(), 1, "two increments, one survives");
}
