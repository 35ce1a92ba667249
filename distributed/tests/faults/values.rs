//! Results whose maker dies, and scattered data: 27 to 29, and 32.
//!
//! In Dask a result may lie with one worker only, and is lost with it. Here
//! every value is held by the driver from the moment that it is reported, so no
//! worker ever holds the only copy. What these faults show is that nothing is
//! lost, and that nothing is computed twice that need not be; that what *is*
//! lost is computed again from its lineage, for drivers that leave values with
//! workers, is shown by the scheduler's own property tests.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use distributed::{Client, Future, With};
use nix::sys::signal::Signal;
use serde_bytes::ByteBuf;

use crate::deaths::pid_in;
use crate::harness::{cluster, fault, pids, signal, signal_all, timed, until};
use crate::tasks::{ADD, INCREMENT, LOG, SLEEP, SUM_BYTES, WAIT_ONCE};

fn lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// Kills all workers, and waits until others are there.
fn kill_all(client: &Client) {
    let before = pids(client);
    signal_all(before.iter().copied(), Signal::SIGKILL);
    until("others in their place", || {
        let now = pids(client);
        now.len() == before.len() && now.iter().all(|pid| !before.contains(pid))
    });
}

#[test]
fn fault_27_worker_that_made_a_result_dies() {
    fault("values::fault_27_worker_that_made_a_result_dies", || {
        let client = cluster(2);
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("log");
        let made = client.map(&LOG, (0..10).map(|x| (log.clone(), x)));
        until("they are done", || made.iter().all(Future::done));
        kill_all(&client);
        let what = "27 results are there, what takes them is right, none is computed again";
        timed(what, || {
            let next: Vec<_> = made.iter().map(|one| client.submit(&INCREMENT, one)).collect();
            assert_eq!(client.gather(next).expect("values"), (2..12).collect::<Vec<_>>());
            assert_eq!(client.gather(made).expect("values"), (1..11).collect::<Vec<_>>());
        });
        let once: Vec<String> = (0..10).map(|x| x.to_string()).collect();
        assert_eq!(lines(&log), once, "each ran once");
    });
}

#[test]
fn fault_28_another_dies_while_the_next_is_computed() {
    fault("values::fault_28_another_dies_while_the_next_is_computed", || {
        let client = cluster(2);
        let directory = tempfile::tempdir().expect("a directory");
        let [log, first, second] =
            ["log", "first", "second"].map(|name| directory.path().join(name));
        let made = client.submit(&LOG, (log.clone(), 5));
        until("it is done", || made.done());
        kill_all(&client);
        // Its dependant waits for two that lose their workers, one after the other.
        let waiting = client.map(&WAIT_ONCE, [first.clone(), second.clone()]);
        let sum = client.submit(&ADD, With((&waiting[0], &waiting[1])));
        let sum = client.submit(&ADD, With((&sum, &made)));
        drop(waiting);
        let value = timed("28 still right, and nothing that was done is done again", || {
            signal(pid_in(&first), Signal::SIGKILL);
            signal(pid_in(&second), Signal::SIGKILL);
            sum.result()
        });
        assert_eq!(value.expect("a sum"), 7 + 7 + 6);
        assert_eq!(lines(&log), ["5"], "it ran once");
    });
}

fn add_pairs(client: &Client, values: &[Future<u64>]) -> Vec<Future<u64>> {
    let pairs = values.chunks(2);
    pairs.map(|pair| client.submit(&ADD, With((&pair[0], &pair[1])))).collect()
}

#[test]
fn fault_29_workers_killed_during_a_sum_of_256() {
    fault("values::fault_29_workers_killed_during_a_sum_of_256", || {
        let client = cluster(3);
        let sum = timed("29 exact, two of three workers killed on the way", || {
            let leaves = client.map(&SLEEP, vec![2; 256]);
            let mut sums: Vec<Future<u64>> = add_pairs(&client, &leaves);
            while sums.len() > 1 {
                sums = add_pairs(&client, &sums);
            }
            until("some leaves", || leaves[10].done());
            signal(pids(&client)[0], Signal::SIGKILL);
            until("half of the leaves", || leaves[128].done());
            signal(pids(&client)[1], Signal::SIGKILL);
            drop(leaves);
            sums[0].result()
        });
        assert_eq!(sum.expect("a sum"), 2 * 256);
    });
}

#[test]
fn fault_32_workers_that_used_scattered_data_die() {
    fault("values::fault_32_workers_that_used_scattered_data_die", || {
        let client = cluster(2);
        let data = client.scatter(&ByteBuf::from(vec![1; 1 << 20]));
        let use_it = || {
            let sums: Vec<_> = (0..4).map(|_| client.submit(&SUM_BYTES, &data)).collect();
            client.gather(sums).expect("sums")
        };
        assert_eq!(use_it(), [1 << 20; 4]);
        kill_all(&client);
        let sums = timed("32 scattered data outlives its workers: dependants are right", use_it);
        assert_eq!(sums, [1 << 20; 4]);
        // Whatever happens to those that use it in this moment.
        let used: Vec<_> = (0..100).map(|_| client.submit(&SUM_BYTES, &data)).collect();
        thread::sleep(Duration::from_millis(2));
        signal_all(pids(&client), Signal::SIGKILL);
        assert_eq!(client.gather(used).expect("sums"), [1 << 20; 100]);
        assert_eq!(data.result().expect("it can be read back").len(), 1 << 20);
    });
}
