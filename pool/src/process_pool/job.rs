//! What is to be done, without its types: so one engine serves every task.

use std::ops::Range;

use processes::{Killer, Replies, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, panics};

/// A request stops growing at so many bytes: what does not fit into the
/// socket's buffer waits for the worker anyway.
const ENOUGH: usize = 128 << 10;

/// One task on items that are counted from zero.
///
/// The engine says of every item exactly once what became of it, by `deliver`
/// or by `fail`.
pub(crate) trait Job: Send + Sync {
    /// The task's name.
    fn task(&self) -> &'static str;

    /// Pushes items of the range, in order, as long as they fit well.
    fn encode(&self, items: Range<usize>, request: &mut Request<'_>) -> Encoded;

    /// Takes the outcomes of the items from `first` on.
    fn deliver(&self, first: usize, replies: &mut Replies<'_>);

    /// These items have come to nothing.
    fn fail(&self, items: Range<usize>, error: &Error);

    /// It is about to be sent to the worker that this kills; `false` if nobody
    /// wants it any more, and then nothing more is said of it.
    fn begin(&self, _: &Killer) -> bool {
        true
    }

    /// What to say in the place of its worker's death, if the worker was
    /// killed because of this very job.
    fn cancelled(&self) -> Option<Error> {
        None
    }
}

/// How many items were encoded, and what is wrong with the next, if anything.
pub(crate) struct Encoded {
    pub(crate) items: usize,
    pub(crate) failed: Option<Error>,
}

/// [`Job::encode`] of a slice; `first` is the number of its first item.
pub(crate) fn encode<In: Serialize>(
    task: &'static str,
    inputs: &[In],
    first: usize,
    request: &mut Request<'_>,
) -> Encoded {
    let before = request.items();
    // One `catch_unwind` for all; a panic leaves the request as it was before.
    let failed = match panics::catch(|| request.extend(inputs, ENOUGH)) {
        Ok(Ok(_)) => None,
        Ok(Err(e)) => Some(e),
        Err(panic) => {
            let items = request.items() - before;
            return Encoded { items, failed: Some(panic.of_task(task).of(first + items)) };
        }
    };
    let items = request.items() - before;
    Encoded { items, failed: failed.map(|e| Error::of_task(task, e).of(first + items)) }
}

/// Decodes replies; `first` is the number of the first. Outputs are appended
/// to `outputs`, failures to `errors`.
pub(crate) fn decode<Out: DeserializeOwned>(
    task: &'static str,
    first: usize,
    replies: &mut Replies<'_>,
    outputs: &mut Vec<Out>,
    errors: &mut Vec<(usize, Error)>,
) {
    let last = first + replies.left();
    let before = outputs.len() + errors.len();
    while replies.left() > 0 {
        let caught = panics::catch(|| {
            loop {
                replies.take_outputs(outputs);
                let item = last - replies.left();
                match replies.next(task) {
                    Some(Ok(output)) => outputs.push(output),
                    Some(Err(e)) => errors.push((item, Error::of_task(task, e).of(item))),
                    None => break,
                }
            }
        });
        if let Err(panic) = caught {
            let item = first + outputs.len() + errors.len() - before;
            if item == last - replies.left() {
                // It was thrown before the reply was taken off.
                replies.skip();
            }
            errors.push((item, panic.of_task(task).of(item)));
        }
    }
}
