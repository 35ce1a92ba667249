//! A panic becomes a value: its message, and where it happened.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Error;

/// What is known of a panic.
#[derive(Debug)]
pub(crate) struct Panic {
    pub(crate) message: String,
    pub(crate) location: Option<String>,
    /// If `RUST_BACKTRACE` asked for it.
    pub(crate) backtrace: Option<String>,
}

/// What a caught panic said, if it said it in text, as `panic!` does; uses the
/// payload up without letting it panic again.
///
/// ```
/// let payload = std::panic::catch_unwind(|| panic!("no {}", 7)).expect_err("it panics");
/// assert_eq!(processes::message_of(payload), "no 7");
/// ```
pub fn message_of(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    let message = text
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "with a payload that is no text".into());
    // A payload may panic when it is dropped, and so may what that throws:
    // the first is caught, the second leaked, and the caller lives on.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    message
}

impl Panic {
    /// What a payload tells: the message.
    pub(crate) fn from_payload(payload: Box<dyn Any + Send>) -> Self {
        Self { message: message_of(payload), location: None, backtrace: None }
    }

    /// The error of the task in which it happened.
    pub(crate) fn of(self, task: &'static str) -> Error {
        let Self { message, location, backtrace } = self;
        Error::Panicked { task, message, location, backtrace }
    }
}

thread_local! {
    /// Where the last panic of this thread happened, and by which way it came
    /// there: only the hook is told.
    static LOCATION: RefCell<(Option<String>, Option<String>)> =
        const { RefCell::new((None, None)) };
    /// Whether a panic of this thread will be caught by [`catch`].
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Replaces the process's panic hook by one that keeps the place of a task's
/// panic for its answer and prints nothing of it, and leaves other panics to the
/// hook that was there.
///
/// A process that serves tasks does this once; a user's program keeps its own
/// hook, so there panics are caught without a place.
pub fn record_locations() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if CAUGHT.get() {
            let backtrace = Backtrace::capture();
            let captured = backtrace.status() == BacktraceStatus::Captured;
            let backtrace = captured.then(|| backtrace.to_string());
            LOCATION.set((info.location().map(ToString::to_string), backtrace));
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
    result.map_err(|payload| {
        // Before the payload is dropped, which may panic in another place.
        let (location, backtrace) = LOCATION.take();
        Panic { location, backtrace, ..Panic::from_payload(payload) }
    })
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    #[test]
    fn a_payload_that_is_no_text_and_panics_when_dropped() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic_any(7);
            }
        }
        let payload = catch_unwind(|| panic_any(Bomb)).expect_err("it panics");
        assert_eq!(message_of(payload), "with a payload that is no text");
        let panic = catch(|| panic_any(Bomb)).expect_err("it panics");
        assert_eq!(panic.message, "with a payload that is no text");
    }
}
