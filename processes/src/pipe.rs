//! Results through a pipe: `multiprocessing.Pipe(duplex=False)`.
//!
//! Bytes go one way, and are copied twice, into the kernel and out of it. The
//! kernel holds 64 KiB; whoever has more to write sleeps until some of it is
//! read, so a parent that waited for its child's end before it read would wait
//! for ever.
//!
//! Cost: what waking two processes costs, 45 µs here, up to about 4 KiB. For
//! large results that are made and read on two cores it is the slowest way, for
//! one end must wake the other every 64 KiB: 0.8 GB/s (`results` in the bench).

use std::io::{PipeReader, PipeWriter, Write, pipe};

use crate::error::{Error, cannot};
use crate::fork::{self, Forked};
use crate::resident;

/// A forked child that stays and sends bytes through a pipe when asked.
///
/// ```standalone_crate
/// use processes::{pipe, write_squares};
///
/// fn main() -> Result<(), processes::Error> {
///     let mut child = pipe::Resident::start(80, write_squares)?;
///     assert_eq!(child.ask(16)?[8..], 1_u64.to_ne_bytes());
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Resident {
    child: Forked,
    requests: PipeWriter,
    replies: PipeReader,
    buffer: Vec<u8>,
}

impl Resident {
    /// Forks the child; `produce` fills the bytes that it is asked for, at
    /// most `most` of them.
    ///
    /// # Errors
    /// As [`fork::start`], or [`Error::Io`] if there is no pipe to be had.
    pub fn start(most: usize, produce: impl Fn(&mut [u8])) -> Result<Self, Error> {
        let (asked, requests) = pipe().map_err(cannot("open a pipe"))?;
        let (replies, mut reply) = pipe().map_err(cannot("open a pipe"))?;
        let child = fork::start(|| {
            // With the parent's ends open here, its death would go unnoticed.
            fork::close(&requests);
            fork::close(&replies);
            let mut buffer = vec![0; most];
            resident::serve(&asked, |bytes| {
                produce(&mut buffer[..bytes]);
                reply.write_all(&buffer[..bytes])
            })
        })?;
        Ok(Self { child, requests, replies, buffer: vec![0; most] })
    }

    /// Has `bytes` bytes produced, and waits for them.
    ///
    /// # Errors
    /// [`Error::Died`] if the child is gone, [`Error::Io`].
    ///
    /// # Panics
    /// If `bytes` is more than `most`.
    pub fn ask(&mut self, bytes: usize) -> Result<&[u8], Error> {
        resident::within(bytes, self.buffer.len());
        let reply = &mut self.buffer[..bytes];
        resident::ask(&mut self.child, &self.requests, &self.replies, bytes, reply)?;
        Ok(reply)
    }

    /// The child's process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }
}
