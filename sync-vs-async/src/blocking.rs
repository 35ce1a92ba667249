//! The baseline: sit and wait.

use std::thread;
use std::time::Duration;

use crate::squares;

/// The lecture's `fun1(n, m)`: m squares, then a wait of `n`, then the squares.
///
/// ```
/// use std::time::Duration;
/// let squares = sync_vs_async::fun1(Duration::from_millis(1), 3);
/// assert_eq!(squares, [0, 1, 4]);
/// ```
pub fn fun1(n: Duration, m: u64) -> Vec<u64> {
    blocking(n, || squares(m))
}

/// Computes, then keeps its thread for the whole of the wait.
///
/// Takes compute + wait, and nothing else of this thread runs meanwhile.
///
/// # Panics
/// If `compute` does.
pub fn blocking<R>(wait: Duration, compute: impl FnOnce() -> R) -> R {
    let result = compute();
    thread::sleep(wait);
    result
}
