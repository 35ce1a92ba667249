//! What can go wrong with work that runs elsewhere.

use std::any::Any;
use std::io;

use tokio::task::JoinError;

/// Why a thread or task came back without a result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The work panicked. Its thread or task ended, and no other.
    #[error("the work panicked: {0}")]
    Panicked(String),
    /// The task was aborted, or its runtime shut down.
    #[error("the task was cancelled before it ended")]
    Cancelled,
    /// The system will not run so many threads.
    #[error("the system refused a thread after {started} of {wanted}")]
    Refused {
        /// How many had started.
        started: usize,
        /// How many were asked for.
        wanted: usize,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// From what a panicking thread leaves to whoever joins it.
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Self::Panicked(text.unwrap_or_else(|| "with a payload that is no text".into()))
    }
}

impl From<JoinError> for Error {
    fn from(error: JoinError) -> Self {
        match error.try_into_panic() {
            Ok(panic) => Self::panicked(&*panic),
            Err(_) => Self::Cancelled,
        }
    }
}
