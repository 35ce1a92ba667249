//! Memory in pages of 2 MiB instead of 4 KiB.
//!
//! What a program allocates is not there until it is touched. The first touch of
//! each page is a trip into the system, which fills the page with zeros; for an
//! array of some megabytes that takes longer than the lecture's arithmetic. With
//! large pages there are 512 times fewer trips, and the processor, which keeps
//! the addresses of some thousand pages at hand, misses fewer of them. NumPy asks
//! for them, for every array from 4 MiB on.

use std::ffi::c_void;
use std::ptr::NonNull;

use nix::sys::mman::{MmapAdvise, madvise};
use nix::unistd::{SysconfVar, sysconf};

/// An empty vector with room for so many elements, and the request that the
/// system use large pages for it.
///
/// It is a request: a system whose `transparent_hugepage` is `never` or that has
/// no 2 MiB in one piece uses small ones, and whatever is smaller than a large
/// page, or begins before one, has small ones anyway.
///
/// ```
/// let mut x = threads::with_huge_pages(1_000_000);
/// x.resize(1_000_000, 1.0);
/// ```
///
/// # Panics
/// As [`Vec::with_capacity`] does.
pub fn with_huge_pages<T>(capacity: usize) -> Vec<T> {
    let mut memory = Vec::with_capacity(capacity);
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4_096) as usize;
    let room = memory.spare_capacity_mut();
    let start = room.as_mut_ptr().cast::<u8>();
    let before = start.align_offset(page);
    let Some(bytes) = size_of_val(room).checked_sub(before).map(|bytes| bytes / page * page) else {
        return memory;
    };
    let first = NonNull::new(start.wrapping_add(before).cast::<c_void>());
    if let Some(first) = first.filter(|_| bytes > 0) {
        // SAFETY: the pages lie within an allocation that is ours, and this advice
        // changes nothing that a program can read.
        #[expect(unsafe_code)]
        let advised = unsafe { madvise(first, bytes, MmapAdvise::MADV_HUGEPAGE) };
        // A system without large pages refuses, and works.
        let _ = advised;
    }
    memory
}
