//! What goes over the socket: length-prefixed frames of postcard values.
//!
//! ```text
//! frame    = length (4 bytes, little endian) body
//! request  = Request { task, items } then so many items
//! item     = length (4 bytes, little endian) postcard value
//! reply    = Reply and, after Done, the output
//! replies  = one or more frames of items, each a reply: as many as the request has
//! goodbye  = an empty request
//! ```
//!
//! Each item has its own length, so that one which cannot be decoded spoils
//! neither its neighbours nor the connection.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;

use postcard::ser_flavors::Flavor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The largest body of a frame, in bytes. A length above it is refused before
/// any memory is taken for it.
pub(crate) const LIMIT: usize = 256 << 20;

/// Changes whenever a frame's meaning does.
const PROTOCOL: u32 = 2;

/// How much is read at once; small frames arrive whole in one system call.
const CHUNK: usize = 64 << 10;

/// The first frame each way: who speaks.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Hello {
    protocol: u32,
    /// Which executable, by device, inode, size and time of change: a worker
    /// of another build would have other tasks under the same names.
    build: (u64, u64, u64, i64),
    /// Whether the worker watches in a thread of its own for its parent's end.
    pub(crate) watchdog: bool,
}

impl Hello {
    /// The greeting of this process.
    pub(crate) fn of_this_program(watchdog: bool) -> io::Result<Self> {
        let exe = std::fs::metadata("/proc/self/exe")?;
        let modified = exe.mtime().wrapping_mul(1_000_000_000).wrapping_add(exe.mtime_nsec());
        let build = (exe.dev(), exe.ino(), exe.size(), modified);
        Ok(Self { protocol: PROTOCOL, build, watchdog })
    }
}

/// What the items of a request are for.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Request<'a> {
    pub(crate) task: &'a str,
    pub(crate) items: u32,
}

/// Appends a value's encoding. After an error some of it may be there.
pub(crate) fn append<T: Serialize + ?Sized>(value: &T, to: &mut Vec<u8>) -> postcard::Result<()> {
    /// postcard's own `Vec` flavour takes the vector and loses it on error.
    struct Append<'a>(&'a mut Vec<u8>);
    impl Flavor for Append<'_> {
        type Output = ();
        fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
            self.0.extend_from_slice(data);
            Ok(())
        }
        fn try_push(&mut self, data: u8) -> postcard::Result<()> {
            self.0.push(data);
            Ok(())
        }
        fn finalize(self) -> postcard::Result<()> {
            Ok(())
        }
    }
    postcard::serialize_with_flavor(value, Append(to))
}

/// Appends what `write` appends, with its length before it.
pub(crate) fn append_item<E>(
    to: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = to.len();
    to.extend_from_slice(&[0; 4]);
    write(to)?;
    // An item longer than a u32 is longer than any frame: sending refuses it.
    let length = u32::try_from(to.len() - start - 4).unwrap_or(u32::MAX);
    to[start..start + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Takes the next item off the front of `items`; `None` if it is cut short.
pub(crate) fn take_item<'a>(items: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = items.split_first_chunk()?;
    let (item, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *items = rest;
    Some(item)
}

/// Decodes a value that fills `bytes`; what is left over is an error.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> postcard::Result<T> {
    let (value, rest) = decode_first(bytes)?;
    if rest.is_empty() { Ok(value) } else { Err(postcard::Error::DeserializeBadEncoding) }
}

/// Decodes the value at the front, and returns the rest.
pub(crate) fn decode_first<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
) -> postcard::Result<(T, &'a [u8])> {
    postcard::take_from_bytes(bytes)
}

/// A frame to send: a buffer that begins with room for the length.
#[derive(Debug, Default)]
pub(crate) struct Frame(Vec<u8>);

impl Frame {
    /// Empties the frame, and gives its body to be appended to.
    pub(crate) fn start(&mut self) -> &mut Vec<u8> {
        self.0.clear();
        self.0.extend_from_slice(&[0; 4]);
        &mut self.0
    }

    /// The body, to be appended to.
    pub(crate) fn body_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    /// The length of the body so far.
    pub(crate) fn body(&self) -> usize {
        self.0.len().saturating_sub(4)
    }
}

