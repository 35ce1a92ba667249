//! A fault in a process of its own, and what must not be left of it.

use std::io::Read;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use pool::ThreadPool;

pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Tells the child which fault it is to run.
pub(crate) const CHILD: &str = "POOL_FAULT";

/// Runs the body of the test `name` in a process of its own, under the deadline.
pub(crate) fn fault(name: &str, body: impl FnOnce()) {
    if env::var(CHILD).is_ok_and(|child| child == name) {
        return body();
    }
    let start = Instant::now();
    let (mut read, write) = io::pipe().expect("a pipe");
    let mut child = Command::new("/proc/self/exe")
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, name)
        .stdout(write.try_clone().expect("a pipe"))
        .stderr(write)
        .spawn()
        .expect("this program starts again");
    let reader = thread::spawn(move || {
        let mut text = String::new();
        read.read_to_string(&mut text).map(|_| text)
    });
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            break Some(status);
        }
        if start.elapsed() > DEADLINE {
            child.kill().expect("it is our child");
            child.wait().expect("it is our child");
            break None;
        }
        thread::sleep(Duration::from_millis(1));
    };
    let took = start.elapsed();
    let said = reader.join().expect("it only reads").unwrap_or_default();
    match status {
        None => panic!("{name} hangs\n{said}"),
        Some(status) => assert!(status.success(), "{name}: {status}\n{said}"),
    }
    // Of a wrong name no test runs at all, and that succeeds.
    assert!(said.contains(" 1 passed"), "there is no test {name}\n{said}");
    println!("{name}: {took:?}");
}

pub(crate) fn pool(workers: usize) -> ThreadPool {
    ThreadPool::new(workers).expect("threads start")
}

/// How many threads of this process have a name that begins so.
pub(crate) fn threads_named(name: &str) -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    // A thread may end while the list is read.
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|other| other.starts_with(name)).count()
}

/// The kernel takes a thread out of its list a moment after it was joined.
pub(crate) fn no_thread_is_left(name: &str) {
    while threads_named(name) > 0 {
        thread::yield_now();
    }
}
