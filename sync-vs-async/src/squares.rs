//! The lecture's work between the waits.

use std::hint::black_box;

/// The squares of 0, 1, ..., m - 1: the lecture's `[_**2 for _ in range(m)]`.
///
/// At the lecture's m of a million this is 8 MB of fresh memory, and most of
/// its time (under a millisecond in all) goes to the page faults of that, not
/// to the arithmetic. In `CPython` it takes tens of milliseconds.
///
/// # Panics
/// If `m` is above 2^32, where the squares leave `u64`.
///
/// ```
/// assert_eq!(sync_vs_async::squares(5), [0, 1, 4, 9, 16]);
/// ```
pub fn squares(m: u64) -> Vec<u64> {
    assert!(m <= 1 << 32, "the squares of numbers below {m} do not fit in 64 bits");
    (0..black_box(m)).map(|x| x * x).collect()
}
