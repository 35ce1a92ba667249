//! Requests and replies, in bytes.
//!
//! ```text
//! request = items (u32) values (u32)
//!           for each value the task whose reply it is: name-length (u32) name
//!           for each item:
//!             retries (u32) limit (u64) name-length (u32) holes (u32) input-length (u64) name
//!             for each hole: at (u64) value (u32) item (u32)
//!             input
//! reply   = nanoseconds (u64) items (u32)
//!           for each item its length (u64), of which the highest bits are flags
//!           all items, one after the other
//! ```
//!
//! Numbers are little endian. A limit is in nanoseconds, 0 for none; an item that
//! was over it is that limit. A hole says where in the input an item of a value's
//! belongs; the reply that hands on the failure of such an item has the name of the
//! task that failed before it.

use std::time::Duration;

use processes::Answer;

/// The item is a failure.
pub(crate) const FAILED: u64 = 1 << 63;

/// It is the failure of a task whose value it was to be given.
pub(crate) const HANDED_ON: u64 = 1 << 62;

/// It ran for longer than it may.
pub(crate) const LATE: u64 = 1 << 61;

const FLAGS: u64 = FAILED | HANDED_ON | LATE;

/// A place in an input, and what belongs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    /// Where in the input.
    pub(crate) at: u64,
    /// Which value, and which of its items.
    pub(crate) value: u32,
    pub(crate) item: u32,
}

/// One call of a request.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    pub(crate) retries: u32,
    pub(crate) limit: Option<Duration>,
    pub(crate) task: &'a str,
    pub(crate) holes: Vec<Hole>,
    pub(crate) input: &'a [u8],
}

/// A request in the making: its items come one by one, and what stands before them
/// is known when all are there.
#[derive(Debug, Default)]
pub(crate) struct Request {
    items: u32,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn push(&mut self, item: &Item<'_>) {
        let to = &mut self.body;
        // A limit of nothing would be none.
        let limit = item.limit.map_or(0, |limit| limit.as_nanos().clamp(1, u64::MAX.into()) as u64);
        to.extend(item.retries.to_le_bytes());
        to.extend(limit.to_le_bytes());
        to.extend((item.task.len() as u32).to_le_bytes());
        to.extend((item.holes.len() as u32).to_le_bytes());
        to.extend((item.input.len() as u64).to_le_bytes());
        to.extend(item.task.as_bytes());
        for Hole { at, value, item } in &item.holes {
            to.extend(at.to_le_bytes());
            to.extend(value.to_le_bytes());
            to.extend(item.to_le_bytes());
        }
        to.extend(item.input);
        self.items += 1;
    }

    /// Its bytes; the values are those of these tasks.
    pub(crate) fn finish<'t>(self, values: impl ExactSizeIterator<Item = &'t str>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 32 * values.len() + self.body.len());
        bytes.extend(self.items.to_le_bytes());
        bytes.extend((values.len() as u32).to_le_bytes());
        for task in values {
            bytes.extend((task.len() as u32).to_le_bytes());
            bytes.extend(task.as_bytes());
        }
        bytes.extend(self.body);
        bytes
    }
}

/// A request or a reply, being read.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn word(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self, length: u32) -> Option<&'a str> {
        std::str::from_utf8(self.take(length.into())?).ok()
    }

    pub(crate) fn name(&mut self) -> Option<&'a str> {
        let length = self.word()?;
        self.text(length)
    }

    pub(crate) fn item(&mut self) -> Option<Item<'a>> {
        let (retries, limit) = (self.word()?, self.long()?);
        let (name, count, input) = (self.word()?, self.word()?, self.long()?);
        let task = self.text(name)?;
        // A count says nothing of the memory that is needed.
        let mut places = Reader(self.take(16 * u64::from(count))?);
        let mut hole =
            || Some(Hole { at: places.long()?, value: places.word()?, item: places.word()? });
        let holes = (0..count).map(|_| hole()).collect::<Option<_>>()?;
        let limit = (limit > 0).then(|| Duration::from_nanos(limit));
        Some(Item { retries, limit, task, holes, input: self.take(input)? })
    }
}

/// What came of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome<'a> {
    flags: u64,
    bytes: &'a [u8],
}

impl<'a> Outcome<'a> {
    /// Its bytes, if they are a value.
    pub(crate) fn value(&self) -> Option<&'a [u8]> {
        (self.flags & FAILED == 0).then_some(self.bytes)
    }

    /// The task that failed in its place, if one did, and what is left.
    pub(crate) fn origin(self) -> (Option<&'a str>, Self) {
        let mut reader = Reader(self.bytes);
        match (self.flags & HANDED_ON != 0).then(|| reader.name()).flatten() {
            None => (None, self),
            origin => (origin, Self { flags: self.flags & !HANDED_ON, bytes: reader.0 }),
        }
    }

    /// The limit that it was over, if it was.
    pub(crate) fn limit(&self) -> Option<Duration> {
        let nanoseconds = self.bytes.try_into().ok().map(u64::from_le_bytes);
        nanoseconds.filter(|_| self.flags & LATE != 0).map(Duration::from_nanos)
    }

    pub(crate) fn answer(&self) -> Answer {
        Answer::received(self.flags & FAILED != 0, self.bytes.to_vec())
    }
}

/// A reply, whose items can be had in any order.
#[derive(Debug)]
pub(crate) struct Reply<'a> {
    pub(crate) nanoseconds: u64,
    pub(crate) outcomes: Vec<Outcome<'a>>,
}

impl<'a> Reply<'a> {
    /// `None` if it is no reply.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (nanoseconds, items) = (reader.long()?, reader.word()?);
        let mut lengths = Reader(reader.take(8 * u64::from(items))?);
        let mut outcome = || {
            let length = lengths.long()?;
            Some(Outcome { flags: length & FLAGS, bytes: reader.take(length & !FLAGS)? })
        };
        let outcomes = (0..items).map(|_| outcome()).collect::<Option<_>>()?;
        reader.0.is_empty().then_some(Self { nanoseconds, outcomes })
    }
}

/// A reply in the making.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    lengths: Vec<u64>,
    bytes: Vec<u8>,
}

impl Outcomes {
    pub(crate) fn push(&mut self, flags: u64, bytes: &[u8]) {
        self.lengths.push(bytes.len() as u64 | flags);
        self.bytes.extend_from_slice(bytes);
    }

    /// Another's failure, or what that one handed on.
    pub(crate) fn hand_on(&mut self, failure: Outcome<'_>, of: &str) {
        if failure.flags & HANDED_ON != 0 {
            return self.push(failure.flags, failure.bytes);
        }
        let name = [&(of.len() as u32).to_le_bytes()[..], of.as_bytes()].concat();
        self.push(failure.flags | HANDED_ON, &[&name, failure.bytes].concat());
    }

    /// The reply, whose calls took so long together.
    pub(crate) fn finish(mut self, nanoseconds: u64) -> Vec<u8> {
        let mut reply = Vec::with_capacity(12 + 8 * self.lengths.len() + self.bytes.len());
        reply.extend(nanoseconds.to_le_bytes());
        reply.extend((self.lengths.len() as u32).to_le_bytes());
        self.lengths.iter().for_each(|length| reply.extend(length.to_le_bytes()));
        reply.append(&mut self.bytes);
        reply
    }
}
