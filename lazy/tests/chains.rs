//! The models of a chain agree, and differ in how much they run: evaluations
//! are counted, which no clock and no load can disturb.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lazy::{chain, take};
use proptest::prelude::*;

/// A closure beside a count of its calls.
fn counted<A, B>(calls: &Cell<usize>, f: impl Fn(A) -> B) -> impl Fn(A) -> B {
    move |a| {
        calls.set(calls.get() + 1);
        f(a)
    }
}

const fn triple(x: u64) -> u64 {
    x * 3 + 1
}

const fn is_even(x: &u64) -> bool {
    x.is_multiple_of(2)
}

const fn square(x: u64) -> u64 {
    x * x
}

#[test]
fn chains_agree_on_none_one_and_many() {
    for (n, expected) in [(0, 0), (1, 0), (2, 16), (4, 16 + 100)] {
        let input: Vec<u64> = (0..n).collect();
        assert_eq!(chain::eager(&input, triple, is_even, square), expected, "eager, {n}");
        assert_eq!(chain::lazy(&input, triple, is_even, square), expected, "lazy, {n}");
        assert_eq!(chain::handwritten(&input, triple, is_even, square), expected, "by hand, {n}");
    }
}

proptest! {
    #[test]
    fn chains_agree_on_anything(input in proptest::collection::vec(0_u64..1 << 20, 0..200)) {
        let eager = chain::eager(&input, triple, is_even, square);
        prop_assert_eq!(chain::lazy(&input, triple, is_even, square), eager);
        prop_assert_eq!(chain::handwritten(&input, triple, is_even, square), eager);
    }

    #[test]
    fn takes_agree_on_anything(
        input in proptest::collection::vec(0_u64..1 << 20, 0..200),
        k in 0_usize..250,
    ) {
        let eager = take::eager(&input, k, triple, square, triple);
        prop_assert_eq!(eager.len(), k.min(input.len()));
        prop_assert_eq!(&take::lazy(&input, k, triple, square, triple), &eager);
        prop_assert_eq!(&take::boxed(&input, k, triple, square, triple), &eager);
    }
}

/// When everything is wanted laziness saves memory, not calls.
#[test]
fn every_chain_calls_each_stage_equally_often() {
    let input: Vec<u64> = (0..1_000).collect();
    let (first, keep, last) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let counts = || (first.take(), keep.take(), last.take());
    let stages = || (counted(&first, triple), counted(&last, square));
    let kept = |x: &u64| {
        keep.set(keep.get() + 1);
        is_even(x)
    };

    let (a, c) = stages();
    chain::eager(&input, a, kept, c);
    assert_eq!(counts(), (1_000, 1_000, 500), "eager");
    let (a, c) = stages();
    chain::lazy(&input, a, kept, c);
    assert_eq!(counts(), (1_000, 1_000, 500), "lazy");
    let (a, c) = stages();
    chain::handwritten(&input, a, kept, c);
    assert_eq!(counts(), (1_000, 1_000, 500), "by hand");
}

/// When little is wanted it saves calls too: 3k of them are left.
#[test]
fn taking_lazily_calls_each_stage_for_what_is_wanted() {
    let input: Vec<u64> = (0..10_000).collect();
    let calls = Cell::new(0);
    let stage = || counted(&calls, triple);
    for k in [0, 1, 10, 10_000, 20_000] {
        let wanted = k.min(input.len());
        take::eager(&input, k, stage(), stage(), stage());
        assert_eq!(calls.take(), 3 * input.len(), "eager, k = {k}");
        take::lazy(&input, k, stage(), stage(), stage());
        assert_eq!(calls.take(), 3 * wanted, "lazy, k = {k}");
        take::boxed(&input, k, stage(), stage(), stage());
        assert_eq!(calls.take(), 3 * wanted, "boxed, k = {k}");
    }
}

/// Element 100 fails, and only the first ten are wanted.
#[test]
fn a_failure_that_nobody_wants_is_met_by_the_eager_only() {
    let input: Vec<u64> = (0..1_000).collect();
    let fails = |x: u64| {
        assert!(x != 100, "element 100 fails");
        x
    };
    let expected: Vec<u64> = (0..10).collect();
    assert_eq!(take::lazy(&input, 10, fails, |x| x, |x| x), expected);
    assert_eq!(take::boxed(&input, 10, fails, |x| x, |x| x), expected);
    assert!(panics(|| take::eager(&input, 10, fails, |x| x, |x| x)));
}

#[test]
fn a_failure_that_is_wanted_is_met_by_all() {
    let input: Vec<u64> = (0..1_000).collect();
    let fails = |x: u64| {
        assert!(x != 100, "element 100 fails");
        x
    };
    assert!(panics(|| take::eager(&input, 101, fails, |x| x, |x| x)));
    assert!(panics(|| take::lazy(&input, 101, fails, |x| x, |x| x)));
    assert!(panics(|| take::boxed(&input, 101, fails, |x| x, |x| x)));
    assert!(panics(|| chain::eager(&input, fails, |_| true, |x| x)));
    assert!(panics(|| chain::lazy(&input, fails, |_| true, |x| x)));
    assert!(panics(|| chain::handwritten(&input, fails, |_| true, |x| x)));
}

fn panics<T>(work: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(work)).is_err()
}
