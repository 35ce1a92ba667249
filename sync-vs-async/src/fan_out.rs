//! Many at once: n units of work, each in a call, a thread or a task.
//!
//! The models know nothing of the work. It is a function of the unit's number,
//! blocking or asynchronous, and results come back in the order of the numbers.
//! With a millisecond's wait this is the lecture's waiting times n; with nothing
//! to do it is what a call, a thread or a task costs by itself.

use std::future::Future;
use std::thread;

use tokio::task::{self, JoinSet};

use crate::Error;

/// One call after the other, on the caller's thread.
///
/// # Panics
/// If `unit` does; the units after it are not begun.
pub fn calls<R>(n: usize, unit: impl Fn(usize) -> R) -> Vec<R> {
    (0..n).map(unit).collect()
}

/// A thread for each unit, all started before the first is joined.
///
/// The stacks (2 MiB each, by Rust's default) are address space and not memory
/// until they are touched, so some ten thousand fit; they are kept until their
/// threads are joined, also of those that have ended. The number of threads is
/// limited by the system all the same.
///
/// # Errors
/// [`Error::Panicked`] with the first panic in the order of the units, and
/// [`Error::Refused`] if the system will not start so many threads. In either
/// case every thread that did start has ended.
///
/// # Aborts
/// Near the limit of mappings (on Linux `vm.max_map_count`, 65,530 unless it was
/// raised: 16,000 threads that live together, or twice as many that have ended)
/// a thread may be started for which there is no more signal stack. std then
/// panics where nothing can catch it, and the process is aborted
/// (<https://github.com/rust-lang/rust/issues/78497>). Ask for fewer.
pub fn threads<R: Send>(n: usize, unit: impl Fn(usize) -> R + Sync) -> Result<Vec<R>, Error> {
    let unit = &unit;
    thread::scope(|scope| {
        let mut threads = Vec::with_capacity(n);
        let mut refusal = None;
        for i in 0..n {
            match thread::Builder::new().spawn_scoped(scope, move || unit(i)) {
                Ok(thread) => threads.push(thread),
                Err(source) => {
                    refusal = Some(Error::Refused { started: i, wanted: n, source });
                    break;
                }
            }
        }
        // Joined to the last, whatever the others did: a scope panics over a
        // thread that panicked and was not joined.
        let mut results = Ok(Vec::with_capacity(n));
        for thread in threads {
            push(&mut results, thread.join().map_err(|panic| Error::panicked(&*panic)));
        }
        refusal.map_or(results, Err)
    })
}

/// One `await` after the other in a single task: what futures cost without
/// tasks. Waits add up, for no unit begins before the one before it has ended.
///
/// # Panics
/// If a unit does; the units after it are not begun.
pub async fn awaits<U: Future>(n: usize, unit: impl Fn(usize) -> U) -> Vec<U::Output> {
    let mut results = Vec::with_capacity(n);
    for i in 0..n {
        results.push(unit(i).await);
    }
    results
}

/// A task for each unit on the current runtime, all spawned before the first
/// is awaited.
///
/// If this future is dropped halfway the tasks go on, detached; [`join_set`]
/// ends them.
///
/// # Errors
/// [`Error::Panicked`] with the first panic in the order of the units, once
/// every task has ended.
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn tasks<U>(n: usize, unit: impl Fn(usize) -> U) -> Result<Vec<U::Output>, Error>
where
    U: Future<Output: Send> + Send + 'static,
{
    let tasks: Vec<_> = (0..n).map(|i| task::spawn(unit(i))).collect();
    let mut results = Ok(Vec::with_capacity(n));
    for task in tasks {
        push(&mut results, task.await.map_err(Error::from));
    }
    results
}

/// As [`tasks`], gathered by a [`JoinSet`] as they end: for when results are
/// wanted early, or the tasks must not outlive this future. Dropping it aborts
/// them all.
///
/// # Errors
/// [`Error::Panicked`] with the first panic to happen, once every task has
/// ended.
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn join_set<U>(n: usize, unit: impl Fn(usize) -> U) -> Result<Vec<U::Output>, Error>
where
    U: Future<Output: Send> + Send + 'static,
{
    let mut set: JoinSet<_> = (0..n)
        .map(|i| {
            let unit = unit(i);
            async move { (i, unit.await) }
        })
        .collect();
    let mut results = Ok(Vec::with_capacity(n));
    while let Some(ended) = set.join_next().await {
        push(&mut results, ended.map_err(Error::from));
    }
    results.map(|mut numbered| {
        numbered.sort_unstable_by_key(|(i, _)| *i);
        numbered.into_iter().map(|(_, result)| result).collect()
    })
}

/// Keeps what comes until the first error, and that error from then on.
fn push<R>(results: &mut Result<Vec<R>, Error>, next: Result<R, Error>) {
    if let Ok(all) = results {
        match next {
            Ok(result) => all.push(result),
            Err(error) => *results = Err(error),
        }
    }
}
