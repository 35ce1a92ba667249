//! Workers that die: 1 to 9, and 24. Threads share the program's fate, so all of
//! it is about processes, but for a task that panics.

use std::path::Path;

use distributed::{Client, Error};
use nix::sys::signal::Signal;
use processes::{Error::Died, Exit, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::harness::{both, cluster, fault, pids, signal, signal_all, strict, timed, until};
use crate::tasks::{
    ABORT, BOMB, EXIT, INCREMENT, OVERFLOW, PANIC, PANIC_ODDLY, PID, SEGFAULT, THROW_BOMB, WAIT,
    WAIT_ONCE,
};

fn works(client: &Client) {
    let mapped = client.gather(client.map(&INCREMENT, 0..100)).expect("the cluster works on");
    assert_eq!(mapped, (1..101).collect::<Vec<_>>());
}

/// How often a task was tried, how its last worker died, and its last words.
pub(crate) fn given_up<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (u32, Exit, String) {
    match outcome {
        Err(Error::WorkerKilled { attempts, last: Died { exit, stderr, .. }, .. }) => {
            (attempts, exit, stderr)
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn pid_in(file: &Path) -> u32 {
    until("a worker's process id", || file.exists());
    std::fs::read_to_string(file).expect("it is there").parse().expect("a process id")
}

/// A task that dies however often it is tried, which is twice: how, and with
/// which last words; and that the cluster goes on.
fn dies<In, Out>(task: &Task<In, Out>, input: In, what: &str) -> (Exit, String)
where
    In: Serialize + DeserializeOwned + 'static,
    Out: Serialize + DeserializeOwned + std::fmt::Debug + 'static,
{
    let client = Client::local().n_workers(2).allowed_failures(1).start().expect("workers");
    let future = client.submit(task, input);
    let (attempts, exit, stderr) = timed(what, || given_up(future.result()));
    assert_eq!(attempts, 2);
    works(&client);
    (exit, stderr)
}

#[test]
fn fault_01_worker_killed_in_the_middle_of_a_task() {
    fault("deaths::fault_01_worker_killed_in_the_middle_of_a_task", || {
        let client = cluster(2);
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let future = client.submit(&WAIT_ONCE, file.clone());
        let pid = pid_in(&file);
        let value = timed("01 run again on another worker; the dead one is replaced", || {
            signal(pid, Signal::SIGKILL);
            future.result()
        });
        assert_eq!(value.expect("the second attempt"), 7);
        until("another in its place", || client.info().workers.len() == 2);
        assert!(!pids(&client).contains(&pid));
        works(&client);
    });
}

#[test]
fn fault_01_no_failure_allowed() {
    fault("deaths::fault_01_no_failure_allowed", || {
        let client = strict(1);
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let future = client.submit(&WAIT, file.clone());
        let pid = pid_in(&file);
        let outcome = timed("01 with no failure allowed: `WorkerKilled`, cluster goes on", || {
            signal(pid, Signal::SIGKILL);
            future.result()
        });
        let text = outcome.as_ref().expect_err("it died").to_string();
        let how = format!("worker {pid} died in task wait: killed by SIGKILL");
        assert!(text.contains(&how), "{text}");
        let (attempts, exit, _) = given_up(outcome);
        assert_eq!((attempts, exit), (1, Exit::Killed(9)));
        works(&client);
    });
}

#[test]
fn fault_02_all_workers_killed_at_once() {
    fault("deaths::fault_02_all_workers_killed_at_once", || {
        for workers in [1, 2, 5, 13] {
            let client = cluster(workers);
            let directory = tempfile::tempdir().expect("a directory");
            let files: Vec<_> =
                (0..workers).map(|n| directory.path().join(n.to_string())).collect();
            let in_flight = client.map(&WAIT_ONCE, files.clone());
            let queued = client.map(&INCREMENT, 0..50);
            files.iter().for_each(|file| _ = pid_in(file));
            let what = format!("02 of {workers} killed, in flight: run again, 50 queued: done,");
            timed(&what, || {
                signal_all(pids(&client), Signal::SIGKILL);
                let again = client.gather(in_flight).expect("another attempt each");
                assert_eq!(again, vec![7; workers]);
                let queued = client.gather(queued).expect("they had not begun");
                assert_eq!(queued, (1..51).collect::<Vec<_>>());
            });
            until("all are replaced", || client.info().workers.len() == workers);
        }
    });
}

#[test]
fn fault_03_idle_worker_killed() {
    fault("deaths::fault_03_idle_worker_killed", || {
        for _ in 0..10 {
            // It is held against nobody, so none may be needed.
            let client = strict(1);
            let pid = client.submit(&PID, ()).result().expect("a pid");
            signal(pid, Signal::SIGKILL);
            // At once: the death may be seen before, while or after it is sent.
            let future = client.submit(&PID, ());
            let other = timed("03 done by another worker", || future.result()).expect("a pid");
            assert_ne!(pid, other);
        }
        let client = strict(4);
        signal_all(pids(&client), Signal::SIGKILL);
        works(&client);
    });
}

#[test]
fn fault_04_task_leaves_with_success() {
    fault("deaths::fault_04_task_leaves_with_success", || {
        let what = "04 `WorkerKilled` after 2 attempts, exited with 0; cluster goes on";
        assert_eq!(dies(&EXIT, 0, what).0, Exit::Exited(0));
    });
}

#[test]
fn fault_05_task_leaves_with_a_code() {
    fault("deaths::fault_05_task_leaves_with_a_code", || {
        let what = "05 `WorkerKilled` after 2 attempts, exited with 3; cluster goes on";
        assert_eq!(dies(&EXIT, 3, what).0, Exit::Exited(3));
    });
}

#[test]
fn fault_06_segmentation_fault() {
    fault("deaths::fault_06_segmentation_fault", || {
        let what = "06 `WorkerKilled` after 2 attempts, by SIGSEGV; cluster goes on";
        assert_eq!(dies(&SEGFAULT, (), what).0, Exit::Killed(11));
    });
}

#[test]
fn fault_07_stack_overflow() {
    fault("deaths::fault_07_stack_overflow", || {
        let what = "07 `WorkerKilled` after 2 attempts, aborted, with its last words";
        let (exit, stderr) = dies(&OVERFLOW, 0, what);
        assert!(matches!(exit, Exit::Killed(6 | 11)), "{exit}");
        assert!(stderr.contains("overflowed its stack"), "{stderr}");
    });
}

#[test]
fn fault_08_abort() {
    fault("deaths::fault_08_abort", || {
        let what = "08 `WorkerKilled` after 2 attempts, aborted; cluster goes on";
        assert_eq!(dies(&ABORT, (), what).0, Exit::Killed(6));
    });
}

#[test]
fn fault_09_task_panics() {
    fault("deaths::fault_09_task_panics", || {
        for (name, client) in both(1) {
            let pid = || client.submit(&PID, ()).result().expect("a pid");
            let (before, worker) = (pid(), client.info().workers[0].id);
            let future = client.submit(&PANIC, 7);
            let what = format!("09 {name}: `Panicked`, same worker");
            match timed(&what, || future.result()) {
                Err(Error::Panicked { task: "panic", message, location }) => {
                    assert_eq!(message, "no 7 today");
                    // A program keeps its own panic hook, which alone is told.
                    let told = location.is_some_and(|at| at.contains("tasks.rs:"));
                    assert_eq!(told, name == "processes");
                }
                other => panic!("{other:?}"),
            }
            let oddly = client.submit(&PANIC_ODDLY, ()).result();
            assert!(oddly.expect_err("it panics").to_string().contains("no text"));
            let after = (pid(), client.info().workers[0].id);
            assert_eq!(after, (before, worker), "the worker lives on");
        }
    });
}

#[test]
fn fault_24_poison() {
    fault("deaths::fault_24_poison", || {
        let client = cluster(2);
        let poison = client.submit(&ABORT, ());
        let dependant = client.submit(&PID, &poison);
        let others = client.map(&INCREMENT, 0..1_000);
        let what = "24 `WorkerKilled` after 4 attempts; 1,000 others are done";
        let outcomes = timed(what, || {
            let done = client.gather(others).expect("the others");
            assert_eq!(done, (1..1_001).collect::<Vec<_>>());
            [poison.result().map(drop), dependant.result().map(drop)]
        });
        for outcome in outcomes {
            assert!(matches!(outcome, Err(Error::WorkerKilled { task: "abort", .. })));
            let (attempts, exit, _) = given_up(outcome);
            assert_eq!((attempts, exit), (4, Exit::Killed(6)));
        }
        until("all are replaced", || client.info().workers.len() == 2);
    });
}

#[test]
fn fault_59_values_that_panic_when_they_are_dropped() {
    fault("deaths::fault_59_values_that_panic_when_they_are_dropped", || {
        for (name, client) in both(1) {
            drop(client.map(&BOMB, 0..10));
            let thrown = client.submit(&THROW_BOMB, 0).result();
            assert!(matches!(thrown, Err(Error::Panicked { .. })), "{name}: {thrown:?}");
            let after = client.submit(&INCREMENT, 1);
            let what = format!("59 {name}: worker goes on");
            assert_eq!(timed(&what, || after.result()).expect("a value"), 2);
        }
    });
}
