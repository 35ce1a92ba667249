//! What the workers of these tests can be asked for.
#![allow(unsafe_code, reason = "one task writes where nothing is, to be killed for it")]

use std::fmt;
use std::hint::black_box;
use std::path::PathBuf;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, raise};
use pool::ProcessPool;
use processes::{Registry, Task};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) const SQUARE: Task<u64, u64> = Task::new("square", |x| x * x);
pub(crate) const PID: Task<(), u32> = Task::new("pid", |()| process::id());
pub(crate) const ECHO: Task<Bytes, Bytes> = Task::new("echo", |bytes| bytes);
pub(crate) const SLEEP: Task<Duration, ()> = Task::new("sleep", thread::sleep);
pub(crate) const EXIT: Task<i32, ()> = Task::new("exit", |code| process::exit(code));
pub(crate) const ABORT: Task<(), ()> = Task::new("abort", |()| process::abort());
pub(crate) const PANIC: Task<u64, u64> = Task::new("panic", |x| panic!("no {x} today"));
pub(crate) const PANIC_ODDLY: Task<(), ()> = Task::new("panic_oddly", |()| {
    std::panic::panic_any(7);
});

pub(crate) const SEGFAULT: Task<(), ()> = Task::new("segfault", |()| {
    // SAFETY: none; that nothing is mapped there is the point.
    unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) }
});

pub(crate) const OVERFLOW: Task<u64, u64> = Task::new("overflow", |x| {
    #[expect(unconditional_recursion, reason = "it is to overflow the stack")]
    fn deeper(x: u64) -> u64 {
        black_box(deeper(black_box(x + 1)) + 1)
    }
    deeper(x)
});

/// Sleeps so many milliseconds, and then kills itself if it is told to.
pub(crate) const NAP_OR_DIE: Task<(u64, bool), ()> = Task::new("nap_or_die", |(nap, die)| {
    thread::sleep(Duration::from_millis(nap));
    if die {
        raise(Signal::SIGKILL).expect("a process may kill itself");
    }
});

/// Writes the worker's process id into the file, and sleeps.
pub(crate) const WAIT: Task<PathBuf, ()> = Task::new("wait", |file| {
    let unfinished = file.with_extension("unfinished");
    std::fs::write(&unfinished, process::id().to_string()).expect("the directory is there");
    std::fs::rename(unfinished, file).expect("the file is there");
    thread::sleep(Duration::from_secs(60));
});

pub(crate) const NESTED: Task<PathBuf, ()> = Task::new("nested", |directory| {
    let pool = ProcessPool::new(2).expect("workers of a worker");
    let files = [directory.join("inner-0"), directory.join("inner-1")];
    let _ = pool.map_chunked(&WAIT, &files, 1);
});

pub(crate) const TAKE: Task<Fickle, u8> = Task::new("take", |fickle| fickle.0);
pub(crate) const GIVE: Task<u8, Fickle> = Task::new("give", Fickle);
pub(crate) const REFUSE: Task<u8, Result<u8, Unsendable>> = Task::new("refuse", |x| match x {
    0 => Ok(0),
    x => Err(Unsendable(x)),
});

pub(crate) const REFUSE_ODDLY: Task<u8, Result<u8, Undecodable>> =
    Task::new("refuse_oddly", |x| if x == 0 { Ok(0) } else { Err(Undecodable(x)) });

/// Works so long.
pub(crate) const SPIN: Task<Duration, ()> = Task::new("spin", |long| {
    let started = Instant::now();
    while started.elapsed() < long {
        black_box(started);
    }
});

/// Appends a byte to the file, and fails or stops if the file's name says so.
pub(crate) const PREPARE: Task<PathBuf, Result<(), String>> = Task::new("prepare", |file| {
    use std::io::Write;
    let mut opened = std::fs::OpenOptions::new().append(true).create(true).open(&file);
    opened.as_mut().expect("the directory is there").write_all(b".").expect("a byte");
    if file.ends_with("stops") {
        raise(Signal::SIGSTOP).expect("a process may stop itself");
    }
    if file.ends_with("fails") { Err("it was told to fail".into()) } else { Ok(()) }
});

/// Kills itself in the initializer.
pub(crate) const PREPARE_AND_DIE: Task<(), Result<(), String>> =
    Task::new("die", |()| raise(Signal::SIGKILL).map_err(|e| e.to_string()));

/// 1 cannot be encoded, 2 cannot be decoded; 3 panics and 4 exits when it is
/// decoded, 5 exits when it is encoded in a worker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fickle(pub(crate) u8);

impl Serialize for Fickle {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            1 => Err(S::Error::custom("a one is not sent")),
            5 => process::exit(5),
            other => other.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Fickle {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u8::deserialize(from)? {
            2 => Err(D::Error::custom("a two is not understood")),
            3 => panic!("a three"),
            4 => process::exit(4),
            other => Ok(Self(other)),
        }
    }
}

/// Panics when the pool's dispatcher drops it, which owns the inputs of what
/// was submitted, and the outputs that nobody fetches.
#[derive(Serialize, Deserialize)]
pub(crate) struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        assert_ne!(thread::current().name(), Some("pool dispatcher"), "dropped");
    }
}

pub(crate) const HANDLE: Task<Explosive, Explosive> = Task::new("handle", |explosive| explosive);

/// Bytes that are sent as such: serde's own `Vec<u8>` goes number by number.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Copied;
        impl serde::de::Visitor<'_> for Copied {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        from.deserialize_bytes(Copied)
    }
}

/// An error that cannot be encoded.
#[derive(Debug, Deserialize)]
pub(crate) struct Unsendable(u8);

impl Serialize for Unsendable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("it holds a socket"))
    }
}

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {} refused", self.0)
    }
}

/// An error that cannot be decoded: 3 panics, and no other is understood.
#[derive(Debug, Serialize)]
pub(crate) struct Undecodable(u8);

impl<'de> Deserialize<'de> for Undecodable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u8::deserialize(from)? {
            3 => panic!("a three"),
            other => Err(D::Error::custom(format!("there is no error {other}"))),
        }
    }
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}", self.0)
    }
}

pub(crate) fn claim() {
    let registry = Registry::new().with(&SQUARE).with(&PID).with(&ECHO).with(&SLEEP).with(&EXIT);
    let registry = registry.with(&ABORT).with(&PANIC).with(&PANIC_ODDLY).with(&SEGFAULT);
    let registry = registry
        .with(&OVERFLOW)
        .with(&NAP_OR_DIE)
        .with(&WAIT)
        .with(&NESTED)
        .with(&TAKE)
        .with(&GIVE);
    let registry = registry
        .with(&HANDLE)
        .with(&SPIN)
        .with_fallible(&REFUSE)
        .with_fallible(&REFUSE_ODDLY)
        .with(&PREPARE)
        .with(&PREPARE_AND_DIE);
    processes::test_worker_entry("worker_entry", registry);
}
