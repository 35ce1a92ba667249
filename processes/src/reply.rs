//! How a task fared elsewhere, as the worker tells it and the caller reads it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Side};
use crate::panics;
use crate::wire::{self, LIMIT};

/// The head of a reply.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Reply {
    /// The output follows.
    Done,
    Panicked {
        message: String,
        location: Option<String>,
    },
    /// The names that there are.
    UnknownTask(Vec<String>),
    InputNotDecoded(String),
    OutputNotEncoded(String),
    /// The frame would have had so many bytes.
    OutputTooLarge(usize),
}

/// Appends exactly one reply: the one that `work` appends by [`done`], or the
/// reason why there is none. A panic is one, wherever it comes from: a
/// `Deserialize` that panics must not take the process with it.
pub(crate) fn answer(to: &mut Vec<u8>, work: impl FnOnce(&mut Vec<u8>) -> Result<(), Reply>) {
    let start = to.len();
    let outcome = panics::catch(|| work(to)).unwrap_or_else(|panic| {
        Err(Reply::Panicked { message: panic.message, location: panic.location })
    });
    if let Err(reply) = outcome {
        // An output may have been half written.
        to.truncate(start);
        wire::append(&reply, to).expect("strings and numbers always encode");
    }
}

/// Appends an output with its head.
pub(crate) fn done<Out: Serialize>(output: &Out, to: &mut Vec<u8>) -> Result<(), Reply> {
    wire::append(&Reply::Done, to)
        .and_then(|()| wire::append(output, to))
        .map_err(|e| Reply::OutputNotEncoded(e.to_string()))
}

/// What a reply means to the caller; `None` if it is no reply.
pub(crate) fn output<Out: DeserializeOwned>(
    task: &'static str,
    reply: &[u8],
) -> Option<Result<Out, Error>> {
    let (head, rest) = wire::decode_first(reply).ok()?;
    Some(match head {
        Reply::Done => wire::decode(rest).map_err(|e| Error::Decode {
            side: Side::Output,
            task,
            why: e.to_string(),
        }),
        Reply::Panicked { message, location } => Err(Error::Panicked { task, message, location }),
        Reply::UnknownTask(known) => Err(Error::UnknownTask { task, known }),
        Reply::InputNotDecoded(why) => Err(Error::Decode { side: Side::Input, task, why }),
        Reply::OutputNotEncoded(why) => Err(Error::Encode { side: Side::Output, task, why }),
        Reply::OutputTooLarge(bytes) => {
            Err(Error::TooLarge { side: Side::Output, task, bytes, limit: LIMIT })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(work: impl FnOnce(&mut Vec<u8>) -> Result<(), Reply>) -> Result<u64, Error> {
        let mut bytes = b"before".to_vec();
        answer(&mut bytes, work);
        assert_eq!(&bytes[..6], b"before");
        output("task", &bytes[6..]).expect("a whole reply")
    }

    #[test]
    fn an_output_comes_back() {
        assert_eq!(round_trip(|to| done(&7_u64, to)).ok(), Some(7));
    }

    #[test]
    fn what_was_half_written_is_taken_back() {
        let broken = round_trip(|to| {
            done(&7_u64, to)?;
            Err(Reply::OutputNotEncoded("on second thoughts".into()))
        });
        assert!(matches!(broken, Err(Error::Encode { side: Side::Output, .. })), "{broken:?}");
    }

    #[test]
    fn a_panic_comes_back_as_one() {
        let panicked = round_trip(|_| panic!("no"));
        assert!(matches!(panicked, Err(Error::Panicked { .. })), "{panicked:?}");
    }

    #[test]
    fn bytes_that_are_no_reply_are_none() {
        assert!(output::<u64>("task", &[]).is_none());
        assert!(output::<u64>("task", &[250]).is_none());
    }
}
