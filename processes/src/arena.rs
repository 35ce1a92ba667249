//! Bytes that a parent and its worker both see: where large frames lie.
//!
//! What goes through a socket is copied into the kernel and out of it again,
//! into buffers that the kernel makes for it. A frame of more than a few KiB
//! is cheaper where the other end sees it, with a note about it on the socket.
//!
//! The other end may write here at any time, whatever was agreed, so there is
//! never a `&[u8]` of it: bytes are copied in and out, eight at a time, by
//! atomic loads and stores. Whatever the other end does meanwhile, what is
//! copied out are some bytes, and they are looked at only where nobody else
//! can change them any more. A relaxed load is a plain one to the processor,
//! so the copy is as fast as any that is done in words.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// How many bytes an arena holds.
pub(crate) const ROOM: usize = 256 << 10;

/// The bytes of a word.
const WORD: usize = size_of::<u64>();

/// Where frames of one request, or of its replies, lie. Zeroed, it is valid,
/// and so it is with any other bits.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Arena([AtomicU64; ROOM / WORD]);

impl Arena {
    /// Copies bytes in, from the first word at or after `free`: where they lie
    /// then, or `None` if there is no room for them.
    pub(crate) fn put(&self, free: usize, bytes: &[u8]) -> Option<Range<usize>> {
        let start = free.checked_next_multiple_of(WORD)?;
        let place = start..start.checked_add(bytes.len())?;
        let words = self.words(&place)?;
        let (whole, rest) = bytes.as_chunks::<WORD>();
        for (word, bytes) in words.iter().zip(whole) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        if !rest.is_empty() {
            let mut bytes = [0; WORD];
            bytes[..rest.len()].copy_from_slice(rest);
            words[whole.len()].store(u64::from_ne_bytes(bytes), Ordering::Relaxed);
        }
        // The note about them goes by the kernel, which has barriers of its
        // own; this one keeps the compiler from being clever.
        fence(Ordering::Release);
        Some(place)
    }

    /// Copies the bytes out that lie there, to where they cannot change any
    /// more; `None` if no bytes can lie there.
    pub(crate) fn take<'a>(&self, place: Range<usize>, to: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        fence(Ordering::Acquire);
        let words = self.words(&place)?;
        if to.len() < place.len() {
            to.resize(place.len(), 0);
        }
        let to = &mut to[..place.len()];
        let (whole, rest) = to.as_chunks_mut::<WORD>();
        for (bytes, word) in whole.iter_mut().zip(words) {
            *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        if let Some(last) = words.get(whole.len()) {
            let bytes = last.load(Ordering::Relaxed).to_ne_bytes();
            rest.copy_from_slice(&bytes[..rest.len()]);
        }
        Some(to)
    }

    /// The words of a place that begins with a word.
    fn words(&self, place: &Range<usize>) -> Option<&[AtomicU64]> {
        let aligned = place.start.is_multiple_of(WORD);
        aligned.then(|| self.0.get(place.start / WORD..place.end.div_ceil(WORD))).flatten()
    }
}
