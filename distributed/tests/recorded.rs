//! Timelines of real runs: what they say is what has happened.

mod common;

use std::collections::HashMap;
use std::time::Instant;

use common::{ABORT, ADD, INCREMENT, PANIC_ON_ODD, SLEEP, SUM, claim, within};
use distributed::scheduler::{TaskId, WorkerId};
use distributed::timeline::{Ended, Record, Timeline};
use distributed::{Client, Error, Future, Placement, With};

#[test]
fn worker_entry() {
    claim();
}

/// Recorded clusters of each kind, by name.
fn recorded(n_workers: usize) -> impl Iterator<Item = (String, Client)> {
    [false, true].into_iter().flat_map(move |processes| {
        [Placement::Dynamic, Placement::StaticBlocks].into_iter().map(move |placement| {
            let cluster = Client::local().n_workers(n_workers).processes(processes);
            let client = cluster.placement(placement).timeline(true).start().expect("a cluster");
            (format!("processes({processes}), {placement:?}"), client)
        })
    })
}

/// What holds of every timeline.
fn check(timeline: &Timeline, name: &str) {
    let mut ends: HashMap<WorkerId, u64> = HashMap::new();
    for record in &timeline.records {
        assert!(record.start_ns <= record.end_ns, "{name}: {record:?}");
        let before = ends.insert(record.worker, record.end_ns).unwrap_or(0);
        assert!(before <= record.start_ns, "{name}: {before} is within {record:?}");
    }
    let makespan = timeline.makespan_ns();
    for bound in [timeline.bounds.critical_path_ns, timeline.bounds.work_ns] {
        assert!(bound.expect("it is known") <= makespan, "{name}: {bound:?} in {makespan}");
    }
}

fn of(timeline: &Timeline, id: TaskId) -> Vec<&Record> {
    timeline.records.iter().filter(|record| record.id == id).collect()
}

#[test]
fn each_task_is_there_once_and_begins_after_its_inputs_end() {
    claim();
    for (name, client) in recorded(2) {
        let started = Instant::now();
        let mut inputs: HashMap<TaskId, Vec<TaskId>> = HashMap::new();
        let mut futures: Vec<Future<u64>> = client.map(&INCREMENT, 0..200);
        futures.extend(client.map(&SLEEP, [1; 20]));
        inputs.extend(futures.iter().map(|future| (future.id(), Vec::new())));
        let leaves = futures.len();
        // Sums of two, of those, and so on; and one of all leaves.
        for at in 0..leaves - 1 {
            let (left, right) = (&futures[2 * at], &futures[2 * at + 1]);
            let sum = client.submit(&ADD, With((left, right)));
            inputs.insert(sum.id(), vec![left.id(), right.id()]);
            futures.push(sum);
        }
        let all: Vec<_> = futures.drain(..leaves).collect();
        let sum = client.submit(&SUM, &all);
        inputs.insert(sum.id(), all.iter().map(Future::id).collect());
        let root = futures.pop().expect("the last sum");
        let (root, sum) = within(|| (root.result(), sum.result()));
        assert_eq!((root.expect("a value"), sum.expect("a value")), (20_120, 20_120), "{name}");

        let timeline = client.timeline();
        let most = started.elapsed().as_nanos() as u64;
        check(&timeline, &name);
        assert!(timeline.makespan_ns() <= most, "{name}: longer than {most} ns");
        assert_eq!(timeline.records.len(), inputs.len(), "{name}");
        let records: HashMap<TaskId, &Record> =
            timeline.records.iter().map(|record| (record.id, record)).collect();
        assert_eq!(records.len(), inputs.len(), "{name}: a task is there twice");
        for (id, inputs) in &inputs {
            let record = records[id];
            assert_eq!((record.attempt, record.ended), (1, Ended::Returned), "{name}");
            for input in inputs {
                let input = records[input];
                assert!(input.end_ns <= record.start_ns, "{name}: {input:?} and {record:?}");
            }
        }
        let names = |name: &str| records.values().filter(|record| record.task == *name).count();
        assert_eq!((names("add"), names("sleep"), names("sum")), (leaves - 1, 20, 1), "{name}");
        // It was taken, and time begins anew.
        assert_eq!(client.timeline().records, [], "{name}");
        within(|| client.submit(&INCREMENT, 1).result()).expect("a value");
        let timeline = client.timeline();
        check(&timeline, &name);
        assert_eq!(timeline.records.len(), 1, "{name}");
    }
}

