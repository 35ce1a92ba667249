//! Every model agrees with the serial one, every transport brings the bytes,
//! and none of them leaves anything behind.
//!
//! `fork` needs a process with one thread, so this harness is `libtest-mimic`
//! on the main thread instead of libtest.

mod transports;

use std::fs;
use std::io::Write;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitPidFlag, waitpid};
use processes::{
    Error, Exit, Registry, Task, Worker, fork, reexec, serial, shared_memory, spawn, squares,
    thread,
};

/// A pure function that fails on one input.
fn half(x: &u64) -> u64 {
    assert!(x.is_multiple_of(2), "{x} has no half");
    x / 2
}

const HALF: Task<u64, u64> = Task::new("half", |x| half(&x));
const THREADS: Task<(), usize> = Task::new("threads", |()| count("/proc/self/task"));
const FORK: Task<u64, Result<u64, String>> = Task::new("fork", |x| {
    let [half] = <[_; 1]>::try_from(fork::map(&[x], half)).expect("one for one");
    half.map_err(|e| e.to_string())
});
const SQUARES: Task<u64, Vec<u64>> = Task::new("squares", squares);

/// How long anything here may take before it counts as hanging.
const DEADLINE: Duration = Duration::from_secs(10);

/// More than a pipe or a socket holds at once.
const EIGHT_MEBIBYTES: usize = 8 << 20;

fn main() -> ExitCode {
    processes::worker_entry(Registry::new().with(&HALF).with(&THREADS).with(&FORK).with(&SQUARES));
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials()).exit_code()
}

fn trials() -> Vec<Trial> {
    fn trial(name: &'static str, test: fn()) -> Trial {
        Trial::test(name, move || leaves_nothing(test))
    }
    vec![
        trial("models_agree_on_no_input", || agree(&[])),
        trial("models_agree_on_one_input", || agree(&[2])),
        trial("models_agree_on_many_inputs", || agree(&(0..20).map(|x| x * 2).collect::<Vec<_>>())),
        trial("models_agree_on_failing_inputs", || agree(&[0, 1, 2, 3, 4])),
        trial("lists_of_squares_come_back_whole", lists_of_squares_come_back_whole),
        trial("eight_mebibytes_come_through_a_pipe", eight_mebibytes_come_through_a_pipe),
        trial("panics_are_located", panics_are_located),
        trial("exit_statuses_are_reported", exit_statuses_are_reported),
        trial("signals_without_a_name_are_reported", signals_without_a_name_are_reported),
        trial("a_core_dump_is_reported", a_core_dump_is_reported),
        trial("a_dead_child_spoils_only_its_item", a_dead_child_spoils_only_its_item),
        trial("other_programs_are_waited_for", other_programs_are_waited_for),
        trial("fork_refuses_beside_another_thread", fork_refuses_beside_another_thread),
        trial("a_childs_writes_are_its_own", a_childs_writes_are_its_own),
        trial("buffered_output_is_printed_once", buffered_output_is_printed_once),
        trial("transports_bring_every_length", transports::transports_bring_every_length),
        trial("a_dead_resident_is_an_error", transports::a_dead_resident_is_an_error),
        trial(
            "shared_memory_may_be_empty_and_not_endless",
            transports::shared_memory_may_be_empty_and_not_endless,
        ),
        trial(
            "a_child_that_dies_while_it_writes_is_an_error",
            transports::a_child_that_dies_while_it_writes_is_an_error,
        ),
        trial("shared_memory_is_given_back", transports::shared_memory_is_given_back),
        trial("a_panicking_thread_is_an_error", transports::a_panicking_thread_is_an_error),
        trial("workers_leave_nothing_after_200_starts", workers_leave_nothing_after_200_starts),
        trial("single_threaded_workers_may_fork", single_threaded_workers_may_fork),
        trial("workers_that_are_busy_are_killed", workers_that_are_busy_are_killed),
    ]
}

/// Runs a test and looks for children, zombies and open files afterwards.
fn leaves_nothing(test: fn()) -> Result<(), Failed> {
    let before = count("/proc/self/fd");
    test();
    let after = count("/proc/self/fd");
    if after != before {
        return Err(format!("{before} files were open before, {after} are after").into());
    }
    match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Err(Errno::ECHILD) => Ok(()),
        other => Err(format!("a child is left: {other:?}").into()),
    }
}

/// The number of entries in a directory.
fn count(directory: &str) -> usize {
    fs::read_dir(directory).expect("a directory").count()
}

