//! The first k results of a long chain of three maps: how much of it runs?
//!
//! | model | calls per stage | what each element costs beside them |
//! |---|---|---|
//! | [`eager`] | all of the input | a store and a load per stage |
//! | [`lazy`] | k | nothing: the stages are fused |
//! | [`boxed`] | k | an indirect call per stage, which nothing fuses |
//!
//! A stage that panics on an element beyond the first k ends the eager model
//! and is never noticed by the lazy ones.

/// Every stage over the whole input, collected; then all but the first `k`
/// results are thrown away.
pub fn eager<A: Copy, B: Copy, C: Copy, D>(
    input: &[A],
    k: usize,
    first: impl Fn(A) -> B,
    second: impl Fn(B) -> C,
    third: impl Fn(C) -> D,
) -> Vec<D> {
    // Borrowed, or the vectors would be collected in place: see `chain::eager`.
    let firsts: Vec<B> = input.iter().map(|&a| first(a)).collect();
    let seconds: Vec<C> = firsts.iter().map(|&b| second(b)).collect();
    let mut thirds: Vec<D> = seconds.iter().map(|&c| third(c)).collect();
    thirds.truncate(k);
    thirds
}

/// The stages run for the first `k` elements only, because nobody draws more.
pub fn lazy<A: Copy, B, C, D>(
    input: &[A],
    k: usize,
    first: impl Fn(A) -> B,
    second: impl Fn(B) -> C,
    third: impl Fn(C) -> D,
) -> Vec<D> {
    input.iter().map(|&a| first(a)).map(second).map(third).take(k).collect()
}

/// As [`lazy`], but each stage is behind a `Box<dyn Iterator>`: laziness as it
/// is in Python, whose generators also call the stage before them without
/// knowing what it is.
///
/// This is what a chain costs that is put together at run time. The compiler
/// cannot see through it, so the stages stay apart: one indirect call each per
/// element.
pub fn boxed<A: Copy, B, C, D>(
    input: &[A],
    k: usize,
    first: impl Fn(A) -> B,
    second: impl Fn(B) -> C,
    third: impl Fn(C) -> D,
) -> Vec<D> {
    let firsts: Box<dyn Iterator<Item = B> + '_> = Box::new(input.iter().map(|&a| first(a)));
    let seconds: Box<dyn Iterator<Item = C> + '_> = Box::new(firsts.map(second));
    let thirds: Box<dyn Iterator<Item = D> + '_> = Box::new(seconds.map(third));
    thirds.take(k).collect()
}
