//! What goes over the socket: length-prefixed frames.
//!
//! ```text
//! frame    = length (4 bytes, little endian) body
//! hello    = Hello
//! request  = batch: header Request, an input an item
//! replies  = one or more batches: header whether it is the last, an output or a
//!            Failure an item
//! goodbye  = an empty body
//! batch    = header items run* number-of-runs header-length (4 bytes each)
//! run      = how many items, and how long each is (4 bytes each); the length's
//!            highest bit says that the items are failures
//! ```
//!
//! Every item's length is known, so one that cannot be decoded spoils neither
//! its neighbours nor the connection. Items of the same type are mostly of the
//! same length, and one run names it for all of them: a thousand numbers cost
//! eight bytes more than their contents. The runs stand behind the items, where
//! they can be written when everything is known.
//!
//! How much of a request a worker should still do is not on the wire but in
//! the [control page](crate::control).

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;

use serde::{Deserialize, Serialize};

use crate::codec;

/// The largest body of a frame, in bytes. A length above it is refused before
/// any memory is taken for it.
pub(crate) const LIMIT: usize = 256 << 20;

/// Changes whenever a frame's meaning does.
const PROTOCOL: u32 = 3;

/// How much is read at once; small frames arrive whole in one system call.
const CHUNK: usize = 64 << 10;

/// The bit of a run's length that says that its items failed.
const FAILED: u32 = 1 << 31;

/// The first frame each way: who speaks.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Hello {
    pub(crate) protocol: u32,
    pub(crate) build: Build,
}

/// Which executable, by device, inode, size and time of change: a worker of
/// another build would have other tasks under the same names.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Build(u64, u64, u64, i64);

impl std::fmt::Display for Hello {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { protocol, build: Build(device, inode, size, modified) } = self;
        write!(f, "protocol {protocol}, build {device:x}-{inode:x}-{size:x}-{modified:x}")
    }
}

impl Hello {
    /// The greeting of this process.
    pub(crate) fn of_this_program() -> io::Result<Self> {
        let exe = std::fs::metadata("/proc/self/exe")?;
        let modified = exe.mtime().wrapping_mul(1_000_000_000).wrapping_add(exe.mtime_nsec());
        let build = Build(exe.dev(), exe.ino(), exe.size(), modified);
        Ok(Self { protocol: PROTOCOL, build })
    }
}

/// How the parent wants its worker to be.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Manner {
    /// Whether it watches in a thread of its own for its parent's end.
    pub(crate) watchdog: bool,
    /// How often that thread gives a sign of life, in milliseconds; 0 for never.
    pub(crate) heartbeat: u32,
}

/// What the items of a request are for.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Request<'a> {
    pub(crate) task: &'a str,
    /// Whether each reply is sent before the next item is begun.
    pub(crate) each: bool,
}

/// So many items of the same length, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Run {
    items: u32,
    length: u32,
}

/// A frame to send.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    /// Room for the frame's length, then the body as far as it is written.
    bytes: Vec<u8>,
    /// Where the header ends.
    header: usize,
    /// Where the last whole item ends: what is behind it was given up.
    end: usize,
    runs: Vec<Run>,
    items: usize,
}

impl Frame {
    /// Empties the frame and writes `header`, unless that fails.
    pub(crate) fn start<T: Serialize>(&mut self, header: &T) -> Result<(), codec::Error> {
        self.clear();
        let written = codec::append(header, &mut self.bytes);
        if written.is_ok() {
            self.header = self.bytes.len();
            self.end = self.header;
        }
        written
    }