/// Compares results, panics by their message alone: the models differ in what
/// else they know of one.
fn agree(items: &[u64]) {
    fn told(results: Vec<Result<u64, Error>>) -> Vec<Result<u64, String>> {
        let tell = |e| match e {
            Error::Panicked { message, .. } => message,
            other => format!("{other:?}"),
        };
        results.into_iter().map(|result| result.map_err(tell)).collect()
    }
    let expected = told(serial::map(items, half));
    assert_eq!(told(thread::map(items, half)), expected, "threads");
    assert_eq!(told(fork::map(items, half)), expected, "fork");
    assert_eq!(told(reexec::map(&HALF, items)), expected, "reexec");
}

fn lists_of_squares_come_back_whole() {
    let lengths = [0, 1, 1000];
    let expected = [0, 1, 1000].map(squares);
    let lists = |results: Vec<Result<Vec<u64>, Error>>| {
        results.into_iter().collect::<Result<Vec<_>, _>>().expect("no list fails")
    };
    assert_eq!(lists(serial::map(&lengths, |&n| squares(n))), expected);
    assert_eq!(lists(thread::map(&lengths, |&n| squares(n))), expected);
    assert_eq!(lists(fork::map(&lengths, |&n| squares(n))), expected);
    assert_eq!(lists(reexec::map(&SQUARES, &lengths)), expected);
}

fn eight_mebibytes_come_through_a_pipe() {
    let n = EIGHT_MEBIBYTES as u64 / 8;
    // Three at once: each fills its pipe before the first of them is read.
    for list in fork::map(&[n; 3], |&n| squares(n)) {
        assert!(list.expect("a list") == squares(n));
    }
}

fn panics_are_located() {
    for panicked in [fork::map(&[1], half), reexec::map(&HALF, &[1])] {
        match &panicked[..] {
            [Err(Error::Panicked { message, location: Some(location), .. })] => {
                assert_eq!(message, "1 has no half");
                assert!(location.contains("models/main.rs:"), "{location}");
            }
            other => panic!("{other:?}"),
        }
    }
}

fn exit_statuses_are_reported() {
    fn check(status: &str, work: impl FnOnce() -> i32) {
        let exit = fork::start(work).expect("a child").wait();
        assert_eq!(exit.to_string(), status);
    }
    check("exited(0)", || 0);
    check("exited(3)", || 3);
    check("exited(4)", || std::process::exit(4));
    check("exited(101)", || panic!("a child that panics leaves like any Rust program"));
    check("killed by SIGKILL", || raise(Signal::SIGKILL).map_or(1, |()| 2));
    check("aborted", || std::process::abort());
    assert!(Exit::Exited(0).success() && !Exit::Exited(1).success());
    assert_eq!(Exit::Killed(34).to_string(), "killed by signal 34");
}

fn signals_without_a_name_are_reported() {
    let mut child = fork::start(|| {
        std::thread::sleep(DEADLINE);
        0
    })
    .expect("a child");
    // The first of the real-time signals that a program may use.
    let pid = child.pid().to_string();
    let sent = spawn::map(&["-34"], |signal| {
        let mut kill = Command::new("kill");
        kill.args([signal, &&*pid]);
        kill
    });
    assert!(sent.iter().all(|exit| exit.as_ref().is_ok_and(|exit| exit.success())), "{sent:?}");
    assert_eq!(child.wait(), Exit::Killed(34));
    assert!(!child.core_dumped());
}

fn a_core_dump_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let aborts = |most: u64| {
        fork::start(|| {
            std::env::set_current_dir(&folder).expect("a folder");
            setrlimit(Resource::RLIMIT_CORE, most, most).expect("a limit");
            std::process::abort()
        })
    };
    let mut none = aborts(0).expect("a child");
    assert_eq!((none.wait(), none.core_dumped()), (Exit::Killed(6), false));

    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let (_, most) = getrlimit(Resource::RLIMIT_CORE).expect("a limit");
    if pattern.trim() != "core" || most < 1 << 30 {
        println!("skipped: core dumps go to {pattern:?}, of at most {most} bytes");
        return;
    }
    let mut kept = aborts(1 << 30).expect("a child");
    assert_eq!((kept.wait(), kept.core_dumped()), (Exit::Killed(6), true));
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1, "the dump itself");
}

fn a_dead_child_spoils_only_its_item() {
    let results = fork::map(&[0, 1, 2], |&x| {
        if x == 1 {
            std::process::abort();
        }
        x
    });
    match &results[..] {
        [Ok(0), Err(Error::Died { exit, .. }), Ok(2)] => assert_eq!(exit.to_string(), "aborted"),
        other => panic!("{other:?}"),
    }
}

