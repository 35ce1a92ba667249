//! What is cancelled: 34 and 35.

use std::fs;

use distributed::{Error, With};

use crate::deaths::pid_in;
use crate::harness::{both, fault, runs, strict, timed, until};
use crate::tasks::{ADD, INCREMENT, LOG, SLEEP, WAIT, WAIT_FOR};

#[test]
fn fault_34_cancelled_while_it_waits_runs_or_is_over() {
    fault("cancelling::fault_34_cancelled_while_it_waits_runs_or_is_over", || {
        for (name, client) in both(1) {
            let directory = tempfile::tempdir().expect("a directory");
            let [gate, ran] = ["gate", "ran"].map(|name| directory.path().join(name));
            let over = client.submit(&INCREMENT, 1);
            over.result().expect("a value");
            let running = client.submit(&WAIT_FOR, gate.clone());
            until("it runs", || client.info().running == 1);
            let queued = client.submit(&LOG, (ran.clone(), 0));
            let dependant = client.submit(&INCREMENT, &queued);
            let what = format!("34 {name}: queued: `Cancelled`; running: goes on; finished: stays");
            timed(&what, || {
                client.cancel([&over, &queued], false);
                let cancelled = queued.result();
                assert!(matches!(cancelled, Err(Error::Cancelled { task: "log" })));
                assert!(matches!(dependant.result(), Err(Error::Cancelled { .. })));
                assert_eq!(over.result().expect("what is done stays"), 2);
                running.cancel();
                assert!(matches!(running.result(), Err(Error::Cancelled { .. })));
            });
            fs::write(&gate, "").expect("a file");
            let after = client.submit(&INCREMENT, 1).result();
            assert_eq!(after.expect("the worker goes on"), 2);
            // No result appears later.
            assert!(matches!(running.result(), Err(Error::Cancelled { .. })));
            assert!(!ran.exists(), "{name}: what was cancelled has not run");
        }
    });
}

#[test]
fn fault_34_cancelled_by_kill() {
    fault("cancelling::fault_34_cancelled_by_kill", || {
        let client = strict(1);
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let running = client.submit(&WAIT, file.clone());
        let behind = client.map(&INCREMENT, 0..100);
        let pid = pid_in(&file);
        timed("34 running, by kill: `Cancelled`, and what waited behind it is done", || {
            client.cancel([&running], true);
            assert!(matches!(running.result(), Err(Error::Cancelled { .. })));
            let behind = client.gather(behind).expect("no attempt counts");
            assert_eq!(behind, (1..101).collect::<Vec<_>>());
        });
        assert!(!runs(pid));
    });
}

#[test]
fn fault_35_cancelled_in_the_middle_five_times() {
    fault("cancelling::fault_35_cancelled_in_the_middle_five_times", || {
        for (name, client) in both(2) {
            let what = format!("35 {name}: 5 graphs cancelled in the middle, the next is right");
            timed(&what, || {
                for round in 0..5 {
                    let futures = client.map(&SLEEP, vec![1; 100]);
                    let pairs = futures.chunks(2);
                    let sums: Vec<_> =
                        pairs.map(|pair| client.submit(&ADD, With((&pair[0], &pair[1])))).collect();
                    until("some are done", || futures[round].done());
                    client.cancel(&futures, round % 2 == 1);
                    for sum in sums {
                        match sum.result() {
                            Ok(two) => assert_eq!(two, 2, "{name}"),
                            Err(Error::Cancelled { .. }) => {}
                            Err(other) => panic!("{name}: {other}"),
                        }
                    }
                }
                let next = client.gather(client.map(&INCREMENT, 0..100));
                assert_eq!(next.expect("the next graph"), (1..101).collect::<Vec<_>>());
            });
            until("nothing is left", || {
                let info = client.info();
                (info.waiting, info.running) == (0, 0)
            });
        }
    });
}
