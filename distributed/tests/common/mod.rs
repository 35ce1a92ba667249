//! Tasks, clusters and a deadline, for every test.

#![allow(dead_code, reason = "each test binary uses some of it")]

pub(crate) mod shared;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Barrier;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use distributed::{Client, Placement};
use processes::{Registry, Task};
use serde::{Deserialize, Serialize, Serializer};

/// Nothing here takes a tenth of this, even on a machine under load.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const INCREMENT: Task<u64, u64> = Task::new("increment", |x| x + 1);

/// Sleeps for so many milliseconds.
pub(crate) const SLEEP: Task<u64, u64> = Task::new("sleep", |milliseconds| {
    std::thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
});

/// Comes to an end only if four of it run at the same time, in one process.
pub(crate) const MEET: Task<(), bool> = Task::new("meet", |()| {
    static FOUR: Barrier = Barrier::new(4);
    FOUR.wait().is_leader()
});

pub(crate) const CHECKED_ROOT: Task<f64, Result<f64, String>> = Task::new("checked_root", |x| {
    if x < 0.0 { Err(format!("{x} has no real root")) } else { Ok(x.sqrt()) }
});

pub(crate) const PANIC_ON_ODD: Task<u64, u64> = Task::new("panic_on_odd", |x| {
    assert!(x % 2 == 0, "{x} is odd");
    x
});

/// Ends its own process, as a crash would.
pub(crate) const ABORT: Task<u64, u64> = Task::new("abort", |_| std::process::abort());

/// The same for one number.
pub(crate) const ABORT_AT_SEVEN: Task<u64, u64> = Task::new("abort_at_seven", |x| {
    if x == 7 {
        std::process::abort();
    }
    x
});

pub(crate) const ADD: Task<(u64, u64), u64> = Task::new("add", |(x, y)| x + y);

pub(crate) const SUM: Task<Vec<u64>, u64> = Task::new("sum", |xs| xs.into_iter().sum());

pub(crate) const SUM_BYTES: Task<Vec<u8>, u64> =
    Task::new("sum_bytes", |bytes| bytes.into_iter().map(u64::from).sum());

/// How long a text is, which is soon found out.
pub(crate) const LENGTH: Task<String, usize> = Task::new("length", |text| text.len());

/// Writes a line into a file, and returns one more.
pub(crate) const LOG: Task<(String, u64), u64> = Task::new("log", |(file, x)| {
    let mut log = OpenOptions::new().create(true).append(true).open(file).expect("a log");
    writeln!(log, "{x}").expect("a line");
    x + 1
});

/// The same, and it takes 5 ms.
pub(crate) const LOG_SLOWLY: Task<(String, u64), u64> = Task::new("log_slowly", |(file, x)| {
    std::thread::sleep(Duration::from_millis(5));
    let mut log = OpenOptions::new().create(true).append(true).open(file).expect("a log");
    // At once, since others write too.
    log.write_all(format!("{x}\n").as_bytes()).expect("a line");
    x + 1
});

/// Makes a file, to show that it ran.
pub(crate) const TOUCH: Task<(u64, String), u64> = Task::new("touch", |(x, file)| {
    std::fs::write(file, "").expect("a file");
    x
});

/// Waits until the path is there, or its folder is gone: a test that ends takes the
/// folder away, maybe before this has looked again.
pub(crate) const WAIT_FOR: Task<String, u64> = Task::new("wait_for", |path| {
    let path = Path::new(&path);
    while !path.exists() && path.parent().is_some_and(Path::exists) {
        std::thread::sleep(Duration::from_millis(1));
    }
    0
});

/// Cannot be turned into bytes.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refuses;

impl Serialize for Refuses {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("never"))
    }
}

pub(crate) const REFUSES: Task<Refuses, u64> = Task::new("refuses", |_| 0);

pub(crate) fn registry() -> Registry {
    Registry::new()
        .with(&INCREMENT)
        .with(&ADD)
        .with(&SUM)
        .with(&SUM_BYTES)
        .with(&LENGTH)
        .with(&LOG)
        .with(&LOG_SLOWLY)
        .with(&TOUCH)
        .with(&WAIT_FOR)
        .with(&SLEEP)
        .with(&CHECKED_ROOT)
        .with(&PANIC_ON_ODD)
        .with(&ABORT)
        .with(&ABORT_AT_SEVEN)
        .with(&REFUSES)
}

/// To be called first in every test that starts worker processes.
pub(crate) fn claim() {
    processes::test_worker_entry("worker_entry", registry());
}

/// A cluster of each kind, by name.
pub(crate) fn clients(n_workers: usize) -> impl Iterator<Item = (String, Client)> {
    [false, true].into_iter().flat_map(move |processes| {
        [Placement::Dynamic, Placement::StaticBlocks].into_iter().map(move |placement| {
            let cluster = Client::local().n_workers(n_workers).processes(processes);
            let client = cluster.placement(placement).start().expect("a cluster");
            let kind = if processes { "processes" } else { "threads" };
            (format!("{kind}, {placement:?}"), client)
        })
    })
}

/// Runs `work`, which must come to an end, or the tests end by the deadline.
pub(crate) fn within<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    within_time(DEADLINE, work)
}

/// As [`within`], of another deadline.
pub(crate) fn within_time<R: Send>(deadline: Duration, work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let (ended, end) = channel();
        let worker = scope.spawn(move || {
            let result = work();
            let _ = ended.send(());
            result
        });
        if end.recv_timeout(deadline) == Err(RecvTimeoutError::Timeout) {
            // The scope would wait for ever too.
            eprintln!("still hanging after {deadline:?}");
            std::process::abort();
        }
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A path as a task's input.
pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory for temporary files")
}

/// Waits for something that another thread or process brings about.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < DEADLINE, "not in {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
