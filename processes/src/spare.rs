//! Large buffers that may be wanted again soon.
//!
//! A frame of many megabytes is seldom followed by a small one only: whoever
//! sends one large argument mostly sends another. To give its buffer back at
//! once makes the next one pay for fresh memory, page by page, which takes as
//! long as to send it; to keep it with its worker holds several of them for
//! each worker, for ever. So a large buffer that has been used lies here, where
//! any frame of this process can have it, and is given back when nobody has
//! wanted it for a while.
//!
//! A text there and back through one worker took 4.3 ms for 4 MiB and 71 ms for 32
//! MiB, and 16 and 131 ms where no buffer was had again (2026-11-28, Intel Xeon,
//! virtual, 2 cores, Linux 6.18; medians of 6 runs each, in turn).
//!
//! In the parent of a pool the thread that looks after the workers' standard
//! error does that, in a worker the thread that waits for a request. Where
//! there is neither, because a single worker is driven by hand, it is done when
//! the next large buffer comes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A buffer of more bytes is large.
pub(crate) const LARGE: usize = 2 << 20;

/// How long a large buffer lies unused before it is given back.
const PATIENCE: Duration = Duration::from_millis(250);

/// What lies here, and since when.
static SPARE: Mutex<Vec<(Instant, Vec<u8>)>> = Mutex::new(Vec::new());

fn spare() -> MutexGuard<'static, Vec<(Instant, Vec<u8>)>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a buffer whose contents nobody needs any more; one that is not large
/// is given back at once.
pub(crate) fn keep(buffer: Vec<u8>) {
    if buffer.capacity() > LARGE {
        sweep();
        spare().push((Instant::now(), buffer));
        crate::worker::look_after_spare();
    }
}

/// A large buffer of at least so many bytes, the smallest that there is; what
/// is in it is what somebody left there.
pub(crate) fn reuse(bytes: usize) -> Option<Vec<u8>> {
    if bytes <= LARGE {
        return None;
    }
    let mut spare = spare();
    // One that is due is not kept by whoever wants a smaller one now and then.
    let wanted =
        |(since, buffer): &(Instant, Vec<u8>)| buffer.len() >= bytes && since.elapsed() < PATIENCE;
    let fits = spare.iter().enumerate().filter(|(_, spare)| wanted(spare));
    let (at, _) = fits.min_by_key(|(_, (_, buffer))| buffer.len())?;
    Some(spare.swap_remove(at).1)
}

/// Gives back what has lain here for long. When to come again, if there is
/// something left.
pub(crate) fn sweep() -> Option<Duration> {
    let now = Instant::now();
    let mut spare = spare();
    let old = spare.extract_if(.., |(since, _)| now.duration_since(*since) >= PATIENCE);
    let old: Vec<_> = old.collect();
    let oldest = spare.iter().map(|(since, _)| *since).min();
    // To unmap so much takes a while, and others want the lock.
    drop(spare);
    drop(old);
    oldest.map(|since| (since + PATIENCE).saturating_duration_since(now))
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[test]
    fn a_large_buffer_is_had_again_until_it_is_given_back() {
        // Larger than any other test's, for they share what lies here.
        const BYTES: usize = 80 << 20;
        keep(vec![7; LARGE]);
        assert!(reuse(LARGE).is_none(), "it is not large");
        keep(vec![7; BYTES]);
        assert!(reuse(BYTES + 1).is_none());
        let again = reuse(BYTES - 1).expect("it is there");
        assert_eq!(again.len(), BYTES);
        assert!(reuse(BYTES).is_none(), "somebody has it");
        keep(again);
        sleep(PATIENCE);
        sweep();
        assert!(reuse(BYTES).is_none(), "it has been given back");
    }
}
