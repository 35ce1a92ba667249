//! The baseline: one loop, in order, in the calling thread.

/// Applies `f` to each item and returns the results in the order of the items,
/// as Python's `list(map(f, items))` does.
///
/// It costs one call of `f` an item and nothing else: what every pool must
/// beat. A panic of `f` goes on to the caller, who is in the same thread.
///
/// ```
/// assert_eq!(pool::serial::map(&[1_u64, 2, 3], |x| x * x * x), [1, 8, 27]);
/// ```
pub fn map<T, R>(items: &[T], f: impl Fn(&T) -> R) -> Vec<R> {
    items.iter().map(f).collect()
}
