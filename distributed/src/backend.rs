//! What a cluster has to do, in bytes: the seam between the typed client and
//! whoever runs the tasks.
//!
//! Above it are types, futures and graphs; below it names and bytes. So the
//! same client can stand on the local cluster of this crate or on another, and
//! one set of tests can hold for all.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use processes::Answer;

use crate::resources::Resources;
use crate::scheduler::TaskId;
use crate::slot::Slot;
use crate::timeline::Timeline;
use crate::{Error, Info};

/// How a result is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wanted {
    /// With others, all of which have to be there: it may come along with theirs.
    Along,
    /// By itself.
    Now,
}

/// A cluster, as the client sees it. No call waits for a task.
pub(crate) trait Backend: Send + Sync + fmt::Debug {
    /// Names for so many new tasks, one after the other.
    fn names(&self, count: u64) -> TaskId;

    /// Takes calls in; their slots are settled sooner or later, whatever comes.
    /// Those that a call depends on were taken in before, or stand earlier.
    fn submit(&self, calls: Vec<Call>);

    /// Whether workers have this task, of this signature; asked once a map.
    ///
    /// # Errors
    /// Why not.
    fn accepts(&self, _task: &'static str, _signature: fn() -> String) -> Result<(), Error> {
        Ok(())
    }

    /// Somebody waits for this result. Until then a cluster may settle the slot
    /// or keep the value where it is.
    fn want(&self, _task: TaskId, _how: Wanted) {}

    /// Whether tasks are dealt out by their place in a batch, so that it has to
    /// be submitted whole. Otherwise it comes in parts, and the first tasks run
    /// while the last are being encoded.
    fn wants_whole_batches(&self) -> bool;

    /// Takes a value in, for tasks to come; onto each worker at once, where
    /// values lie with workers.
    fn scatter(&self, task: TaskId, value: Arc<Answer>, onto_each: bool);

    /// Whether its workers have resources that a task can be said to take.
    fn knows_resources(&self) -> bool {
        false
    }

    /// Nobody holds a future of it any more.
    fn release(&self, task: TaskId);

    /// The same, but the task is to be done.
    fn detach(&self, task: TaskId);

    /// These are not to be done, nor what depends on them; `kill` ends one that
    /// runs together with its worker, where that can be.
    fn cancel(&self, tasks: Vec<TaskId>, kill: bool);

    /// So many workers from now on. Returns when it is understood, not when
    /// they are there.
    ///
    /// # Errors
    /// If the cluster's size is not the client's to say.
    fn scale(&self, workers: usize) -> Result<(), Error>;

    /// What is there at this moment.
    fn info(&self) -> Info;

    /// What ran since it was asked last; nothing, if that is not recorded.
    fn timeline(&self) -> Timeline;

    /// Whether tasks run in processes of their own, and need no
    /// [`Call::here`].
    fn is_remote(&self) -> bool;

    /// Ends it, and returns when nothing of it is left. Once is enough.
    fn close(&self);
}

/// One task to do.
pub(crate) struct Call {
    pub(crate) id: TaskId,
    /// Where its result is waited for; it knows the task's name.
    pub(crate) slot: Promise,
    pub(crate) work: Work,
}

/// The slot of a call, which is settled whatever comes: at the latest when this
/// is dropped, by a panic as well.
pub(crate) struct Promise(pub(crate) Arc<Slot>);

impl Deref for Promise {
    type Target = Slot;

    fn deref(&self) -> &Slot {
        &self.0
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        // Alone it is waited for by nobody, which is so for most.
        if Arc::strong_count(&self.0) > 1 {
            self.0.settle(Err(Error::Closed { task: self.0.task }));
        }
    }
}

/// What there is to do of it.
pub(crate) struct Work {
    pub(crate) input: Input,
    pub(crate) options: Options,
    /// Runs it in this process, from bytes to bytes.
    pub(crate) here: Option<Here>,
}

/// A task without its types.
pub(crate) type Here = Arc<dyn Fn(&[u8]) -> Answer + Send + Sync>;

/// How a task is to be done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) priority: i32,
    pub(crate) retries: u32,
    pub(crate) deadline: Option<Duration>,
    pub(crate) resources: Resources,
}

/// An input in bytes, with holes where the values of other tasks belong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Input {
    pub(crate) bytes: Bytes,
    /// Where in `bytes`, and whose value; in order.
    pub(crate) holes: Box<[(usize, TaskId)]>,
}

/// Bytes, of which a few take no memory of their own: what one thread allocates
/// for a number and another frees costs more than to send it.
#[derive(Clone, Debug)]
pub(crate) enum Bytes {
    Few(u8, [u8; FEW]),
    Many(Box<[u8]>),
}

/// As many as make the whole as large as a `Vec`.
const FEW: usize = 22;

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        let mut few = [0; FEW];
        match few.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                Self::Few(bytes.len() as u8, few)
            }
            None => Self::Many(bytes.into()),
        }
    }
}

impl Bytes {
    /// What a buffer holds, which is empty then. What is large is not copied.
    pub(crate) fn taken_from(buffer: &mut Vec<u8>) -> Self {
        const LARGE: usize = 64 << 10;
        if buffer.len() > LARGE {
            return Self::Many(std::mem::take(buffer).into());
        }
        let bytes = Self::from(&buffer[..]);
        buffer.clear();
        bytes
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Few(count, bytes) => &bytes[..usize::from(*count)],
            Self::Many(bytes) => bytes,
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::Few(0, [0; FEW])
    }
}

impl Input {
    /// The tasks whose values it takes, each once.
    pub(crate) fn dependencies(&self) -> Box<[TaskId]> {
        if self.holes.is_empty() {
            return Box::default();
        }
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
        let holes = [(0, two), (2, one), (2, two), (3, one)].into();
        let input = Input { bytes: [10, 11, 12][..].into(), holes };
        let value = |task| if task == one { &[1][..] } else { &[2, 2] };
        let parts: Vec<&[u8]> = input.parts(value).collect();
        assert_eq!(parts.concat(), [2, 2, 10, 11, 1, 2, 2, 12, 1]);
        assert_eq!(*input.dependencies(), [one, two]);
        let plain = Input { bytes: [5][..].into(), holes: Box::default() };
        assert_eq!(plain.parts(|_| unreachable!()).collect::<Vec<_>>(), [[5]]);
    }

    #[test]
    fn a_promise_that_is_dropped_is_settled() {
        let slot = Slot::new("lost");
        drop(Promise(Arc::clone(&slot)));
        assert!(matches!(slot.result(), Some(Err(Error::Closed { task: "lost" }))));
    }

    #[test]
    fn bytes_are_what_they_were() {
        for count in [0, 1, FEW - 1, FEW, FEW + 1, 1_000] {
            let bytes: Vec<u8> = (0..count).map(|n| n as u8).collect();
            assert_eq!(*Bytes::from(&bytes[..]), bytes[..]);
        }
        let mut buffer = vec![7; 1 << 20];
        assert_eq!(*Bytes::taken_from(&mut buffer), vec![7; 1 << 20]);
        buffer.extend([1, 2]);
        assert_eq!(*Bytes::taken_from(&mut buffer), [1, 2]);
        assert!(buffer.is_empty());
    }
}
