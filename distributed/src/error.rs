//! Why a task brought no value, or a cluster could not be had.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use processes::message_of;
use thiserror::Error;

/// What can go wrong. It can be cloned, for one cause may end many tasks: those
/// that take the value of a task that failed have the same error.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The task panicked. Its worker lives on, and only what depends on the task
    /// is touched.
    #[error("task {task} panicked: {message}{}", at(location.as_deref()))]
    Panicked {
        /// The task.
        task: &'static str,
        /// The panic's message.
        message: String,
        /// File, line and column; worker processes record them, threads do not.
        location: Option<String>,
    },

    /// The task was given up: each attempt at it ended with a worker's death.
    #[error("task {task} was given up after {attempts} attempts, each its worker's end: {last}")]
    WorkerKilled {
        /// The task.
        task: &'static str,
        /// How often it was tried: the allowed failures and one more.
        attempts: u32,
        /// How the last worker died.
        #[source]
        last: processes::Error,
    },

    /// A value could not cross between the processes, or the task is not in
    /// the registry. Trying again would not help.
    #[error(transparent)]
    Call(processes::Error),

    /// The task was cancelled, or something that it depends on was.
    #[error("task {task} was cancelled")]
    Cancelled {
        /// The task that was to be cancelled.
        task: &'static str,
    },

    /// The task ran for longer than it may, and was ended with its worker.
    #[error("task {task} was not done after {limit:?}")]
    Timeout {
        /// The task.
        task: &'static str,
        /// Its deadline.
        limit: Duration,
    },

    /// An argument is a future of another client, whose workers do not have
    /// its value.
    #[error("task {task} was given a future of another client")]
    Foreign {
        /// The task.
        task: &'static str,
    },

    /// The client was closed, or dropped, before the task was done.
    #[error("the client was closed before task {task} was done")]
    Closed {
        /// The task.
        task: &'static str,
    },

    /// A cluster of no workers was asked for: it would do nothing, for ever.
    #[error("a cluster needs at least one worker")]
    NoWorkers,

    /// A worker process could not be started.
    #[error("cannot start a worker: {0}")]
    Start(#[source] processes::Error),

    /// The initializer failed in a worker, or took it along.
    #[error("the initializer failed: {message}")]
    Initializer {
        /// What it said.
        message: String,
    },

    /// A thread could not be started, or the system is out of descriptors.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] Arc<io::Error>),

    /// The cluster's workers have a task of this name that is another one: the
    /// library that was sent to them was built from other sources.
    #[error("task {task} is {here} here, and {there} in the library of the workers: build it anew")]
    OtherTask {
        /// The task.
        task: &'static str,
        /// Its types in this program.
        here: String,
        /// Its types in the library.
        there: String,
    },

    /// There is no Python with Dask, or no library of tasks, to use a Dask
    /// cluster with.
    #[error("{0}")]
    Missing(String),

    /// A Dask cluster would not have this client, or there is none.
    #[error("cannot use the cluster: {0}")]
    Refused(String),

    /// Dask has no value for the task, for a reason of its own.
    #[error("Dask gave task {task} up: {why}")]
    Dask {
        /// The task.
        task: &'static str,
        /// What it said.
        why: String,
    },

    /// The connection to the cluster is lost, and with it all tasks.
    #[error("the cluster is lost, and task {task} with it: {why}")]
    Lost {
        /// The task.
        task: &'static str,
        /// What is known.
        why: String,
    },

    /// This kind of cluster cannot do that.
    #[error("this kind of cluster cannot {what}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },

    /// All workers are lost and none could be started in their place. That is
    /// said of every task that waits, and of each that is submitted until
    /// [`Client::scale`](crate::Client::scale) has workers tried again; values
    /// that were there before stay.
    #[error("no worker is left, and {source}")]
    Deserted {
        /// Why not.
        #[source]
        source: Box<Error>,
    },
}

impl Error {
    /// What a call in another process failed with.
    pub(crate) fn from_process(error: processes::Error) -> Self {
        match error {
            processes::Error::Panicked { task, message, location, .. } => {
                Self::Panicked { task, message, location }
            }
            other => Self::Call(other),
        }
    }

    /// Runs code of a value's own, whose panic is the error of that task.
    pub(crate) fn of_panic<R>(task: &'static str, code: impl FnOnce() -> R) -> Result<R, Self> {
        catch_unwind(AssertUnwindSafe(code)).map_err(|payload| Self::Panicked {
            task,
            message: message_of(payload),
            location: None,
        })
    }
}

fn at(location: Option<&str>) -> String {
    location.map(|location| format!(" (at {location})")).unwrap_or_default()
}
