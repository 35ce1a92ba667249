//! Arrays whose pages are new, and small or large as one asks.
//!
//! What a program allocates is not there until it is touched. The first touch of
//! each page is a trip into the system, which fills the page with zeros; for an
//! array of some megabytes that takes longer than the lecture's arithmetic. An
//! allocator may hand out pages that were touched before, so who wants to see
//! what the first touch costs must ask the system itself.
//!
//! Of large pages (2 MiB instead of 4 KiB on x86-64) 512 times fewer are touched,
//! and the processor, which keeps the addresses of some thousand pages at hand,
//! misses fewer of them. NumPy asks for them, for every array from 4 MiB on.

use std::ffi::c_void;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};

/// How large the pages of a [`Mapping`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// The system's ordinary ones.
    Small,
    /// Large ones, if the system has any to give: this is a request.
    Large,
}

/// An array of zeros in pages of its own, none of which has been touched. They
/// go back to the system when it is dropped.
pub struct Mapping<T: Number> {
    start: NonNull<T>,
    length: usize,
    /// What was mapped, and how many bytes.
    whole: (NonNull<c_void>, usize),
}

/// A large page of x86-64, and of most other machines.
const LARGE_PAGE: usize = 2 << 20;

/// A number that is zero when all its bits are.
pub trait Number: Copy + Sealed {}

impl Number for f64 {}
impl Number for u64 {}

/// Nobody else's type may claim to be a [`Number`].
mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for u64 {}
}
use sealed::Sealed;

/// The system has not got the memory, or will not give it.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no memory for {length} elements: {source}")]
pub struct MappingError {
    /// How many were asked for.
    pub length: usize,
    /// What the system said.
    pub source: Errno,
}

impl<T: Number> Mapping<T> {
    /// Memory for `length` elements, all of them zero.
    ///
    /// Cost: some microseconds, whatever the length; the rest is paid at the
    /// first touch, 0.1 to 0.2 us for each small page.
    ///
    /// ```
    /// use threads::{Mapping, Pages};
    ///
    /// let mut x = Mapping::<f64>::new(1_000_000, Pages::Large)?;
    /// assert!(x.iter().all(|x| *x == 0.0));
    /// x[999_999] = 1.5;
    /// # Ok::<(), threads::MappingError>(())
    /// ```
    ///
    /// # Errors
    /// If the system does not give it.
    pub fn new(length: usize, pages: Pages) -> Result<Self, MappingError> {
        let failed = |source| MappingError { length, source };
        let bytes = length.checked_mul(size_of::<T>()).ok_or(failed(Errno::ENOMEM))?;
        // A large page begins at a multiple of its size. The system need not begin
        // there, nor end, and what lies about a large page is in small ones.
        let (multiple, spare) = match pages {
            Pages::Small => (1, 0),
            Pages::Large => (LARGE_PAGE, LARGE_PAGE),
        };
        // The system maps no nothing, so there is always room for one.
        let whole = bytes.max(size_of::<T>()).checked_next_multiple_of(multiple);
        let whole = whole.and_then(|whole| whole.checked_add(spare));
        let whole = whole.ok_or(failed(Errno::ENOMEM))?;
        let size = NonZeroUsize::new(whole).ok_or(failed(Errno::EINVAL))?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the system chooses the place, so nothing of ours is there.
        #[expect(unsafe_code)]
        let mapped =
            unsafe { mmap_anonymous(None, size, access, MapFlags::MAP_PRIVATE) }.map_err(failed)?;
        // SAFETY: the next multiple is at most `spare` bytes on, and `bytes` lie behind.
        #[expect(unsafe_code)]
        let start = unsafe { mapped.byte_add(mapped.align_offset(multiple)) };
        let mapping = Self { start: start.cast(), length, whole: (mapped, whole) };
        let advice = match pages {
            Pages::Small => MmapAdvise::MADV_NOHUGEPAGE,
            Pages::Large => MmapAdvise::MADV_HUGEPAGE,
        };
        // SAFETY: the pages are ours, and this changes nothing that can be read.
        #[expect(unsafe_code)]
        let advised = unsafe { madvise(mapped, whole, advice) };
        // A system that knows no large pages refuses, and has small ones.
        let _ = advised;
        Ok(mapping)
    }
}

impl<T: Number> Deref for Mapping<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: so many elements were mapped, aligned to a page, for as long as
        // this lives; the system filled them with zeros, which every [`Number`] can be.
        #[expect(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts(self.start.as_ptr(), self.length)
        }
    }
}

impl<T: Number> DerefMut for Mapping<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and nobody else has it while this is borrowed.
        #[expect(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length)
        }
    }
}

impl<T: Number> Drop for Mapping<T> {
    fn drop(&mut self) {
        let (mapped, bytes) = self.whole;
        // SAFETY: it was mapped with this length, and nothing borrows it any more.
        #[expect(unsafe_code)]
        let unmapped = unsafe { munmap(mapped, bytes) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}

impl<T: Number> fmt::Debug for Mapping<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping").field("length", &self.length).finish_non_exhaustive()
    }
}
