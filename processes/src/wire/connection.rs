//! One end of a worker's socket: frames out of bytes, however they are cut.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::os::unix::net::UnixStream;

use super::{LIMIT, SHARED};
use crate::arena::{Arena, ROOM};
use crate::spare::{self, LARGE};

/// How much is read at once; small frames arrive whole in one system call.
pub(super) const CHUNK: usize = 64 << 10;

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
    /// The body that was last copied out of shared memory.
    shared: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream, inbox: Vec::new(), taken: 0, filled: 0, shared: Vec::new() }
    }

    pub(crate) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// How many bytes of memory are held for what arrives.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.inbox.capacity() + self.shared.capacity()
    }

    /// Receives the next frame if it is there; on a blocking stream, waits.
    /// Its body may lie in the arena, if there is one.
    ///
    /// # Errors
    /// Of the socket; `InvalidData` for a length above [`LIMIT`], or a body
    /// where none can be.
    pub(crate) fn try_receive(&mut self, arena: Option<&Arena>) -> io::Result<Received<'_>> {
        self.rest();
        if let Some(missing) = self.fill(4)? {
            return Ok(missing);
        }
        let prefix = self.inbox.first_chunk().expect("four bytes are there");
        let length = u32::from_le_bytes(*prefix);
        if length & SHARED != 0 {
            return self.shared((length & !SHARED) as usize, arena);
        }
        let length = length as usize;
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

    /// The frame that was received last has been looked at: reuses its room, or
    /// lets go of it if that is large.
    pub(crate) fn rest(&mut self) {
        if self.taken > 0 {
            self.inbox.copy_within(self.taken..self.filled, 0);
            self.filled -= self.taken;
            self.taken = 0;
            if self.inbox.len() > LARGE && self.filled <= CHUNK {
                let rest = self.inbox[..self.filled].to_vec();
                spare::keep(mem::replace(&mut self.inbox, rest));
            }
        }
    }

    /// The frame whose body is so long and lies in the arena, if the rest of
    /// the note about it is there.
    fn shared(&mut self, length: usize, arena: Option<&Arena>) -> io::Result<Received<'_>> {
        let refused = |why: String| Err(io::Error::new(ErrorKind::InvalidData, why));
        let Some(arena) = arena.filter(|_| length <= ROOM) else {
            return refused(format!("a frame of {length} bytes, and no room to lie in"));
        };
        if let Some(missing) = self.fill(8)? {
            return Ok(missing);
        }
        self.taken = 8;
        let start = self.inbox[4..].first_chunk().expect("eight bytes are there");
        let start = u32::from_le_bytes(*start) as usize;
        match arena.take(start..start + length, &mut self.shared) {
            Some(body) => Ok(Received::Frame(body)),
            None => refused(format!("a frame of {length} bytes at {start}, where none can be")),
        }
    }

    /// Receives the next frame on a blocking stream; `None` if the other end
    /// is gone.
    ///
    /// # Errors
    /// As [`try_receive`](Self::try_receive).
    pub(crate) fn receive(&mut self, arena: Option<&Arena>) -> io::Result<Option<&[u8]>> {
        match self.try_receive(arena)? {
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
                match spare::reuse(room.max(wanted)) {
                    Some(mut spare) => {
                        spare[..self.filled].copy_from_slice(&self.inbox);
                        spare::keep(mem::replace(&mut self.inbox, spare));
                    }
                    None => self.inbox.resize(room, 0),
                }
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
