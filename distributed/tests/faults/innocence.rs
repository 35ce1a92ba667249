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
