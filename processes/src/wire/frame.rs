//! A frame to send: a header, and items of which each can be taken back.

use std::io::{self, ErrorKind};
use std::mem;

use serde::Serialize;

use super::{FAILED, LIMIT, Run, SHARED};
use crate::arena::Arena;
use crate::codec::{self, Encoder};
use crate::spare::{self, LARGE};

/// A body of at most so many bytes goes through the socket: its copies there
/// cost less than memory that the other core has written.
const SMALL: usize = 4 << 10;

/// The most items that are added to a run at once.
const MOST: usize = 1 << 30;

/// A frame to send.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    /// Room for the frame's length, then the body, then room until it is sealed.
    bytes: Vec<u8>,
    /// Where the header ends.
    header: usize,
    /// Where the last whole item ends: what is behind it was given up.
    end: usize,
    runs: Vec<Run>,
    items: usize,
    /// What is sent in the place of a body that lies in an arena.
    note: Option<[u8; 8]>,
}

/// A frame that is being added to, whatever becomes of what is added.
struct Growing<'f> {
    frame: &'f mut Frame,
    encoder: Encoder,
    /// How many items the frame has when all that are whole are counted.
    items: usize,
}

impl<'f> Growing<'f> {
    fn new(frame: &'f mut Frame) -> Self {
        let encoder = Encoder::at(frame.end, mem::take(&mut frame.bytes));
        Self { items: frame.items, frame, encoder }
    }
}

impl Drop for Growing<'_> {
    #[inline]
    fn drop(&mut self) {
        let frame = &mut *self.frame;
        frame.bytes = mem::take(&mut self.encoder).into_room();
        let more = self.items - frame.items;
        if more > 0
            && let Some(run) = frame.runs.last_mut()
        {
            // As long as those before, and not more than a `u32` holds.
            run.items += more as u32;
            frame.items += more;
            frame.end += more * run.length as usize;
        }
    }
}

impl Frame {
    /// Empties the frame and writes `header`, unless that fails.
    pub(crate) fn start<T: Serialize>(&mut self, header: &T) -> Result<(), codec::Error> {
        self.clear();
        let mut growing = Growing::new(self);
        let written = codec::append(header, &mut growing.encoder);
        let end = growing.encoder.end();
        drop(growing);
        if written.is_ok() {
            self.header = end;
            self.end = end;
        }
        written
    }

    /// Lets go of a large buffer. The frame is not needed any more, and will be
    /// started again before it is.
    pub(crate) fn rest(&mut self) {
        if self.bytes.capacity() + self.runs.capacity() * size_of::<Run>() > LARGE {
            spare::keep(mem::take(self).bytes);
        }
    }

    /// Empties the frame.
    pub(crate) fn clear(&mut self) {
        if self.bytes.len() < 4 {
            self.bytes.resize(4, 0);
        }
        self.header = 4;
        self.end = 4;
        self.runs.clear();
        self.items = 0;
        self.note = None;
    }

    /// Appends what `write` appends as one item. If `write` fails or panics,
    /// there is no item.
    #[inline]
    pub(crate) fn push<E>(
        &mut self,
        failed: bool,
        write: impl FnOnce(&mut Encoder) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut growing = Growing::new(self);
        write(&mut growing.encoder)?;
        let end = growing.encoder.end();
        drop(growing);
        self.add(end, failed);
        Ok(())
    }

    /// What ends there is another item.
    #[inline]
    fn add(&mut self, end: usize, failed: bool) {
        // A longer one is longer than any frame, and sealing refuses it.
        let length = u32::try_from(end - self.end).unwrap_or(u32::MAX) & !FAILED;
        let length = if failed { length | FAILED } else { length };
        self.end = end;
        self.items += 1;
        match self.runs.last_mut() {
            Some(run) if run.length == length => run.items += 1,
            _ => self.runs.push(Run { items: 1, length }),
        }
    }

    /// Appends items, each what `write` appends, until it says `None` or the
    /// body takes `enough` bytes, which is above what a run takes. If `write`
    /// fails or panics, there is no item of that, and those before are whole.
    /// It is told how many it has appended.
    ///
    /// It is [`push`](Self::push) again and again, with the run at hand kept at
    /// hand: a tiny item costs a nanosecond or two.
    #[inline]
    pub(crate) fn extend<E>(
        &mut self,
        enough: usize,
        mut write: impl FnMut(usize, &mut Encoder) -> Option<Result<(), E>>,
    ) -> Result<(), E> {
        let first = self.items;
        while self.body() < enough {
            let room = enough - self.body();
            // Before the first item no length is that of the run at hand.
            let length = self.runs.last().map_or(usize::MAX, |run| run.length as usize);
            let most = self.items + (room / length.max(1)).clamp(1, MOST);
            let mut growing = Growing::new(self);
            let other = loop {
                let start = growing.encoder.end();
                match write(growing.items - first, &mut growing.encoder) {
                    None => return Ok(()),
                    Some(Err(e)) => return Err(e),
                    Some(Ok(())) => {}
                }
                if growing.encoder.end() - start != length {
                    break true;
                }
                growing.items += 1;
                if growing.items == most {
                    break false;
                }
            };
            let end = growing.encoder.end();
            drop(growing);
            if other {
                self.add(end, false);
            }
        }
        Ok(())
    }

    /// Appends the items of another frame. Together they take at most the bytes of
    /// both.
    pub(crate) fn append(&mut self, other: &Self) {
        let mut growing = Growing::new(self);
        growing.encoder.put(&other.bytes[other.header..other.end]);
        drop(growing);
        self.end += other.end - other.header;
        self.items += other.items;
        for run in &other.runs {
            match self.runs.last_mut() {
                // Sound: there are not more items than a `u32` holds.
                Some(last) if last.length == run.length => last.items += run.items,
                _ => self.runs.push(*run),
            }
        }
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
        let run = self.runs.last_mut()?;
        let (failed, length) = (run.length & FAILED != 0, (run.length & !FAILED) as usize);
        run.items -= 1;
        if run.items == 0 {
            self.runs.pop();
        }
        self.items -= 1;
        let last = self.bytes[self.end - length..self.end].to_vec();
        self.end -= length;
        Some((failed, last))
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
        self.finish()
    }

    /// Finishes a body that is a header alone, and no batch.
    pub(crate) fn seal_plain(&mut self) -> io::Result<()> {
        self.bytes.truncate(self.end);
        self.finish()
    }

    fn finish(&mut self) -> io::Result<()> {
        let length = u32::try_from(self.bytes.len() - 4)
            .ok()
            .filter(|length| *length as usize <= LIMIT)
            .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a frame above the limit"))?;
        self.bytes[..4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    /// Puts the body of a sealed frame where the other end sees it, at or after
    /// `free`, if it is worth it and there is room: then only a note is sent.
    /// Returns what is free afterwards.
    pub(crate) fn share(&mut self, arena: &Arena, free: usize) -> usize {
        let body = &self.bytes[4..];
        if body.len() <= SMALL {
            return free;
        }
        let Some(place) = arena.put(free, body) else { return free };
        // Both are less than an arena's room.
        let [length, start] = [place.len() as u32 | SHARED, place.start as u32];
        let mut note = [0; 8];
        note[..4].copy_from_slice(&length.to_le_bytes());
        note[4..].copy_from_slice(&start.to_le_bytes());
        self.note = Some(note);
        place.end
    }

    /// What is sent, once it is sealed.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.note.as_ref().map_or(&self.bytes, |note| note)
    }
}
