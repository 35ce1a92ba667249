//! What the workers of these tests can be asked for.
#![allow(unsafe_code, reason = "one task writes where nothing is, to be killed for it")]

use std::fmt;
use std::fs::{self, OpenOptions};
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::Duration;

use distributed::Client;
use nix::sys::signal::{Signal, raise};
use processes::{Registry, Task};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::ByteBuf;

pub(crate) const INCREMENT: Task<u64, u64> = Task::new("increment", |x| x + 1);
pub(crate) const ADD: Task<(u64, u64), u64> = Task::new("add", |(x, y)| x + y);
pub(crate) const PID: Task<(), u32> = Task::new("pid", |()| process::id());
pub(crate) const ECHO: Task<ByteBuf, ByteBuf> = Task::new("echo", |bytes| bytes);
pub(crate) const SUM_BYTES: Task<ByteBuf, u64> =
    Task::new("sum_bytes", |bytes| bytes.into_iter().map(u64::from).sum());
pub(crate) const EXIT: Task<i32, ()> = Task::new("exit", |code| process::exit(code));
pub(crate) const ABORT: Task<(), ()> = Task::new("abort", |()| process::abort());
pub(crate) const PANIC: Task<u64, u64> = Task::new("panic", |x| panic!("no {x} today"));
pub(crate) const PANIC_ODDLY: Task<(), ()> = Task::new("panic_oddly", |()| {
    std::panic::panic_any(7);
});

/// Sleeps so many milliseconds.
pub(crate) const SLEEP: Task<u64, u64> = Task::new("sleep", |milliseconds| {
    thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
});

pub(crate) const SEGFAULT: Task<(), ()> = Task::new("segfault", |()| segfault());

fn segfault() {
    // SAFETY: none; that nothing is mapped there is the point.
    unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) }
}

pub(crate) const OVERFLOW: Task<u64, u64> = Task::new("overflow", |x| {
    #[expect(unconditional_recursion, reason = "it is to overflow the stack")]
    fn deeper(x: u64) -> u64 {
        black_box(deeper(black_box(x + 1)) + 1)
    }
    deeper(x)
});

/// Writes the process id into a file, which is there whole or not at all.
fn sign(file: &Path) {
    let unfinished = file.with_extension("unfinished");
    fs::write(&unfinished, process::id().to_string()).expect("the directory is there");
    fs::rename(unfinished, file).expect("the file is there");
}

/// Writes the worker's process id into the file, and sleeps.
pub(crate) const WAIT: Task<PathBuf, u64> = Task::new("wait", |file| {
    sign(&file);
    thread::sleep(Duration::from_secs(60));
    0
});

/// The same at the first attempt; where the file is there already, this is
/// another, and says 7.
pub(crate) const WAIT_ONCE: Task<PathBuf, u64> = Task::new("wait_once", |file| {
    if !file.exists() {
        sign(&file);
        thread::sleep(Duration::from_secs(60));
    }
    7
});

