//! What workers write to standard error, when one of them, or what it has left
//! behind, writes without end.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, exit};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::unistd::dup2_stderr;
use processes::{Error, Exit, Options, Registry, Task, Worker};

mod common;

use common::runs;

/// Longer than anything here takes, on the busiest machine.
const DEADLINE: Duration = Duration::from_secs(10);

/// Makes the file, and writes until somebody ends it.
const FLOOD: Task<PathBuf, ()> = Task::new("flood", |file| {
    File::create(file).expect("the directory is there");
    let lines = "no end of lines\n".repeat(4 << 10);
    // Without the lock of standard error, so that there is always one who waits
    // at the pipe.
    let stderr = || File::from(std::io::stderr().as_fd().try_clone_to_owned().expect("it is open"));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| while stderr().write_all(lines.as_bytes()).is_ok() {});
        }
    });
});

/// Writes more than a pipe holds, and exits.
const SPEAK: Task<usize, ()> = Task::new("speak", |bytes| {
    eprint!("{}", "x".repeat(bytes));
    eprintln!("these are my last words");
    exit(3);
});

/// Starts programs that flood in its stead, out of reach of who kills its
/// group, leaves their process ids in the file, and exits.
const BEQUEATH: Task<PathBuf, ()> = Task::new("bequeath", |file| {
    eprintln!("these are my last words");
    let heirs: Vec<String> = (0..4)
        .map(|_| {
            let stderr = std::io::stderr().as_fd().try_clone_to_owned().expect("it is open");
            let heir = Command::new("yes").stdout(stderr).process_group(0).spawn();
            heir.expect("coreutils").id().to_string()
        })
        .collect();
    fs::write(file, heirs.join(" ")).expect("the directory is there");
    exit(4);
});

/// Workers start here; see `processes::test_worker_entry`.
#[test]
fn worker_entry() {
    let registry = Registry::new().with(&FLOOD).with(&SPEAK).with(&BEQUEATH);
    processes::test_worker_entry("worker_entry", registry);
}

fn worker() -> Worker {
    worker_entry();
    pass_on_slowly();
    let mut options = Options::default();
    options.keep_stderr = true;
    let mut worker = Worker::start(options).expect("a worker");
    while !worker.is_ready().expect("it greets") {
        thread::sleep(Duration::from_millis(1));
    }
    worker
}

/// How many bytes have come out of this process's standard error.
static PASSED_ON: AtomicUsize = AtomicUsize::new(0);

/// One test at a time: they share that.
static TURN: Mutex<()> = Mutex::new(());

/// Makes this process's standard error one that takes a page in a tenth of a
/// millisecond, as a terminal may: what floods is always ahead of it.
fn pass_on_slowly() {
    static SLOW: Once = Once::new();
    SLOW.call_once(|| {
        let (mut read, write) = std::io::pipe().expect("a pipe");
        fcntl(&write, FcntlArg::F_SETPIPE_SZ(4 << 10)).expect("a page is enough");
        dup2_stderr(write).expect("a descriptor");
        thread::spawn(move || {
            let mut bytes = [0; 4 << 10];
            while let Ok(read @ 1..) = read.read(&mut bytes) {
                PASSED_ON.fetch_add(read, Ordering::Relaxed);
                thread::sleep(Duration::from_micros(50));
            }
        });
    });
}

/// What comes of `work`, which would hang if something is wrong.
fn in_time<R: Send + 'static>(what: &str, work: impl FnOnce() -> R + Send + 'static) -> R {
    let (tell, told) = channel();
    let started = Instant::now();
    thread::spawn(move || tell.send(work()));
    let result = told.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{what} hangs"));
    println!("{what}: {:?}", started.elapsed());
    result
}

fn death<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (Exit, String) {
    match outcome {
        Err(Error::Died { exit, stderr, .. }) => (exit, stderr),
        other => panic!("{other:?}"),
    }
}

/// How much memory this process holds, in KiB.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < DEADLINE, "waited for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn one_that_floods_keeps_nobody_else_from_being_heard() {
    let _turn = TURN.lock();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("floods");
    let (mut flooding, path) = (worker(), file.clone());
    let killer = flooding.killer();
    let flood = thread::spawn(move || death(flooding.call(&FLOOD, &path)));
    until("the flood", || file.exists());
    let (before, mut meanwhile) = (memory(), Vec::new());
    // Each writes four times what a pipe holds: it waits for the forwarder.
    for _ in 0..5 {
        let mut other = worker();
        let flooded = PASSED_ON.load(Ordering::Relaxed);
        let died = in_time("another's last words", move || death(other.call(&SPEAK, &(256 << 10))));
        assert_eq!(died.0, Exit::Exited(3));
        assert!(died.1.starts_with("xxx") && died.1.ends_with("these are my last words\n"));
        assert!(died.1.len() <= 4 << 10, "{}", died.1.len());
        meanwhile.push((PASSED_ON.load(Ordering::Relaxed) - flooded) >> 10);
    }
    // They take turns; on a busy machine the quiet one may miss some of its own,
    // but not each time.
    meanwhile.sort_unstable();
    println!("{meanwhile:?} KiB passed on meanwhile, 256 of them its own");
    assert!(meanwhile[0] < 8 * 256, "{meanwhile:?}");
    let grown = memory().saturating_sub(before);
    println!("{grown} KiB more");
    assert!(grown < 16 << 10, "{grown} KiB more, of what was to be passed on");
    assert!(!flood.is_finished());
    killer.kill();
    let (exit, stderr) = in_time("its own end", || flood.join().expect("no panic"));
    assert_eq!(exit, Exit::Killed(9));
    assert!(stderr.contains("no end of lines\n") && stderr.len() <= 4 << 10, "{}", stderr.len());
}

#[test]
fn what_floods_on_after_a_death_does_not_hold_it_up() {
    let _turn = TURN.lock();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("pids");
    let (mut dying, path) = (worker(), file.clone());
    let (exit, _) = in_time("a death", move || death(dying.call(&BEQUEATH, &path)));
    assert_eq!(exit, Exit::Exited(4));
    // Nobody reads them any more, which ends them.
    let heirs = fs::read_to_string(&file).expect("they are left");
    let heirs = heirs.split(' ').map(|pid| pid.parse().expect("a process id"));
    heirs.for_each(|heir| until("an heir's end", || !runs(heir)));
}
