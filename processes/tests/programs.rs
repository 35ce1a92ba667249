//! Whole programs: this harness runs itself as programs that do, late or never
//! claim the worker entry, that hang before it, or whose parent is killed.
//!
//! libtest's own kind of program is in `unclaimed.rs` and `workers.rs`. Here
//! are the plain `main` of a program or an example, and a bench.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use processes::{Error, Registry, Task, Worker};
use report::suite::{Scale, Suite, Workload, repeat};

/// How long anything here may take before it counts as hanging.
const DEADLINE: Duration = Duration::from_secs(30);

/// Names the program that this process is.
const PROGRAM: &str = "PROCESSES_TEST_PROGRAM";

const DOUBLE: Task<u64, u64> = Task::new("double", |x| x * 2);
const PID: Task<(), u32> = Task::new("pid", |()| std::process::id());
const SLEEP: Task<(), ()> = Task::new("sleep", |()| std::thread::sleep(Duration::from_secs(60)));
const GRANDCHILD: Task<(), u32> = Task::new("grandchild", |()| {
    Command::new("sleep").arg("60").spawn().expect("a grandchild").id()
});

fn registry() -> Registry {
    Registry::new().with(&DOUBLE).with(&PID).with(&SLEEP).with(&GRANDCHILD)
}

fn main() -> ExitCode {
    match env::var(PROGRAM).as_deref() {
        Ok("claims") => {
            processes::worker_entry(registry());
            double()
        }
        Ok("never_claims") => double(),
        // The workers, which have no argument, miss the entry.
        Ok("claims_in_the_parent_only") => {
            if env::args().len() > 1 {
                processes::worker_entry(registry());
            }
            double()
        }
        Ok("ends_before_the_entry") => {
            if env::args().len() == 1 {
                return ExitCode::SUCCESS;
            }
            processes::worker_entry(registry());
            double()
        }
        Ok("bench_that_claims") => {
            processes::worker_entry(registry());
            report::drive(bench)
        }
        Ok("bench_that_never_claims") => report::drive(bench),
        Ok("parent") => {
            processes::worker_entry(registry());
            parent()
        }
        _ => libtest_mimic::run(&Arguments::from_args(), trials()).exit_code(),
    }
}

fn trials() -> Vec<Trial> {
    fn trial(name: &str, test: fn()) -> Trial {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    }
    vec![
        trial("a_program_that_claims_works", || {
            told(&run("claims", &[]), true, "doubled to 42");
        }),
        trial("a_program_that_never_claims_starts_nothing", || {
            told(&run("never_claims", &[]), false, "has not claimed the worker entry");
        }),
        trial("a_worker_that_misses_the_entry_aborts", || {
            let output = run("claims_in_the_parent_only", &["parent"]);
            told(&output, false, "started as a worker, about to start workers");
            told(&output, false, "it ended before it reached the worker entry: aborted");
        }),
        trial("a_worker_that_ends_before_the_entry_is_told", || {
            let output = run("ends_before_the_entry", &["parent"]);
            told(&output, false, "it ended before it reached the worker entry: exited(0)");
        }),
        trial("a_bench_that_claims_works", || {
            told(&run("bench_that_claims", &["--test"]), true, "Success");
        }),
        trial("a_bench_that_never_claims_starts_nothing", || {
            let output = run("bench_that_never_claims", &["--test"]);
            told(&output, false, "has not claimed the worker entry");
        }),
        trial("workers_do_not_outlive_a_killed_parent", workers_do_not_outlive_a_killed_parent),
    ]
}

/// A program that needs a worker.
fn double() -> ExitCode {
    match Worker::spawn().and_then(|mut worker| worker.call(&DOUBLE, &21)) {
        Ok(doubled) => {
            println!("doubled to {doubled}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

/// A bench that needs a worker.
fn bench(_: Scale) -> Suite {
    let double = |n| {
        let mut worker = Worker::spawn().unwrap_or_else(|e| panic!("{e}"));
        repeat(move || worker.call(&DOUBLE, &n).unwrap_or_else(|e: Error| panic!("{e}")))
    };
    Suite::new("programs").workload(
        Workload::new("double", "a number doubled")
            .parameter("number", vec![21])
            .expect(|n| n * 2)
            .model("worker", double),
    )
}

/// A program with one idle worker, one with an orphan-to-be, and two that are
/// busy; prints the ids of all and waits for its end.
fn parent() -> ExitCode {
    let mut workers = Worker::spawn_all(4).expect("workers");
    let grandchild = workers[1].call(&GRANDCHILD, &()).expect("a pid");
    let ids: Vec<String> =
        workers.iter().map(Worker::pid).chain([grandchild]).map(|pid| pid.to_string()).collect();
    let busy: Vec<_> = workers
        .split_off(2)
        .into_iter()
        .map(|mut worker| std::thread::spawn(move || worker.call(&SLEEP, &())))
        .collect();
    // Nobody can see from here that they are asleep; that they take a moment
    // to get there makes the test weaker, never wrong.
    std::thread::sleep(Duration::from_millis(50));
    println!("{}", ids.join(" "));
    for thread in busy {
        let _ = thread.join();
    }
    ExitCode::SUCCESS
}

fn workers_do_not_outlive_a_killed_parent() {
    let mut program = program("parent", &[]);
    let mut parent = Leader(program.stdout(Stdio::piped()).spawn().expect("a program"));
    let mut ids = String::new();
    let output = parent.0.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut ids).expect("a line");
    let ids: Vec<u32> = ids.split_whitespace().map(|id| id.parse().expect("a pid")).collect();
    assert_eq!(ids.len(), 5, "{ids:?}");
    assert!(ids.iter().all(|&pid| runs(pid)), "{ids:?}");
    parent.0.kill().expect("a signal");
    parent.0.wait().expect("a status");
    let killed = Instant::now();
    while let Some(pid) = ids.iter().find(|&&pid| runs(pid)) {
        assert!(killed.elapsed() < DEADLINE, "process {pid} of {ids:?} runs on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// This harness as one of the programs, in a group of its own.
fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.env(PROGRAM, name).args(arguments).process_group(0);
    // The bench among them must not leave its suite among the measured ones.
    command.env("CRITERION_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/programs"));
    command
}

/// Runs a program to its end. Were it a fork bomb, it would be ended with all
/// that it started.
fn run(name: &str, arguments: &[&str]) -> Output {
    let mut command = program(name, arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("a program");
    let pid = Pid::from_raw(child.id().cast_signed());
    let (done, ended) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(DEADLINE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let _ = killpg(pid, Signal::SIGKILL);
            }
        });
        let output = child.wait_with_output().expect("a status");
        drop(done);
        output
    })
}

/// Checks whether a program succeeded, and what it said on the way.
fn told(output: &Output, succeeds: bool, text: &str) {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(output.status.success(), succeeds, "{}: {said}", output.status);
    assert!(said.contains(text), "{text:?} is not in: {said}");
}

/// A program that is ended with its group when the test is over.
struct Leader(Child);

impl Drop for Leader {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = killpg(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGKILL);
            let _ = self.0.wait();
        }
    }
}

/// Whether a process exists and is no zombie, which somebody else has yet to reap.
fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}
