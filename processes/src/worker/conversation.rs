//! Requests and replies without waiting, for who looks after several workers.

use std::io;
use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use super::Worker;
use super::replies::Replies;
use crate::call::{self, MIXED};
use crate::codec::{self, Encoder};
use crate::control::SLOTS;
use crate::error::{Error, Side};
use crate::timed::TIMED;
use crate::wire::{self, Frame, Items, LIMIT, Received};

/// The most items of a request.
const MOST_ITEMS: usize = 1 << 30;

/// A request under way.
#[derive(Debug)]
pub(super) struct Flight {
    number: u32,
    /// The items that are still the worker's: all but those taken back.
    items: u32,
    answered: u32,
}

/// Why there is nobody to talk to any more; [`Worker::bury`] says what became
/// of the worker.
#[derive(Debug)]
pub enum Gone {
    /// Its socket is closed: it has died, or is about to.
    Closed,
    /// It answered what no worker of this program answers.
    Broken(String),
    /// Its owner has waited so long for a sign of life.
    Silent(Duration),
    /// Its owner has found it with more memory than it allows.
    Heavy {
        /// How many bytes it had.
        bytes: u64,
        /// How many it may have.
        limit: u64,
    },
    /// A system call failed.
    Io(io::Error),
}

/// How far a worker has come in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The items that are its own: all but those [taken back](Worker::take_back).
    pub items: u32,
    /// How many of them it has answered.
    pub answered: u32,
    /// How many it has done; the answers of some may be lost with it.
    pub done: u32,
    /// Whether it is in the middle of the next.
    pub in_the_middle: bool,
}

/// A request that is being written; nothing is sent before
/// [`post`](Request::post).
#[derive(Debug)]
pub struct Request<'a> {
    worker: &'a mut Worker,
    task: &'static str,
}

impl Worker {
    /// Begins a request: one task on as many items as are pushed. With `each`
    /// every reply is sent before the next item is begun, at the price of a
    /// message an item; a worker that dies then takes no answer with it.
    ///
    /// # Errors
    /// [`Error::Encode`] for a task with a name longer than a frame.
    ///
    /// # Panics
    /// If two requests are under way already, or the worker is not
    /// [ready](Self::is_ready).
    pub fn request(&mut self, task: &'static str, each: bool) -> Result<Request<'_>, Error> {
        assert!(self.greeted.is_none(), "a worker is asked after it has greeted");
        assert!(self.requests_under_way() < SLOTS as usize, "one request at work, one waiting");
        let header = wire::Request { task, each };
        self.next_frame().start(&header).map_err(|e| unsendable(task, &e))?;
        Ok(Request { worker: self, task })
    }

    /// Begins a request whose items are [calls](Request::push_call) that each
    /// name their own task; otherwise as [`request`](Self::request).
    ///
    /// # Panics
    /// As [`request`](Self::request).
    pub fn mixed_request(&mut self, each: bool) -> Request<'_> {
        self.request(MIXED, each).expect("a header without a name fits")
    }

