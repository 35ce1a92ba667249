//! When a call began and ended, for who draws a timeline.
//!
//! Only a request that [asks for it](crate::Worker::timed_request) has it: then
//! the worker looks at the clock twice an item, and puts both times behind the
//! output, or around the failure. Any other request is what it was.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::batch::Work;
use crate::codec::{self, Encoder};
use crate::panics;
use crate::reply::Failure;

/// In the place of a task's name: every item of the request names its own, and
/// is answered with its times.
pub(crate) const TIMED: &str = "\0timed";

/// How many bytes it takes behind an output.
const BYTES: usize = 16;

/// When something began and ended, by [`now_ns`].
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Span {
    /// When it began.
    pub begin_ns: u64,
    /// When it ended; not before it began.
    pub end_ns: u64,
}

/// Nanoseconds on a clock that never goes back and that all processes of this
/// machine share (`CLOCK_MONOTONIC`), so what two of them say of it can be
/// compared. Some 30 ns.
pub fn now_ns() -> u64 {
    // It is refused only to who asks for a clock that there is not.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
    now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}

impl Span {
    /// What `work` returns, and how long it was at it.
    ///
    /// ```
    /// let (sum, span) = processes::Span::of(|| 1 + 1);
    /// assert!(sum == 2 && span.begin_ns <= span.end_ns);
    /// ```
    pub fn of<R>(work: impl FnOnce() -> R) -> (R, Self) {
        let begin_ns = now_ns();
        let result = work();
        (result, Self { begin_ns, end_ns: now_ns() })
    }
}

/// Work whose answers have their times with them.
pub(crate) struct Timed<W>(pub(crate) W);

impl<W: Work> Work for Timed<W> {
    fn answer(&self, input: &[u8], replies: &mut Encoder) -> Result<(), Box<Failure>> {
        let (answered, span) = Span::of(|| panics::catch(|| self.0.answer(input, replies)));
        let failure = match answered {
            Ok(Ok(())) => {
                return codec::append(&span, replies)
                    .map_err(|e| Box::new(Failure::OutputNotEncoded(e.to_string())));
            }
            Ok(Err(failure)) => failure,
            Err(panic) => Box::new(panic.into()),
        };
        Err(Box::new(Failure::Timed(span, failure)))
    }
}

/// Takes the times off a reply: what is left, and the times, if it has any.
pub(crate) fn untimed(failed: bool, reply: &[u8]) -> (Vec<u8>, Option<Span>) {
    if !failed {
        let parts = reply.split_at_checked(reply.len().wrapping_sub(BYTES));
        let parts = parts.and_then(|(output, span)| Some((output, codec::decode(span).ok()?)));
        return parts.map_or((reply.into(), None), |(output, span)| (output.into(), Some(span)));
    }
    match codec::decode(reply) {
        Ok(Failure::Timed(span, failure)) => {
            let mut bytes = Vec::new();
            codec::encode(&*failure, &mut bytes).expect("strings and numbers always encode");
            (bytes, Some(span))
        }
        // What a worker says of a reply that did not fit has none.
        _ => (reply.into(), None),
    }
}
