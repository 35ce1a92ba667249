//! What a client can ask for beyond a map, on threads and on processes: futures
//! as arguments, graphs, order of completion, priorities, scattered data, and
//! more or fewer workers. What goes wrong is in `faults`.

mod common;

use std::time::Duration;

use common::{
    ADD, DEADLINE, INCREMENT, LOG, SLEEP, TOUCH, WAIT_FOR, claim, clients, directory, eventually,
    shared, text, within,
};
use distributed::{Client, Delayed, Error, Future, Place, With, delayed, wait};

#[test]
fn worker_entry() {
    claim();
}

#[test]
fn what_holds_on_dask_holds_on_static_blocks_too() {
    claim();
    type Holds = fn(&Client);
    let all: [(&str, Holds); 5] = [
        ("futures are arguments", shared::futures_are_arguments),
        ("a panic is of what takes it, too", shared::a_panic),
        ("results come as they are done", shared::results_come_as_they_are_done),
        ("scattered data is an argument", shared::scattered_data_is_an_argument_of_many),
        ("a graph runs each node once", shared::a_graph_runs_each_node_once),
    ];
    for (what, holds) in all {
        for (name, client) in clients(2) {
            println!("{name}: {what}");
            within(|| holds(&client));
        }
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
