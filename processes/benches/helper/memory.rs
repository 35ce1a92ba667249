//! Memory that a helper holds while it starts processes, in pages of either size.
//!
//! What `fork` copies is the table of pages, so it matters how large they are:
//! a gibibyte is 262,144 entries of 4 KiB or 512 of 2 MiB. Some systems hand
//! out the large ones unasked (`always` in
//! `/sys/kernel/mm/transparent_hugepage/enabled`), some to who asks (`madvise`).
#![allow(unsafe_code, reason = "`madvise` takes an address")]

use std::cell::RefCell;
use std::fs;
use std::ptr::NonNull;

use nix::sys::mman::{MmapAdvise, madvise};
use nix::sys::prctl::set_thp_disable;

/// The size of a large page here, and so what advice is aligned to.
const LARGE: usize = 2 << 20;

thread_local! {
    static HELD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Holds so many MiB, each byte of which has been written.
///
/// # Errors
/// If there are no large pages to be had, and `large` asks for them.
pub(crate) fn hold(mebibytes: u64, large: bool) -> Result<(), String> {
    let bytes = (mebibytes as usize) << 20;
    set_thp_disable(!large).map_err(|e| format!("cannot choose the size of pages: {e}"))?;
    let mut memory = Vec::with_capacity(bytes);
    if large {
        ask_for_large_pages(&mut memory)?;
    }
    memory.resize(bytes, 1);
    HELD.set(memory);
    let have = mebibytes_in_large_pages()?;
    // The first and the last of them need not be aligned; small buffers stay small.
    match (large, have) {
        (true, have) if have + 2 * (LARGE as u64 >> 20) < mebibytes => {
            Err(format!("{have} of {mebibytes} MiB came in large pages"))
        }
        (false, 1..) => Err(format!("{have} MiB came in large pages, unasked")),
        _ => Ok(()),
    }
}

/// Asks for large pages in the room that a vector has.
fn ask_for_large_pages(memory: &mut Vec<u8>) -> Result<(), String> {
    let room = memory.spare_capacity_mut();
    let before = room.as_ptr().align_offset(LARGE);
    let Some(aligned) = room.get_mut(before..).filter(|aligned| aligned.len() >= LARGE) else {
        return Ok(());
    };
    let length = aligned.len() / LARGE * LARGE;
    let start = NonNull::from(aligned).cast();
    // SAFETY: the range is inside the vector's own allocation, and this advice
    // changes how its memory is laid out, never what is in it.
    unsafe { madvise(start, length, MmapAdvise::MADV_HUGEPAGE) }
        .map_err(|e| format!("this system has no large pages: {e}"))
}

/// MiB of this process's memory that are in large pages.
fn mebibytes_in_large_pages() -> Result<u64, String> {
    let smaps = fs::read_to_string("/proc/self/smaps_rollup")
        .map_err(|e| format!("cannot see the size of pages: {e}"))?;
    let huge = smaps.lines().find_map(|line| line.strip_prefix("AnonHugePages:"));
    let kibibytes = huge.and_then(|huge| huge.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(kibibytes.unwrap_or_default() / 1024)
}
