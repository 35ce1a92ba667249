//! What a cluster has to do, in bytes: the seam between the typed client and
//! whoever runs the tasks.
//!
//! Above it are types, futures and graphs; below it names and bytes. So the
//! same client can stand on the local cluster of this crate or on another, and
//! one set of tests can hold for all.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use processes::Answer;

use crate::scheduler::TaskId;
use crate::slot::Slot;
use crate::{Error, Info};

/// A cluster, as the client sees it. No call waits for a task.
pub(crate) trait Backend: Send + Sync + fmt::Debug {
    /// Names for so many new tasks, one after the other.
    fn names(&self, count: u64) -> TaskId;

    /// Takes calls in; their slots are settled sooner or later, whatever comes.
    /// Those that a call depends on were taken in before, or stand earlier.
    fn submit(&self, calls: Vec<Call>);

    /// Takes a value in, for tasks to come.
    fn scatter(&self, task: TaskId, value: Arc<Answer>);

    /// Nobody holds a future of it any more.
    fn release(&self, task: TaskId);

    /// The same, but the task is to be done.
    fn detach(&self, task: TaskId);

    /// These are not to be done, nor what depends on them; `kill` ends one that
    /// runs together with its worker, where that can be.
    fn cancel(&self, tasks: Vec<TaskId>, kill: bool);

    /// So many workers from now on. Returns when it is understood, not when
    /// they are there.
    fn scale(&self, workers: usize) -> Result<(), Error>;

    /// What is there at this moment.
    fn info(&self) -> Info;

    /// Whether tasks run in processes of their own, and need no
    /// [`Call::here`].
    fn is_remote(&self) -> bool;

    /// Ends it, and returns when nothing of it is left. Once is enough.
    fn close(&self);
}

/// One task to do.
pub(crate) struct Call {
    pub(crate) id: TaskId,
    pub(crate) task: &'static str,
    pub(crate) input: Input,
    pub(crate) options: Options,
    /// Runs it in this process, from bytes to bytes.
    pub(crate) here: Option<Here>,
    pub(crate) slot: Arc<Slot>,
}

/// A task without its types.
pub(crate) type Here = Arc<dyn Fn(&[u8]) -> Answer + Send + Sync>;

/// How a task is to be done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) priority: i32,
    pub(crate) retries: u32,
    pub(crate) deadline: Option<Duration>,
}

/// An input in bytes, with holes where the values of other tasks belong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Input {
    pub(crate) bytes: Vec<u8>,
    /// Where in `bytes`, and whose value; in order.
    pub(crate) holes: Vec<(usize, TaskId)>,
}

impl Input {
    /// The tasks whose values it takes, each once.
    pub(crate) fn dependencies(&self) -> Box<[TaskId]> {
        let mut tasks: Vec<TaskId> = self.holes.iter().map(|(_, task)| *task).collect();
        tasks.sort_unstable();
        tasks.dedup();
        tasks.into()
    }

    /// Its bytes in parts, the holes filled.
    pub(crate) fn parts<'a>(
        &'a self,
        mut value: impl FnMut(TaskId) -> &'a [u8],
    ) -> impl Iterator<Item = &'a [u8]> {
        let mut from = 0;
        let filled = self.holes.iter().flat_map(move |(at, task)| {
            let before = &self.bytes[from..*at];
            from = *at;
            [before, value(*task)]
        });
        let rest = self.holes.last().map_or(0, |(at, _)| *at);
        filled.chain(std::iter::once(&self.bytes[rest..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_in_order() {
        let (one, two) = (TaskId(1), TaskId(2));
        let holes = vec![(0, two), (2, one), (2, two), (3, one)];
        let input = Input { bytes: vec![10, 11, 12], holes };
        let value = |task| if task == one { &[1][..] } else { &[2, 2] };
        let parts: Vec<&[u8]> = input.parts(value).collect();
        assert_eq!(parts.concat(), [2, 2, 10, 11, 1, 2, 2, 12, 1]);
        assert_eq!(*input.dependencies(), [one, two]);
        let plain = Input { bytes: vec![5], holes: Vec::new() };
        assert_eq!(plain.parts(|_| unreachable!()).collect::<Vec<_>>(), [[5]]);
    }
}
