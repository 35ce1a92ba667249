use super::*;

fn ends() -> (Connection, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    (Connection::new(ours), theirs)
}

#[test]
#[cfg_attr(miri, ignore = "Miri does not have all of sockets")]
fn frames_arrive_one_by_one_however_they_are_cut() {
    let (mut connection, mut other) = ends();
    let large = vec![7; 3 * CHUNK + 1];
    let bodies: [&[u8]; 4] = [b"one", b"", &large, b"four"];
    let mut stream = Vec::new();
    for body in bodies {
        stream.extend_from_slice(&(body.len() as u32).to_le_bytes());
        stream.extend_from_slice(body);
    }
    let writer = std::thread::spawn(move || {
        stream.chunks(7_001).for_each(|cut| other.write_all(cut).expect("a reader"));
    });
    for body in bodies {
        assert!(connection.receive().expect("a frame") == Some(body));
    }
    writer.join().expect("a writer");
    assert_eq!(connection.receive().expect("the end"), None);
}

#[test]
#[cfg_attr(miri, ignore = "Miri does not have all of sockets")]
fn a_length_above_the_limit_is_refused_before_memory_is_taken() {
    let (mut connection, mut other) = ends();
    other.write_all(&u32::MAX.to_le_bytes()).expect("a reader");
    let refused = connection.receive().expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::InvalidData);
    assert!(connection.inbox.len() <= CHUNK);
}

#[test]
#[cfg_attr(miri, ignore = "Miri does not have all of sockets")]
fn a_length_alone_takes_no_memory() {
    let (mut connection, mut other) = ends();
    other.write_all(&(LIMIT as u32).to_le_bytes()).expect("a reader");
    drop(other);
    assert_eq!(connection.receive().expect("the end"), None);
    assert!(connection.inbox.len() <= 2 * CHUNK);
}

#[test]
#[cfg_attr(miri, ignore = "Miri does not have all of sockets")]
fn the_other_ends_death_is_no_frame() {
    for cut in [0, 3, 4, 6] {
        let (mut connection, mut other) = ends();
        other.write_all(&b"\x04\0\0\0body"[..cut]).expect("a reader");
        drop(other);
        assert_eq!(connection.receive().expect("the end"), None);
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri does not have all of sockets")]
fn nobody_waits_on_a_socket_that_does_not_block() {
    let (mut connection, other) = ends();
    connection.stream().set_nonblocking(true).expect("a socket");
    assert_eq!(connection.try_receive().expect("a look"), Received::NotYet);
    // More than the socket holds, and nobody reads it.
    let bytes = vec![0; 4 << 20];
    assert!(write(connection.stream(), &bytes).expect("some") < bytes.len());
    (&other).write_all(b"\x02\0\0\0o").expect("room");
    assert_eq!(connection.try_receive().expect("a look"), Received::NotYet);
    (&other).write_all(b"k").expect("room");
    assert_eq!(connection.try_receive().expect("a look"), Received::Frame(b"ok"));
    drop(other);
    assert_eq!(write(connection.stream(), b"x").expect_err("gone").kind(), ErrorKind::BrokenPipe);
    assert_eq!(connection.try_receive().expect("a look"), Received::Gone);
}

#[test]
fn a_batch_is_taken_apart_as_it_was_put_together() {
    let mut frame = Frame::default();
    frame.start(&Request { task: "task", each: true }).expect("it encodes");
    for (failed, item) in [(false, "a"), (false, "b"), (true, "c"), (false, ""), (false, "de")] {
        let push = |to: &mut Vec<u8>| {
            to.extend_from_slice(item.as_bytes());
            Ok::<(), ()>(())
        };
        frame.push(failed, push).expect("it is appended");
    }
    let half = frame.push(false, |to| {
        to.extend_from_slice(b"half");
        Err(())
    });
    assert!(half.is_err());
    assert_eq!(frame.pop(), Some((false, b"de".to_vec())));
    assert_eq!(frame.items(), 4);
    let body = frame.body();
    frame.seal().expect("it fits");
    assert_eq!(frame.bytes().len(), 4 + body);

    let (header, mut items) = Items::of(&frame.bytes()[4..]).expect("a batch");
    let Request { task, each } = codec::decode(header).expect("a request");
    assert_eq!((task, each, items.left()), ("task", true, 4));
    assert_eq!(items.next(), Some((false, &b"a"[..])));
    assert_eq!(items.next(), Some((false, &b"b"[..])));
    assert_eq!(items.next(), Some((true, &b"c"[..])));
    assert_eq!(items.next(), Some((false, &b""[..])));
    assert_eq!(items.next(), None);
    for cut in 4..frame.bytes().len() {
        assert!(Items::of(&frame.bytes()[4..cut]).is_none(), "cut to {cut}");
    }
}
