//! Who is to blame, and who is tried again: 25, 26 and 33.

use std::fs;

use distributed::{Client, Error, With, delayed};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use processes::Exit;
use serde_bytes::ByteBuf;

use crate::deaths::{given_up, pid_in};
use crate::harness::{both, fault, fault_with, signal, strict, timed, until};
use crate::tasks::{
    ABORT, ADD, FAIL_TIMES, INCREMENT, LOG, PANIC, PID, SLEEP, SUM_BYTES, WAIT, WAIT_FOR,
};

/// Set where workers are to have little memory.
const POOR: &str = "DISTRIBUTED_FAULT_POOR";

/// Has a worker find out that it is poor.
pub(crate) fn before_the_entry() {
    if std::env::var_os(POOR).is_some() {
        let most = 256 << 20;
        setrlimit(Resource::RLIMIT_AS, most, most).expect("a process may take less");
    }
}

fn lines(file: &std::path::Path) -> usize {
    fs::read_to_string(file).map_or(0, |text| text.lines().count())
}

#[test]
fn fault_25_innocent_tasks_on_a_killed_worker() {
    fault("innocence::fault_25_innocent_tasks_on_a_killed_worker", || {
        let client = strict(1);
        let directory = tempfile::tempdir().expect("a directory");
        let [gate, file, log] = ["gate", "pid", "log"].map(|name| directory.path().join(name));
        // Behind the gate all go to the worker in one message.
        let held = client.submit(&WAIT_FOR, gate.clone());
        // Done in an instant, so its answer waits for that of the next.
        let before = client.submit(&LOG, (log.clone(), 41));
        let guilty = client.submit(&WAIT, file.clone());
        let behind = client.map(&INCREMENT, 0..200);
        fs::write(&gate, "").expect("a file");
        let pid = pid_in(&file);
        assert_eq!(lines(&log), 1);
        let what = "25 innocent: run again, though no failure is allowed; guilty: `WorkerKilled`";
        timed(what, || {
            signal(pid, Signal::SIGKILL);
            assert_eq!(before.result().expect("it is innocent"), 42);
            let behind = client.gather(behind).expect("they had not begun");
            assert_eq!(behind, (1..201).collect::<Vec<_>>());
        });
        assert_eq!(given_up(guilty.result()).0, 1);
        held.result().expect("it was done before");
        let attempts = lines(&log);
        // Whether its answer was sent is a matter of a millisecond.
        assert!((1..=2).contains(&attempts), "it was tried {attempts} times");
        println!("fault 25: what had its answer not sent was tried {attempts} times in 0.0 ms");
    });
}

#[test]
fn fault_25_killed_for_another_s_sake() {
    fault("innocence::fault_25_killed_for_another_s_sake", || {
        for round in 0..5 {
            let client = strict(1);
            let directory = tempfile::tempdir().expect("a directory");
            let gate = directory.path().join("gate");
            let held = client.submit(&WAIT_FOR, gate.clone());
            // The first is done, and not answered, when the second runs.
            let both = client.map(&SLEEP, [0, 200]);
            fs::write(&gate, "").expect("a file");
            held.result().expect("it ends");
            std::thread::sleep(std::time::Duration::from_millis(10 * round));
            client.cancel([&both[0]], true);
            let second =
                timed("25 beside one that is cancelled by kill: done", || both[1].result());
            assert_eq!(second.expect("it is innocent"), 200);
        }
    });
}

#[test]
fn fault_25_worker_dies_before_it_begins() {
    let test = "innocence::fault_25_worker_dies_before_it_begins";
    fault_with(test, &[(POOR, "")], || {
        let client = Client::local().n_workers(1).allowed_failures(1).start().expect("a worker");
        // They go in the same message, and are blameless.
        let before = client.map(&INCREMENT, 0..50);
        // It has no room for the message, and so aborts before it looks at it.
        let large = client.submit(&SUM_BYTES, ByteBuf::from(vec![1; 250 << 20]));
        let behind = client.map(&INCREMENT, 0..50);
        let what = "25 worker dies of its message: `WorkerKilled` in the end; cluster goes on";
        let (attempts, exit, stderr) = timed(what, || given_up(large.result()));
        assert!(attempts >= 2, "{attempts}");
        assert_eq!(exit, Exit::Killed(6), "{stderr}");
        for beside in [before, behind] {
            let beside = client.gather(beside).expect("they are innocent");
            assert_eq!(beside, (1..51).collect::<Vec<_>>());
        }
        assert_eq!(client.submit(&INCREMENT, 1).result().expect("it works on"), 2);
    });
}

