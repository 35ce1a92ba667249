//! The interpreter lock: one at a time, taking turns, and let go when waiting.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use threads::gil::Gil;
use threads::{gil, scoped};

/// Counts how many threads are inside at once.
#[derive(Default)]
struct Inside {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Inside {
    fn while_inside<R>(&self, work: impl FnOnce() -> R) -> R {
        self.most.fetch_max(self.now.fetch_add(1, SeqCst) + 1, SeqCst);
        let result = work();
        self.now.fetch_sub(1, SeqCst);
        result
    }
}

#[test]
fn one_step_in_one_thread_at_a_time() {
    let inside = Inside::default();
    gil::map(&[(); 10], |()| inside.while_inside(|| thread::sleep(Duration::from_millis(1))));
    assert_eq!(inside.most.into_inner(), 1);

    // Also where they give way to each other at every step.
    let inside = Inside::default();
    let gil = Gil::with_interval(Duration::from_micros(50));
    scoped::map(&[(); 4], |()| {
        let mut held = gil.take();
        for _ in 0..50 {
            inside.while_inside(|| thread::sleep(Duration::from_micros(100)));
            held.checkpoint();
        }
    });
    assert_eq!(inside.most.into_inner(), 1);
}

#[test]
fn a_checkpoint_is_free_when_nobody_waits() {
    let gil = Gil::with_interval(Duration::ZERO);
    let mut held = gil.take();
    for _ in 0..1_000 {
        held.checkpoint();
    }
}

#[test]
fn whoever_waits_lets_go_of_the_lock() {
    // Ten sleep under the lock that each lets go of: they sleep together.
    let gil = Gil::new();
    let inside = Inside::default();
    let all = Barrier::new(10);
    scoped::map(&[(); 10], |()| {
        let mut held = gil.take();
        held.released(|| {
            inside.while_inside(|| {
                all.wait();
            });
        });
    });
    assert_eq!(inside.most.into_inner(), 10);
    drop(gil.take());
}

#[test]
fn a_panic_lets_go_of_the_lock() {
    let gil = Gil::new();
    let working = catch_unwind(AssertUnwindSafe(|| {
        let _held = gil.take();
        panic!("while working");
    }));
    assert!(working.is_err());

    let waiting = catch_unwind(AssertUnwindSafe(|| {
        let mut held = gil.take();
        held.released(|| panic!("while waiting"));
    }));
    assert!(waiting.is_err());

    // Would wait for ever if either had kept it.
    drop(gil.take());
}