    /// Empties the frame.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.extend_from_slice(&[0; 4]);
        self.header = 4;
        self.end = 4;
        self.runs.clear();
        self.items = 0;
    }

    /// Appends what `write` appends as one item. If `write` fails or panics,
    /// there is no item.
    #[inline]
    pub(crate) fn push<E>(
        &mut self,
        failed: bool,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.bytes.truncate(self.end);
        write(&mut self.bytes)?;
        self.note(self.bytes.len() - self.end, failed);
        Ok(())
    }

    /// What is behind the last item is one of this length.
    #[inline]
    fn note(&mut self, length: usize, failed: bool) {
        self.end = self.bytes.len();
        self.items += 1;
        // A longer one is longer than any frame, and sealing refuses it.
        let length = u32::try_from(length).unwrap_or(u32::MAX) & !FAILED;
        let length = if failed { length | FAILED } else { length };
        match self.runs.last_mut() {
            Some(run) if run.length == length => run.items += 1,
            _ => self.runs.push(Run { items: 1, length }),
        }
    }

    /// Appends items until the body takes `enough` bytes, which is above what a
    /// run takes: how many, and what is wrong with the next, if anything.
    ///
    /// It is [`push`](Self::push) again and again, with the run at hand kept at
    /// hand: a tiny item costs a nanosecond or two.
    pub(crate) fn extend<T: Serialize>(
        &mut self,
        items: &[T],
        enough: usize,
    ) -> (usize, Option<codec::Error>) {
        self.bytes.truncate(self.end);
        let most = enough.min(LIMIT);
        let mut added = 0;
        while added < items.len() && self.body() < most {
            // As far as the run at hand goes. If an item panics, what is noted
            // here says what was whole before.
            let room = most - self.body();
            let length = self.runs.last().map_or(0, |run| run.length as usize);
            let (mut end, mut other) = (self.end, false);
            for item in items[added..].iter().take((room / length.max(1)).max(1)) {
                if let Err(e) = codec::append(item, &mut self.bytes) {
                    self.bytes.truncate(self.end);
                    return (added, Some(e));
                }
                added += 1;
                match self.runs.last_mut() {
                    Some(run) if self.bytes.len() - end == length => {
                        end += length;
                        (self.end, self.items, run.items) = (end, self.items + 1, run.items + 1);
                    }
                    _ => {
                        other = true;
                        break;
                    }
                }
            }
            if other {
                self.note(self.bytes.len() - self.end, false);
            }
        }
        (added, None)
    }

    /// Turns the header, which is `false`, into `true`.
    pub(crate) fn mark_last(&mut self) {
        debug_assert_eq!(self.bytes[4..self.header], [0]);
        self.bytes[4] = 1;
    }

    /// How many items there are.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// How many bytes the body takes when it is sealed.
    pub(crate) fn body(&self) -> usize {
        self.end.saturating_sub(4) + 8 * self.runs.len() + 8
    }

    /// Takes the last item out: whether it failed, and its bytes.
    pub(crate) fn pop(&mut self) -> Option<(bool, Vec<u8>)> {
        self.bytes.truncate(self.end);
        let run = self.runs.last_mut()?;
        let (failed, length) = (run.length & FAILED != 0, (run.length & !FAILED) as usize);
        run.items -= 1;
        if run.items == 0 {
            self.runs.pop();
        }
        self.items -= 1;
        self.end -= length;
        Some((failed, self.bytes.split_off(self.end)))
    }

    /// Finishes a batch: afterwards [`bytes`](Self::bytes) is what is sent.
    ///
    /// # Errors
    /// `InvalidInput` for a body above [`LIMIT`].
    pub(crate) fn seal(&mut self) -> io::Result<()> {
        self.bytes.truncate(self.end);
        for run in &self.runs {
            self.bytes.extend_from_slice(&run.items.to_le_bytes());
            self.bytes.extend_from_slice(&run.length.to_le_bytes());
        }
        // If either does not fit, neither does the frame.
        for number in [self.runs.len(), self.header - 4] {
            self.bytes.extend_from_slice(&(number as u32).to_le_bytes());
        }
        self.seal_plain()
    }

    /// Finishes a body that is a header alone, and no batch.
    pub(crate) fn seal_plain(&mut self) -> io::Result<()> {
        let length = u32::try_from(self.bytes.len() - 4)
            .ok()
            .filter(|length| *length as usize <= LIMIT)
            .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a frame above the limit"))?;
        self.bytes[..4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    /// What is sent, once it is sealed.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The items of a batch that was received.
#[derive(Clone, Debug)]
pub(crate) struct Items<'a> {
    bytes: &'a [u8],
    runs: &'a [u8],
    run: Run,
    left: usize,
}

impl<'a> Items<'a> {
    /// Takes a batch apart into header and items; `None` if it is none. The
    /// lengths are added up here, so that items can be trusted to be there.
    pub(crate) fn of(body: &'a [u8]) -> Option<(&'a [u8], Self)> {
        let (body, header) = body.split_last_chunk()?;
        let (body, runs) = body.split_last_chunk()?;
        let runs = (u32::from_le_bytes(*runs) as usize).checked_mul(8)?;
        let (body, runs) = body.split_at_checked(body.len().checked_sub(runs)?)?;
        let (header, bytes) = body.split_at_checked(u32::from_le_bytes(*header) as usize)?;
        let mut items = Self { bytes, runs, run: Run::default(), left: 0 };
        let mut rest = items.clone();
        let mut length = 0_u64;
        while rest.next_run().is_some() {
            items.left += rest.run.items as usize;
            let run = u64::from(rest.run.items) * u64::from(rest.run.length & !FAILED);
            length = length.checked_add(run)?;
        }
        (length == bytes.len() as u64 && u32::try_from(items.left).is_ok())
            .then_some((header, items))
    }

    /// How many items are left.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// The next item, and whether it is a failure.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<(bool, &'a [u8])> {
        while self.run.items == 0 {
            self.next_run()?;
        }
        self.run.items -= 1;
        self.left -= 1;
        let (item, rest) = self.bytes.split_at((self.run.length & !FAILED) as usize);
        self.bytes = rest;
        Some((self.run.length & FAILED != 0, item))
    }

    /// The successes that come next, all of the same length, one after the
    /// other: their length, and all their bytes. They stay where they are, see
    /// [`advance`](Self::advance). `None` where a failure is next, or nothing.
    pub(crate) fn successes(&mut self) -> Option<(usize, usize, &'a [u8])> {
        while self.run.items == 0 {
            self.next_run()?;
        }
        let (items, length) = (self.run.items as usize, self.run.length as usize);
        (length & FAILED as usize == 0).then(|| (items, length, &self.bytes[..items * length]))
    }

    /// Takes so many items off, all of the run at hand.
    pub(crate) fn advance(&mut self, items: usize) {
        self.bytes = &self.bytes[items * (self.run.length & !FAILED) as usize..];
        // There are not more than that in the run, so it fits.
        self.run.items -= items as u32;
        self.left -= items;
    }

    fn next_run(&mut self) -> Option<()> {
        let ([items, length], rest) = self.runs.as_chunks::<4>().0.split_first_chunk()?;
        self.runs = rest.as_flattened();
        self.run = Run { items: u32::from_le_bytes(*items), length: u32::from_le_bytes(*length) };
        Some(())
    }
}