fn other_programs_are_waited_for() {
    let shell = |script: &&str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    };
    let exits: Vec<String> = spawn::map(&["true", "exit 3", "kill -TERM $$"], shell)
        .into_iter()
        .map(|exit| exit.expect("a shell").to_string())
        .collect();
    assert_eq!(exits, ["exited(0)", "exited(3)", "killed by SIGTERM"]);
    let missing = spawn::map(&["/no/such/program"], |name| Command::new(name));
    assert!(matches!(missing[..], [Err(Error::Spawn(_))]), "{missing:?}");
}

fn fork_refuses_beside_another_thread() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || stopped.recv());
        let refused = fork::start(|| 0).map(|_| ());
        assert!(matches!(refused, Err(Error::Threads { threads: 2 })), "{refused:?}");
        let refused = fork::map(&[2, 4], half);
        assert!(matches!(refused[..], [Err(Error::Threads { .. }), Err(Error::Threads { .. })]));
        drop(stop);
    });
    // And forks again once the thread is gone.
    assert!(fork::start(|| 0).expect("a child").wait().success());
}

fn a_childs_writes_are_its_own() {
    let mut cell = [0_u8; 8];
    thread::map(&[()], |()| ()).into_iter().for_each(|ended| ended.expect("a thread"));
    std::thread::scope(|scope| scope.spawn(|| cell[0] = 7).join()).expect("a thread");
    assert_eq!(cell[0], 7, "a thread writes where its parent reads");

    let cell = std::cell::Cell::new(0);
    let in_child = fork::map(&[7], |&x| cell.replace(x) + cell.get());
    assert!(matches!(in_child[..], [Ok(7)]), "{in_child:?}");
    assert_eq!(cell.get(), 0, "a forked child writes to its copy");

    let mut child = shared_memory::Resident::start(8, |bytes| bytes[0] = 7).expect("a child");
    assert_eq!(child.ask(1).expect("a byte"), [7], "unless the memory is shared");

    let heir = fork::start(|| i32::from(child.ask(1).is_ok())).expect("a child").wait();
    assert_eq!(heir, Exit::Exited(101), "a process that inherits the child may not ask it");
}

/// A line that is half printed at the time of the fork belongs to the parent.
fn buffered_output_is_printed_once() {
    // Printed by a process of its own, so that it can be read.
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let printed = fork::start(|| {
        let dup = nix::unistd::dup2_stdout(&writer).map_or(1, |()| 0);
        print!("once ");
        for mut child in (0..3).filter_map(|_| fork::start(|| 0).ok()) {
            child.wait();
        }
        print!("only");
        dup
    });
    drop(writer);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut reader, &mut text).expect("text");
    assert!(printed.expect("a child").wait().success());
    assert_eq!(text, "once only");
    std::io::stdout().flush().expect("a standard output");
}

fn workers_leave_nothing_after_200_starts() {
    let tens = 20;
    for _ in 0..tens {
        let mut workers = Worker::spawn_all(10).expect("workers");
        for worker in &mut workers {
            assert_eq!(worker.call(&HALF, &4).expect("a half"), 2);
        }
        workers.iter_mut().for_each(Worker::dismiss);
    }
}

fn single_threaded_workers_may_fork() {
    let mut watched = Worker::spawn().expect("a worker");
    assert_eq!(watched.call(&THREADS, &()).expect("a count"), 2);
    let refused = watched.call(&FORK, &4).expect("an answer").expect_err("a refusal");
    assert!(refused.starts_with("cannot fork: this process has 2 threads"), "{refused}");

    let mut single = Worker::spawn_single_threaded().expect("a worker");
    assert_eq!(single.call(&THREADS, &()).expect("a count"), 1);
    assert_eq!(single.call(&FORK, &4).expect("an answer"), Ok(2));
}

fn workers_that_are_busy_are_killed() {
    let started = Instant::now();
    let mut worker = Worker::spawn_single_threaded().expect("a worker");
    let pid = worker.pid();
    // Stopped, it is as busy as can be.
    let stop =
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), Signal::SIGSTOP);
    assert!(stop.is_ok());
    worker.dismiss();
    drop(worker);
    assert!(!fs::exists(format!("/proc/{pid}")).expect("/proc"));
    assert!(started.elapsed() < DEADLINE);
}
