//! How a task failed elsewhere, as the worker tells it and the caller reads it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::{Error, Side};
use crate::panics::{self, Panic};
use crate::timed::Span;
use crate::wire::LIMIT;

/// What stands in the place of an output.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Failure {
    Panicked {
        message: String,
        location: Option<String>,
        backtrace: Option<String>,
    },
    /// The names that there are.
    UnknownTask(Vec<String>),
    InputNotDecoded(String),
    OutputNotEncoded(String),
    /// The task's own error could not be encoded: what it says, and why not.
    ErrorNotEncoded {
        error: String,
        why: String,
    },
    /// The frame would have had so many bytes.
    OutputTooLarge(usize),
    /// A failure of a request that asks for times.
    Timed(Span, Box<Failure>),
}

impl From<Panic> for Failure {
    fn from(Panic { message, location, backtrace }: Panic) -> Self {
        Failure::Panicked { message, location, backtrace }
    }
}

/// What a reply means to the caller; `None` if it is no reply.
#[inline]
pub(crate) fn output<Out: DeserializeOwned>(
    task: &'static str,
    failed: bool,
    reply: &[u8],
) -> Option<Result<Out, Error>> {
    if failed {
        return failure(task, reply).map(Err);
    }
    Some(codec::decode(reply).map_err(|e| Error::Decode {
        side: Side::Output,
        task,
        why: e.to_string(),
    }))
}

/// Runs `work` in a child that answers once: the bytes that [`answered`] reads.
pub(crate) fn answer<Out: Serialize>(work: impl FnOnce() -> Out) -> Vec<u8> {
    let mut bytes = vec![0];
    let outcome = panics::catch(|| {
        codec::encode(&work(), &mut bytes).map_err(|e| Failure::OutputNotEncoded(e.to_string()))
    });
    if let Err(failure) = outcome.unwrap_or_else(|panic| Err(panic.into())) {
        // An output may have been half written.
        bytes = vec![1];
        codec::encode(&failure, &mut bytes).expect("strings and numbers always encode");
    }
    bytes
}

/// What such a child answered; `None` if it is no answer.
pub(crate) fn answered<Out: DeserializeOwned>(
    task: &'static str,
    bytes: &[u8],
) -> Option<Result<Out, Error>> {
    let ([failed], reply) = bytes.split_first_chunk()?;
    output(task, *failed != 0, reply)
}

fn failure(task: &'static str, reply: &[u8]) -> Option<Error> {
    Some(said(task, codec::decode(reply).ok()?))
}

fn said(task: &'static str, failure: Failure) -> Error {
    match failure {
        Failure::Panicked { message, location, backtrace } => {
            Error::Panicked { task, message, location, backtrace }
        }
        Failure::UnknownTask(known) => Error::UnknownTask { task, known },
        Failure::InputNotDecoded(why) => Error::Decode { side: Side::Input, task, why },
        Failure::OutputNotEncoded(why) => Error::Encode { side: Side::Output, task, why },
        Failure::ErrorNotEncoded { error, why } => Error::Unsendable { task, error, why },
        Failure::OutputTooLarge(bytes) => {
            Error::TooLarge { side: Side::Output, task, bytes, limit: LIMIT }
        }
        Failure::Timed(_, failure) => said(task, *failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_comes_back() {
        let seven = 7_u64.to_le_bytes();
        assert_eq!(output("task", false, &seven).expect("a reply").ok(), Some(7_u64));
        let other = output::<u8>("task", false, &seven).expect("a reply");
        assert!(matches!(other, Err(Error::Decode { side: Side::Output, .. })), "{other:?}");
    }

    #[test]
    fn a_failure_comes_back() {
        let mut bytes = Vec::new();
        codec::encode(&Failure::OutputNotEncoded("no".into()), &mut bytes).expect("it encodes");
        let failed = output::<u64>("task", true, &bytes).expect("a reply");
        assert!(matches!(failed, Err(Error::Encode { side: Side::Output, .. })), "{failed:?}");
    }

    #[test]
    fn a_child_answers_once() {
        assert_eq!(answered("task", &answer(|| 7_u64)).expect("a reply").ok(), Some(7_u64));
        let panicked = answered::<u64>("task", &answer(|| -> u64 { panic!("no") }));
        assert!(matches!(panicked, Some(Err(Error::Panicked { .. }))), "{panicked:?}");
        assert!(answered::<u64>("task", &[]).is_none());
    }

    #[test]
    fn bytes_that_are_no_failure_are_none() {
        assert!(output::<u64>("task", true, &[]).is_none());
        assert!(output::<u64>("task", true, &[250]).is_none());
    }
}
