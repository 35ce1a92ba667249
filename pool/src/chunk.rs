//! How many items a worker takes at a time.
//!
//! Handing work out costs something each time: an atomic instruction between
//! threads, a message and its answer between processes. Large chunks spread
//! that cost over many items; small ones keep the workers evenly busy when
//! some items take longer than others. Four chunks a worker is the compromise
//! that Python's `multiprocessing` settled on.

/// The chunks that each worker gets if all items take equally long.
const CHUNKS_A_WORKER: usize = 4;

/// The chunk size that Python's `Pool.map` chooses: a quarter of each
/// worker's share, rounded up, and never zero.
///
/// CPython writes it (in `Pool._map_async`) as
/// `chunksize, extra = divmod(len(iterable), len(self._pool) * 4)`, and one
/// more if there is an extra. The lecture's 100 items and 4 workers make 15
/// chunks, of which the last holds 2 items:
///
/// ```
/// assert_eq!(pool::chunk::automatic(100, 4), 7);
/// assert_eq!(100_usize.div_ceil(7), 15);
/// ```
///
/// # Panics
/// If there is no worker.
pub const fn automatic(items: usize, workers: usize) -> usize {
    assert!(workers > 0, "a pool has workers");
    let size = items.div_ceil(workers.saturating_mul(CHUNKS_A_WORKER));
    if size == 0 { 1 } else { size }
}

#[cfg(test)]
mod tests {
    use super::automatic;

    /// CPython's rule, word for word.
    fn cpython(items: usize, workers: usize) -> usize {
        let (size, extra) = (items / (workers * 4), items % (workers * 4));
        if extra > 0 { size + 1 } else { size }
    }

    #[test]
    fn agrees_with_cpython_wherever_there_are_items() {
        for workers in 1..=9 {
            for items in 1..=2_000 {
                assert_eq!(automatic(items, workers), cpython(items, workers));
            }
        }
    }

    #[test]
    fn is_never_zero_and_never_overflows() {
        assert_eq!(automatic(0, 4), 1);
        assert_eq!(automatic(usize::MAX, usize::MAX), 1);
    }
}
