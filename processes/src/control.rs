//! The page that a parent shares with each of its workers.
//!
//! What a worker still has to do of a request is one number in shared memory,
//! `next..limit`: the worker claims items from the front, the parent takes
//! items back from the end. So a parent may hand out much at once, and give
//! half of it to somebody else when that turns out to be slow, without a
//! message and without a wait for the item at hand. Two requests may be under
//! way, one at work and one waiting, so there are two such numbers; beside each
//! stands how far the worker has come, from which the parent of a worker that
//! died knows what was begun.
//!
//! All of it is atomic, so whatever a worker does to the page, the parent
//! reads numbers; it believes none that makes no sense. The page has no name,
//! and its size is sealed: a worker cannot shrink it under its parent.
#![allow(unsafe_code, reason = "a shared page is mapped here, and seen as atomics only")]

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::num::NonZeroUsize;
use std::ops::{Range, RangeInclusive};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

use crate::arena::Arena;

/// How many requests may be under way: one at work, one waiting.
pub(crate) const SLOTS: u32 = 2;

/// One request's part of the page.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Slot {
    /// The first item that nobody has claimed, in the low half, and the first
    /// that is not the worker's, in the high half.
    range: AtomicU64,
    /// Twice the number of items that are done, and one more while the worker
    /// is in the middle of the next.
    progress: AtomicU32,
}

/// The page itself; zeroed, it is empty. What follows the first few bytes is
/// not there before it is written: memory comes with the first large frame.
#[repr(C)]
struct Page {
    slots: [Slot; SLOTS as usize],
    heartbeat: AtomicU32,
    requests: [Arena; SLOTS as usize],
    replies: [Arena; SLOTS as usize],
}

/// One end's view of the page.
#[derive(Debug)]
pub(crate) struct Control(NonNull<Page>);

// SAFETY: The page is reached through shared references to atomics only, which
// any thread may use; the mapping belongs to this value alone.
unsafe impl Send for Control {}
// SAFETY: As above.
unsafe impl Sync for Control {}

const LENGTH: NonZeroUsize = NonZeroUsize::new(size_of::<Page>()).expect("a page is not empty");

impl Control {
    /// A page, and the file by which the other end maps it.
    pub(crate) fn new() -> io::Result<(Self, File)> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let file = File::from(memfd_create(c"polyphony-control", flags)?);
        file.set_len(LENGTH.get() as u64)?;
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
        Ok((Self::map(&file)?, file))
    }

    /// Maps the page in a file that [`new`](Self::new) made.
    fn map(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() < LENGTH.get() as u64 {
            return Err(io::Error::other("the control page is too small"));
        }
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the system chooses the place, so no other memory is replaced.
        let start = unsafe { mmap(None, LENGTH, access, MapFlags::MAP_SHARED, file, 0) }?;
        Ok(Self(start.cast()))
    }

    fn page(&self) -> &Page {
        // SAFETY: The mapping is as long as a `Page` and aligned to a page of
        // memory, it lives until `self` is dropped, any bits are a `Page`, and
        // whatever another process does to it, it does to atomics.
        unsafe { self.0.as_ref() }
    }

    /// The slot of the request of this number.
    pub(crate) fn slot(&self, request: u32) -> &Slot {
        &self.page().slots[(request % SLOTS) as usize]
    }

    /// Where the request of this number lies if it is large. It is the
    /// parent's to write until the request is posted.
    pub(crate) fn request(&self, number: u32) -> &Arena {
        &self.page().requests[(number % SLOTS) as usize]
    }

    /// Where replies to the request of this number lie if they are large, one
    /// behind the other. It is the worker's to write until the last is sent.
    pub(crate) fn replies(&self, number: u32) -> &Arena {
        &self.page().replies[(number % SLOTS) as usize]
    }

    /// Gives a sign of life.
    pub(crate) fn beat(&self) {
        self.page().heartbeat.fetch_add(1, Ordering::Relaxed);
    }

    /// A number that changes with every sign of life.
    pub(crate) fn heartbeat(&self) -> u32 {
        self.page().heartbeat.load(Ordering::Relaxed)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // SAFETY: this is the whole of a mapping that `map` made, and no
        // reference to it outlives `self`.
        let _ = unsafe { munmap(self.0.cast(), LENGTH.get()) };
    }
}

fn pack(range: Range<u32>) -> u64 {
    u64::from(range.end) << 32 | u64::from(range.start)
}

fn unpack(range: u64) -> Range<u32> {
    range as u32..(range >> 32) as u32
}

impl Slot {
    /// Makes all items of a new request the worker's.
    pub(crate) fn open(&self, items: u32) {
        self.progress.store(0, Ordering::Relaxed);
        // `Release`: whoever sees the range sees no progress yet.
        self.range.store(pack(0..items), Ordering::Release);
    }

    /// Claims the next few items: a sixteenth of what is left, so that little is
    /// out of the parent's reach, within bounds that are at least one.
    pub(crate) fn claim(&self, bounds: RangeInclusive<u32>) -> Option<Range<u32>> {
        let share = |Range { start, end }| {
            let left: u32 = end - start;
            start + (left / 16).clamp(*bounds.start(), *bounds.end()).min(left)
        };
        let claimed = self.range.fetch_update(Ordering::AcqRel, Ordering::Acquire, |range| {
            let Range { start, end } = unpack(range);
            (start < end).then(|| pack(share(start..end)..end))
        });
        let left = unpack(claimed.ok()?);
        Some(left.start..share(left))
    }