    /// A [mixed request](Self::mixed_request) whose answers say when each call
    /// began and ended, for [`Replies::next_timed_answer`].
    ///
    /// # Panics
    /// As [`request`](Self::request).
    pub fn timed_request(&mut self, each: bool) -> Request<'_> {
        self.request(TIMED, each).expect("a header without a name fits")
    }

    /// How many requests are under way; at most two may be, the second to be
    /// begun without a pause when the first is done.
    pub fn requests_under_way(&self) -> usize {
        self.flights.len()
    }

    /// How far the worker has come in a request, the oldest being number 0.
    ///
    /// # Panics
    /// If there is no such request.
    pub fn progress(&self, request: usize) -> Progress {
        let Flight { number, items, answered, .. } = self.flights[request];
        let (done, in_the_middle) = self.control.slot(number).progress();
        // It is the worker's page as well: no more is believed than can be.
        let done = done.clamp(answered, items.max(answered));
        Progress { items, answered, done, in_the_middle: in_the_middle && done < items }
    }

    /// How many items of a request the worker has not claimed yet.
    ///
    /// # Panics
    /// As [`progress`](Self::progress).
    pub fn unclaimed(&self, request: usize) -> Range<u32> {
        let Flight { number, items, answered } = self.flights[request];
        let left = self.control.slot(number).unclaimed(items);
        // It is the worker's page as well: what is answered was claimed.
        left.start.max(answered)..left.end.max(answered)
    }

    /// Takes items back that the worker has not claimed: those from the one
    /// that `which` chooses of them, or none. It will not do them.
    ///
    /// # Panics
    /// As [`progress`](Self::progress).
    pub fn take_back(
        &mut self,
        request: usize,
        which: impl Fn(Range<u32>) -> Option<u32>,
    ) -> Option<Range<u32>> {
        let Flight { number, items, answered } = self.flights[request];
        // It is the worker's page as well: what is answered is not taken back.
        let which = |left: Range<u32>| {
            let left = left.start.max(answered)..left.end;
            if left.is_empty() { None } else { Some(which(left)?.max(answered)) }
        };
        let taken = self.control.slot(number).take_back(items, which)?;
        self.flights[request].items = taken.start;
        Some(taken)
    }

    /// Whether something of a request has yet to be written.
    pub fn has_unwritten(&self) -> bool {
        self.written.0 < self.flights.len()
    }

    /// How many bytes of requests have yet to be written.
    pub fn unwritten(&self) -> usize {
        let waiting = self.flights.range(self.written.0.min(self.flights.len())..);
        let frames = waiting.map(|flight| &self.frames[(flight.number % SLOTS) as usize]);
        frames.map(|frame| frame.bytes().len()).sum::<usize>().saturating_sub(self.written.1)
    }

    /// Writes as much of the requests as goes without waiting; `true` if that
    /// is all.
    ///
    /// # Errors
    /// If the worker is gone. Its replies may still be there to be read.
    pub fn write(&mut self) -> Result<bool, Gone> {
        while let Some(flight) = self.flights.get(self.written.0) {
            let bytes = &self.frames[(flight.number % SLOTS) as usize].bytes()[self.written.1..];
            let written = wire::write(self.connection.stream(), bytes).map_err(Gone::Io)?;
            if written < bytes.len() {
                self.written.1 += written;
                return Ok(false);
            }
            self.written = (self.written.0 + 1, 0);
        }
        Ok(true)
    }

    /// The next replies to the oldest request, if they have come.
    ///
    /// # Errors
    /// If the worker is gone, or answers what makes no sense.
    pub fn replies(&mut self) -> Result<Option<Replies<'_>>, Gone> {
        let broken = |why: &str| Err(Gone::Broken(why.into()));
        // Replies without a request are refused below, wherever they lie.
        let number = self.flights.front().map_or(0, |flight| flight.number);
        let arena = self.control.replies(number);
        let body = match self.connection.try_receive(Some(arena)) {
            Ok(Received::Frame(body)) => body,
            Ok(Received::NotYet) => return Ok(None),
            Ok(Received::Gone) => return Err(Gone::Closed),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => return broken(&e.to_string()),
            Err(e) => return Err(Gone::Io(e)),
        };
        let Some((last, items)) = Items::of(body)
            .and_then(|(header, items)| Some((codec::decode::<bool>(header).ok()?, items)))
        else {
            return broken("its replies are none");
        };
        let Some(flight) = self.flights.front_mut() else {
            return broken("it replies without a request");
        };
        // Sound: there are not more than a `u32` holds.
        flight.answered = flight.answered.saturating_add(items.left() as u32);
        if flight.answered > flight.items || (last && flight.answered < flight.items) {
            return broken("its replies do not answer the request");
        }
        if last {
            // Before the request goes: who buries the worker asks how far it was.
            let Some(written) = self.written.0.checked_sub(1) else {
                return broken("it answers what it has not been asked");
            };
            self.flights.pop_front();
            self.frames[(number % SLOTS) as usize].rest();
            self.written.0 = written;
        }
        Ok(Some(Replies { items, last }))
    }

    fn next_frame(&mut self) -> &mut Frame {
        &mut self.frames[(self.requests % SLOTS) as usize]
    }
}

