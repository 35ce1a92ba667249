//! Workers that die: 1 to 9.

use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pool::{Error, ProcessPool};
use processes::{Exit, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::harness::{fault, timed, until};
use crate::tasks::{
    ABORT, EXIT, NAP_OR_DIE, OVERFLOW, PANIC, PANIC_ODDLY, PID, SEGFAULT, SQUARE, WAIT,
};

fn pool_of(workers: usize) -> ProcessPool {
    ProcessPool::new(workers).expect("workers start")
}

fn works(pool: &ProcessPool) {
    let squares = pool.map(&SQUARE, &[1, 2, 3]).expect("the pool works on");
    assert_eq!(squares, [1, 4, 9]);
}

/// How the worker died, and its last words.
fn death<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (Exit, String) {
    match outcome {
        Err(Error::Process { source, .. }) => match &*source {
            processes::Error::Died { exit, stderr, .. } => (*exit, stderr.clone()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn kill_now(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).expect("the worker is there");
}

fn pid_in(file: &Path) -> u32 {
    until("a worker's process id", || file.exists());
    std::fs::read_to_string(file).expect("it is there").parse().expect("a process id")
}

/// A task that dies: how, and with which last words, and that the pool goes on.
fn dies<In, Out>(task: &Task<In, Out>, input: In, what: &str) -> (Exit, String)
where
    In: Serialize + Send + Sync + 'static,
    Out: DeserializeOwned + Send + std::fmt::Debug + 'static,
{
    let pool = pool_of(2);
    let died = timed(what, || death(pool.submit(task, input).expect("it is open").join()));
    works(&pool);
    died
}

#[test]
fn fault_01_worker_killed_in_the_middle_of_a_task() {
    fault("deaths::fault_01_worker_killed_in_the_middle_of_a_task", || {
        let pool = pool_of(2);
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let handle = pool.submit(&WAIT, file.clone()).expect("it is open");
        let pid = pid_in(&file);
        let outcome = timed("01 `Died` by SIGKILL; pool goes on", || {
            kill_now(pid, Signal::SIGKILL);
            handle.join()
        });
        let error = outcome.as_ref().expect_err("it died").clone();
        assert_eq!(death(outcome).0, Exit::Killed(9));
        let Error::Process { source, .. } = &error else { panic!("{error:?}") };
        assert!(source.to_string().contains("in task wait: killed by SIGKILL"), "{source}");
        works(&pool);
    });
}

#[test]
fn fault_02_all_workers_killed_at_once() {
    fault("deaths::fault_02_all_workers_killed_at_once", || {
        for workers in [1, 2, 5, 13] {
            let pool = pool_of(workers);
            let directory = tempfile::tempdir().expect("a directory");
            let files: Vec<_> =
                (0..workers).map(|n| directory.path().join(n.to_string())).collect();
            let submit = |file: &std::path::PathBuf| pool.submit(&WAIT, file.clone());
            let doomed: Vec<_> = files.iter().map(|file| submit(file).expect("open")).collect();
            let queued: Vec<_> =
                (0..50).map(|n| pool.submit(&SQUARE, n).expect("it is open")).collect();
            let pids: Vec<u32> = files.iter().map(|file| pid_in(file)).collect();
            timed(
                &format!("02 of {workers} killed, in flight: `Died` each, 50 queued: all done,"),
                || {
                    pids.iter().for_each(|&pid| kill_now(pid, Signal::SIGKILL));
                    for handle in doomed {
                        assert_eq!(death(handle.join()).0, Exit::Killed(9));
                    }
                    for (n, handle) in (0..).zip(queued) {
                        assert_eq!(handle.join().expect("it had not begun"), n * n);
                    }
                },
            );
        }
    });
}

#[test]
fn fault_03_idle_worker_killed() {
    fault("deaths::fault_03_idle_worker_killed", || {
        for _ in 0..10 {
            let pool = pool_of(1);
            let pid = pool.submit(&PID, ()).expect("it is open").join().expect("a pid");
            kill_now(pid, Signal::SIGKILL);
            // At once: the death may be seen before, while or after it is sent.
            let handle = pool.submit(&PID, ()).expect("it is open");
            let other = timed("03 done by another worker", || handle.join()).expect("a pid");
            assert_ne!(pid, other);
        }
    });
}

#[test]
fn fault_04_task_leaves_with_success() {
    fault("deaths::fault_04_task_leaves_with_success", || {
        assert_eq!(dies(&EXIT, 0, "04 `Died`, exited with 0; pool goes on").0, Exit::Exited(0));
    });
}

#[test]
fn fault_05_task_leaves_with_a_code() {
    fault("deaths::fault_05_task_leaves_with_a_code", || {
        assert_eq!(dies(&EXIT, 3, "05 `Died`, exited with 3; pool goes on").0, Exit::Exited(3));
    });
}

#[test]
fn fault_06_segmentation_fault() {
    fault("deaths::fault_06_segmentation_fault", || {
        assert_eq!(dies(&SEGFAULT, (), "06 `Died` by SIGSEGV; pool goes on").0, Exit::Killed(11));
    });
}

#[test]
fn fault_07_stack_overflow() {
    fault("deaths::fault_07_stack_overflow", || {
        let (exit, stderr) =
            dies(&OVERFLOW, 0, "07 `Died`, aborted, with its last words; pool goes on");
        assert!(matches!(exit, Exit::Killed(6 | 11)), "{exit}");
        assert!(stderr.contains("overflowed its stack"), "{stderr}");
    });
}

#[test]
fn fault_08_abort() {
    fault("deaths::fault_08_abort", || {
        assert_eq!(dies(&ABORT, (), "08 `Died`, aborted; pool goes on").0, Exit::Killed(6));
    });
}

#[test]
fn fault_09_task_panics() {
    fault("deaths::fault_09_task_panics", || {
        let pool = pool_of(1);
        let pid = || pool.submit(&PID, ()).expect("it is open").join().expect("a pid");
        let before = pid();
        let handle = pool.submit(&PANIC, 7).expect("it is open");
        match timed("09 `Panicked` with message and place, same worker; pool goes on", || {
            handle.join()
        }) {
            Err(Error::Process { source, .. }) => match &*source {
                processes::Error::Panicked { task: "panic", message, location, .. } => {
                    assert_eq!(message, "no 7 today");
                    assert!(location.as_ref().is_some_and(|at| at.contains("tasks.rs:")));
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
        let oddly = pool.submit(&PANIC_ODDLY, ()).expect("it is open").join();
        assert!(format!("{:?}", oddly.expect_err("it panics")).contains("no text"));
        assert_eq!(pid(), before, "the worker lives on");
    });
}

#[test]
fn fault_09_with_a_backtrace_if_asked() {
    let test = "deaths::fault_09_with_a_backtrace_if_asked";
    if crate::harness::inside(test) {
        fault(test, || {
            let error = pool_of(1).submit(&PANIC, 7).expect("it is open").join();
            let Err(Error::Process { source, .. }) = error else { panic!("{error:?}") };
            match &*source {
                processes::Error::Panicked { backtrace: Some(backtrace), .. } => {
                    assert!(backtrace.contains("tasks"), "{backtrace}");
                }
                other => panic!("{other:?}"),
            }
        });
        return;
    }
    crate::harness::Case::start(test, &[("RUST_BACKTRACE", "1")]).succeeds();
}

#[test]
fn what_a_death_costs_a_map() {
    fault("deaths::what_a_death_costs_a_map", || {
        let pool = pool_of(2);
        // Each takes long enough for the answers before it to be sent.
        let naps: Vec<(u64, bool)> = (0..30).map(|item| (2, item == 11)).collect();
        for chunk in [1, 7, 30] {
            let outcomes = pool.map_each(&NAP_OR_DIE, &naps, chunk);
            for (item, outcome) in outcomes.into_iter().enumerate() {
                match item {
                    11 => assert_eq!(death(outcome).0, Exit::Killed(9)),
                    // The answer before may have been on its way.
                    10 if outcome.is_err() => assert_eq!(death(outcome).0, Exit::Killed(9)),
                    _ => assert!(outcome.is_ok(), "{item} of chunks of {chunk}: {outcome:?}"),
                }
            }
        }
    });
}
