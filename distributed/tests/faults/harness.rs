//! Runs each fault in a process of its own, which must end by itself in time,
//! and looks for what it has left behind.

use std::fs;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use distributed::{Client, Place};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// Longer than anything here waits for, on the busiest machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Longer than a whole case takes: what hangs is ended then, and says so.
const CASE: Duration = Duration::from_secs(60);

/// Marks the processes of a fault: it is inherited, whatever they become.
const MARK: &str = "DISTRIBUTED_FAULT";

/// Runs `body` in a process of its own: this program again, with only the test
/// of this name. There, what is left behind is looked for when it is over.
pub(crate) fn fault(test: &str, body: fn()) {
    fault_with(test, &[], body);
}

/// The same, with variables in the environment of that process.
pub(crate) fn fault_with(test: &str, environment: &[(&str, &str)], body: fn()) {
    if inside(test) {
        super::tasks::claim();
        check_leftovers(body);
        return;
    }
    let mut case = Case::start(test, environment);
    let status = case.wait();
    assert!(status.success(), "{status}: {}", case.said);
    case.ends_clean(Duration::from_secs(2));
}

/// Whether this is the process that a [`Case`] has started.
pub(crate) fn inside(test: &str) -> bool {
    std::env::var(MARK).is_ok_and(|mark| mark.starts_with(&format!("{test}:")))
}

/// A process in which a fault happens.
pub(crate) struct Case {
    child: Child,
    mark: String,
    started: Instant,
    output: Option<thread::JoinHandle<String>>,
    pub(crate) said: String,
}

impl Case {
    /// Starts this program again with only the test of this name.
    pub(crate) fn start(test: &str, environment: &[(&str, &str)]) -> Self {
        let mark = format!("{test}:{}", std::process::id());
        let mut command = Command::new("/proc/self/exe");
        command.args(["--exact", test, "--nocapture", "--include-ignored"]).env(MARK, &mark);
        command.env_remove("RUST_BACKTRACE").envs(environment.iter().copied()).process_group(0);
        let (mut read, write) = std::io::pipe().expect("a pipe");
        command.stdin(Stdio::null()).stdout(write.try_clone().expect("a pipe")).stderr(write);
        let started = Instant::now();
        let child = command.spawn().expect("a process");
        drop(command);
        let output = thread::spawn(move || {
            let mut said = Vec::new();
            let _ = read.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        Self { child, mark, started, output: Some(output), said: String::new() }
    }

    pub(crate) fn signal(&self, signal: Signal, group: bool) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        let sent = if group { killpg(pid, signal) } else { kill(pid, signal) };
        sent.expect("it is there");
    }

    /// Waits for its end, which must come in time.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            if self.started.elapsed() > CASE {
                self.kill_all();
                let _ = self.child.wait();
                self.listen();
                panic!("it did not end in {CASE:?}: {}", self.said);
            }
            thread::sleep(Duration::from_millis(2));
        };
        // What workers hold open ends with them.
        let ended = Instant::now();
        while !self.processes().is_empty() && ended.elapsed() < Duration::from_secs(2) {
            thread::sleep(Duration::from_millis(2));
        }
        if self.processes().is_empty() {
            self.listen();
        }
        status
    }

    /// Asserts that no process of it is left after so long.
    pub(crate) fn ends_clean(&mut self, most: Duration) {
        let ended = Instant::now();
        while !self.processes().is_empty() {
            if ended.elapsed() > most {
                let left = self.processes();
                self.kill_all();
                panic!("{left:?} are left after {most:?}");
            }
            thread::sleep(Duration::from_millis(2));
        }
        self.listen();
        let lines = self.said.lines().filter(|line| line.starts_with("fault "));
        lines.for_each(|line| println!("{line}"));
    }

    fn listen(&mut self) {
        if let Some(output) = self.output.take() {
            self.said = output.join().expect("it reads to the end");
        }
    }

    /// The processes that bear the mark; the dead have no environment.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let mark = format!("{MARK}={}", self.mark).into_bytes();
        let marked = |pid: &u32| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|v| v == mark))
        };
        let processes = fs::read_dir("/proc").expect("Linux").flatten();
        processes
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(marked)
            .collect()
    }

    fn kill_all(&self) {
        while !self.processes().is_empty() {
            for pid in self.processes() {
                let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        self.kill_all();
        let _ = self.child.wait();
    }
}

/// Runs `body`, after which this process must have no child, no thread of a
/// cluster, no descriptor and no shared page more than before.
fn check_leftovers(body: fn()) {
    // The first cluster of a process starts what stays: a thread that forwards
    // standard error, and its descriptor.
    drop(Client::local().n_workers(1).start().expect("a worker"));
    let before = descriptors();
    body();
    match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Err(nix::errno::Errno::ECHILD) => {}
        child => panic!("a child is left: {child:?}"),
    }
    assert_eq!(descriptors(), before, "descriptors");
    let maps = fs::read_to_string("/proc/self/maps").expect("Linux");
    assert!(!maps.contains("polyphony"), "a shared page is left");
    // A joined thread stands in the list for a moment more.
    until("threads of a cluster to end", || threads_of_clusters() == 0);
}

pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux").count()
}

fn threads_of_clusters() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux").flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("worker-") || name.trim_end() == "cluster").count()
}

/// Runs `work`, which must not take longer than the deadline, and prints how
/// long it took. `what` is the fault's number and what came of it.
pub(crate) fn timed<R>(what: &str, work: impl FnOnce() -> R) -> R {
    let started = Instant::now();
    let result = work();
    let took = started.elapsed();
    print(what, took);
    assert!(took < DEADLINE, "{what} took {took:?}");
    result
}

/// Prints a line for the table of faults.
pub(crate) fn print(what: &str, took: Duration) {
    let (number, outcome) = what.split_once(' ').expect("a number and an outcome");
    println!("fault {number}: {outcome} in {:.1} ms", 1e3 * took.as_secs_f64());
}

/// Whether a process exists and is no zombie.
pub(crate) fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < DEADLINE, "waited for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The number of the signal that ended a process, if one did.
pub(crate) fn signal_of(status: ExitStatus) -> Option<i32> {
    status.signal()
}

/// Worker processes, and what is usual otherwise.
pub(crate) fn cluster(n_workers: usize) -> Client {
    Client::local().n_workers(n_workers).start().expect("worker processes")
}

/// Worker processes whose first death costs the task at hand.
pub(crate) fn strict(n_workers: usize) -> Client {
    let cluster = Client::local().n_workers(n_workers).allowed_failures(0);
    cluster.start().expect("worker processes")
}

/// A cluster of threads and one of processes, by name.
pub(crate) fn both(n_workers: usize) -> impl Iterator<Item = (&'static str, Client)> {
    [("threads", false), ("processes", true)].into_iter().map(move |(name, processes)| {
        let cluster = Client::local().n_workers(n_workers).processes(processes);
        (name, cluster.start().expect("a cluster"))
    })
}

/// The processes of the workers that are there.
pub(crate) fn pids(client: &Client) -> Vec<u32> {
    let pid = |place| match place {
        Place::Process { pid } => pid,
        other => panic!("{other} is no process"),
    };
    client.info().workers.into_iter().map(|worker| pid(worker.place)).collect()
}

/// Sends a signal to a process, which may be gone already.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
}

pub(crate) fn signal_all(pids: impl IntoIterator<Item = u32>, with: Signal) {
    pids.into_iter().for_each(|pid| signal(pid, with));
}