/// What [`Connection::try_receive`] finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received<'a> {
    /// The body of the next frame.
    Frame(&'a [u8]),
    /// Not all of it has come.
    NotYet,
    /// The other end is gone, before a frame or in the middle of one.
    Gone,
}

/// One end of a worker's socket. The worker's blocks, the parent's does not.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: UnixStream,
    /// What was read: `inbox[taken..filled]` is yet to be looked at.
    inbox: Vec<u8>,
    taken: usize,
    filled: usize,
}

impl Connection {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream, inbox: Vec::new(), taken: 0, filled: 0 }
    }

    pub(crate) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Receives the next frame if it is there; on a blocking stream, waits.
    ///
    /// # Errors
    /// Of the socket; `InvalidData` for a length above [`LIMIT`].
    pub(crate) fn try_receive(&mut self) -> io::Result<Received<'_>> {
        // What belongs to the frame before has been looked at: reuse its room.
        if self.taken > 0 {
            self.inbox.copy_within(self.taken..self.filled, 0);
            self.filled -= self.taken;
            self.taken = 0;
        }
        if let Some(missing) = self.fill(4)? {
            return Ok(missing);
        }
        let prefix = self.inbox.first_chunk().expect("four bytes are there");
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > LIMIT {
            let why = format!("a frame of {length} bytes; the limit is {LIMIT}");
            return Err(io::Error::new(ErrorKind::InvalidData, why));
        }
        if let Some(missing) = self.fill(4 + length)? {
            return Ok(missing);
        }
        self.taken = 4 + length;
        Ok(Received::Frame(&self.inbox[4..self.taken]))
    }

    /// Receives the next frame on a blocking stream; `None` if the other end
    /// is gone.
    ///
    /// # Errors
    /// As [`try_receive`](Self::try_receive).
    pub(crate) fn receive(&mut self) -> io::Result<Option<&[u8]>> {
        match self.try_receive()? {
            Received::Frame(body) => Ok(Some(body)),
            Received::Gone => Ok(None),
            Received::NotYet => Err(ErrorKind::WouldBlock.into()),
        }
    }

    /// Reads until `wanted` bytes are there, or says what there is instead.
    fn fill(&mut self, wanted: usize) -> io::Result<Option<Received<'static>>> {
        while self.filled < wanted {
            if self.filled == self.inbox.len() {
                // Room grows with what has arrived, at most to its double, so
                // that a length alone cannot take memory.
                let room = wanted.min(self.filled * 2).max(self.filled + CHUNK);
                self.inbox.resize(room, 0);
            }
            match self.stream.read(&mut self.inbox[self.filled..]) {
                Ok(0) => return Ok(Some(Received::Gone)),
                Ok(read) => self.filled += read,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(Some(Received::NotYet)),
                Err(e) if e.kind() == ErrorKind::ConnectionReset => {
                    return Ok(Some(Received::Gone));
                }
                Err(e) => return Err(e),
            }
        }
        Ok(None)
    }
}

/// Writes as many of the bytes as go without waiting; on a blocking stream,
/// all. Returns how many went.
///
/// # Errors
/// Of the socket; `BrokenPipe` once nobody is at the other end.
pub(crate) fn write(mut stream: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
    let mut left = bytes;
    while !left.is_empty() {
        match stream.write(left) {
            Ok(written) => left = &left[written..],
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(e) => return Err(e),
        }
    }
    Ok(bytes.len() - left.len())
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests;
