//! A panic becomes a value: its message, and where it happened.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Error;

/// What is known of a panic.
#[derive(Debug)]
pub(crate) struct Panic {
    pub(crate) message: String,
    pub(crate) location: Option<String>,
}

impl Panic {
    /// What a payload tells: the message.
    pub(crate) fn from_payload(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        let message = text
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "with a payload that is no text".into());
        Self { message, location: None }
    }

    /// The error of the task in which it happened.
    pub(crate) fn of(self, task: &'static str) -> Error {
        Error::Panicked { task, message: self.message, location: self.location }
    }
}

thread_local! {
    /// Where the last panic of this thread happened: only the hook is told.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Whether a panic of this thread will be caught by [`catch`].
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Replaces the process's panic hook by one that keeps the location of panics
/// that [`catch`] catches, and leaves the others to the hook that was there.
///
/// A process that serves tasks does this once; a user's program keeps its own
/// hook, so there panics are caught without a location.
pub(crate) fn record_locations() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if CAUGHT.get() {
            LOCATION.set(info.location().map(ToString::to_string));
        } else {
            before(info);
        }
    }));
}

/// Runs `work`; a panic in it is returned.
///
/// What the work was changing may be left half changed: callers drop it or
/// put it back, as if the process had been lost.
pub(crate) fn catch<R>(work: impl FnOnce() -> R) -> Result<R, Panic> {
    let outer = CAUGHT.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(outer);
    result.map_err(|payload| Panic { location: LOCATION.take(), ..Panic::from_payload(&*payload) })
}
