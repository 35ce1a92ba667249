//! A thread started for each piece of work and joined before the call returns.
//!
//! This is the lecture's `Thread(target=...)`, `start()`, `join()`. In Python a
//! thread may use anything for as long as it likes; `std::thread::scope`
//! promises that all threads have ended when it returns, so they may borrow
//! from the caller, and a forgotten join is not possible.
//!
//! Cost: starting and joining a thread takes tens of microseconds, so a piece
//! of work should take a good deal more. Memory: a stack for each (2 MiB of
//! address space, of which only the touched pages are real).

use std::panic::resume_unwind;
use std::thread;

use crate::Panicked;

/// Applies `work` to each item in a thread of its own, all at once; the results
/// come in the order of the items.
///
/// The number of threads is the number of items: ten in the lecture. For many
/// small items take [`work_stealing::map`](crate::work_stealing::map).
///
/// ```
/// let squares = threads::scoped::map(&[1, 2, 3], |x| x * x);
/// assert_eq!(squares, [1, 4, 9]);
/// ```
///
/// # Panics
/// If `work` panics for any item, with the panic of the first of those in the
/// order of the items, after all threads have ended. If the system will not
/// start a thread.
pub fn map<T, R, F>(items: &[T], work: F) -> Vec<R>
where
    T: Sync,
    R: Send,
    F: Fn(&T) -> R + Sync,
{
    join_all(items, work)
        .into_iter()
        .map(|joined| joined.unwrap_or_else(|payload| resume_unwind(payload)))
        .collect()
}

/// Applies `work` to each item in a thread of its own, like [`map`]; a thread
/// that panics leaves an error in its place, and the others still finish.
///
/// ```
/// let halves = threads::scoped::try_map(&[4, 0, 2], |&x| 8 / x);
/// assert_eq!(halves[0], Ok(2));
/// assert_eq!(halves[2], Ok(4));
///
/// let panicked = halves[1].clone().unwrap_err();
/// assert_eq!(panicked.index, 1);
/// assert_eq!(panicked.message, "attempt to divide by zero");
/// ```
///
/// # Errors
/// [`Panicked`], for each item on which `work` panicked.
///
/// # Panics
/// If the system will not start a thread.
pub fn try_map<T, R, F>(items: &[T], work: F) -> Vec<Result<R, Panicked>>
where
    T: Sync,
    R: Send,
    F: Fn(&T) -> R + Sync,
{
    join_all(items, work)
        .into_iter()
        .enumerate()
        .map(|(index, joined)| joined.map_err(|payload| Panicked::new(index, &*payload)))
        .collect()
}

/// Cuts `data` into at most `parts` chunks and gives each to a thread of its
/// own, to be changed in place.
///
/// Chunks are rounded up, so that nothing is lost: all but the last have
/// `data.len().div_ceil(parts)` elements, and where there are fewer elements
/// than parts, there are fewer chunks. The lecture's `size // n` rounds down
/// and leaves up to `n - 1` elements as they were.
///
/// ```
/// let mut x = [1, 2, 3, 4, 5];
/// threads::scoped::for_each_chunk(&mut x, 2, |chunk| chunk.iter_mut().for_each(|x| *x *= 10));
/// assert_eq!(x, [10, 20, 30, 40, 50]);
/// ```
///
/// # Panics
/// If `parts` is 0. If `work` panics for any chunk, with the panic of the first
/// of those, after all threads have ended; the other chunks are done. If the
/// system will not start a thread.
pub fn for_each_chunk<T, F>(data: &mut [T], parts: usize, work: F)
where
    T: Send,
    F: Fn(&mut [T]) + Sync,
{
    assert!(parts > 0, "no elements can be cut into 0 parts");
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = data
            // An empty slice has no chunks, but a chunk may not be empty.
            .chunks_mut(data.len().div_ceil(parts).max(1))
            .map(|chunk| scope.spawn(move || work(chunk)))
            .collect();
        let joined: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        joined
            .into_iter()
            .for_each(|joined| joined.unwrap_or_else(|payload| resume_unwind(payload)));
    });
}

fn join_all<T, R, F>(items: &[T], work: F) -> Vec<thread::Result<R>>
where
    T: Sync,
    R: Send,
    F: Fn(&T) -> R + Sync,
{
    let work = &work;
    thread::scope(|scope| {
        // Collected, for iterators are lazy: otherwise each thread would be
        // joined before the next is started.
        let threads: Vec<_> = items.iter().map(|item| scope.spawn(move || work(item))).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    })
}
