//! What the engine must not stumble over: workers that die while they retire,
//! tasks that nobody wants any more but that still run, limits beyond the
//! clock, and errors that are known before the engine has heard of a task.

mod common;

use std::time::{Duration, Instant};

use common::{
    ADD, INCREMENT, PANIC_ON_ODD, REFUSES, Refuses, SLEEP, SUM, SUM_BYTES, TOUCH, WAIT_FOR, claim,
    clients, directory, eventually, text, within,
};
use distributed::{Client, Error, Place, With, delayed};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn worker_entry() {
    claim();
}

fn processes(n_workers: usize) -> Client {
    Client::local().n_workers(n_workers).start().expect("workers")
}

fn pids(client: &Client) -> Vec<Pid> {
    let pid = |place: &Place| match place {
        Place::Process { pid } => Pid::from_raw(i32::try_from(*pid).expect("a process id")),
        other => panic!("{other:?}"),
    };
    client.info().workers.iter().map(|worker| pid(&worker.place)).collect()
}

#[test]
fn workers_that_die_while_they_retire_take_nothing_along() {
    claim();
    let client = processes(4);
    let directory = directory();
    let gate = directory.path().join("gate");
    let held = client.map(&WAIT_FOR, vec![text(&gate); 4]);
    eventually("all run", || client.info().running == 4);
    let pids = pids(&client);
    client.scale(1).expect("it can be scaled");
    assert_eq!(client.info().workers.len(), 4, "they have yet to end");
    kill(pids[2], Signal::SIGKILL).expect("it can be killed");
    eventually("it is gone", || client.info().workers.len() == 3);
    std::fs::write(&gate, "").expect("a file");
    assert_eq!(within(|| client.gather(held)).expect("all are done"), vec![0; 4]);
    eventually("one is left", || client.info().workers.len() == 1);
    assert_eq!(within(|| client.submit(&INCREMENT, 1).result()).expect("a value"), 2);
}

#[test]
fn a_task_over_its_deadline_that_nobody_wants_any_more_is_ended() {
    claim();
    let client = processes(1);
    let directory = directory();
    let limit = Duration::from_millis(50);
    for cancelled in [false, true] {
        let before = pids(&client);
        let late =
            client.with().deadline(limit).submit(&WAIT_FOR, text(&directory.path().join("never")));
        eventually("it runs", || client.info().running == 1);
        if cancelled {
            late.cancel();
        }
        drop(late);
        assert_eq!(within(|| client.submit(&INCREMENT, 1).result()).expect("a value"), 2);
        assert_ne!(pids(&client), before, "it has a new worker");
    }
}

#[test]
fn a_deadline_beyond_the_clock_is_none() {
    claim();
    for (name, client) in clients(1) {
        let future = client.with().deadline(Duration::MAX).submit(&SLEEP, 20);
        assert_eq!(within(|| future.result()).expect("a value"), 20, "{name}");
    }
}

#[test]
fn what_is_cancelled_by_kill_before_it_begins_kills_nobody() {
    claim();
    let client = Client::local().n_workers(1).allowed_failures(0).start().expect("a worker");
    let directory = directory();
    let [before, gate, begun] = ["before", "gate", "begun"].map(|n| directory.path().join(n));
    // Two requests are under way, so that all the others go in one, of which
    // the worker claims several at a time.
    let (one, two) = (client.submit(&WAIT_FOR, text(&before)), client.submit(&INCREMENT, 1));
    eventually("it runs", || client.info().running == 1);
    let first = client.submit(&TOUCH, (0, text(&begun)));
    let held = client.submit(&WAIT_FOR, text(&gate));
    let behind = client.map(&INCREMENT, 0..200);
    let _ = client.info();
    std::fs::write(&before, "").expect("a file");
    eventually("they are begun", || begun.exists());
    client.cancel(&behind, true);
    std::fs::write(&gate, "").expect("a file");
    assert_eq!(within(|| held.result()).expect("it is innocent"), 0);
    assert_eq!(within(|| first.result()).expect("it was done before"), 0);
    drop((one, two));
    assert_eq!(within(|| client.submit(&INCREMENT, 1).result()).expect("a value"), 2);
}

