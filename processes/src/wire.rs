//! What goes over the socket: length-prefixed frames.
//!
//! ```text
//! frame    = length (4 bytes, little endian) body
//!          | length with its highest bit set, offset (4 bytes): the body is not
//!            here but at that offset of the arena
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

mod connection;
mod frame;
mod items;

use std::io;
use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};

pub(crate) use connection::{Connection, Received, write};
pub(crate) use frame::Frame;
pub(crate) use items::Items;

/// The largest body of a frame, in bytes. A length above it is refused before
/// any memory is taken for it.
pub(crate) const LIMIT: usize = 256 << 20;

/// Changes whenever a frame's meaning does.
const PROTOCOL: u32 = 4;

/// The bit of a frame's length that says that its body is in shared memory.
const SHARED: u32 = 1 << 31;

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

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests;
