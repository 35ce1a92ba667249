//! One thread, one thing after the other: the baseline of every comparison.

/// Applies `work` to each item in order.
///
/// The bounds ask for less than those of the parallel models: nothing here
/// leaves the calling thread.
///
/// # Panics
/// If `work` panics; the items after it are not begun.
pub fn map<T, R>(items: &[T], work: impl Fn(&T) -> R) -> Vec<R> {
    items.iter().map(work).collect()
}

/// Applies `work` to the whole slice, as one chunk; not at all if it is empty.
///
/// # Panics
/// If `work` panics.
pub fn for_each_chunk<T>(data: &mut [T], work: impl Fn(&mut [T])) {
    if !data.is_empty() {
        work(data);
    }
}
