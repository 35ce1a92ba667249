//! Workers that come, go and die while there is much to do: 30, 31 and 47.

use std::fs;
use std::time::{Duration, Instant};

use distributed::{Client, Future, With};
use nix::sys::signal::Signal;

use crate::harness::{fault, pids, print, signal, signal_all, strict, timed, until};
use crate::numbers::Numbers;
use crate::tasks::{ADD, DIE_ONCE, INCREMENT, SLEEP, WAIT_FOR};

/// A sum of increments, by pairs, and what it must be.
fn tree(client: &Client, leaves: u64) -> (Future<u64>, u64) {
    let mut level = client.map(&INCREMENT, 0..leaves);
    while level.len() > 1 {
        let pair = |pair: &[Future<u64>]| match pair {
            [one] => client.submit(&ADD, With((one, 0))),
            pair => client.submit(&ADD, With((&pair[0], &pair[1]))),
        };
        level = level.chunks(2).map(pair).collect();
    }
    (level.pop().expect("a root"), leaves * (leaves + 1) / 2)
}

#[test]
fn fault_30_workers_come_and_go() {
    fault("churn::fault_30_workers_come_and_go", || {
        for processes in [false, true] {
            // A worker that retires in the middle of a task finishes it.
            let cluster = Client::local().n_workers(2).processes(processes).allowed_failures(0);
            let client = cluster.start().expect("workers");
            let (started, mut numbers) = (Instant::now(), Numbers::new(30, 0));
            let (mut trees, mut scales) = (0, 0);
            while started.elapsed() < Duration::from_millis(2_500) {
                let (sum, exact) = tree(&client, 1 + numbers.below(200));
                let slept = client.map(&SLEEP, vec![1; 20]);
                client.scale(1 + numbers.below(5) as usize).expect("it can be scaled");
                scales += 1;
                assert_eq!(sum.result().expect("a sum"), exact);
                assert_eq!(client.gather(slept).expect("no task is lost"), [1; 20]);
                trees += 1;
            }
            let kind = if processes { "processes" } else { "threads" };
            let what = format!("30 {kind}: {trees} trees exact, scaled {scales} times,");
            print(&what, started.elapsed());
        }
    });
}

#[test]
fn fault_31_random_kills() {
    fault("churn::fault_31_random_kills", || {
        // From outside by a Poisson process, and from inside by tasks that end
        // their process in every way. In debug builds the scheduler proves its
        // invariants after each event while it has no more than 32 tasks, so
        // some of the graphs are small.
        let cluster = Client::local().n_workers(4).allowed_failures(1_000);
        let client = cluster.start().expect("workers");
        let directory = tempfile::tempdir().expect("a directory");
        let (started, mut numbers) = (Instant::now(), Numbers::new(31, 0));
        let (mut next_kill, mut kills, mut deaths, mut graphs) = (started, 0, 0, 0_u64);
        while started.elapsed() < Duration::from_secs(3) {
            graphs += 1;
            let leaves = if numbers.below(2) == 0 { 8 } else { 100 };
            let (sum, exact) = tree(&client, leaves);
            let how = ["segfault", "abort", "exit", "kill"][numbers.below(4) as usize];
            let file = directory.path().join(graphs.to_string());
            fs::write(&file, how).expect("a file");
            deaths += 1;
            let dying = client.submit(&DIE_ONCE, With((file, &sum)));
            while !dying.wait_timeout(Duration::from_millis(1)) {
                if Instant::now() >= next_kill {
                    next_kill = Instant::now() + numbers.pause(50.0);
                    if let Some(pid) = pids(&client).get(numbers.below(4) as usize) {
                        signal(*pid, Signal::SIGKILL);
                        kills += 1;
                    }
                }
            }
            assert_eq!(sum.result().expect("a sum"), exact);
            assert_eq!(dying.result().expect("one more"), exact + 1);
        }
        let what = format!("31 {graphs} graphs exact, {kills} kills and {deaths} deaths in tasks,");
        print(&what, started.elapsed());
    });
}

#[test]
fn fault_47_workers_retire() {
    fault("churn::fault_47_workers_retire", || {
        let client = strict(4);
        let futures = client.map(&SLEEP, vec![2; 200]);
        timed("47 3 of 4 retired amid 200 tasks: all done, no attempt counts", || {
            client.scale(1).expect("it can be scaled");
            assert_eq!(client.gather(futures).expect("no attempt counts"), [2; 200]);
        });
        until("the others are gone", || client.info().workers.len() == 1);
    });
}

#[test]
fn fault_47_killed_while_they_retire() {
    fault("churn::fault_47_killed_while_they_retire", || {
        for round in 0..5 {
            let client = strict(4);
            let directory = tempfile::tempdir().expect("a directory");
            let gate = directory.path().join("gate");
            let held = client.map(&WAIT_FOR, vec![gate.clone(); 4]);
            let behind = client.map(&INCREMENT, 0..100);
            until("all are at work", || client.info().running == 4);
            client.scale(1).expect("it can be scaled");
            let what = "47 killed while they retire: all done, no attempt counts";
            timed(what, || {
                kill_retiring(&client, round);
                fs::write(&gate, "").expect("a file");
                assert_eq!(client.gather(held).expect("no attempt counts"), [0; 4]);
                assert_eq!(client.gather(behind).expect("values"), (1..101).collect::<Vec<_>>());
            });
            until("one is left", || client.info().workers.len() == 1);
        }
    });
}

/// The first stays: who is too many is taken from the end.
fn kill_retiring(client: &Client, round: usize) {
    let retiring: Vec<u32> = pids(client).into_iter().skip(1).collect();
    assert_eq!(retiring.len(), 3, "they are at work still");
    // One after the other, or all at once.
    let killed = retiring.iter().copied().skip(round % 3);
    signal_all(killed, Signal::SIGKILL);
}
