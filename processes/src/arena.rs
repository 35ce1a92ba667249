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

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Write};
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::control::Control;
    use crate::wire::{Connection, Received};

    /// Bytes of which neighbours differ.
    fn bytes(count: usize, seed: usize) -> Vec<u8> {
        (0..count).map(|i| (i * 31 + seed) as u8).collect()
    }

    /// An arena as both ends see it: one maps what the other has made.
    fn both() -> (Control, Control) {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let (control, file) = Control::new().expect("a page");
        crate::control::send(&file, &ours).expect("it is sent");
        (control, crate::control::receive(&theirs).expect("it is received"))
    }

    #[test]
    fn what_is_put_is_taken_at_every_size_about_a_word_and_the_whole() {
        let (one, other) = both();
        let about = |size: usize| size.saturating_sub(2)..(size + 3).min(ROOM + 1);
        let sizes = [0, WORD, 2 * WORD, 4 << 10, ROOM / 2, ROOM].into_iter().flat_map(about);
        let mut to = Vec::new();
        for size in sizes {
            let sent = bytes(size, size);
            let place = one.replies(0).put(0, &sent).expect("there is room");
            assert_eq!(place, 0..size);
            assert!(other.replies(0).take(place, &mut to) == Some(&sent[..]), "{size} bytes");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_spoils_nothing() {
        let (one, _) = both();
        let arena = one.request(0);
        let first = bytes(ROOM - WORD, 1);
        let place = arena.put(0, &first).expect("there is room");
        assert_eq!(arena.put(0, &bytes(ROOM + 1, 2)), None);
        assert_eq!(arena.put(place.end, &bytes(WORD + 1, 2)), None);
        assert_eq!(arena.put(ROOM, b"x"), None);
        assert_eq!(arena.put(ROOM, b""), Some(ROOM..ROOM));
        for free in [ROOM + 1, usize::MAX - WORD, usize::MAX] {
            assert_eq!(arena.put(free, b"x"), None, "{free}");
        }
        assert_eq!(arena.put(place.end, &[7; WORD]), Some(ROOM - WORD..ROOM));
        assert!(arena.take(place, &mut Vec::new()) == Some(&first[..]));
    }

    #[test]
    fn frames_lie_behind_each_other_and_their_room_is_used_again() {
        let (one, other) = both();
        let mut to = Vec::new();
        for round in 0..3 {
            let mut free = 0;
            let mut places = Vec::new();
            for size in [1, 7, 8, 9, 4_097, 100_000] {
                let place = one.replies(1).put(free, &bytes(size, round)).expect("there is room");
                assert!(place.start.is_multiple_of(WORD) && place.start < free + WORD);
                free = place.end;
                places.push((size, place));
            }
            for (size, place) in places {
                let taken = other.replies(1).take(place, &mut to);
                assert!(taken == Some(&bytes(size, round)[..]), "{size} bytes, round {round}");
            }
        }
    }

    #[test]
    fn a_place_that_is_none_holds_nothing() {
        let (one, _) = both();
        let mut to = Vec::new();
        #[expect(clippy::reversed_empty_ranges, reason = "the other end may say so")]
        let places = [
            1..9,
            ROOM - WORD..ROOM + 1,
            ROOM..ROOM + 1,
            0..usize::MAX,
            usize::MAX - 7..usize::MAX,
            16..0,
        ];
        for place in places {
            assert_eq!(one.replies(0).take(place.clone(), &mut to), None, "{place:?}");
        }
        assert!(to.is_empty(), "no memory was taken");
    }

    #[test]
    fn a_note_about_nothing_is_an_error_whatever_it_says() {
        let (control, _file) = Control::new().expect("a page");
        let shared = 1 << 31;
        let (room, word) = (ROOM as u32, WORD as u32);
        let notes = [
            (room + 1, 0),
            (!shared, 0),
            (room, word),
            (word, room),
            (word, room - word + 1),
            (word, 1),
            (0, u32::MAX),
            (room, u32::MAX),
        ];
        for (length, start) in notes {
            let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
            let mut connection = Connection::new(ours);
            theirs.write_all(&(length | shared).to_le_bytes()).expect("a reader");
            theirs.write_all(&start.to_le_bytes()).expect("a reader");
            let refused = connection.try_receive(Some(control.replies(0)));
            let refused = refused.expect_err("there is nothing");
            assert_eq!(refused.kind(), ErrorKind::InvalidData, "{length} at {start}");
        }
    }

    #[test]
    fn bytes_that_change_while_they_are_taken_are_some_bytes() {
        use std::sync::atomic::AtomicBool;
        let (one, other) = both();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for fill in (0..=u8::MAX).cycle() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    one.replies(0).put(0, &[fill; 4_096]).expect("there is room");
                }
            });
            let mut to = Vec::new();
            for _ in 0..1_000 {
                let taken = other.replies(0).take(0..4_096, &mut to).expect("it is a place");
                let before = taken.to_vec();
                assert_eq!(taken, before, "what was taken does not change any more");
                // Whole words come as they were put.
                assert!(before.as_chunks::<WORD>().0.iter().all(|word| *word == [word[0]; WORD]));
            }
            stop.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_note_that_comes_in_two_parts_is_waited_for() {
        let (control, _file) = Control::new().expect("a page");
        let place = control.replies(0).put(0, b"here it lies").expect("there is room");
        let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
        ours.set_nonblocking(true).expect("a socket");
        let mut connection = Connection::new(ours);
        theirs.write_all(&(place.len() as u32 | 1 << 31).to_le_bytes()).expect("a reader");
        let arena = Some(control.replies(0));
        assert_eq!(connection.try_receive(arena).expect("no error"), Received::NotYet);
        theirs.write_all(&0_u32.to_le_bytes()).expect("a reader");
        let received = connection.try_receive(arena).expect("no error");
        assert_eq!(received, Received::Frame(b"here it lies"));
    }
}
