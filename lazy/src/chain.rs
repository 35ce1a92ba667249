//! A chain of stages over a slice: collected after each, fused, or by hand.
//!
//! All three take the same stages (map, filter, map, sum) and call them for
//! the same elements, so they differ in nothing but where the values between
//! the stages live: in memory, or in a register.

use std::iter::Sum;

/// Each stage is finished and collected before the next begins, as with
/// Python's lists and `NumPy`'s arrays.
///
/// Needs memory for all intermediate values at once, and a pass over it for
/// each stage.
pub fn eager<A: Copy, B: Copy, C: Copy + Sum>(
    input: &[A],
    first: impl Fn(A) -> B,
    keep: impl Fn(&B) -> bool,
    last: impl Fn(B) -> C,
) -> C {
    // The stages borrow. Consumed with `into_iter`, a vector would be collected
    // in place, into its own allocation, and the intermediate would be hidden.
    let mapped: Vec<B> = input.iter().map(|&a| first(a)).collect();
    let kept: Vec<B> = mapped.iter().copied().filter(keep).collect();
    let results: Vec<C> = kept.iter().map(|&b| last(b)).collect();
    results.iter().copied().sum()
}

/// The chain is set up without running anything; the sum then draws one
/// element after the other through all stages.
///
/// Needs no memory. The compiler fuses the stages into one loop, because it
/// sees the type of each ([`Iterator`]'s adapters are generic, not boxed).
pub fn lazy<A: Copy, B, C: Sum>(
    input: &[A],
    first: impl Fn(A) -> B,
    keep: impl Fn(&B) -> bool,
    last: impl Fn(B) -> C,
) -> C {
    input.iter().map(|&a| first(a)).filter(keep).map(last).sum()
}

/// The loop that the lazy chain should become: what a C programmer would write.
///
/// It shows whether the abstraction of [`lazy`] costs anything.
pub fn handwritten<A: Copy, B, C: Default + std::ops::AddAssign>(
    input: &[A],
    first: impl Fn(A) -> B,
    keep: impl Fn(&B) -> bool,
    last: impl Fn(B) -> C,
) -> C {
    let mut sum = C::default();
    for &a in input {
        let b = first(a);
        if keep(&b) {
            sum += last(b);
        }
    }
    sum
}
