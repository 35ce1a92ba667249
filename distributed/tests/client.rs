//! What a client can ask for beyond a map, on threads and on processes: futures
//! as arguments, graphs, order of completion, priorities, scattered data, and
//! more or fewer workers. What goes wrong is in `faults`.

mod common;

use std::time::Duration;

use common::{
    ADD, DEADLINE, INCREMENT, LOG, PANIC_ON_ODD, SLEEP, SUM, SUM_BYTES, TOUCH, WAIT_FOR, claim,
    clients, directory, eventually, text, within,
};
use distributed::{Client, Delayed, Error, Future, Place, With, as_completed, delayed, wait};

#[test]
fn worker_entry() {
    claim();
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
        // What was released is looked at behind what came with it, so it has
        // been when a second question is answered.
        let _ = (client.info(), client.info());
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

#[test]
fn detached_tasks_are_done() {
    claim();
    for (name, client) in clients(2) {
        client.map(&INCREMENT, 0..100).into_iter().for_each(Future::detach);
        eventually("all are done", || client.info().done == 100);
        assert_eq!(client.info().waiting, 0, "{name}");
    }
}

#[test]
fn a_result_does_not_wait_for_the_long_task_behind_it() {
    claim();
    for timeline in [false, true] {
        let cluster = Client::local().n_workers(1).timeline(timeline);
        let client = cluster.start().expect("a worker");
        // Both are in one message; the second is killed with its worker.
        let futures = client.map(&SLEEP, [0, 3_600_000]);
        assert_eq!(within(|| futures[0].result()).expect("a value"), 0);
        assert!(!futures[1].done());
    }
}