#[test]
fn fault_26_tried_again_as_often_as_it_may() {
    fault("innocence::fault_26_tried_again_as_often_as_it_may", || {
        for (name, client) in both(2) {
            for (retries, succeeds) in [(0, false), (1, false), (2, true), (3, true)] {
                let directory = tempfile::tempdir().expect("a directory");
                let failing = client.with().retries(retries);
                let future = failing.submit(&FAIL_TIMES, (directory.path().to_owned(), 2));
                let what = format!("26 {name}, fails twice, {retries} retries: as it should");
                match timed(&what, || future.result()) {
                    Ok(attempts) => assert!(succeeds && attempts == 3, "{name}: {attempts}"),
                    Err(Error::Panicked { message, .. }) => {
                        // The last error, and none before it.
                        assert_eq!(message, format!("attempt {}", retries + 1), "{name}");
                        assert!(!succeeds, "{name}");
                    }
                    Err(other) => panic!("{name}: {other}"),
                }
            }
        }
    });
}

#[test]
fn fault_33_dependency_failed() {
    fault("innocence::fault_33_dependency_failed", || {
        for (name, client) in both(2) {
            let directory = tempfile::tempdir().expect("a directory");
            let ran = directory.path().join("ran");
            let failed = |outcome: Result<u64, Error>| match outcome {
                Err(Error::Panicked { task: "panic", message, .. }) => {
                    assert_eq!(message, "no 7 today", "{name}");
                }
                other => panic!("{name}: {other:?}"),
            };
            timed(&format!("33 {name}: dependants get the same error and do not run"), || {
                let first = client.submit(&PANIC, 7);
                let next = client.submit(&INCREMENT, &first);
                let last = client.submit(&LOG, With((ran.clone(), &next)));
                [&first, &next, &last].into_iter().for_each(|future| failed(future.result()));
                // What comes late fails as well.
                failed(client.submit(&ADD, With((&last, 1))).result());
                // And what depends on one whose cause is forgotten.
                drop((first, next));
                failed(client.submit(&ADD, With((&last, 1))).result());
            });
            // Of a cause that nobody holds.
            let gate = directory.path().join("gate");
            let held = client.submit(&WAIT_FOR, gate.clone());
            let (left, right) = (client.submit(&PANIC, 7), client.submit(&INCREMENT, &held));
            let sum = client.submit(&ADD, With((&left, &right)));
            let next = client.submit(&INCREMENT, &sum);
            drop((left, right, sum));
            fs::write(&gate, "").expect("a file");
            // The directory goes before the client, which waits for its threads.
            held.result().expect("the gate is open");
            failed(next.result());
            failed(client.submit(&INCREMENT, &next).result());
            let nobody_s = delayed(&INCREMENT, &delayed(&PANIC, 7));
            failed(nobody_s.compute(&client));
            assert!(!ran.exists(), "{name}");
        }
    });
}

#[test]
fn fault_33_dependency_killed_or_late() {
    fault("innocence::fault_33_dependency_killed_or_late", || {
        let client = strict(2);
        let killed = delayed(&ABORT, ());
        let next = delayed(&PID, &killed);
        let what = "33 of a cause that was given up: `WorkerKilled` of the cause";
        let outcome = timed(what, || next.compute(&client));
        assert!(matches!(outcome, Err(Error::WorkerKilled { task: "abort", attempts: 1, .. })));

        let limit = std::time::Duration::from_millis(50);
        let late = client.with().deadline(limit).submit(&SLEEP, 60_000);
        let next = client.submit(&INCREMENT, &late);
        drop(late);
        match timed("33 of a cause that was late: `Timeout` of the cause", || next.result()) {
            Err(Error::Timeout { task: "sleep", limit: its }) => assert_eq!(its, limit),
            other => panic!("{other:?}"),
        }
        until("its worker is replaced", || client.info().workers.len() == 2);
    });
}
