//! What can go wrong between a caller and a task in another process.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::status::Exit;

/// Why a task brought no result, or a process could not be had.
///
/// Only [`Died`](Error::Died), [`Unresponsive`](Error::Unresponsive),
/// [`Memory`](Error::Memory), [`Protocol`](Error::Protocol) and [`Io`](Error::Io)
/// end the worker; after any other error it serves on.
/// The error can be cloned, for one death may be the answer to several calls.
/// Its `Debug` form is the same sentence as its `Display` form: that is what
/// `unwrap` shows, and a `main` that returns it. With `{:#}` (not `{:#?}`) the
/// backtrace of a panic stands below it, if there is one.
#[derive(Clone, Error)]
#[non_exhaustive]
pub enum Error {
    /// This program starts workers but has not said where they begin.
    #[error(
        "this program has not claimed the worker entry: make \
         `processes::worker_entry(registry);` the first line of `main` (in a test harness: \
         `processes::test_worker_entry(\"worker_entry\", registry);` in a \
         `#[test] fn worker_entry()` and before the first worker)"
    )]
    EntryNotClaimed,

    /// The system would not start another process.
    #[error("cannot start a process: {0}")]
    Spawn(#[source] Arc<io::Error>),

    /// A process was started but never became a worker of this program.
    #[error("process {pid} did not become a worker: {why}")]
    Handshake {
        /// The process, which is gone by now.
        pid: u32,
        /// What happened instead of a greeting.
        why: String,
    },

    /// The process ended before it answered; exiting with 0 is a death too.
    #[error("worker {pid} died in task {task}: {exit}{}", said(stderr))]
    Died {
        /// The process, which has been reaped.
        pid: u32,
        /// The task that it had been given.
        task: &'static str,
        /// How it ended.
        exit: Exit,
        /// The end of what it wrote to standard error, at most 4 KiB, if that
        /// was kept: a pool keeps it, a single [`Worker`](crate::Worker) does not.
        stderr: String,
    },

    /// A worker on another machine was lost: nobody here knows how it ended.
    #[error("worker {worker} was lost in task {task}")]
    Lost {
        /// What its cluster calls it.
        worker: String,
        /// The task that it had been given.
        task: &'static str,
    },

    /// The process gave no sign of life for so long, as if it was stopped, and
    /// was killed.
    #[error("worker {pid} gave no sign of life for {silence:?} in task {task}, and was killed")]
    Unresponsive {
        /// The process, which has been reaped.
        pid: u32,
        /// The task that it had been given.
        task: &'static str,
        /// How long it was waited for.
        silence: Duration,
    },

    /// The process had more memory than it may have, and was killed.
    #[error(
        "worker {pid} had {bytes} bytes of memory in task {task}, over its limit of {limit}, \
         and was killed"
    )]
    Memory {
        /// The process, which has been reaped.
        pid: u32,
        /// The task that it was at.
        task: &'static str,
        /// How much it had when it was found.
        bytes: u64,
        /// How much it may have.
        limit: u64,
    },

    /// The task panicked; the process that ran it lives on.
    #[error(fmt = panicked)]
    Panicked {
        /// The task.
        task: &'static str,
        /// The panic's message.
        message: String,
        /// File, line and column, where the process records them: workers and
        /// forked children do, threads of this program do not.
        location: Option<String>,
        /// How the task came there, if the process was started with
        /// `RUST_BACKTRACE=1`: many lines, which only `{:#}` shows.
        backtrace: Option<String>,
    },

    /// The task returned an error that could not be sent: this is what it
    /// said. Only tasks registered by
    /// [`Registry::with_fallible`](crate::Registry::with_fallible) say it.
    #[error("task {task} failed: {error} (the error itself cannot be encoded: {why})")]
    Unsendable {
        /// The task.
        task: &'static str,
        /// The error's own text.
        error: String,
        /// What its `Serialize` said.
        why: String,
    },

    /// The worker's registry has no task of that name.
    #[error("no task is registered as {task:?}; there are {known:?}")]
    UnknownTask {
        /// The name that was called.
        task: &'static str,
        /// The names that are registered, sorted.
        known: Vec<String>,
    },

    /// A value could not be turned into bytes.
    #[error("the {side} of task {task} cannot be encoded: {why}")]
    Encode {
        /// Which value.
        side: Side,
        /// The task.
        task: &'static str,
        /// What its `Serialize` said.
        why: String,
    },

    /// Bytes could not be turned back into the value.
    #[error("the {side} of task {task} cannot be decoded: {why}")]
    Decode {
        /// Which value.
        side: Side,
        /// The task.
        task: &'static str,
        /// What its `Deserialize` said.
        why: String,
    },

    /// A value is larger than a frame may be.
    #[error("the {side} of task {task} takes {bytes} bytes; a frame holds at most {limit}")]
    TooLarge {
        /// Which value.
        side: Side,
        /// The task.
        task: &'static str,
        /// The size of the frame that was not sent.
        bytes: usize,
        /// The largest that is.
        limit: usize,
    },

    /// A worker answered what no worker of this program answers. It is killed.
    #[error("worker {pid} broke the protocol: {why}")]
    Protocol {
        /// The process.
        pid: u32,
        /// What was wrong with its answer.
        why: String,
    },

    /// `fork` was asked for beside other threads, whose locks the child would
    /// inherit locked for ever.
    #[error("cannot fork: this process has {threads} threads, and only one survives in the child")]
    Threads {
        /// The number of threads.
        threads: usize,
    },

    /// A system call failed.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What it was for.
        doing: &'static str,
        /// What the system said.
        source: Arc<io::Error>,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not as `f` asks: `{:#?}` of a value that holds this is no place for a
        // backtrace.
        write!(f, "{self}")
    }
}

fn panicked(
    task: &&'static str,
    message: &String,
    location: &Option<String>,
    backtrace: &Option<String>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "task {task} panicked: {message}")?;
    if let Some(location) = location {
        write!(f, " (at {location})")?;
    }
    match backtrace {
        Some(backtrace) if f.alternate() => write!(f, "\n{}", backtrace.trim_end()),
        _ => Ok(()),
    }
}

/// Which of a task's two values, and with it which process: the caller encodes
/// inputs and decodes outputs, the worker the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The value that goes to the worker.
    Input,
    /// The value that comes back.
    Output,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Input => "input",
            Side::Output => "output",
        })
    }
}

/// For `map_err`: says what a failed system call was for.
pub(crate) fn cannot<E: Into<io::Error>>(doing: &'static str) -> impl FnOnce(E) -> Error {
    move |source| Error::Io { doing, source: Arc::new(source.into()) }
}

pub(crate) fn said(stderr: &str) -> String {
    match stderr.trim_end() {
        "" => String::new(),
        stderr => format!("; its last words: {stderr}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_is_shown_to_who_asks_for_it() {
        let panicked = Error::Panicked {
            task: "cube",
            message: "too large".into(),
            location: Some("src/main.rs:3:5".into()),
            backtrace: Some("   0: one\n   1: two\n".into()),
        };
        let brief = "task cube panicked: too large (at src/main.rs:3:5)";
        assert_eq!(panicked.to_string(), brief);
        assert_eq!(format!("{panicked:?}"), brief);
        assert_eq!(format!("{panicked:#?}"), brief);
        assert_eq!(format!("{panicked:#}"), format!("{brief}\n   0: one\n   1: two"));
    }
}
