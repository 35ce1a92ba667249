//! A request at work: inputs become replies, whatever the task does.

use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::codec::{self, Encoder};
use crate::control::Slot;
use crate::outbox::{self, Outbox};
use crate::panics;
use crate::reply::Failure;
use crate::wire::{Frame, Items};

/// Replies wait for each other at most so long, if the next item lets them.
const HASTE: Duration = Duration::from_millis(1);

/// How long a block of items is to take: the worker looks at the clock between
/// blocks, and what it has claimed, nobody else can do in its place.
const BLOCK: Duration = Duration::from_micros(50);

/// The most items of a block.
const MOST: u32 = 1 << 12;

/// A request of at most so many items is a few calls rather than a map.
const FEW: usize = 16;

/// What makes of an input's bytes those of an output.
pub(crate) trait Work {
    /// Appends the output's bytes, or says why there are none.
    fn answer(&self, input: &[u8], replies: &mut Encoder) -> Result<(), Box<Failure>>;
}

/// What a task is given: the inputs of a request, and a place for replies.
pub(crate) struct Batch<'a> {
    pub(crate) inputs: Items<'a>,
    /// What of the request is still the worker's.
    pub(crate) slot: &'a Slot,
    /// Replies that nobody else sees yet.
    pub(crate) replies: &'a mut Frame,
    /// Where replies go.
    pub(crate) outbox: &'a Outbox,
    /// The most bytes of a frame of replies.
    pub(crate) limit: usize,
    /// Whether each reply is sent before the next item is begun.
    pub(crate) each: bool,
    /// Whether each item names its own task, and so tells nothing of the next.
    pub(crate) mixed: bool,
}

/// The fewest items of a block, if a block of `most` takes no longer than it
/// should: not worth the time in which they are claimed one by one.
fn least(most: u32) -> u32 {
    (most / 16).max(1)
}

