//! This program once more for each item: what stays safe beside threads.
//!
//! `multiprocessing` calls its own form of it *spawn*. Where a forked child
//! inherits everything, a re-executed one begins at `main` with nothing but
//! its socket: it needs a [named task](crate::Task) and an input that can be
//! encoded, and starts later than a forked one, but no lock is left locked in
//! it and no thread missing.
//!
//! Cost: about 1.5 ms, most of it spent on loading the program, whatever the
//! parent holds (`create` and `fork_memory` in the bench, two cores).

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::task::Task;
use crate::worker::{Options, Worker};

/// Applies a task to each item in a process of its own, and waits for all.
///
/// As in the lecture, a process lives for one item; to keep it for the next
/// is what a pool does.
///
/// # Errors
/// For an item whose process could not be had, or died, or whose task
/// panicked; the others go on.
pub fn map<In, Out>(task: &Task<In, Out>, items: &[In]) -> Vec<Result<Out, Error>>
where
    In: Serialize,
    Out: DeserializeOwned,
{
    // Three passes, so that the processes start, and work, side by side.
    let started: Vec<_> = items.iter().map(|_| Worker::start(Options::default())).collect();
    let asked: Vec<Result<Worker, Error>> = started
        .into_iter()
        .zip(items)
        .map(|(worker, item)| {
            let mut worker = worker?;
            worker.greet()?;
            worker.send(task, std::slice::from_ref(item))?;
            Ok(worker)
        })
        .collect();
    let mut done = Vec::with_capacity(items.len());
    let outputs = asked
        .into_iter()
        .map(|worker| {
            let mut worker = worker?;
            let output = worker.receive(task, 1)?.pop().expect("one output for one input");
            // It leaves while the others are still heard.
            worker.dismiss();
            done.push(worker);
            output
        })
        .collect();
    drop(done);
    outputs
}