    /// What nobody has claimed, of a request of so many items.
    pub(crate) fn unclaimed(&self, items: u32) -> Range<u32> {
        let Range { start, end } = unpack(self.range.load(Ordering::Acquire));
        let end = end.min(items);
        start.min(end)..end
    }

    /// Takes back what `which` takes of the unclaimed items: those from the
    /// item that it returns.
    pub(crate) fn take_back(
        &self,
        items: u32,
        which: impl Fn(Range<u32>) -> Option<u32>,
    ) -> Option<Range<u32>> {
        let keep = |range| {
            let Range { start, end } = unpack(range);
            if end > items || start >= end {
                return None;
            }
            let from = which(start..end)?.clamp(start, end);
            (from < end).then_some((start..from, from..end))
        };
        let attempt = |range| keep(range).map(|(kept, _)| pack(kept));
        let before = self.range.fetch_update(Ordering::AcqRel, Ordering::Acquire, attempt);
        keep(before.ok()?).map(|(_, taken)| taken)
    }

    /// The worker is in the middle of this item.
    #[inline]
    pub(crate) fn begin(&self, item: u32) {
        self.progress.store(item.wrapping_mul(2).wrapping_add(1), Ordering::Relaxed);
    }

    /// The worker has done so many items, and is in the middle of none.
    pub(crate) fn finish(&self, items: u32) {
        self.progress.store(items.wrapping_mul(2), Ordering::Release);
    }

    /// How many items are done, and whether the next is begun.
    pub(crate) fn progress(&self) -> (u32, bool) {
        let progress = self.progress.load(Ordering::Acquire);
        (progress / 2, progress % 2 == 1)
    }
}

/// Sends the page's file to the other end of a socket, ahead of all frames.
pub(crate) fn send(file: &File, to: &UnixStream) -> io::Result<()> {
    let files = [file.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&files)];
    let flags = MsgFlags::MSG_NOSIGNAL;
    sendmsg::<()>(to.as_fd().as_raw_fd(), &[IoSlice::new(&[0])], &rights, flags, None)?;
    Ok(())
}

/// Receives what [`send`] sent.
pub(crate) fn receive(from: &UnixStream) -> io::Result<Control> {
    let mut byte = [0];
    let mut buffers = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([std::os::fd::RawFd; 1]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(from.as_raw_fd(), &mut buffers, Some(&mut space), flags)?;
    let mut files = message.cmsgs()?.filter_map(|message| match message {
        ControlMessageOwned::ScmRights(files) => files.first().copied(),
        _ => None,
    });
    let file = files.next().ok_or_else(|| io::Error::other("the parent sent no control page"))?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else
    // knows of it.
    Control::map(&File::from(unsafe { OwnedFd::from_raw_fd(file) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_claimed_and_the_end_taken_back() {
        let (control, _file) = Control::new().expect("a page");
        let slot = control.slot(1);
        slot.open(100);
        assert_eq!(slot.claim(1..=64), Some(0..6));
        assert_eq!(slot.claim(1..=2), Some(6..8));
        assert_eq!(
            slot.take_back(100, |left| Some(left.end - left.len() as u32 / 2)),
            Some(54..100)
        );
        assert_eq!(slot.unclaimed(100), 8..54);
        assert_eq!(slot.take_back(100, |_| None), None);
        assert_eq!(slot.take_back(100, |_| Some(0)), Some(8..54));
        assert_eq!(slot.claim(1..=64), None);
        assert_eq!(slot.take_back(100, |_| Some(0)), None);
        assert_eq!(control.slot(0).claim(1..=64), None);
    }

    #[test]
    fn nonsense_is_not_believed() {
        let (control, _file) = Control::new().expect("a page");
        let slot = control.slot(0);
        slot.open(1_000);
        assert_eq!(slot.take_back(10, |_| Some(0)), None);
        assert_eq!(slot.unclaimed(10), 0..10);
    }

    #[test]
    fn every_item_goes_to_one_of_the_two() {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let (control, file) = Control::new().expect("a page");
        send(&file, &ours).expect("it is sent");
        let other = receive(&theirs).expect("it is received");
        const ITEMS: u32 = 100_000;
        control.slot(0).open(ITEMS);
        let worker = std::thread::spawn(move || {
            let mut claimed = 0;
            while let Some(block) = other.slot(0).claim(1..=64) {
                assert_eq!(block.start, claimed, "in order");
                claimed = block.end;
                other.beat();
            }
            claimed
        });
        let mut first_taken = ITEMS;
        while let Some(taken) =
            control.slot(0).take_back(ITEMS, |left| Some(left.end - (left.len() as u32).min(3)))
        {
            assert_eq!(taken.end, first_taken, "in order");
            first_taken = taken.start;
        }
        assert_eq!(worker.join().expect("a worker"), first_taken);
        assert!(first_taken == 0 || control.heartbeat() > 0);
    }
}
