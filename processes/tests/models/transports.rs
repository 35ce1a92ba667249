//! How bytes come back: whole, whatever their number, or with an error.

use std::fs;
use std::process::Command;
use std::time::Instant;

use nix::sys::signal::{Signal, raise};
use processes::{Error, Exit, pipe, shared_memory, thread, unix_socket, write_squares};

use crate::{DEADLINE, EIGHT_MEBIBYTES};

pub(crate) fn transports_bring_every_length() {
    let most = EIGHT_MEBIBYTES;
    let mut expected = vec![0; most];
    write_squares(&mut expected);
    let mut thread = thread::Resident::start(most, write_squares).expect("a thread");
    let check = |name: &str, bytes: &[u8], n: usize| {
        assert!(bytes == &expected[..n], "{name} brings {n} bytes");
    };
    let lengths = [0, 8, 4096, 65_536, 65_544, most, 8];
    for n in lengths {
        check("thread", thread.ask(n).expect("bytes"), n);
    }
    // `fork` refuses beside it.
    drop(thread);
    let mut pipe = pipe::Resident::start(most, write_squares).expect("a child");
    let mut socket = unix_socket::Resident::start(most, write_squares).expect("a child");
    let mut shared = shared_memory::Resident::start(most, write_squares).expect("a child");
    for n in lengths {
        check("pipe", pipe.ask(n).expect("bytes"), n);
        check("unix_socket", socket.ask(n).expect("bytes"), n);
        check("shared_memory", shared.ask(n).expect("bytes"), n);
    }
}

pub(crate) fn a_dead_resident_is_an_error() {
    /// Dies when it is asked for two bytes.
    fn dies(bytes: &mut [u8]) {
        if bytes.len() == 2 {
            let _ = raise(Signal::SIGKILL);
        }
    }
    fn check(name: &str, asked: Result<&[u8], Error>) {
        match asked {
            Err(Error::Died { exit: Exit::Killed(9), .. }) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
    let mut pipe = pipe::Resident::start(2, dies).expect("a child");
    let mut socket = unix_socket::Resident::start(2, dies).expect("a child");
    let mut shared = shared_memory::Resident::start(2, dies).expect("a child");
    // A sibling that was forked later holds nothing that hides the end.
    for n in [2, 1] {
        check("pipe", pipe.ask(n));
        check("unix_socket", socket.ask(n));
        check("shared_memory", shared.ask(n));
    }
}

pub(crate) fn shared_memory_may_be_empty_and_not_endless() {
    let mut empty = shared_memory::Resident::start(0, |bytes| assert!(bytes.is_empty()));
    let empty = empty.as_mut().expect("a child");
    assert_eq!(empty.ask(0).expect("no bytes"), []);
    let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| empty.ask(1).is_ok()));
    let told = processes::message_of(asked.expect_err("there is no room"));
    assert_eq!(told, "1 bytes were asked for, and there is room for 0");
    assert_eq!(empty.ask(0).expect("no bytes"), [], "nothing was sent that could not be kept");

    for most in [usize::MAX, isize::MAX as usize, 1 << 60] {
        match shared_memory::Resident::start(most, |_| ()) {
            Err(Error::Io { doing: "map shared memory", .. }) => {}
            other => panic!("{most} bytes: {other:?}"),
        }
    }
}

/// It is killed from outside, in the middle of a write that would never end.
pub(crate) fn a_child_that_dies_while_it_writes_is_an_error() {
    fn writes(bytes: &mut [u8]) {
        while bytes.len() == 1 << 20 {
            std::hint::black_box(&mut *bytes).fill(7);
        }
    }
    let mut child = shared_memory::Resident::start(1 << 20, writes).expect("a child");
    assert_eq!(child.ask(1).expect("a byte"), [0]);
    let pid = child.pid().to_string();
    // Another process, for `fork` keeps this one to a single thread.
    let mut killer = Command::new("sh")
        .args(["-c", &format!("sleep 0.2; kill -KILL {pid}")])
        .spawn()
        .expect("a shell");
    let asked = Instant::now();
    match child.ask(1 << 20).map(<[u8]>::len) {
        Err(Error::Died { exit: Exit::Killed(9), .. }) => {}
        other => panic!("{other:?}"),
    }
    assert!(asked.elapsed() < DEADLINE);
    assert!(matches!(child.ask(1), Err(Error::Died { .. })), "and stays one");
    assert!(killer.wait().expect("a status").success());
}

pub(crate) fn shared_memory_is_given_back() {
    // The kernel shows anonymous shared memory as a file that nobody can open.
    let mapped = || {
        let maps = fs::read_to_string("/proc/self/maps").expect("Linux");
        maps.lines().filter(|line| line.contains(" rw-s ")).count()
    };
    let before = mapped();
    for turn in 0..3 {
        let child = shared_memory::Resident::start(4096, write_squares).expect("a child");
        assert_eq!(mapped(), before + 1, "in turn {turn}");
        drop(child);
        assert_eq!(mapped(), before);
    }
}

pub(crate) fn a_panicking_thread_is_an_error() {
    let mut thread =
        thread::Resident::start(2, |bytes| assert!(bytes.len() < 2, "too long")).expect("a thread");
    assert!(thread.ask(1).is_ok());
    let panicked = thread.ask(2).map(|_| ());
    assert!(matches!(panicked, Err(Error::Panicked { .. })), "{panicked:?}");
    assert!(thread.ask(1).is_err());
}
