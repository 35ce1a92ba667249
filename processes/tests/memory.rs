//! Memory that frames lie in: a worker that dies while one is there, large buffers
//! that are given back, and that nothing is left. It is one test, because it looks at
//! all memory and all descriptors of this process.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, raise};
use processes::{Error, Exit, Options, Registry, Task, Worker};

/// Longer than anything here takes, on the busiest machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// More than the socket takes, and so much that it lies in shared memory.
const SHARED: usize = 64 << 10;

/// A frame of so much is large, on both ends.
const LARGE: usize = 32 << 20;

const ECHO: Task<String, String> = Task::new("echo", |text| text);
/// Dies with its input in shared memory.
const DIE: Task<String, String> = Task::new("die", |text| {
    raise(Signal::SIGKILL).expect("it is sent");
    text
});
/// The resident memory of the process that it runs in, in bytes.
const RESIDENT: Task<(), u64> = Task::new("resident", |()| resident("self"));

/// Workers start here; see `processes::test_worker_entry`.
#[test]
fn worker_entry() {
    let registry = Registry::new().with(&ECHO).with(&DIE).with(&RESIDENT);
    processes::test_worker_entry("worker_entry", registry);
}

/// The memory of a process that is its own and is there, in bytes: of what it
/// shares, the page would be counted twice, and so would the program.
fn resident(pid: &str) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).expect("Linux");
    let mut pages = statm.split(' ').skip(1).map(|n| n.parse::<u64>().expect("a number"));
    let (resident, shared) = (pages.next().expect("a second"), pages.next().expect("a third"));
    // They are counted one after the other, while the process goes on.
    resident.saturating_sub(shared) * 4096
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).expect("Linux").count()
}

/// Waits until what is looked at is below a limit.
fn comes_below(limit: u64, what: &str, mut look: impl FnMut() -> u64) {
    let began = Instant::now();
    loop {
        let now = look();
        if now < limit {
            return;
        }
        assert!(began.elapsed() < DEADLINE, "{what}: {now} bytes, not below {limit}");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_frames_lie_in_is_given_back() {
    worker_entry();
    // What the first worker of a process makes, stays.
    drop(Worker::spawn().expect("a worker"));
    let descriptors = entries("/proc/self/fd");

    // A worker dies while frames are in shared memory, on its way there or back.
    for round in 0..20 {
        let mut worker = Worker::spawn().expect("a worker");
        let text = "x".repeat(SHARED + round);
        assert_eq!(worker.call(&ECHO, &text).expect("a text"), text);
        let died = worker.call(&DIE, &text).expect_err("a death");
        assert!(matches!(died, Error::Died { exit: Exit::Killed(9), .. }), "{died:?}");
    }
    let mut worker = Worker::spawn().expect("a worker");
    let killer = worker.killer();
    let thread = std::thread::spawn(move || {
        sleep(Duration::from_millis(20));
        killer.kill();
    });
    let text = "x".repeat(SHARED);
    let began = Instant::now();
    while let Ok(echo) = worker.call(&ECHO, &text) {
        assert_eq!(echo, text);
        assert!(began.elapsed() < DEADLINE, "it lives on");
    }
    thread.join().expect("a thread");
    drop(worker);
    assert_eq!(entries("/proc/self/fd"), descriptors, "descriptors are left");

    // Large buffers are given back. A worker that waits for a request does that by
    // itself; a parent that has no thread for it, with its next large buffer.
    let mut worker = Worker::spawn().expect("a worker");
    let theirs = worker.call(&RESIDENT, &()).expect("a number");
    let ours = resident("self");
    use_large_buffers(&mut worker);
    let (pid, slack) = (worker.pid().to_string(), LARGE as u64 / 2);
    comes_below(theirs + slack, "the worker's", || resident(&pid));
    comes_below(ours + slack, "the parent's", || {
        // Longer than a buffer lies unused, and large enough to be a large one.
        sleep(Duration::from_millis(300));
        worker.call(&ECHO, &"x".repeat(3 << 20)).expect("a text");
        resident("self")
    });
    drop(worker);

    // A parent that looks after standard error does it by itself.
    let mut options = Options::default();
    options.keep_stderr = true;
    let mut worker = Worker::start(options).expect("a worker");
    while !worker.is_ready().expect("it greets") {
        sleep(Duration::from_millis(1));
    }
    use_large_buffers(&mut worker);
    comes_below(ours + slack, "the parent's", || resident("self"));
}

/// Sends large texts there and back.
fn use_large_buffers(worker: &mut Worker) {
    let before = resident("self");
    let text = "x".repeat(LARGE);
    for _ in 0..4 {
        assert_eq!(worker.call(&ECHO, &text).expect("a text").len(), LARGE);
    }
    drop(text);
    println!("{} MiB more after large texts", resident("self").saturating_sub(before) >> 20);
}
