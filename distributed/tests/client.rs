//! What a client can ask for beyond a map, on threads and on processes: futures
//! as arguments, graphs, order of completion, cancelling, retries, priorities,
//! deadlines, scattered data, and more or fewer workers.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{
    ADD, DEADLINE, FAIL_TIMES, INCREMENT, LOG, LONG, PANIC_ON_ODD, PID, SLEEP, SUM, SUM_BYTES,
    TOUCH, WAIT_FOR, claim, clients, within,
};
use distributed::{Client, Delayed, Error, Place, With, as_completed, delayed, wait};

#[test]
fn worker_entry() {
    claim();
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory for temporary files")
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < DEADLINE, "not in {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn futures_are_arguments() {
    claim();
    for (name, client) in clients(2) {
        let one = client.submit(&INCREMENT, 0);
        let two = client.submit(&INCREMENT, &one);
        let three = client.submit(&ADD, With((&one, &two)));
        let thirteen = client.submit(&ADD, With((&three, 10)));
        let twice = client.submit(&ADD, With((&thirteen, &thirteen)));
        let sum = client.submit(&SUM, &[one, two, three, thirteen]);
        assert_eq!(within(|| twice.result()).expect("a value"), 26, "{name}");
        assert_eq!(within(|| sum.result()).expect("a value"), 1 + 2 + 3 + 13, "{name}");
        let none: &[distributed::Future<u64>] = &[];
        assert_eq!(within(|| client.submit(&SUM, none).result()).expect("a value"), 0, "{name}");
    }
}

#[test]
fn a_tree_of_sums_is_exact() {
    claim();
    for (name, client) in clients(3) {
        let mut level = client.map(&INCREMENT, 0..256);
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| client.submit(&ADD, With((&pair[0], &pair[1]))))
                .collect();
        }
        assert_eq!(within(|| level[0].result()).expect("a sum"), 256 * 257 / 2, "{name}");
    }
}

