//! What a worker has answered, taken out one by one or many at once.

use serde::de::DeserializeOwned;

use crate::call::Answer;
use crate::codec;
use crate::error::{Error, Side};
use crate::fill::fill;
use crate::reply;
use crate::timed::{Span, untimed};
use crate::wire::Items;

/// What a worker has answered, in order.
#[derive(Debug)]
pub struct Replies<'a> {
    pub(super) items: Items<'a>,
    /// Whether nothing more will come for the request.
    pub last: bool,
}

impl Replies<'_> {
    /// How many are left.
    pub fn left(&self) -> usize {
        self.items.left()
    }

    /// Appends outputs, as long as there is no failure, and no output that
    /// cannot be decoded: what comes then, [`next`](Self::next) says. The same
    /// as calling that again and again, and faster.
    pub fn take_outputs<Out: DeserializeOwned>(&mut self, to: &mut Vec<Out>) {
        /// Takes off what has been decoded, also when a `Deserialize` panics.
        struct Decoded<'r, 'a> {
            items: &'r mut Items<'a>,
            count: usize,
        }
        impl Drop for Decoded<'_, '_> {
            fn drop(&mut self) {
                self.items.advance(self.count);
            }
        }
        while let Some((count, length, mut rest)) = self.items.successes() {
            // Room for more is taken when so much has come.
            let most = count.min(1 << 16);
            let mut decoded = Decoded { items: &mut self.items, count: 0 };
            fill(to, most, || {
                let (reply, after) = rest.split_at(length);
                let output = codec::decode(reply).ok()?;
                rest = after;
                decoded.count += 1;
                Some(output)
            });
            if decoded.count < most {
                return;
            }
        }
    }

    /// Leaves the next output out.
    pub fn skip(&mut self) {
        self.items.next();
    }

    /// The next answer as it came.
    pub fn next_answer(&mut self) -> Option<Answer> {
        self.items.next().map(|(failed, reply)| Answer::new(failed, reply.to_vec()))
    }

    /// The next answer to a [timed request](super::Worker::timed_request), and its times:
    /// all have some but outputs that are too large.
    pub fn next_timed_answer(&mut self) -> Option<(Answer, Option<Span>)> {
        let (failed, reply) = self.items.next()?;
        let (bytes, span) = untimed(failed, reply);
        Some((Answer::new(failed, bytes), span))
    }

    /// The next output, or why there is none. If its `Deserialize` panics, that
    /// is the end of it, and those after it are still there.
    #[inline]
    pub fn next<Out: DeserializeOwned>(
        &mut self,
        task: &'static str,
    ) -> Option<Result<Out, Error>> {
        let (failed, reply) = self.items.next()?;
        Some(reply::output(task, failed, reply).unwrap_or_else(|| {
            Err(Error::Decode {
                side: Side::Output,
                task,
                why: "it is neither an output nor a failure".into(),
            })
        }))
    }
}