#[test]
fn an_inner_node_that_panics_is_the_error_of_the_graph() {
    claim();
    for (name, client) in clients(2) {
        let odd = delayed(&PANIC_ON_ODD, 7);
        let next = delayed(&INCREMENT, &odd);
        let sum = delayed(&ADD, With((&next, 1)));
        let error = within(|| sum.compute(&client)).expect_err("it cannot be had");
        assert!(matches!(error, Error::Panicked { task: "panic_on_odd", .. }), "{name}: {error}");
    }
}

#[test]
fn an_inner_node_that_kills_its_workers_is_the_error_of_the_graph() {
    claim();
    let client = Client::local().n_workers(1).allowed_failures(1).start().expect("a worker");
    let fatal = delayed(&common::ABORT, 7);
    let error = within(|| delayed(&INCREMENT, &fatal).compute(&client)).expect_err("it dies");
    assert!(matches!(error, Error::WorkerKilled { task: "abort", attempts: 2, .. }), "{error}");
}

#[test]
fn what_takes_a_value_that_was_refused_has_the_same_error() {
    claim();
    for (name, client) in clients(1) {
        let refused = client.submit(&REFUSES, Refuses);
        let own = refused.result().expect_err("it cannot be encoded").to_string();
        let next = client.submit(&INCREMENT, &refused);
        let last = client.submit(&ADD, With((&next, 1)));
        let error = within(|| last.result()).expect_err("it has no argument");
        assert!(matches!(error, Error::Call(_)), "{name}: {error}");
        assert_eq!(error.to_string(), own, "{name}");
    }
}

#[test]
fn a_value_that_is_dropped_is_freed_though_nothing_else_happens() {
    claim();
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/statm").expect("it can be read");
        let pages = status.split(' ').nth(1).expect("the resident pages");
        pages.parse::<usize>().expect("a number") * 4096
    };
    let client = Client::local().n_workers(1).processes(false).start().expect("a thread");
    let data = client.scatter(&vec![1_u8; 64 << 20]);
    assert_eq!(within(|| client.submit(&SUM_BYTES, &data).result()).expect("a sum"), 64 << 20);
    let with = resident();
    drop(data);
    eventually("most of it is free", || resident() + (48 << 20) < with);
}

#[test]
fn workers_that_die_as_soon_as_they_are_there_come_at_longer_and_longer_intervals() {
    claim();
    let client = processes(1);
    let (begin, mut killed) = (Instant::now(), std::collections::BTreeSet::new());
    while begin.elapsed() < Duration::from_secs(2) {
        for pid in pids(&client) {
            let _ = kill(pid, Signal::SIGKILL);
            killed.insert(pid);
        }
    }
    // Pauses of 10, 40, 160 and 640 ms, and then of a second.
    assert!(killed.len() <= 10, "{} workers in two seconds", killed.len());
    let value = within(|| client.submit(&INCREMENT, 1).result());
    assert_eq!(value.expect("it recovers by itself"), 2);
}

/// To submit a node is to look at what it needs, but not again at what is on the
/// cluster already: that took as long as the square of the chain.
#[test]
fn each_node_of_a_long_chain_is_an_argument() {
    claim();
    let client = Client::local().n_workers(1).processes(false).start().expect("a worker");
    let mut chain = vec![delayed(&INCREMENT, 0)];
    for n in 1..20_000 {
        chain.push(delayed(&INCREMENT, &chain[n - 1]));
    }
    let sum = within(|| client.submit(&SUM, &chain).result()).expect("a sum");
    assert_eq!(sum, (1..=20_000).sum::<u64>());
}