/// One end of a worker's socket.
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

    /// Sends a frame. Where the socket has a time limit, `alive` is asked
    /// whenever it has passed without progress.
    ///
    /// # Errors
    /// Of the socket; `BrokenPipe` once nobody is at the other end;
    /// `InvalidInput`, and nothing is sent, for a body above [`LIMIT`].
    pub(crate) fn send(
        &mut self,
        frame: &mut Frame,
        alive: impl FnMut() -> bool,
    ) -> io::Result<()> {
        send(&self.stream, frame, alive)
    }

    /// Receives the body of the next frame; `None` if the other end is gone,
    /// whether before a frame or in the middle of one.
    ///
    /// # Errors
    /// Of the socket; `InvalidData` for a length above [`LIMIT`].
    pub(crate) fn receive(&mut self, mut alive: impl FnMut() -> bool) -> io::Result<Option<&[u8]>> {
        // What belongs to the frame before has been looked at: reuse its room.
        self.inbox.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        if !self.fill(4, &mut alive)? {
            return Ok(None);
        }
        let prefix = self.inbox.first_chunk().expect("four bytes are there");
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > LIMIT {
            let why = format!("a frame of {length} bytes; the limit is {LIMIT}");
            return Err(io::Error::new(ErrorKind::InvalidData, why));
        }
        if !self.fill(4 + length, &mut alive)? {
            return Ok(None);
        }
        self.taken = 4 + length;
        Ok(Some(&self.inbox[4..self.taken]))
    }

    /// Reads until `wanted` bytes are there; `false` at the end of the stream.
    fn fill(&mut self, wanted: usize, mut alive: impl FnMut() -> bool) -> io::Result<bool> {
        while self.filled < wanted {
            if self.filled == self.inbox.len() {
                // Room grows with what has arrived, at most to its double, so
                // that a length alone cannot take memory.
                let room = wanted.min(self.filled * 2).max(self.filled + CHUNK);
                self.inbox.resize(room, 0);
            }
            match self.stream.read(&mut self.inbox[self.filled..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.filled += read,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock && alive() => {}
                Err(e)
                    if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionReset) =>
                {
                    return Ok(false);
                }
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }
}

/// Sends a frame through one end of a socket, while somebody may be looking at
/// what was received there; see [`Connection::send`].
pub(crate) fn send(
    mut stream: &UnixStream,
    frame: &mut Frame,
    mut alive: impl FnMut() -> bool,
) -> io::Result<()> {
    let length = u32::try_from(frame.body())
        .ok()
        .filter(|length| *length as usize <= LIMIT)
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a frame above the limit"))?;
    frame.0[..4].copy_from_slice(&length.to_le_bytes());
    let mut left = &frame.0[..];
    while !left.is_empty() {
        match stream.write(left) {
            Ok(written) => left = &left[written..],
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock && alive() => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                return Err(ErrorKind::BrokenPipe.into());
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> (Connection, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        (Connection::new(ours), theirs)
    }

    fn frame(body: &[u8]) -> Frame {
        let mut frame = Frame::default();
        frame.start().extend_from_slice(body);
        frame
    }

    #[test]
    fn frames_arrive_one_by_one_however_they_are_cut() {
        let (mut connection, mut other) = ends();
        let large = vec![7; 3 * CHUNK + 1];
        let bodies: [&[u8]; 4] = [b"one", b"", &large, b"four"];
        let mut stream = Vec::new();
        for body in bodies {
            stream.extend_from_slice(&(body.len() as u32).to_le_bytes());
            stream.extend_from_slice(body);
        }
        let writer = std::thread::spawn(move || {
            stream.chunks(7_001).for_each(|cut| other.write_all(cut).expect("a reader"));
        });
        for body in bodies {
            assert!(connection.receive(|| true).expect("a frame") == Some(body));
        }
        writer.join().expect("a writer");
        assert_eq!(connection.receive(|| true).expect("the end"), None);
    }

    #[test]
    fn a_length_above_the_limit_is_refused_before_memory_is_taken() {
        let (mut connection, mut other) = ends();
        other.write_all(&u32::MAX.to_le_bytes()).expect("a reader");
        let refused = connection.receive(|| true).expect_err("a refusal");
        assert_eq!(refused.kind(), ErrorKind::InvalidData);
        assert!(connection.inbox.len() <= CHUNK);
    }

    #[test]
    fn a_length_alone_takes_no_memory() {
        let (mut connection, mut other) = ends();
        other.write_all(&(LIMIT as u32).to_le_bytes()).expect("a reader");
        drop(other);
        assert_eq!(connection.receive(|| true).expect("the end"), None);
        assert!(connection.inbox.len() <= 2 * CHUNK);
    }

    #[test]
    fn the_other_ends_death_is_no_frame() {
        for cut in [0, 3, 4, 6] {
            let (mut connection, mut other) = ends();
            other.write_all(&b"\x04\0\0\0body"[..cut]).expect("a reader");
            drop(other);
            assert_eq!(connection.receive(|| true).expect("the end"), None);
        }
    }

    #[test]
    fn who_waits_asks_whether_it_is_worth_it() {
        let (mut connection, _other) = ends();
        let limit = Some(std::time::Duration::from_millis(1));
        connection.stream().set_read_timeout(limit).expect("a limit");
        connection.stream().set_write_timeout(limit).expect("a limit");
        let mut asked = 0;
        let mut alive = || {
            asked += 1;
            asked % 3 != 0
        };
        assert_eq!(connection.receive(&mut alive).expect("no frame"), None);
        // More than the socket holds, and nobody reads it.
        let stuck = connection.send(&mut frame(&vec![0; 4 << 20]), &mut alive);
        assert_eq!(stuck.expect_err("nobody").kind(), ErrorKind::BrokenPipe);
        assert_eq!(asked, 6);
    }

    #[test]
    fn an_item_cut_short_is_none() {
        let mut items = Vec::new();
        append_item(&mut items, |to| append(&7_u64, to)).expect("it encodes");
        let mut whole = &items[..];
        assert_eq!(take_item(&mut whole), Some(&[7][..]));
        assert_eq!(take_item(&mut whole), None);
        for cut in 0..items.len() {
            assert_eq!(take_item(&mut &items[..cut]), None);
        }
    }

    #[test]
    fn what_is_left_over_is_an_error() {
        assert_eq!(decode::<u8>(&[7]), Ok(7));
        assert!(decode::<u8>(&[7, 7]).is_err());
        assert!(decode::<u8>(&[]).is_err());
    }
}
