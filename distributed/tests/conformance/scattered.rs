//! Values that were put on the cluster, and workers that take none or die with them.

use distributed::{Error, Future, as_completed};
use nix::sys::signal::Signal;

use crate::common::{ABORT, INCREMENT, SUM_BYTES, WAIT_FOR, directory, eventually, text};
use crate::dask::{Cluster, Setup, children, signal};

/// Each on a cluster of its own.
pub(crate) const TESTS: &[(&str, fn())] = &[
    ("a_stopped_worker_holds_up_only_what_it_was_to_have", a_stopped_worker),
    ("scattered_data_outlives_its_worker", scattered_data_outlives_its_worker),
    ("what_kills_the_worker_that_has_its_data_is_given_up", what_kills_its_worker),
];

fn a_stopped_worker() {
    // It is not missed before the test is done.
    let setup = Setup { workers: 0, worker_ttl: Some("300s"), ..Setup::default() };
    let mut cluster = setup.start();
    cluster.add_worker();
    cluster.add_worker_with(&["--nthreads", "1", "--resources", "HERE=1"]);
    let client = cluster.connect();
    cluster.wait_for_workers(&client);
    let stopped = children(cluster.workers[0].id());
    stopped.iter().for_each(|pid| signal(*pid, Signal::SIGSTOP));
    let here = || client.with().resource("HERE", 1.0);
    // They go to the workers in turn, so one goes to that which is stopped.
    let data = [1, 2].map(|n| client.scatter(&vec![n; 1 << 20]));
    let mut futures = here().map(&SUM_BYTES, &data);
    let other = here().submit(&INCREMENT, 1);
    let other_id = other.id();
    futures.push(other);
    let mut coming = as_completed(futures);
    let two: Vec<_> = coming.by_ref().take(2).collect();
    assert!(two.iter().any(|future| future.id() == other_id), "it waits for neither");
    let sum = |future: &Future<u64>| future.result().expect("a value");
    let mut values: Vec<_> = two.iter().map(sum).collect();
    stopped.iter().for_each(|pid| signal(*pid, Signal::SIGCONT));
    values.extend(coming.map(|future| sum(&future)));
    values.sort_unstable();
    assert_eq!(values, [2, 1 << 20, 2 << 20]);
}

fn scattered_data_outlives_its_worker() {
    let cluster = Cluster::start(1);
    let client = cluster.connect();
    let directory = directory();
    let gate = directory.path().join("gate");
    // So often that nobody looks any more how long it takes, and values stay there.
    let mut done = 10;
    (0..done).for_each(|n| assert_eq!(client.submit(&INCREMENT, n).result().ok(), Some(n + 1)));
    let data = client.scatter(&vec![1_u8; 1 << 20]);
    let sum = client.submit(&SUM_BYTES, &data);
    let next = client.submit(&INCREMENT, &sum);
    let last = client.submit(&INCREMENT, &next);
    let orphan = client.submit(&INCREMENT, &client.submit(&SUM_BYTES, &data));
    done += 5;
    eventually("they are done", || client.info().done == done);
    let path = client.scatter(&text(&gate));
    let waits = client.map(&WAIT_FOR, [&path; 4]);
    drop(path);
    eventually("one runs", || client.info().running == 1);
    cluster.worker_pids().into_iter().for_each(|pid| signal(pid, Signal::SIGKILL));
    std::fs::write(&gate, "").expect("a file");
    assert_eq!(client.gather(waits).expect("values"), [0; 4], "the one that ran, and the others");
    assert_eq!(client.submit(&SUM_BYTES, &data).result().expect("a later one"), 1 << 20);
    assert_eq!(last.result().expect("what was done, and what that had taken"), (1 << 20) + 2);
    assert_eq!(next.result().expect("and that itself"), (1 << 20) + 1);
    match orphan.result() {
        Err(Error::Dask { task: "increment", why }) => {
            assert!(why.contains("what it was made of is not here any more"), "{why}");
        }
        other => panic!("nobody has the sum's future: {other:?}"),
    }
    assert_eq!(sum.result().expect("it was here"), 1 << 20);
}

fn what_kills_its_worker() {
    let cluster = Cluster::start(1);
    let client = cluster.connect();
    let number = client.scatter(&7_u64);
    let killed = client.submit(&ABORT, &number);
    let others = client.map(&INCREMENT, [&number; 20]);
    match killed.result() {
        Err(Error::Dask { task: "abort", why }) => {
            assert!(why.contains("lost with the worker that had it"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(client.gather(others).expect("they are not to blame"), [8; 20]);
}
