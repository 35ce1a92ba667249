//! Why a task brought no value, or a cluster could not be had.

use std::io;
use std::sync::Arc;

use thiserror::Error;

/// What can go wrong. It can be cloned, for one cause may end many tasks.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The task panicked. Its worker lives on, and no other task is touched.
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

    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] Arc<io::Error>),

    /// All workers are lost and none could be started in their place.
    #[error("no worker is left, and {source}")]
    Deserted {
        /// Why not.
        #[source]
        source: Box<Error>,
    },
}

fn at(location: Option<&str>) -> String {
    location.map(|location| format!(" (at {location})")).unwrap_or_default()
}
