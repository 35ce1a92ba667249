//! A panic as a value.

use std::any::Any;

/// A thread panicked instead of returning: which one, and what it said.
///
/// Shape: `index` is the position of its item among those given, from 0;
/// `message` is the text that it panicked with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("thread {index} panicked: {message}")]
pub struct Panicked {
    /// The position of its item, from 0.
    pub index: usize,
    /// The text that it panicked with.
    pub message: String,
}

impl Panicked {
    pub(crate) fn new(index: usize, payload: &(dyn Any + Send)) -> Self {
        // `panic!` leaves a `&str` when its message is a literal and a `String`
        // when it was formatted; only `panic_any` leaves anything else.
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        let message = text
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "with a payload that is no text".into());
        Self { index, message }
    }
}
