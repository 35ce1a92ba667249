//! As many threads as cores, started once; whichever is idle steals work.
//!
//! rayon's global pool. A range of work is cut in halves; one half is done, the
//! other is put where an idle thread may steal it, and so on down, so that the
//! load evens out without anybody planning it. A half that nobody steals costs
//! about a function call.
//!
//! Source: R. Blumofe and C. Leiserson, "Scheduling multithreaded computations
//! by work stealing", J. ACM 46(5), 1999; rayon's documentation.

use rayon::prelude::*;

/// So many pieces for each thread: enough that a thread which is late (another
/// program has its core) leaves some for the others, few enough to be cheap.
const PIECES_PER_THREAD: usize = 4;

/// Applies `work` to each item; the results come in the order of the items.
///
/// The first call in a program starts the pool, which takes as long as
/// starting its threads; the threads then stay.
///
/// ```
/// let squares = threads::work_stealing::map(&[1, 2, 3], |x| x * x);
/// assert_eq!(squares, [1, 4, 9]);
/// ```
///
/// # Panics
/// If `work` panics for any item, with one of the panics, after everything that
/// was begun has ended; other items may or may not have been begun.
pub fn map<T, R, F>(items: &[T], work: F) -> Vec<R>
where
    T: Sync,
    R: Send,
    F: Fn(&T) -> R + Sync + Send,
{
    items.par_iter().map(work).collect()
}

/// Cuts `data` into four pieces for each thread of the pool, or fewer if it is
/// short, and applies `work` to all of them, in place and in any order.
///
/// # Panics
/// As [`map`] does.
pub fn for_each_chunk<T, F>(data: &mut [T], work: F)
where
    T: Send,
    F: Fn(&mut [T]) + Sync + Send,
{
    let pieces = rayon::current_num_threads() * PIECES_PER_THREAD;
    // An empty slice has no chunks, but a chunk may not be empty.
    data.par_chunks_mut(data.len().div_ceil(pieces).max(1)).for_each(work);
}

/// The number of threads in the pool, which is started if it was not yet: so
/// that a measurement does not begin with it.
pub fn start() -> usize {
    rayon::current_num_threads()
}
