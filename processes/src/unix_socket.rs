//! Results through a Unix socket: `multiprocessing.Pipe()`.
//!
//! One descriptor for both ways, and the same at both ends; copied twice, as
//! through a pipe. It could also be given a name, and then be reached by
//! processes that are no relatives, or carry descriptors.
//!
//! Cost: as a pipe's for small results. It holds about 200 KiB, and brings large
//! ones at 3.5 GB/s (`results` in the bench, made and read on two cores).

use std::io::Write;
use std::os::unix::net::UnixStream;

use crate::error::{Error, cannot};
use crate::fork::{self, Forked};
use crate::resident;

/// A forked child that stays and sends bytes through a socket when asked.
///
/// ```standalone_crate
/// use processes::{unix_socket, write_squares};
///
/// fn main() -> Result<(), processes::Error> {
///     let mut child = unix_socket::Resident::start(80, write_squares)?;
///     assert_eq!(child.ask(16)?[8..], 1_u64.to_ne_bytes());
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Resident {
    child: Forked,
    socket: UnixStream,
    buffer: Vec<u8>,
}

impl Resident {
    /// Forks the child; `produce` fills the bytes that it is asked for, at
    /// most `most` of them.
    ///
    /// # Errors
    /// As [`fork::start`], or [`Error::Io`] if there is no socket to be had.
    pub fn start(most: usize, produce: impl Fn(&mut [u8])) -> Result<Self, Error> {
        let (ours, theirs) = UnixStream::pair().map_err(cannot("open a socket"))?;
        let child = fork::start(|| {
            // With the parent's end open here, its death would go unnoticed.
            fork::close(&ours);
            let mut buffer = vec![0; most];
            resident::serve(&theirs, |bytes| {
                produce(&mut buffer[..bytes]);
                (&theirs).write_all(&buffer[..bytes])
            })
        })?;
        Ok(Self { child, socket: ours, buffer: vec![0; most] })
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
        resident::ask(&mut self.child, &self.socket, &self.socket, bytes, reply)?;
        Ok(reply)
    }

    /// The child's process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }
}
