//! The lecture's cells on lazy evaluation, in order and at the lecture's own
//! numbers: `cargo run --release -p lazy --example lazy-lecture`.
//!
//! Each line is one run, as the lecture's `%time` is. `cargo bench -p lazy`
//! measures.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

use lazy::{EagerFactorial, Lazy, LazyFactorial, chain, race, take};

fn main() {
    println!("# a = Lazy_factorial(1), b = Lazy_factorial(1000): nothing is computed");
    let a = time("LazyFactorial::new(1)", || LazyFactorial::new(1));
    let b = time("LazyFactorial::new(1000)", || LazyFactorial::new(1000));
    println!("  {a:?} and {b:?} are printed without being computed");
    time("for comparison, EagerFactorial::new(1000)", || EagerFactorial::new(1000));

    println!("\n# a.compute(), b.compute(), b.compute(): the second time it is there");
    time("a.compute()", || black_box(a.compute()));
    time("b.compute()", || black_box(b.compute()));
    time("b.compute()", || black_box(b.compute()));
    println!("  1000! has {} digits", b.compute().to_string().len());

    println!("\n# Lazy_factorial(100) < Lazy_factorial(300): they compare by n");
    // As printed, the lecture's cell ends in a NameError: `Lazy_Factorial`.
    let (c, d) = (LazyFactorial::new(100), LazyFactorial::new(300));
    let less = time("by n", || black_box(&c) < black_box(&d));
    assert!(!c.is_computed() && !d.is_computed(), "comparing computes nothing");
    let less_by_value = time("by value, both computed for it", || c.compute() < d.compute());
    println!("  100! < 300! is {less} by n and {less_by_value} by value");

    println!("\n# What the lecture's `if not self._result` would compute again and again");
    let runs = Cell::new(0);
    let zero = Lazy::new(|| {
        runs.set(runs.get() + 1);
        0
    });
    let sum = zero.compute() + zero.compute() + zero.compute();
    println!("  a lazy zero, asked three times: {sum} in all, computed {} time", runs.get());

    println!("\n# Two threads ask for the same 1000! at the same moment");
    let shared = [LazyFactorial::new(1000)];
    let taken = race(&shared, 2, |value| {
        black_box(value.compute());
    });
    println!("  {taken:>12.2?}  until both have it; it was computed once");

    println!("\n# Unneeded intermediate values: three maps over a million integers");
    let numbers: Vec<u64> = (0..1_000_000).collect();
    let numbers = black_box(numbers.as_slice());
    let calls = Cell::new(0_u64);
    let counted = |x: u64| {
        calls.set(calls.get() + 1);
        x + 1
    };
    for k in [10, numbers.len()] {
        let eager = time(&format!("eager, {k} wanted"), || {
            take::eager(numbers, k, counted, counted, counted)
        });
        println!("  {:>12}  calls", calls.take());
        let lazy = time(&format!("lazy, {k} wanted"), || {
            take::lazy(numbers, k, counted, counted, counted)
        });
        println!("  {:>12}  calls", calls.take());
        let boxed = time(&format!("lazy behind dyn Iterator, {k} wanted"), || {
            take::boxed(numbers, k, counted, counted, counted)
        });
        println!("  {:>12}  calls", calls.take());
        assert!(eager == lazy && lazy == boxed, "the models agree");
    }

    println!("\n# Everything wanted: the same calls, with and without memory between them");
    let (triple_plus_one, even, half) = (|x| 3 * x + 1, |x: &u64| x.is_multiple_of(2), |x| x / 2);
    let eager =
        time("eager, a vector per stage", || chain::eager(numbers, triple_plus_one, even, half));
    let lazy = time("lazy, fused", || chain::lazy(numbers, triple_plus_one, even, half));
    let by_hand =
        time("a loop by hand", || chain::handwritten(numbers, triple_plus_one, even, half));
    assert!(eager == lazy && lazy == by_hand, "the models agree");
    println!("  each comes to {eager}");
}

/// Runs `work` once and prints how long it took.
fn time<R>(what: &str, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = work();
    println!("  {:>12.2?}  {what}", start.elapsed());
    result
}
