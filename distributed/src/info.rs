//! What a cluster says of itself.

use std::fmt;
use std::time::Duration;

use crate::scheduler::WorkerId;

/// The state of a cluster at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The workers that are there, in the order of their places; who comes in the
    /// place of one that died has a later number.
    pub workers: Vec<WorkerInfo>,
    /// Tasks that have not begun, some of which may lie with a worker.
    pub waiting: usize,
    /// Tasks that have begun.
    pub running: usize,
    /// Answers since the start, those of lost workers and of failed attempts
    /// included.
    pub done: u64,
    /// About how long those calls of a long map take that go to a worker together, as
    /// one task of Dask's. `None` where each call is a task by itself.
    pub chunk_time: Option<Duration>,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerInfo {
    /// Its name in the cluster. A replacement has a new one.
    pub id: WorkerId,
    /// Where its tasks run.
    pub place: Place,
    /// Tasks that it has done.
    pub done: u64,
}

/// Where a worker's tasks run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In a thread of this process.
    Thread {
        /// The thread's name.
        name: String,
    },
    /// In a process of its own.
    Process {
        /// The process's id.
        pid: u32,
    },
    /// In the threads of a worker of another cluster.
    Remote {
        /// Where that cluster reaches it.
        address: String,
        /// How many tasks it runs at a time.
        threads: u32,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread { name } => write!(f, "thread {name}"),
            Self::Process { pid } => write!(f, "process {pid}"),
            Self::Remote { address, threads } => write!(f, "{address} ({threads} threads)"),
        }
    }
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workers, waiting, running, done, chunk_time } = self;
        writeln!(
            f,
            "workers: {}; tasks: {waiting} wait, {running} run, {done} done",
            workers.len()
        )?;
        if let Some(time) = chunk_time {
            writeln!(f, "calls go in chunks of up to {time:?}")?;
        }
        workers.iter().try_for_each(|w| writeln!(f, "  {}: {}, {} done", w.id, w.place, w.done))
    }
}
