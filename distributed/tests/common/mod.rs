//! Tasks, clusters and a deadline, for every test.

#![allow(dead_code, reason = "each test binary uses some of it")]

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Barrier;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

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

/// Leaves its process with this code; even 0 is a death.
pub(crate) const EXIT: Task<i32, u64> = Task::new("exit", |code| std::process::exit(code));

/// Ends its own process while the file is there, which it takes away first:
/// one file, one death.
pub(crate) const ABORT_ONCE: Task<String, u64> = Task::new("abort_once", |file| {
    if std::fs::remove_file(file).is_ok() {
        std::process::abort();
    }
    7
});

/// Makes the file, to say that it runs, and waits to be killed; where the file
/// is there already, this is another attempt, and ends.
pub(crate) const WAIT_ONCE: Task<String, u64> = Task::new("wait_once", |file| {
    if std::fs::File::create_new(file).is_ok() {
        std::thread::sleep(DEADLINE);
    }
    7
});

pub(crate) const ADD: Task<(u64, u64), u64> = Task::new("add", |(x, y)| x + y);

pub(crate) const SUM: Task<Vec<u64>, u64> = Task::new("sum", |xs| xs.into_iter().sum());

pub(crate) const SUM_BYTES: Task<Vec<u8>, u64> =
    Task::new("sum_bytes", |bytes| bytes.into_iter().map(u64::from).sum());

/// Writes a line into a file, and returns one more.
pub(crate) const LOG: Task<(String, u64), u64> = Task::new("log", |(file, x)| {
    let mut log = OpenOptions::new().create(true).append(true).open(file).expect("a log");
    writeln!(log, "{x}").expect("a line");
    x + 1
});

/// Makes a file, to show that it ran.
pub(crate) const TOUCH: Task<(u64, String), u64> = Task::new("touch", |(x, file)| {
    std::fs::write(file, "").expect("a file");
    x
});

/// Waits until the path is there.
pub(crate) const WAIT_FOR: Task<String, u64> = Task::new("wait_for", |path| {
    while !std::fs::exists(&path).expect("a path") {
        std::thread::sleep(Duration::from_millis(1));
    }
    0
});

/// Does not end within a test.
pub(crate) const LONG: Task<(), u64> = Task::new("long", |()| {
    std::thread::sleep(2 * DEADLINE);
    0
});

/// Fails so many times, which it counts by files in the directory, and then
/// says how often it was tried.
pub(crate) const FAIL_TIMES: Task<(String, usize), usize> =
    Task::new("fail_times", |(directory, times)| {
        let attempt = std::fs::read_dir(&directory).expect("a directory").count() + 1;
        std::fs::write(format!("{directory}/{attempt}"), "").expect("a file");
        assert!(attempt > times, "attempt {attempt}");
        attempt
    });

/// The process that it runs in.
pub(crate) const PID: Task<(), u32> = Task::new("pid", |()| std::process::id());

/// Cannot be turned into bytes.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refuses;

impl Serialize for Refuses {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("never"))
    }
}

/// Panics when it is dropped.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a value that will not go quietly");
        }
    }
}

/// Panics with a payload that panics when it is dropped.
pub(crate) const THROW_BOMB: Task<u64, u64> =
    Task::new("throw_bomb", |_| std::panic::panic_any(Bomb));

pub(crate) const BOMB: Task<u64, Bomb> = Task::new("bomb", |_| Bomb);

pub(crate) const REFUSES: Task<Refuses, u64> = Task::new("refuses", |_| 0);

/// To be called first in every test that starts worker processes.
pub(crate) fn claim() {
    let registry = Registry::new()
        .with(&INCREMENT)
        .with(&ADD)
        .with(&SUM)
        .with(&SUM_BYTES)
        .with(&LOG)
        .with(&TOUCH)
        .with(&WAIT_FOR)
        .with(&LONG)
        .with(&FAIL_TIMES)
        .with(&SLEEP)
        .with(&CHECKED_ROOT)
        .with(&PANIC_ON_ODD)
        .with(&ABORT)
        .with(&EXIT)
        .with(&ABORT_ONCE)
        .with(&WAIT_ONCE)
        .with(&PID)
        .with(&REFUSES)
        .with(&BOMB);
    processes::test_worker_entry("worker_entry", registry);
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

/// Runs `work`, which must come to an end.
///
/// # Panics
/// If it does not, by then.
pub(crate) fn within<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let (ended, end) = channel();
        let worker = scope.spawn(move || {
            let result = work();
            let _ = ended.send(());
            result
        });
        if end.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
            // The scope would wait for ever too.
            eprintln!("still hanging after {DEADLINE:?}");
            std::process::abort();
        }
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