impl Request<'_> {
    /// Adds an item; `false` if it does not fit beside those that are there,
    /// and belongs into a request of its own.
    ///
    /// # Errors
    /// [`Error::Encode`], [`Error::TooLarge`]: the request is as it was before,
    /// as it is after a panic of the item's `Serialize`.
    #[inline]
    pub fn push<In: Serialize + ?Sized>(&mut self, item: &In) -> Result<bool, Error> {
        let frame = self.worker.next_frame();
        if let Err(e) = frame.push(false, |to| codec::append(item, to)) {
            return Err(unsendable(self.task, &e));
        }
        if frame.body() > LIMIT || frame.items() > MOST_ITEMS {
            return self.take_back(self.task);
        }
        Ok(true)
    }

    /// Adds a call to a [mixed request](Worker::mixed_request): a task, and the
    /// bytes of its input in parts. `false` as for [`push`](Self::push).
    ///
    /// # Errors
    /// [`Error::TooLarge`]: the request is as it was before.
    pub fn push_call<'p>(
        &mut self,
        task: &'static str,
        input: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<bool, Error> {
        debug_assert!(matches!(self.task, MIXED | TIMED), "items of others have no names");
        let frame = self.worker.next_frame();
        let pushed = frame.push(false, |to| call::append(task, input, to));
        pushed.map_err(|e| unsendable(task, &e))?;
        if frame.body() > LIMIT || frame.items() > MOST_ITEMS {
            return self.take_back(task);
        }
        Ok(true)
    }

    /// Adds the items of a slice, in order, until the request takes `enough`
    /// bytes or the next does not fit: how many were added.
    ///
    /// # Errors
    /// As [`push`](Self::push), for the item after those that were added;
    /// [`items`](Self::items) says how many there are.
    pub fn extend<In: Serialize>(&mut self, items: &[In], enough: usize) -> Result<usize, Error> {
        let frame = self.worker.next_frame();
        let before = frame.items();
        let write = |item, to: &mut Encoder| items.get(item).map(|item| codec::append(item, to));
        let extended = frame.extend(enough.min(LIMIT), write);
        if frame.body() > LIMIT || frame.items() > MOST_ITEMS {
            self.take_back(self.task)?;
        }
        extended.map_err(|e| unsendable(self.task, &e))?;
        Ok(self.items() - before)
    }

    #[cold]
    fn take_back(&mut self, task: &'static str) -> Result<bool, Error> {
        let frame = self.worker.next_frame();
        if frame.items() > 1 {
            frame.pop();
            return Ok(false);
        }
        let bytes = frame.body();
        // Room for so much is not worth keeping; and an empty request is never
        // posted, so that its header is lost does not matter.
        *frame = Frame::default();
        frame.clear();
        Err(Error::TooLarge { side: Side::Input, task, bytes, limit: LIMIT })
    }

    /// How many items it has.
    pub fn items(&mut self) -> usize {
        self.worker.next_frame().items()
    }

    /// How many bytes it takes.
    pub fn bytes(&mut self) -> usize {
        self.worker.next_frame().body()
    }

    /// Puts the request under way, and writes as much of it as goes without
    /// waiting. That nobody is there to read it is found out by who reads the
    /// replies.
    ///
    /// # Panics
    /// If the request is empty.
    pub fn post(self) {
        let Self { worker, .. } = self;
        let frame = worker.next_frame();
        let items = u32::try_from(frame.items()).expect("a request has at most 2^30 items");
        assert!(items > 0, "a request has items");
        frame.seal().expect("every push has looked at the limit");
        let number = worker.requests;
        // What lay there before has been answered.
        worker.frames[(number % SLOTS) as usize].share(worker.control.request(number), 0);
        worker.control.slot(number).open(items);
        worker.flights.push_back(Flight { number, items, answered: 0 });
        worker.requests = number.wrapping_add(1);
        let _ = worker.write();
    }
}

fn unsendable(task: &'static str, error: &codec::Error) -> Error {
    Error::Encode { side: Side::Input, task, why: error.to_string() }
}
