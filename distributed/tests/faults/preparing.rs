//! Initializers that fail: 22.

use std::fs;

use distributed::{Client, Error, LocalCluster};
use nix::sys::signal::Signal;

use crate::harness::{fault, pids, signal, timed, until};
use crate::tasks::{INCREMENT, PREPARE, PREPARE_AND_DIE};

/// Clusters of each kind, by name.
fn kinds(n_workers: usize) -> impl Iterator<Item = (&'static str, LocalCluster)> {
    [("threads", false), ("processes", true)]
        .map(|(name, processes)| (name, Client::local().n_workers(n_workers).processes(processes)))
        .into_iter()
}

fn message<T>(outcome: Result<T, Error>) -> String {
    match outcome.map(drop) {
        Err(Error::Initializer { message }) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fault_22_initializer_fails() {
    fault("preparing::fault_22_initializer_fails", || {
        for (name, cluster) in kinds(4) {
            let directory = tempfile::tempdir().expect("a directory");
            let file = directory.path().join("fails");
            let start = || cluster.initializer(&PREPARE, &file).start();
            let failed = timed(&format!("22 {name}: `Initializer`, once,"), start);
            assert_eq!(message(failed), "it was told to fail", "{name}");
            let runs = fs::read(&file).expect("it ran").len();
            assert!(runs <= 4, "{name}: {runs} times for 4 workers");
        }
        let dying = Client::local().n_workers(2).initializer(&PREPARE_AND_DIE, &());
        let died = timed("22 it dies: `Initializer`, after three tries each,", || dying.start());
        let message = message(died);
        assert!(message.contains("killed by SIGKILL"), "{message}");
    });
}

#[test]
fn fault_22_initializer_stops_its_worker() {
    fault("preparing::fault_22_initializer_stops_its_worker", || {
        let directory = tempfile::tempdir().expect("a directory");
        let cluster = Client::local().n_workers(1);
        let cluster = cluster.time_to_live(std::time::Duration::from_millis(200));
        let stopped = cluster.initializer(&PREPARE, &directory.path().join("stops"));
        let failed = timed("22 it stops: `Initializer`, by the time to live,", || stopped.start());
        let message = message(failed);
        assert!(message.contains("no sign of life for 200ms in task prepare"), "{message}");
    });
}

#[test]
fn fault_22_initializer_fails_later() {
    fault("preparing::fault_22_initializer_fails_later", || {
        for (name, cluster) in kinds(1) {
            let directory = tempfile::tempdir().expect("a directory");
            let file = directory.path().join("counts");
            let client = cluster.initializer(&PREPARE, &file).start().expect("a worker");
            client.scale(2).expect("it can be scaled");
            until("another", || client.info().workers.len() == 2);
            assert_eq!(fs::read(&file).expect("it ran").len(), 2, "{name}: once a worker");
            // From now on the file cannot be written, and the initializer panics.
            fs::remove_file(&file).expect("the initializer has made it");
            fs::create_dir(&file).expect("a directory in its place");
            if name == "processes" {
                pids(&client).into_iter().for_each(|pid| signal(pid, Signal::SIGKILL));
                until("both are gone", || client.info().workers.is_empty());
                let what = "22 processes: later: `Deserted` for its sake; `scale` brings it back,";
                timed(what, || match client.submit(&INCREMENT, 1).result() {
                    Err(Error::Deserted { source }) => _ = message(Err::<(), _>(*source)),
                    other => panic!("{other:?}"),
                });
            } else {
                client.scale(4).expect("it can be scaled");
                let what = "22 threads: later: those that are added are given up,";
                timed(what, || client.gather(client.map(&INCREMENT, 0..100)).expect("by others"));
                assert_eq!(client.info().workers.len(), 2);
            }
            fs::remove_dir(&file).expect("it is there");
            client.scale(3).expect("it can be scaled");
            let value = client.submit(&INCREMENT, 1).result();
            assert_eq!(value.expect("the cluster has recovered"), 2, "{name}");
            // One that is about to be given up counts as one of the three until then.
            until("three", || {
                client.scale(3).expect("it can be scaled");
                client.info().workers.len() == 3
            });
        }
    });
}