impl Batch<'_> {
    /// Answers each input by what `work` appends, in order, until no input is
    /// left or the rest has been taken back. A failure or a panic is the answer
    /// to its own input: a `Deserialize` that panics must not take the process
    /// with it.
    ///
    /// Replies go in one frame, unless they take more than `limit` bytes
    /// together, or their items more than a millisecond. An item whose reply
    /// takes more than `limit` by itself fails alone.
    ///
    /// While an item of a mixed request runs, or one of a few, the replies to those
    /// before it are in the outbox, where they do not wait for it. Of many items of
    /// one task, which are a map whose caller wants all of them, they do.
    ///
    /// # Errors
    /// If replies cannot be sent, or the request makes no sense.
    pub(crate) fn answer(&mut self, work: &impl Work) -> io::Result<()> {
        outbox::start(self.replies);
        let mut sent = Instant::now();
        let (mut begun, mut most) = (sent, 1);
        let few = self.mixed || self.inputs.left() <= FEW;
        let lends = few && !self.each && self.outbox.is_watched();
        let mut next = 0;
        while let Some(block) = self.slot.claim(if self.each { 1..=1 } else { least(most)..=most })
        {
            let now = Instant::now();
            let took = now - begun;
            begun = now;
            // Blocks that are done at once grow, those that are not shrink.
            most = if took < BLOCK { (2 * most).min(MOST) } else { (most / 4).max(1) };
            if self.each || now - sent > HASTE {
                self.flush()?;
                sent = now;
            }
            while next < block.end {
                // One `catch_unwind` for the whole block costs nothing while
                // nothing panics. After a panic it begins again one item on.
                let before = self.replies.items();
                let end = if lends { next + 1 } else { block.end };
                let caught = panics::catch(|| self.some(next..end, work));
                // What is not answered by an output is answered by its failure.
                let failure = match caught {
                    Ok(Ok(())) => None,
                    Ok(Err(failure)) => Some(failure),
                    Err(panic) => Some(Box::new(panic.into())),
                };
                let begun = self.replies.items() - before + usize::from(failure.is_some());
                if begun == 0 {
                    return Err(io::Error::other("a request was cut short"));
                }
                self.inputs.advance(begun);
                // There are not more than in the block, so it fits.
                next += begun as u32;
                if let Some(failure) = failure {
                    self.failed(&failure);
                }
                // Whoever is sent a reply, or waits to be, sees that its item is done.
                if self.replies.body() > self.limit {
                    self.slot.finish(next);
                    self.too_large()?;
                }
                if lends && self.inputs.left() > 0 {
                    self.slot.finish(next);
                    self.outbox.lend(self.replies)?;
                }
            }
            self.slot.finish(next);
        }
        self.outbox.finish(self.replies)
    }

    /// Answers inputs of a block, as far as they are of one length and none
    /// fails, and the replies fit but for the last. They stay where they are.
    #[inline]
    fn some(&mut self, block: Range<u32>, work: &impl Work) -> Result<(), Box<Failure>> {
        let Some((count, length, inputs)) = self.inputs.successes() else { return Ok(()) };
        let (slot, first) = (self.slot, block.start);
        let count = count.min(block.len());
        // Everything is reckoned from the one number that counts, which stays
        // in its register while a task runs.
        self.replies.extend(self.limit + 1, |item, to| {
            (item < count).then(|| {
                slot.begin(first + item as u32);
                work.answer(&inputs[item * length..][..length], to)
            })
        })
    }

    fn failed(&mut self, failure: &Failure) {
        let pushed = self.replies.push(true, |to| codec::append(failure, to));
        pushed.expect("strings and numbers always encode");
    }

    /// The last reply does not fit with those before it, or not at all.
    #[cold]
    fn too_large(&mut self) -> io::Result<()> {
        let Some((failed, last)) = self.replies.pop() else { return Ok(()) };
        self.flush()?;
        let copy = |to: &mut Encoder| {
            to.put(&last);
            Ok::<(), codec::Error>(())
        };
        self.replies.push(failed, copy).expect("bytes are copied");
        let bytes = self.replies.body();
        if bytes > self.limit {
            // Room for so much is not worth keeping.
            *self.replies = Frame::default();
            outbox::start(self.replies);
            self.failed(&Failure::OutputTooLarge(bytes));
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.outbox.flush(self.replies)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    use super::*;
    use crate::control::Control;
    use crate::task::{Registry, Task};
    use crate::wire::Connection;

    const BYTES: Task<usize, String> = Task::new("bytes", |n| "x".repeat(n));

    /// The sizes of the replies, frame by frame; 0 for one that was too large.
    fn replies(sizes: &[usize], limit: usize) -> Vec<Vec<usize>> {
        let registry = Registry::new().with(&BYTES);
        let mut request = Frame::default();
        request.start(&()).expect("it encodes");
        for size in sizes {
            request.push(false, |to| codec::append(size, to)).expect("it encodes");
        }
        request.seal().expect("it fits");
        let (control, _file) = Control::new().expect("a page");
        let control = Arc::new(control);
        control.slot(0).open(sizes.len() as u32);
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let outbox = Outbox::new(Arc::new(ours), Arc::clone(&control), false).expect("no timer");
        let mut batch = Batch {
            inputs: Items::of(&request.bytes()[4..]).expect("a batch").1,
            slot: control.slot(0),
            replies: &mut Frame::default(),
            outbox: &outbox,
            limit,
            each: false,
            mixed: false,
        };
        registry.answer_batch("bytes", &mut batch).expect("it is sent");
        drop(outbox);
        let mut connection = Connection::new(theirs);
        let mut frames = Vec::new();
        while let Some(frame) = connection.receive(Some(control.replies(0))).expect("a frame") {
            assert!(frame.len() <= limit, "{} bytes", frame.len());
            let (_, mut items) = Items::of(frame).expect("a batch");
            let mut sizes = Vec::new();
            while let Some((failed, item)) = items.next() {
                let output = crate::reply::output::<String>("bytes", failed, item);
                sizes.push(output.expect("a reply").map_or(0, |text| text.len()));
            }
            frames.push(sizes);
        }
        frames
    }

    #[test]
    fn an_item_is_too_large_by_its_own_size_only() {
        // An item of 50 takes 54 bytes, and 8 for its run; a frame 9 more.
        assert_eq!(replies(&[50, 50, 10], 1_000), [vec![50, 50, 10]]);
        assert_eq!(replies(&[50, 50, 10], 100), [vec![50], vec![50, 10]]);
        assert_eq!(replies(&[10, 200, 40, 50], 110), [vec![10], vec![0, 40], vec![50]]);
        assert_eq!(replies(&[79, 200, 79], 100), [vec![79], vec![0], vec![79]]);
        assert_eq!(replies(&[79], 100), [[79]]);
        assert_eq!(replies(&[80], 100), [[0]]);
    }
}