#[test]
fn what_depends_on_a_failure_has_its_error_and_does_not_run() {
    claim();
    for (name, client) in clients(2) {
        let directory = directory();
        let file = directory.path().join("ran");
        let odd = client.submit(&PANIC_ON_ODD, 7);
        let next = client.submit(&INCREMENT, &odd);
        let touched = client.submit(&TOUCH, With((&next, text(&file))));
        for error in [within(|| next.result()).err(), within(|| touched.result().err())] {
            match error {
                Some(Error::Panicked { task: "panic_on_odd", message, .. }) => {
                    assert_eq!(message, "7 is odd", "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        // A dependant of what has failed long ago fails as well.
        let late = client.submit(&INCREMENT, &next);
        assert!(matches!(within(|| late.result()), Err(Error::Panicked { .. })), "{name}");
        assert!(!file.exists(), "{name}");
    }
}

#[test]
fn a_future_of_another_client_is_refused() {
    claim();
    let mut both = clients(1);
    let (name, ours) = both.next().expect("a client");
    let (_, theirs) = both.next().expect("another client");
    let foreign = theirs.submit(&INCREMENT, 1);
    let refused = within(|| ours.submit(&INCREMENT, &foreign).result());
    assert!(matches!(refused, Err(Error::Foreign { task: "increment" })), "{name}: {refused:?}");
}

#[test]
fn a_graph_runs_what_is_asked_for_and_each_node_once() {
    claim();
    for (name, client) in clients(2) {
        let directory = directory();
        let log = text(&directory.path().join("log"));
        let root = delayed(&LOG, (log.clone(), 1));
        let left = delayed(&LOG, With((log.clone(), &root)));
        let right = delayed(&LOG, With((log.clone(), &root)));
        let unused = delayed(&LOG, With((log.clone(), &left)));
        let sum = delayed(&SUM, &[left, right, root.clone()]);
        assert_eq!(within(|| sum.compute(&client)).expect("a sum"), 3 + 3 + 2, "{name}");
        let lines = std::fs::read_to_string(&log).expect("a log").lines().count();
        assert_eq!(lines, 3, "{name}: root, left and right ran once each");
        assert_eq!(within(|| unused.compute(&client)).expect("a value"), 4, "{name}");
        // Nothing is left of the graphs.
        eventually("all is forgotten", || client.info().waiting == 0);
    }
}

#[test]
fn a_graph_draws_itself() {
    let x = delayed(&INCREMENT, 1);
    let y = delayed(&ADD, With((&x, &x)));
    assert_eq!(
        y.to_dot(),
        "digraph {\n  0 [label=\"increment\"];\n  1 [label=\"add\"];\n  0 -> 1;\n  0 -> 1;\n}\n"
    );
}

#[test]
fn a_deep_graph_is_no_deep_recursion() {
    claim();
    let client = Client::local().n_workers(1).processes(false).start().expect("a thread");
    let mut chain: Delayed<u64> = delayed(&INCREMENT, 0);
    for _ in 1..100_000 {
        chain = delayed(&INCREMENT, &chain);
    }
    assert_eq!(within(|| chain.compute(&client)).expect("a value"), 100_000);
}

#[test]
fn as_completed_has_the_order_of_completion() {
    claim();
    for (name, client) in clients(2) {
        let directory = directory();
        let gate = directory.path().join("gate");
        let held = client.submit(&WAIT_FOR, text(&gate));
        let quick = client.submit(&WAIT_FOR, text(directory.path()));
        let held_id = held.id();
        let mut completed = as_completed([held, quick]);
        assert_eq!(completed.len(), 2);
        let first = within(|| completed.next()).expect("the quick one");
        assert_ne!(first.id(), held_id, "{name}");
        std::fs::write(&gate, "").expect("a file");
        assert_eq!(within(|| completed.next()).expect("the other").id(), held_id, "{name}");
        assert!(completed.next().is_none());
    }
}

#[test]
fn a_wait_runs_out_and_loses_nothing() {
    claim();
    for (name, client) in clients(2) {
        let directory = directory();
        let gate = directory.path().join("gate");
        let futures = client.map(&WAIT_FOR, [text(&gate), text(directory.path())]);
        assert!(!wait(&futures, Duration::from_millis(20)), "{name}");
        assert!(!futures[0].wait_timeout(Duration::from_millis(1)), "{name}");
        std::fs::write(&gate, "").expect("a file");
        assert!(within(|| wait(&futures, DEADLINE)), "{name}");
        assert_eq!(client.gather(futures).expect("values").len(), 2, "{name}");
    }
}

#[test]
fn fault_26_a_task_is_retried_as_often_as_it_may() {
    claim();
    for (name, client) in clients(2) {
        for (retries, succeeds) in [(0, false), (1, false), (2, true), (3, true)] {
            let directory = directory();
            let failing = client.with().retries(retries);
            let future = failing.submit(&FAIL_TIMES, (text(directory.path()), 2));
            match within(|| future.result()) {
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
}

#[test]
fn fault_34_cancelling() {
    claim();
    for (name, client) in clients(1) {
        let directory = directory();
        let (gate, ran) = (directory.path().join("gate"), directory.path().join("ran"));
        let done = client.submit(&INCREMENT, 1);
        within(|| done.result()).expect("a value");
        let running = client.submit(&WAIT_FOR, text(&gate));
        eventually("it runs", || client.info().running == 1);
        let queued = client.submit(&TOUCH, (0, text(&ran)));
        let dependant = client.submit(&INCREMENT, &queued);
        client.cancel([&done, &queued], false);
        let cancelled = within(|| queued.result());
        assert!(matches!(cancelled, Err(Error::Cancelled { task: "touch" })), "{cancelled:?}");
        let cancelled = within(|| dependant.result());
        assert!(matches!(cancelled, Err(Error::Cancelled { .. })), "{name}: {cancelled:?}");
        assert_eq!(done.result().expect("what is done stays"), 2, "{name}");
        // One that runs is let go on, and its result is dropped.
        running.cancel();
        let cancelled = within(|| running.result());
        assert!(matches!(cancelled, Err(Error::Cancelled { .. })), "{name}: {cancelled:?}");
        std::fs::write(&gate, "").expect("a file");
        let after = client.submit(&INCREMENT, 1);
        assert_eq!(within(|| after.result()).expect("the worker goes on"), 2, "{name}");
        assert!(!ran.exists(), "{name}");
        println!("fault 34: queued, running and finished are told apart");
    }
}

#[test]
fn a_task_that_runs_is_killed_if_asked_for() {
    claim();
    let client = Client::local().n_workers(1).start().expect("a worker");
    let before = within(|| client.submit(&PID, ()).result()).expect("a pid");
    let hangs = client.submit(&LONG, ());
    eventually("it runs", || client.info().running == 1);
    client.cancel([&hangs], true);
    assert!(matches!(within(|| hangs.result()), Err(Error::Cancelled { .. })));
    let after = within(|| client.submit(&PID, ()).result()).expect("a pid");
    assert_ne!(before, after, "the worker was replaced");
}

#[test]
fn fault_35_cancelled_in_the_middle_five_times() {
    claim();
    for (name, client) in clients(2) {
        for round in 0..5 {
            let futures = client.map(&SLEEP, vec![1; 100]);
            let sums: Vec<_> = futures
                .chunks(2)
                .map(|pair| client.submit(&ADD, With((&pair[0], &pair[1]))))
                .collect();
            eventually("some are done", || futures[round].done());
            client.cancel(&futures, false);
            for sum in sums {
                match within(|| sum.result()) {
                    Ok(two) => assert_eq!(two, 2, "{name}"),
                    Err(Error::Cancelled { .. }) => {}
                    Err(other) => panic!("{name}: {other}"),
                }
            }
        }
        let next = within(|| client.gather(client.map(&INCREMENT, 0..100)));
        assert_eq!(next.expect("the next graph"), (1..101).collect::<Vec<_>>(), "{name}");
        eventually("nothing is left", || {
            let info = client.info();
            (info.waiting, info.running) == (0, 0)
        });
        println!("fault 35: cancelled 5 times in the middle, and the next graph is right");
    }
}

#[test]
fn fault_37_a_task_over_its_deadline() {
    claim();
    let limit = Duration::from_millis(100);
    for (name, client) in clients(1) {
        let started = Instant::now();
        let late = client.with().deadline(limit).submit(&SLEEP, 1_000);
        match within(|| late.result()) {
            Err(Error::Timeout { task: "sleep", limit: its }) => assert_eq!(its, limit, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        println!("fault 37: `Timeout` in {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
        let soon = client.with().deadline(DEADLINE).submit(&SLEEP, 1);
        assert_eq!(within(|| soon.result()).expect("in time"), 1, "{name}");
    }
}

#[test]
fn the_highest_priority_goes_first() {
    claim();
    for (name, client) in clients(1) {
        let directory = directory();
        let (gate, log) = (directory.path().join("gate"), text(&directory.path().join("log")));
        let held = client.submit(&WAIT_FOR, text(&gate));
        eventually("it runs", || client.info().running == 1);
        // More than lie with a worker at a time, or they would all be sent.
        let filler = client.map(&INCREMENT, 0..1_000);
        let low = client.with().priority(-1).submit(&LOG, (log.clone(), 1));
        let high = client.with().priority(1).submit(&LOG, (log.clone(), 2));
        std::fs::write(&gate, "").expect("a file");
        within(|| client.gather([low, high])).expect("both run");
        within(|| client.gather(filler)).expect("and the others");
        drop(held);
        let order = std::fs::read_to_string(&log).expect("a log");
        assert_eq!(order.lines().collect::<Vec<_>>(), ["2", "1"], "{name}");
    }
}

#[test]
fn scattered_data_is_an_argument_of_many() {
    claim();
    for (name, client) in clients(2) {
        let data = client.scatter(&vec![1_u8; 1 << 20]);
        let sums: Vec<_> = (0..10).map(|_| client.submit(&SUM_BYTES, &data)).collect();
        assert_eq!(within(|| client.gather(sums)).expect("sums"), vec![1 << 20; 10], "{name}");
        assert_eq!(data.result().expect("it can be read back").len(), 1 << 20, "{name}");
    }
}

#[test]
fn a_client_has_as_many_workers_as_it_is_told() {
    claim();
    for (name, client) in clients(1) {
        for workers in [3, 1, 4, 2] {
            let futures = client.map(&SLEEP, vec![1; 40]);
            client.scale(workers).expect("it can be scaled");
            eventually("so many are there", || client.info().workers.len() == workers);
            let slept = within(|| client.gather(futures)).expect("no task is lost");
            assert_eq!(slept, vec![1; 40], "{name}");
        }
        assert!(matches!(client.scale(0), Err(Error::NoWorkers)));
    }
}

#[test]
fn fault_47_a_worker_that_retires_counts_against_nobody() {
    claim();
    let client = Client::local().n_workers(4).allowed_failures(0).start().expect("workers");
    let futures = client.map(&SLEEP, vec![2; 200]);
    client.scale(1).expect("it can be scaled");
    assert_eq!(within(|| client.gather(futures)).expect("no attempt counts"), vec![2; 200]);
    eventually("the others are gone", || client.info().workers.len() == 1);
    println!("fault 47: 3 of 4 workers retired amid 200 tasks, and no attempt counts");
}

#[test]
fn a_future_that_is_dropped_takes_its_waiting_task_along() {
    claim();
    for (name, client) in clients(1) {
        let directory = directory();
        let (gate, ran) = (directory.path().join("gate"), directory.path().join("ran"));
        let kept = directory.path().join("kept");
        let held = client.submit(&WAIT_FOR, text(&gate));
        eventually("it runs", || client.info().running == 1);
        drop(client.submit(&TOUCH, (0, text(&ran))));
        client.submit(&TOUCH, (0, text(&kept))).detach();
        std::fs::write(&gate, "").expect("a file");
        within(|| held.result()).expect("it ends");
        eventually("what is detached is done", || kept.exists());
        assert_eq!(within(|| client.submit(&INCREMENT, 1).result()).expect("a value"), 2);
        assert!(!ran.exists(), "{name}");
    }
}

#[test]
fn the_info_tells_workers_apart() {
    claim();
    for (name, client) in clients(2) {
        within(|| client.gather(client.map(&INCREMENT, 0..10))).expect("values");
        let info = client.info();
        assert_eq!(info.done, 10, "{name}");
        assert_eq!(info.workers.iter().map(|worker| worker.done).sum::<u64>(), 10, "{name}");
        let remote = matches!(info.workers[0].place, Place::Process { .. });
        assert_eq!(remote, name.starts_with("processes"), "{name}");
    }
}
