//! Results in memory that both processes see: `multiprocessing.shared_memory`.
//!
//! The child writes where the parent reads, so nothing is copied, however
//! much it is. What remains is to say when: here a socket carries the request
//! and one byte back, and its closing tells of the child's death, which a lock
//! in the shared memory itself could not.
//!
//! Cost: the message, as much as a small result costs through a socket, and then
//! only what it takes to write: 8 MiB in 0.7 ms, a third of a socket's time and
//! little more than a thread's (`results` in the bench, two cores).
#![allow(unsafe_code, reason = "`mmap` hands out raw memory; `Mapping` makes it safe")]

use std::io::Write;
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use crate::error::{Error, cannot};
use crate::fork::{self, Forked};
use crate::resident;

/// Zeroed memory that a forked child shares with its parent.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    length: NonZeroUsize,
}

// SAFETY: the mapping is owned by this value alone, as a `Vec`'s memory is.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(length: usize) -> Result<Self, Error> {
        // A mapping has at least one byte.
        let length = NonZeroUsize::new(length).unwrap_or(NonZeroUsize::MIN);
        let (access, kind) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED);
        // SAFETY: the system chooses the place, so no other memory is replaced.
        let start = unsafe { mmap_anonymous(None, length, access, kind) };
        Ok(Self { start: start.map_err(cannot("map shared memory"))?.cast(), length })
    }

    /// The memory to read.
    ///
    /// # Safety
    /// No process may write to it while the slice is in use.
    unsafe fn read(&self) -> &[u8] {
        // SAFETY: the mapping is that long, readable, initialised to zero by
        // the system, and lives until `self` is dropped; the caller vouches
        // for the other process.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length.get()) }
    }

    /// The memory to write.
    ///
    /// # Safety
    /// No process may read or write it while the slice is in use, and no other
    /// slice of it may be in use in this process.
    #[expect(clippy::mut_from_ref, reason = "a forked child has but a reference to its copy")]
    unsafe fn write(&self) -> &mut [u8] {
        // SAFETY: as in `read`, and the caller vouches that it is the only one.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length.get()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the whole of a mapping that `new` made, and slices
        // of it cannot outlive `self`.
        let _ = unsafe { munmap(self.start.cast(), self.length.get()) };
    }
}

/// A forked child that stays and leaves bytes in shared memory when asked.
///
/// ```standalone_crate
/// use processes::{shared_memory, write_squares};
///
/// fn main() -> Result<(), processes::Error> {
///     let mut child = shared_memory::Resident::start(80, write_squares)?;
///     assert_eq!(child.ask(16)?[8..], 1_u64.to_ne_bytes());
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Resident {
    child: Forked,
    socket: UnixStream,
    memory: Mapping,
    most: usize,
    /// A later child of this process inherits a copy of this value.
    owner: u32,
}

impl Resident {
    /// Forks the child; `produce` fills the bytes that it is asked for, at
    /// most `most` of them.
    ///
    /// # Errors
    /// As [`fork::start`], or [`Error::Io`] if there is no memory to be had.
    pub fn start(most: usize, produce: impl Fn(&mut [u8])) -> Result<Self, Error> {
        let memory = Mapping::new(most)?;
        let (ours, theirs) = UnixStream::pair().map_err(cannot("open a socket"))?;
        let child = fork::start(|| {
            // With the parent's end open here, its death would go unnoticed.
            fork::close(&ours);
            resident::serve(&theirs, |bytes| {
                // SAFETY: the parent waits in `ask` until the byte below has
                // arrived, and holds no slice meanwhile: `ask` borrows the
                // `Resident` mutably for as long as the slice before lives.
                let shared = unsafe { memory.write() };
                produce(&mut shared[..bytes]);
                (&theirs).write_all(&[1])
            })
        })?;
        Ok(Self { child, socket: ours, memory, most, owner: std::process::id() })
    }

    /// Has `bytes` bytes produced, and waits for them.
    ///
    /// # Errors
    /// [`Error::Died`] if the child is gone, [`Error::Io`].
    ///
    /// # Panics
    /// If `bytes` is more than `most`, or if this is called in a process that
    /// inherited the value: two parents cannot both tell the child when.
    pub fn ask(&mut self, bytes: usize) -> Result<&[u8], Error> {
        resident::within(bytes, self.most);
        assert_eq!(std::process::id(), self.owner, "only the process that forked it may ask");
        resident::ask(&mut self.child, &self.socket, &self.socket, bytes, &mut [0])?;
        // SAFETY: the child writes only between a request and its byte; the
        // byte is here, and the next request needs `self` mutably, which it
        // cannot have while this slice lives. No other process asks: it would
        // have had to inherit this value, and was refused above.
        Ok(unsafe { &self.memory.read()[..bytes] })
    }

    /// The child's process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }
}
