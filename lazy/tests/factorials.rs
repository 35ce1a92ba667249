//! Eager and lazy factorials agree, and the lazy one computes only when asked.

use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashSet};
use std::hash::{Hash, Hasher};
use std::thread;

use lazy::{EagerFactorial, LazyFactorial, factorial, parallel_swing, prime_swing, race};
use num_bigint::BigUint;
use proptest::prelude::*;

#[test]
fn known_values() {
    for (n, expected) in [(0, "1"), (1, "1"), (2, "2"), (5, "120"), (20, "2432902008176640000")] {
        assert_eq!(factorial(n).to_string(), expected, "{n}!");
    }
}

/// OEIS A034886, A004152 and A027868 give digits, digit sum and trailing zeros.
#[test]
fn the_lectures_largest_has_its_published_digits() {
    let digits = factorial(1000).to_string();
    assert_eq!(digits.len(), 2568);
    assert_eq!(digits.bytes().map(|d| u32::from(d - b'0')).sum::<u32>(), 10_539);
    assert_eq!(digits.len() - digits.trim_end_matches('0').len(), 249);
}

#[test]
fn prime_swing_is_the_loop_for_every_small_n() {
    let mut product = BigUint::from(1_u32);
    for n in 0..2_000 {
        product *= n.max(1);
        assert_eq!(prime_swing(n), product, "{n}!");
    }
}

#[test]
fn prime_swing_is_the_loop_where_halves_and_roots_change() {
    // Squares of primes, powers of two and their neighbours.
    for n in [4_095, 4_096, 4_097, 5_040, 5_041, 9_408, 9_409, 10_000] {
        assert_eq!(prime_swing(n), factorial(n), "{n}!");
    }
}

/// Below where threads are asked for and above.
#[test]
fn parallel_swing_is_prime_swing() {
    for n in [0, 1, 2, 26, 1_000, 299_999, 300_000] {
        assert_eq!(parallel_swing(n), prime_swing(n), "{n}!");
    }
}

/// 300,000! is too long to be multiplied up here, but not its rest by a prime
/// that does not divide it.
#[test]
fn prime_swing_leaves_the_rest_that_the_loop_leaves() {
    for n in [65_535, 65_536, 99_999, 100_000, 300_000] {
        let value = prime_swing(n);
        for prime in [1_000_000_007_u64, 998_244_353, 4_294_967_291] {
            let rest = (1..=u64::from(n)).fold(1, |rest, factor| rest * factor % prime);
            assert_eq!(&value % prime, rest.into(), "{n}! by {prime}");
        }
    }
}

#[test]
fn every_way_to_ask_gives_the_eager_value() {
    for n in [0, 1, 2, 100, 300, 1000] {
        let eager = EagerFactorial::new(n);
        let lazy = LazyFactorial::new(n);
        assert_eq!(lazy.compute(), eager.compute(), "first, {n}");
        assert_eq!(lazy.compute(), eager.compute(), "cached, {n}");
        assert_eq!(&lazy.into_value(), eager.compute(), "moved out, {n}");
        assert_eq!(LazyFactorial::new(n).into_value(), eager.into_value(), "never computed, {n}");
    }
}

#[test]
fn neither_order_nor_equality_nor_hash_nor_print_computes() {
    let (small, large) = (LazyFactorial::new(100), LazyFactorial::new(300));
    assert_eq!(small.cmp(&large), Ordering::Less);
    assert_eq!(large.partial_cmp(&small), Some(Ordering::Greater));
    assert_ne!(small, large);
    assert_eq!(small, LazyFactorial::new(100));
    assert_eq!(hash(&small), hash(&LazyFactorial::new(100)));
    assert_eq!(format!("{small:?} {large:?}"), "LazyFactorial(100) LazyFactorial(300)");
    assert!(!small.is_computed() && !large.is_computed());
}

/// What an object is compared by must not change while it lies in a set.
#[test]
#[expect(clippy::mutable_key_type, reason = "that the cell does not count is what is tested")]
fn computing_changes_neither_order_nor_hash() {
    let computed = LazyFactorial::new(20);
    let before = hash(&computed);
    computed.compute();
    let fresh = LazyFactorial::new(20);
    assert_eq!(computed, fresh);
    assert_eq!(hash(&computed), before);

    let ordered: BTreeSet<_> = [7, 3, 7, 5].map(LazyFactorial::new).into();
    assert_eq!(ordered.iter().map(LazyFactorial::n).collect::<Vec<_>>(), [3, 5, 7]);
    let unordered: HashSet<_> = [computed, fresh].into();
    assert_eq!(unordered.len(), 1);
}

/// 0! = 1!, so there the order by n and the order by value part.
#[test]
fn zero_and_one_differ_by_n_and_not_by_value() {
    assert!(LazyFactorial::new(0) < LazyFactorial::new(1));
    assert_eq!(EagerFactorial::new(0), EagerFactorial::new(1));
}

proptest! {
    #[test]
    fn from_one_on_the_order_by_n_is_the_order_by_value(a in 1_u32..400, b in 1_u32..400) {
        prop_assert_eq!(
            LazyFactorial::new(a).cmp(&LazyFactorial::new(b)),
            EagerFactorial::new(a).cmp(&EagerFactorial::new(b))
        );
    }
}

#[test]
fn threads_that_race_see_one_value_in_one_place() {
    let shared = LazyFactorial::new(1000);
    let places: HashSet<usize> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| std::ptr::from_ref(shared.compute()).addr())).collect();
        threads.into_iter().map(|thread| thread.join().expect("no factorial panics")).collect()
    });
    assert_eq!(places.len(), 1);
    assert_eq!(shared.into_value(), factorial(1000));
}

#[test]
fn a_race_forces_every_value_on_any_number_of_threads() {
    for threads in [1, 2, 5] {
        for count in [0, 1, 50] {
            let values: Vec<_> = (0..count).map(LazyFactorial::new).collect();
            race(&values, threads, |value| {
                value.compute();
            });
            assert!(values.iter().all(LazyFactorial::is_computed), "{count} in {threads} threads");
        }
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
