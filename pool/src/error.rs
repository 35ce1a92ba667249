//! What can go wrong in a pool.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// Why a pool could not be made, or an item or a task has no result.
///
/// Items are those of a map, counted from zero as they stand in the slice or come
/// from the iterator. What was submitted is no item: its error has none, and where
/// the task has a name the error says that.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A pool of no workers was asked for.
    #[error("a pool needs at least one worker")]
    NoWorkers,
    /// The system gave no thread.
    #[error("cannot start a thread of the pool: {0}")]
    Thread(Arc<io::Error>),
    /// The function panicked in this process. The worker lives on.
    #[error("{} panicked: {message}{}", named(*item, *task), at(location.as_deref()))]
    Panicked {
        /// The item, if it was one of a map, and the pool knows it; rayon does not
        /// say.
        item: Option<usize>,
        /// The task whose input or output panicked while it was encoded or
        /// decoded here, for a pool of processes.
        task: Option<&'static str>,
        /// What the panic said; a payload that is no text says so.
        message: String,
        /// File, line and column, unless the program has set a panic hook of
        /// its own since it made its first pool.
        location: Option<String>,
        /// The way to the panic, if `RUST_BACKTRACE` asks for it.
        backtrace: Option<Backtrace>,
    },
    /// The initializer of the pool failed or panicked. It was not tried again.
    #[error("the initializer failed: {message}")]
    Initializer {
        /// What it returned or said, as text.
        message: String,
    },
    /// Its handle has dropped the task before it began, or has killed the process
    /// that ran it.
    #[error("the task was cancelled")]
    Cancelled,
    /// The pool has been shut down, killed or dropped, and takes no more. What
    /// waited when it was killed or dropped did not begin; what ran in its
    /// processes then was ended in the middle.
    #[error("the pool is closed")]
    Closed,
    /// A worker process could not be started, when the pool was made or in the
    /// place of one that had died.
    #[error("cannot start a worker process: {0}")]
    Spawn(Arc<processes::Error>),
    /// The item or task took longer than the pool's deadline. Its process was
    /// killed, and another has taken the place.
    #[error("{} was not done after {limit:?}; its process was killed", named(*item, Some(task)))]
    Timeout {
        /// The item, if it was one of a map.
        item: Option<usize>,
        /// The task.
        task: &'static str,
        /// The deadline.
        limit: Duration,
    },
    /// The item or task was given to another process and came to nothing there: its
    /// function panicked, or the process died, or its input or its result could
    /// not be sent.
    #[error("{} has no result: {source}", named(*item, Some(task)))]
    Process {
        /// The item, if it was one of a map.
        item: Option<usize>,
        /// The task.
        task: &'static str,
        /// What happened. If the process died, so did the results that it had
        /// not sent yet: those of at most a millisecond's work.
        source: Arc<processes::Error>,
    },
}

/// The way to a panic, as text. What [`Debug`](fmt::Debug) says of it is short, so
/// that an error that ends `main` is still a line.
#[derive(Clone)]
pub struct Backtrace(Arc<str>);

impl Backtrace {
    pub(crate) fn new(text: String) -> Self {
        Self(text.into())
    }
}

impl Deref for Backtrace {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines", self.0.lines().count())
    }
}

impl Error {
    /// A task came to nothing in another process.
    pub(crate) fn of_task(task: &'static str, source: processes::Error) -> Self {
        Error::Process { item: None, task, source: Arc::new(source) }
    }

    /// The same error, of an item of a map.
    pub(crate) fn of(mut self, number: usize) -> Self {
        if let Error::Panicked { item, .. }
        | Error::Process { item, .. }
        | Error::Timeout { item, .. } = &mut self
        {
            *item = Some(number);
        }
        self
    }

    /// The same error, of something that was submitted.
    pub(crate) fn of_no_item(mut self) -> Self {
        if let Error::Panicked { item, .. }
        | Error::Process { item, .. }
        | Error::Timeout { item, .. } = &mut self
        {
            *item = None;
        }
        self
    }
}

fn named(item: Option<usize>, task: Option<&str>) -> String {
    match (item, task) {
        (Some(item), _) => format!("item {item}"),
        (None, Some(task)) => format!("task {task}"),
        (None, None) => "the function".into(),
    }
}

fn at(location: Option<&str>) -> String {
    location.map_or_else(String::new, |location| format!(", at {location}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_makes_no_error_long() {
        let error = Error::Panicked {
            item: Some(3),
            task: None,
            message: "no".into(),
            location: None,
            backtrace: Some(Backtrace::new("0: one\n1: two\n".into())),
        };
        assert_eq!(error.to_string(), "item 3 panicked: no");
        assert!(format!("{error:?}").contains("backtrace: Some(2 lines)"), "{error:?}");
        let Error::Panicked { backtrace: Some(backtrace), .. } = error else { unreachable!() };
        assert!(backtrace.starts_with("0: one") && backtrace.to_string().ends_with("two\n"));
    }
}