/// Waits until the path is there, or its folder is gone: a test that ends takes the
/// folder away, maybe before this has looked again.
fn wait_for(path: &Path) {
    while !path.exists() && path.parent().is_some_and(Path::exists) {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until the path is there.
pub(crate) const WAIT_FOR: Task<PathBuf, u64> = Task::new("wait_for", |path| {
    wait_for(&path);
    0
});

/// Writes the worker's process id into a file, and waits until the path is there.
pub(crate) const SIGN_AND_WAIT_FOR: Task<(PathBuf, PathBuf), u64> =
    Task::new("sign_and_wait_for", |(file, path)| {
        sign(&file);
        wait_for(&path);
        0
    });

/// Appends a line to the file, and returns one more than what it was given.
pub(crate) const LOG: Task<(PathBuf, u64), u64> = Task::new("log", |(file, x)| {
    let mut log = OpenOptions::new().create(true).append(true).open(file).expect("a log");
    log.write_all(format!("{x}\n").as_bytes()).expect("a line");
    x + 1
});

/// Takes the file away if it is there, and then ends its process in the way
/// that was in the file: one file, one death. Otherwise it adds one.
pub(crate) const DIE_ONCE: Task<(PathBuf, u64), u64> = Task::new("die_once", |(file, x)| {
    let Ok(how) = fs::read_to_string(&file) else { return x + 1 };
    fs::remove_file(&file).expect("it was there");
    match how.as_str() {
        "segfault" => segfault(),
        "abort" => process::abort(),
        "exit" => process::exit(0),
        "stop" => raise(Signal::SIGSTOP).expect("a process may stop itself"),
        _ => raise(Signal::SIGKILL).expect("a process may kill itself"),
    }
    x + 1
});

/// Fails so many times, which it counts by files in the directory, and then
/// says how often it was tried.
pub(crate) const FAIL_TIMES: Task<(PathBuf, usize), usize> =
    Task::new("fail_times", |(directory, times)| {
        let attempt = fs::read_dir(&directory).expect("a directory").count() + 1;
        fs::write(directory.join(attempt.to_string()), "").expect("a file");
        assert!(attempt > times, "attempt {attempt}");
        attempt
    });

/// Has a cluster of its own, whose workers sign the files in the directory.
pub(crate) const NESTED: Task<PathBuf, ()> = Task::new("nested", |directory| {
    let client = Client::local().n_workers(2).start().expect("workers of a worker");
    let files = [directory.join("inner-0"), directory.join("inner-1")];
    let _ = client.gather(client.map(&WAIT, files));
});

/// Takes so many MiB, page by page, holds them for a while, and says how many.
pub(crate) const HOG: Task<u64, u64> = Task::new("hog", |mebibytes| {
    let held: Vec<Vec<u8>> = (0..mebibytes).map(|_| black_box(vec![1; 1 << 20])).collect();
    thread::sleep(Duration::from_millis(if mebibytes > 64 { 10_000 } else { 300 }));
    held.iter().map(|piece| u64::from(piece[1 << 10])).sum()
});

/// Writes so many bytes to standard error.
pub(crate) const SHOUT: Task<u64, u64> = Task::new("shout", |bytes| {
    std::io::stderr().write_all(&vec![b'!'; bytes as usize]).expect("somebody hears it");
    bytes
});

/// Takes so many MiB, and never gives them back.
pub(crate) const LEAK: Task<u64, u64> = Task::new("leak", |mebibytes| {
    std::mem::forget(black_box(vec![1_u8; (mebibytes << 20) as usize]));
    mebibytes
});

pub(crate) const TAKE: Task<Fickle, u8> = Task::new("take", |fickle| fickle.0);
pub(crate) const GIVE: Task<u8, Fickle> = Task::new("give", Fickle);
pub(crate) const REFUSE: Task<u8, Result<u8, Unsendable>> = Task::new("refuse", |x| match x {
    0 => Ok(0),
    x => Err(Unsendable(x)),
});

/// Appends a byte to the file, and fails or stops if the file's name says so.
pub(crate) const PREPARE: Task<PathBuf, Result<(), String>> = Task::new("prepare", |file| {
    let mut opened = OpenOptions::new().append(true).create(true).open(&file);
    opened.as_mut().expect("the directory is there").write_all(b".").expect("a byte");
    if file.ends_with("stops") {
        raise(Signal::SIGSTOP).expect("a process may stop itself");
    }
    if file.ends_with("fails") { Err("it was told to fail".into()) } else { Ok(()) }
});

/// Kills itself in the initializer.
pub(crate) const PREPARE_AND_DIE: Task<(), Result<(), String>> =
    Task::new("prepare_and_die", |()| raise(Signal::SIGKILL).map_err(|e| e.to_string()));

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

/// Panics when it is dropped.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("a value that will not go quietly");
        }
    }
}

pub(crate) const BOMB: Task<u64, Bomb> = Task::new("bomb", |_| Bomb);

/// Panics with a payload that panics when it is dropped.
pub(crate) const THROW_BOMB: Task<u64, u64> =
    Task::new("throw_bomb", |_| std::panic::panic_any(Bomb));

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

pub(crate) fn claim() {
    let registry = Registry::new().with(&INCREMENT).with(&ADD).with(&PID).with(&ECHO);
    let registry = registry.with(&SUM_BYTES).with(&EXIT).with(&ABORT).with(&PANIC);
    let registry = registry.with(&PANIC_ODDLY).with(&SLEEP).with(&SEGFAULT).with(&OVERFLOW);
    let registry = registry.with(&WAIT).with(&WAIT_ONCE).with(&WAIT_FOR).with(&LOG);
    let registry = registry
        .with(&DIE_ONCE)
        .with(&FAIL_TIMES)
        .with(&NESTED)
        .with(&HOG)
        .with(&LEAK)
        .with(&SHOUT)
        .with(&SIGN_AND_WAIT_FOR);
    let registry = registry.with(&TAKE).with(&GIVE).with_fallible(&REFUSE).with(&PREPARE);
    let registry = registry.with(&PREPARE_AND_DIE).with(&BOMB).with(&THROW_BOMB);
    processes::test_worker_entry("worker_entry", registry);
}
