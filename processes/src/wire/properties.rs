//! Whatever comes over the socket, however it is cut: no panic, no memory for
//! what has not arrived, and nothing lost of what was sent.

use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

mod hostile;

/// Receives all that arrives when these bytes are sent in pieces: the frames,
/// and the most memory that the receiver held.
fn received(bytes: &[u8], cuts: &[usize]) -> (io::Result<Vec<Vec<u8>>>, usize) {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
    let mut connection = Connection::new(ours);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut rest = bytes;
            for cut in cuts {
                let (piece, left) = rest.split_at((*cut).min(rest.len()));
                // Nobody listens any more after a length that is refused.
                let _ = theirs.write_all(piece);
                rest = left;
            }
            let _ = theirs.write_all(rest);
        });
        let mut frames = Vec::new();
        let mut ended = || {
            while let Some(body) = connection.receive()? {
                frames.push(body.to_vec());
            }
            Ok(())
        };
        let ended: io::Result<()> = ended();
        let room = connection.inbox.capacity();
        // The writer must not wait for a reader that has given up.
        drop(connection);
        (ended.map(|()| frames), room)
    })
}

/// Memory that so many bytes may take on arrival: their double, and what is read
/// at once, twice for the way a vector grows.
fn allowed(bytes: usize) -> usize {
    2 * (2 * bytes + 2 * CHUNK)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 64 }))]

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not have all of sockets")]
    fn arbitrary_bytes_are_frames_or_an_end_or_an_error(
        bytes in vec(any::<u8>(), 0..4_096),
        cuts in vec(0..64_usize, 0..32),
    ) {
        let (frames, room) = received(&bytes, &cuts);
        if let Err(e) = frames {
            prop_assert_eq!(e.kind(), ErrorKind::InvalidData);
        }
        prop_assert!(room <= allowed(bytes.len()), "{} bytes took {}", bytes.len(), room);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not have all of sockets")]
    fn frames_arrive_whole_however_they_are_cut(
        bodies in vec(vec(any::<u8>(), 0..2_000), 0..8),
        cuts in vec(0..700_usize, 0..32),
    ) {
        let mut stream = Vec::new();
        for body in &bodies {
            stream.extend_from_slice(&(body.len() as u32).to_le_bytes());
            stream.extend_from_slice(body);
        }
        prop_assert_eq!(received(&stream, &cuts).0.expect("frames"), bodies);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not have all of sockets")]
    fn a_length_takes_no_memory_before_its_bytes_come(
        length in 0..=LIMIT as u32,
        body in vec(any::<u8>(), 0..2_000),
    ) {
        let mut stream = length.to_le_bytes().to_vec();
        stream.extend_from_slice(&body);
        let (_, room) = received(&stream, &[]);
        prop_assert!(room <= allowed(stream.len()), "{} bytes took {}", stream.len(), room);
    }

    #[test]
    fn arbitrary_bytes_are_values_or_an_error(bytes in vec(any::<u8>(), 0..256)) {
        let _ = codec::decode::<(Hello, Manner)>(&bytes);
        let _ = codec::decode::<Vec<Option<String>>>(&bytes);
        let _ = codec::decode_first::<Request<'_>>(&bytes);
        let _ = crate::reply::output::<Vec<u64>>("task", false, &bytes);
        let _ = crate::reply::output::<Vec<u64>>("task", true, &bytes);
    }

    #[test]
    fn arbitrary_bytes_are_a_batch_or_none(
        items in vec(any::<u8>(), 0..64),
        runs in vec((0..9_u32, 0..9_u32), 0..6),
        trailer in vec(any::<u8>(), 0..12),
    ) {
        let mut body = items;
        let number = runs.len() as u32;
        for (items, length) in runs {
            body.extend_from_slice(&items.to_le_bytes());
            body.extend_from_slice(&length.to_le_bytes());
        }
        body.extend_from_slice(&number.to_le_bytes());
        body.extend_from_slice(&0_u32.to_le_bytes());
        body.extend_from_slice(&trailer);
        if let Some((header, mut items)) = Items::of(&body) {
            let (left, mut bytes, mut taken) = (items.left(), header.len(), 0);
            while let Some((_, item)) = items.next() {
                bytes += item.len();
                taken += 1;
            }
            prop_assert_eq!(taken, left);
            prop_assert!(bytes <= body.len());
        }
    }

    #[test]
    fn values_come_back_as_they_went(values in vec(any::<(u64, bool, Option<String>)>(), 0..16)) {
        let mut frame = Frame::default();
        frame.start(&7_u8).expect("it encodes");
        for value in &values {
            frame.push(value.1, |to| codec::append(value, to)).expect("it encodes");
        }
        frame.seal().expect("it fits");
        let (header, mut items) = Items::of(&frame.bytes()[4..]).expect("a batch");
        prop_assert_eq!((header, items.left()), (&[7][..], values.len()));
        for value in &values {
            let (failed, item) = items.next().expect("an item");
            prop_assert_eq!(failed, value.1);
            let decoded: (u64, bool, Option<String>) = codec::decode(item).expect("a value");
            prop_assert_eq!(&decoded, value);
        }
        prop_assert!(items.next().is_none());
    }
}
