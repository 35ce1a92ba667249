//! What can go wrong in a pool.

use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Why a pool could not be made, or an item has no result.
///
/// Items are counted from zero, as they stand in the slice that was mapped.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A pool of no workers was asked for.
    #[error("a pool needs at least one worker")]
    NoWorkers,
    /// The system gave no thread.
    #[error("cannot start a thread of the pool")]
    Thread(#[source] Arc<io::Error>),
    /// The function panicked in this process. The worker lives on.
    #[error("{} panicked: {message}{}", named(*item), at(location.as_deref()))]
    Panicked {
        /// The item, where the pool knows it; rayon does not say.
        item: Option<usize>,
        /// What the panic said; a payload that is no text says so.
        message: String,
        /// File, line and column, unless the program has set a panic hook of
        /// its own since it made its first pool.
        location: Option<String>,
        /// The way to the panic, if `RUST_BACKTRACE` asks for it.
        backtrace: Option<Arc<str>>,
    },
    /// The initializer of the pool failed or panicked. It was not tried again.
    #[error("the initializer failed: {message}")]
    Initializer {
        /// What it returned or said, as text.
        message: String,
    },
    /// The task was dropped before it began: by its handle, or because its pool
    /// of threads was killed or dropped. Or its handle has killed the process
    /// that ran it.
    #[error("the task was cancelled")]
    Cancelled,
    /// The pool has been shut down and takes no more tasks.
    #[error("the pool is closed")]
    Closed,
    /// A worker process could not be started, when the pool was made or in the
    /// place of one that had died.
    #[error("cannot start a worker process")]
    Spawn(#[source] Arc<processes::Error>),
    /// The item took longer than the pool's deadline. Its process was killed,
    /// and another has taken the place.
    #[error("item {item} was not done after {limit:?}; its process was killed")]
    Timeout {
        /// The item.
        item: usize,
        /// The deadline.
        limit: Duration,
    },
    /// The item was given to another process and came to nothing there: its
    /// function panicked, or the process died, or the item or its result could
    /// not be sent.
    #[error("item {item} has no result: {source}")]
    Process {
        /// The item.
        item: usize,
        /// What happened. If the process died, so did the results that it had
        /// not sent yet: those of at most a millisecond's work.
        source: Arc<processes::Error>,
    },
}

impl Error {
    /// An item came to nothing in another process.
    pub(crate) fn of_task(item: usize, source: processes::Error) -> Self {
        Error::Process { item, source: Arc::new(source) }
    }

    /// The same error of another item.
    pub(crate) fn of(self, item: usize) -> Self {
        match self {
            Error::Panicked { message, location, backtrace, .. } => {
                Error::Panicked { item: Some(item), message, location, backtrace }
            }
            Error::Process { source, .. } => Error::Process { item, source },
            Error::Timeout { limit, .. } => Error::Timeout { item, limit },
            other => other,
        }
    }
}

fn named(item: Option<usize>) -> String {
    item.map_or_else(|| "an item".into(), |item| format!("item {item}"))
}

fn at(location: Option<&str>) -> String {
    location.map_or_else(String::new, |location| format!(", at {location}"))
}