#[test]
fn the_bounds_are_the_longest_chain_and_the_work_shared_out() {
    claim();
    for (name, client) in recorded(2) {
        let others = client.map(&SLEEP, [10; 4]);
        let chain = (0..3).fold(client.submit(&SLEEP, 10), |last, _| client.submit(&SLEEP, &last));
        within(|| chain.result()).expect("a value");
        within(|| client.gather(others)).expect("values");
        let timeline = client.timeline();
        check(&timeline, &name);
        let bounds = timeline.bounds;
        assert!(bounds.critical_path_ns >= Some(40_000_000), "{name}: {bounds:?}");
        let work: u64 = timeline.records.iter().map(|r| r.end_ns - r.start_ns).sum();
        assert_eq!(bounds.work_ns, Some(work.div_ceil(2)), "{name}");
        assert!(work >= 80_000_000, "{name}: {work}");
    }
}

#[test]
fn attempts_that_fail_are_there_too() {
    claim();
    for (name, client) in recorded(2) {
        let odd = client.with().retries(2).submit(&PANIC_ON_ODD, 7);
        let after = client.submit(&INCREMENT, &odd);
        let failed = within(|| odd.result());
        assert!(matches!(failed, Err(Error::Panicked { .. })), "{name}: {failed:?}");
        within(|| after.result()).expect_err("it has no input");
        let timeline = client.timeline();
        check(&timeline, &name);
        let attempts = of(&timeline, odd.id());
        let attempts: Vec<_> = attempts.iter().map(|r| (r.attempt, r.ended)).collect();
        let failed = Ended::Failed;
        assert_eq!(attempts, [(1, failed), (2, failed), (3, failed)], "{name}");
        assert!(of(&timeline, after.id()).is_empty(), "{name}: it was never begun");
    }
}

#[test]
fn deaths_are_there_too() {
    claim();
    let cluster = Client::local().n_workers(2).allowed_failures(1).timeline(true);
    let client = cluster.start().expect("a cluster");
    let fatal = client.submit(&ABORT, 0);
    let others = client.map(&SLEEP, [2; 20]);
    let killed = within(|| fatal.result());
    assert!(matches!(killed, Err(Error::WorkerKilled { attempts: 2, .. })), "{killed:?}");
    within(|| client.gather(others)).expect("values");
    let timeline = client.timeline();
    check(&timeline, "deaths");
    let attempts: Vec<_> = of(&timeline, fatal.id()).iter().map(|r| (r.attempt, r.ended)).collect();
    assert_eq!(attempts, [(1, Ended::Killed), (2, Ended::Killed)]);
    let returned = timeline.records.iter().filter(|r| r.ended == Ended::Returned).count();
    assert_eq!(returned, 20);
}

#[test]
fn what_is_ended_by_order_is_cancelled() {
    claim();
    let client = Client::local().n_workers(1).timeline(true).start().expect("a worker");
    let long = client.submit(&SLEEP, 3_600_000);
    common::eventually("it runs", || client.info().running == 1);
    // It has it; whether it has begun it is not known from outside.
    std::thread::sleep(std::time::Duration::from_millis(100));
    client.cancel([&long], true);
    within(|| long.result()).expect_err("it is cancelled");
    within(|| client.submit(&INCREMENT, 1).result()).expect("the next worker runs it");
    let timeline = client.timeline();
    check(&timeline, "cancelled");
    let ends: Vec<_> = of(&timeline, long.id()).iter().map(|r| r.ended).collect();
    assert_eq!(ends, [Ended::Cancelled]);
}

#[test]
fn without_the_option_there_is_none() {
    claim();
    for processes in [false, true] {
        let cluster = Client::local().n_workers(1).processes(processes);
        let client = cluster.start().expect("a worker");
        within(|| client.submit(&INCREMENT, 1).result()).expect("a value");
        assert_eq!(client.timeline(), Timeline::default());
    }
}
