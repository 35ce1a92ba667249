//! The general lazy value: computed once, whatever it is and whoever asks, and
//! what happens when it cannot be computed.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use lazy::{Lazy, race};

/// Asks three times and returns how often it was computed.
fn computations<T: Debug + PartialEq>(value: impl Fn() -> T) -> usize {
    let runs = AtomicUsize::new(0);
    let lazy = Lazy::new(|| {
        runs.fetch_add(1, Ordering::Relaxed);
        value()
    });
    assert_eq!(runs.load(Ordering::Relaxed), 0, "creating computes nothing");
    for _ in 0..3 {
        assert_eq!(lazy.compute(), &value());
    }
    runs.into_inner()
}

/// The hole in the lecture's `if not self._result`.
#[test]
fn falsy_values_are_kept_like_any_other() {
    assert_eq!(computations(|| 0), 1);
    assert_eq!(computations(|| false), 1);
    assert_eq!(computations(String::new), 1);
    assert_eq!(computations(Vec::<u8>::new), 1);
    assert_eq!(computations(|| None::<u8>), 1);
    assert_eq!(computations(|| ()), 1);
    assert_eq!(computations(|| 42), 1);
}

#[test]
fn looking_and_printing_do_not_compute() {
    let lazy = Lazy::new(|| 6 * 7);
    assert_eq!(lazy.get(), None);
    assert_eq!(format!("{lazy:?}"), "Lazy(<not computed>)");
    lazy.compute();
    assert_eq!(lazy.get(), Some(&42));
    assert_eq!(format!("{lazy:?}"), "Lazy(42)");
}

#[test]
fn a_lazy_value_can_be_static() {
    static ANSWER: Lazy<String> = Lazy::new(|| "forty-two".into());
    assert_eq!(ANSWER.compute(), "forty-two");
}

#[test]
fn each_value_is_computed_once_though_all_threads_race_for_it() {
    let runs = AtomicUsize::new(0);
    let values: Vec<_> = (0..200)
        .map(|i| {
            let runs = &runs;
            Lazy::new(move || {
                runs.fetch_add(1, Ordering::Relaxed);
                i
            })
        })
        .collect();
    race(&values, 4, |value| {
        value.compute();
    });
    assert_eq!(runs.load(Ordering::Relaxed), 200);
    assert!(values.iter().enumerate().all(|(i, value)| value.get() == Some(&i)));
}

/// Fails the first time and succeeds from then on, like a file that appears.
fn second_time_lucky(tries: &AtomicUsize) -> u32 {
    assert!(tries.fetch_add(1, Ordering::Relaxed) > 0, "not yet");
    7
}

#[test]
fn after_a_panic_lazy_tries_again() {
    let tries = AtomicUsize::new(0);
    let lazy = Lazy::new(|| second_time_lucky(&tries));
    assert!(catch_unwind(AssertUnwindSafe(|| *lazy.compute())).is_err());
    assert_eq!(lazy.get(), None);
    assert_eq!((*lazy.compute(), *lazy.compute()), (7, 7));
    assert_eq!(tries.into_inner(), 2);
}

#[test]
fn after_a_panic_a_lazy_lock_is_poisoned() {
    let tries = AtomicUsize::new(0);
    let lock = LazyLock::new(|| second_time_lucky(&tries));
    for _ in 0..2 {
        assert!(catch_unwind(AssertUnwindSafe(|| *LazyLock::force(&lock))).is_err());
    }
    drop(lock);
    assert_eq!(tries.into_inner(), 1, "the closure was consumed by the first try");
}

/// One of the racing threads meets the panic; the other tries again, and
/// neither waits for the other for ever.
#[test]
fn a_panic_in_a_race_hangs_nobody() {
    let tries = AtomicUsize::new(0);
    let values: Vec<_> = (0..20)
        .map(|_| {
            Lazy::new(|| {
                assert!(tries.fetch_add(1, Ordering::Relaxed) != 10, "the eleventh try fails");
            })
        })
        .collect();
    let raced = catch_unwind(AssertUnwindSafe(|| {
        race(&values, 2, |value| {
            value.compute();
        })
    }));
    assert!(raced.is_err());
    assert!(values.iter().all(|value| value.get().is_some()), "the other thread went on");
}
