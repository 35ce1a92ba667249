//! Whole programs: this harness runs itself as programs that do, late or never
//! claim the worker entry, that hang before it, or whose parent is killed.
//!
//! The real ones, as a user builds them, are in `kinds.rs`. Here is what would
//! take a build for each: entries that come late, guards, budgets.

mod common;

use std::env;
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use common::{STARTED, runs, told};
use libtest_mimic::{Arguments, Trial};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, dup2_stderr, dup2_stdout};
use processes::{Error, Options, Registry, Task, Worker};
use report::suite::{Scale, Suite, Workload, repeat};

/// How long anything here may take before it counts as hanging.
const DEADLINE: Duration = Duration::from_secs(30);

/// How many processes a program may start, itself included. What is started
/// beyond that aborts, so that a fork bomb, which is what these tests are there
/// to see coming, goes out by itself.
const BUDGET: u64 = 40;

/// Names the program that this process is.
const PROGRAM: &str = "PROCESSES_TEST_PROGRAM";

const DOUBLE: Task<u64, u64> = Task::new("double", |x| x * 2);
const PID: Task<(), u32> = Task::new("pid", |()| std::process::id());
const SLEEP: Task<(), ()> = Task::new("sleep", |()| std::thread::sleep(Duration::from_secs(60)));
const GRANDCHILD: Task<(), u32> = Task::new("grandchild", |()| {
    Command::new("sleep").arg("60").spawn().expect("a grandchild").id()
});
/// Writes to standard error what is [spoken](spoken) by one of several.
const SPEAK: Task<u8, ()> = Task::new("speak", |who| eprint!("{}", spoken(who)));

/// Numbers in order, in signs that none of the others uses; some tens of KiB: more
/// than a turn at a pipe, and less than it holds.
fn spoken(who: u8) -> String {
    let sign = |byte: u8| char::from(b'0' + 11 * who + byte.min(b'9' + 1) - b'0');
    (0..8_000).flat_map(|n| format!("{n}:").into_bytes()).map(sign).collect()
}

/// Prints, and doubles.
const PRINT: Task<u64, u64> = Task::new("print", |x| {
    print!("{x} ");
    x * 2
});

fn registry() -> Registry {
    let registry = Registry::new().with(&DOUBLE).with(&PID).with(&SLEEP).with(&GRANDCHILD);
    registry.with(&SPEAK).with(&PRINT)
}

fn main() -> ExitCode {
    if let Some(file) = env::var_os(STARTED) {
        let mut started = OpenOptions::new().append(true).open(file).expect("the harness made it");
        started.write_all(b".").expect("a byte");
        if started.metadata().expect("a length").len() > BUDGET {
            eprintln!("more than {BUDGET} processes were started");
            std::process::abort();
        }
    }
    match env::var(PROGRAM).as_deref() {
        Ok("claims") => {
            processes::worker_entry(registry());
            double()
        }
        Ok("never_claims") => double(),
        Ok("fork_bomb") => fork_bomb(),
        Ok("hangs") => hangs(),
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
        Ok("holds_standard_error") => {
            processes::worker_entry(registry());
            holds_standard_error()
        }
        Ok("cannot_print") => {
            processes::worker_entry(registry());
            cannot_print()
        }
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
        trial("a_fork_bomb_goes_out", a_fork_bomb_goes_out),
        trial("a_program_that_hangs_is_ended_with_all_it_started", || {
            let output = run_for(Duration::from_millis(500), "hangs", &[]);
            assert!(!output.status.success(), "{}", output.status);
        }),
        trial("output_that_cannot_be_written_costs_no_result", || {
            told(&run("cannot_print", &[]), true, "every result has come");
        }),
        trial("who_holds_standard_error_can_drop_a_worker", || {
            told(&run("holds_standard_error", &[]), true, "all in order");
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

/// What the guard prevents: a program that starts itself before anything else,
/// twice, each in a group of its own.
fn fork_bomb() -> ExitCode {
    let start = || Command::new("/proc/self/exe").process_group(0).spawn().expect("a process");
    for mut child in [start(), start()] {
        let _ = child.wait();
    }
    ExitCode::SUCCESS
}

/// A program whose child, in a group of its own, holds its output open.
fn hangs() -> ExitCode {
    let mut child = Command::new("sleep").arg("60").process_group(0).spawn().expect("a process");
    let _ = child.wait();
    ExitCode::SUCCESS
}

fn a_fork_bomb_goes_out() {
    let output = run("fork_bomb", &[]);
    told(&output, true, "processes were started");
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

/// A program whose standard output is a full disk, and then one that nobody reads;
/// says on standard error whether its workers' results come nevertheless.
fn cannot_print() -> ExitCode {
    dup2_stdout(OpenOptions::new().write(true).open("/dev/full").expect("Linux")).expect("a file");
    print_in_worker();
    let (read, write) = io::pipe().expect("a pipe");
    drop(read);
    dup2_stdout(write).expect("a descriptor");
    print_in_worker();
    eprintln!("every result has come");
    ExitCode::SUCCESS
}

fn print_in_worker() {
    let mut worker = Worker::spawn().expect("a worker");
    for n in 0..3 {
        assert_eq!(worker.call(&PRINT, &n).expect("a number"), 2 * n);
    }
    // The answers of few items go another way, through the outbox.
    let outputs = worker.call_batch(&PRINT, &[7, 8, 9]).expect("answers");
    let outputs: Result<Vec<_>, _> = outputs.into_iter().collect();
    assert_eq!(outputs.expect("numbers"), [14, 16, 18]);
}

/// A program that holds its standard error while workers that have written there
/// end, by its own hand and by that of a thread that it waits for; prints whether
/// all came out afterwards, in order.
fn holds_standard_error() -> ExitCode {
    let (mut read, write) = io::pipe().expect("a pipe");
    dup2_stderr(write).expect("a descriptor");
    let mut options = Options::default();
    options.keep_stderr = true;
    let held = io::stderr().lock();
    let workers = [0, 1, 2, 3].map(|who| {
        let mut worker = Worker::start(options).expect("a worker");
        while !worker.is_ready().expect("it greets") {
            std::thread::sleep(Duration::from_millis(1));
        }
        worker.call(&SPEAK, &who).expect("it speaks");
        worker
    });
    // The forwarder comes, and waits. That it may take longer to get there makes
    // the test weaker, never wrong.
    std::thread::sleep(Duration::from_millis(50));
    let [first, others @ ..] = workers;
    drop(first);
    std::thread::spawn(move || drop(others)).join().expect("no panic");
    drop(held);
    let mut all = vec![0; (0..4).map(|who| spoken(who).len()).sum()];
    read.read_exact(&mut all).expect("all of it");
    let all = String::from_utf8(all).expect("it is ASCII");
    let of = |who: u8| b'0' + 11 * who..b'0' + 11 * (who + 1);
    for who in 0..4 {
        let said: String = all.chars().filter(|&c| of(who).contains(&(c as u8))).collect();
        assert_eq!(said, spoken(who));
    }
    println!("all in order");
    ExitCode::SUCCESS
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

/// Runs a program to its end. If it has none by the deadline, it is ended with
/// all that it started, and that is a finite number.
fn run(name: &str, arguments: &[&str]) -> Output {
    run_for(DEADLINE, name, arguments)
}

fn run_for(deadline: Duration, name: &str, arguments: &[&str]) -> Output {
    common::run_for(deadline, program(name, arguments)).0
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
