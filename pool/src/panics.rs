//! A panic of a task becomes a value: what it said, where, and on which way.
//!
//! The payload of a panic is what it said; where it happened only the panic
//! hook is told. So the first pool of a program puts a hook in front of the one
//! that is there. It notes the place of panics that a pool will catch, and then
//! calls the other, which prints what it always printed. A program that sets a
//! hook of its own *later* replaces both; panics then have no place.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::{Error, error};

/// What is known of a panic.
#[derive(Clone, Debug)]
pub(crate) struct Panic {
    message: String,
    place: Place,
}

#[derive(Clone, Debug, Default)]
struct Place {
    location: Option<String>,
    backtrace: Option<error::Backtrace>,
}

impl Panic {
    /// The error of the item in which it happened.
    pub(crate) fn of(self, item: Option<usize>) -> Error {
        let Place { location, backtrace } = self.place;
        Error::Panicked { item, task: None, message: self.message, location, backtrace }
    }

    /// The error of a value of this task that threw it here.
    pub(crate) fn of_task(self, name: &'static str) -> Error {
        let Place { location, backtrace } = self.place;
        let (item, task) = (None, Some(name));
        Error::Panicked { item, task, message: self.message, location, backtrace }
    }

    /// What it said.
    pub(crate) fn message(self) -> String {
        self.message
    }
}

thread_local! {
    /// How many calls of [`catch`] this thread is in.
    static CATCHING: Cell<usize> = const { Cell::new(0) };
    /// Where the last panic of this thread happened.
    static PLACE: RefCell<Place> = const { RefCell::new(Place { location: None, backtrace: None }) };
}

/// Runs `work`; a panic in it is returned.
///
/// What the work was changing stays as the panic left it, as with
/// `std::thread::scope`.
pub(crate) fn catch<R>(work: impl FnOnce() -> R) -> Result<R, Panic> {
    let outer = CATCHING.try_with(|depth| depth.replace(depth.get() + 1));
    // What `work` throws on from elsewhere must not get an old panic's place.
    let _ = PLACE.try_with(RefCell::take);
    let result = catch_unwind(AssertUnwindSafe(work));
    if let Ok(outer) = outer {
        // A thread that ends may have lost its variables in the meantime.
        let _ = CATCHING.try_with(|depth| depth.set(outer));
    }
    result.map_err(|payload| {
        // Before the payload is dropped, which may panic in another place.
        let place = PLACE.try_with(RefCell::take).unwrap_or_default();
        Panic { message: processes::message_of(payload), place }
    })
}

/// Drops a value of the user's in a thread of ours, which lives on if that
/// panics; the hook has told of it.
pub(crate) fn drop_quietly<T>(value: T) {
    let _ = catch(|| drop(value));
}

/// Puts our hook before the one that is there; once a process.
pub(crate) fn note_places() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if CATCHING.try_with(Cell::get).unwrap_or(0) > 0 {
                // `capture` looks at RUST_BACKTRACE: nobody pays unasked.
                let backtrace = Backtrace::capture();
                let place = Place {
                    location: info.location().map(ToString::to_string),
                    backtrace: (backtrace.status() == BacktraceStatus::Captured)
                        .then(|| error::Backtrace::new(backtrace.to_string())),
                };
                let _ = PLACE.try_with(|noted| noted.replace(place));
            }
            before(info);
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    #[test]
    fn message_and_location_of_a_panic() {
        note_places();
        let line = line!() + 1;
        let caught = catch(|| panic!("no {}", 7)).expect_err("it panics");
        match caught.of(Some(3)) {
            Error::Panicked { item: Some(3), message, location: Some(location), .. } => {
                assert_eq!(message, "no 7");
                assert!(location.contains(&format!("panics.rs:{line}:")), "{location}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_place_is_that_of_the_panic_and_not_of_its_payload() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic_any(7);
            }
        }
        note_places();
        let line = line!() + 1;
        let caught = catch(|| panic_any(Bomb)).expect_err("it panics");
        match caught.of(None) {
            Error::Panicked { item: None, message, location: Some(location), .. } => {
                assert!(message.contains("no text"), "{message}");
                assert!(location.contains(&format!("panics.rs:{line}:")), "{location}");
            }
            other => panic!("{other:?}"),
        }
        // The payload's own panic has been noted as well, and is no later one's.
        assert_eq!(catch(|| 5).ok(), Some(5));
    }

    #[test]
    fn catches_nest() {
        note_places();
        let outer = catch(|| {
            let inner = catch(|| panic!("inner")).expect_err("it panics");
            assert_eq!(inner.message(), "inner");
            panic!("outer")
        });
        assert_eq!(outer.expect_err("it panics").message(), "outer");
    }
}
