//! What holds on every kind of cluster of two workers.

use std::time::Duration;

use distributed::{Client, Error, Future, With, delayed};

use crate::common::{
    ABORT, ABORT_AT_SEVEN, ADD, CHECKED_ROOT, INCREMENT, LOG, PANIC_ON_ODD, REFUSES, Refuses,
    SLEEP, SUM, SUM_BYTES, TOUCH, WAIT_FOR, directory, eventually, shared, text,
};

type Test = fn(&Client);

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("a_map_has_its_results_in_order", a_map_has_its_results_in_order),
    ("futures_are_arguments", shared::futures_are_arguments),
    ("a_tree_of_sums_is_exact", a_tree_of_sums_is_exact),
    ("many_values_are_one_argument", many_values_are_one_argument),
    ("a_panic_is_its_own_error_and_of_what_takes_it", shared::a_panic),
    ("an_error_of_a_task_is_a_value", an_error_of_a_task_is_a_value),
    ("results_come_as_they_are_done", shared::results_come_as_they_are_done),
    ("cancelled_tasks_and_their_dependants_do_not_run", cancelled_tasks_do_not_run),
    ("scattered_data_is_an_argument_of_many", shared::scattered_data_is_an_argument_of_many),
    ("what_fails_is_tried_again", what_fails_is_tried_again),
    ("a_graph_runs_each_node_once", shared::a_graph_runs_each_node_once),
    ("detached_tasks_are_done", detached_tasks_are_done),
    ("dropped_tasks_do_not_run", dropped_tasks_do_not_run),
    ("an_input_that_cannot_be_encoded_is_refused", an_input_is_refused),
    ("a_task_that_kills_its_workers_is_given_up_and_no_other", a_task_that_kills),
    ("large_values_come_back_whole", large_values_come_back_whole),
    ("maps_of_maps_are_in_order", maps_of_maps_are_in_order),
    ("a_failure_in_a_map_fails_what_takes_it", a_failure_in_a_map_fails_what_takes_it),
    ("a_graph_of_a_thousand_nodes_is_exact", a_graph_of_a_thousand_nodes_is_exact),
    ("a_map_of_cancelled_futures_does_not_run", a_map_of_cancelled_futures_does_not_run),
    ("a_death_in_a_map_of_futures_fails_what_takes_it", a_death_in_a_map_of_futures),
    ("a_task_over_its_deadline_is_a_timeout", a_task_over_its_deadline_is_a_timeout),
    ("broadcast_data_is_an_argument_of_many", broadcast_data_is_an_argument_of_many),
];

/// A task's end takes the program along.
pub(crate) const NOT_ON_THREADS: &[&str] = &[
    "a_task_that_kills_its_workers_is_given_up_and_no_other",
    "a_death_in_a_map_of_futures_fails_what_takes_it",
];

fn a_map_has_its_results_in_order(client: &Client) {
    let expected: Vec<u64> = (1..=2_000).collect();
    assert_eq!(client.gather(client.map(&INCREMENT, 0..2_000)).expect("values"), expected);
    let slept: Vec<u64> = (0..20).map(|n| 20 - n).collect();
    assert_eq!(client.gather(client.map(&SLEEP, slept.clone())).expect("values"), slept);
    assert!(client.gather(client.map(&INCREMENT, 0..0)).expect("none").is_empty());
    let info = client.info();
    assert_eq!(info.workers.len(), 2, "{info}");
    assert_eq!(info.done, 2_020, "{info}");
}

fn a_tree_of_sums_is_exact(client: &Client) {
    let mut level = client.map(&INCREMENT, 0..64);
    while level.len() > 1 {
        // The level below is let go before it is done.
        let pairs = level.chunks(2).map(|pair| client.submit(&ADD, With((&pair[0], &pair[1]))));
        level = pairs.collect();
    }
    assert_eq!(level[0].result().expect("a sum"), 64 * 65 / 2);
}

fn many_values_are_one_argument(client: &Client) {
    let parts = client.map(&INCREMENT, 0..1_000);
    let sum = client.submit(&SUM, &parts);
    drop(parts);
    assert_eq!(sum.result().expect("a sum"), 1_000 * 1_001 / 2);
}

fn an_error_of_a_task_is_a_value(client: &Client) {
    let roots = client.map(&CHECKED_ROOT, [4.0, -1.0]);
    let roots = client.gather(roots).expect("values");
    assert_eq!(roots, [Ok(2.0), Err("-1 has no real root".into())]);
}

fn cancelled_tasks_do_not_run(client: &Client) {
    let directory = directory();
    let (gate, ran) = (directory.path().join("gate"), directory.path().join("ran"));
    let held = client.map(&WAIT_FOR, [text(&gate), text(&gate)]);
    eventually("they run", || client.info().running == 2);
    let first = client.submit(&INCREMENT, &held[0]);
    let second = client.submit(&TOUCH, With((&first, text(&ran))));
    first.cancel();
    for error in [first.result().err(), second.result().err()] {
        assert!(matches!(error, Some(Error::Cancelled { .. })), "{error:?}");
    }
    std::fs::write(&gate, "").expect("a file");
    assert_eq!(client.gather(held).expect("they end"), [0, 0]);
    assert_eq!(client.submit(&INCREMENT, 1).result().expect("a value"), 2);
    assert!(!ran.exists());
    drop((first, second));
    eventually("nothing is kept", || client.info().waiting == 0);
}

fn what_fails_is_tried_again(client: &Client) {
    let directory = directory();
    let log = directory.path().join("log");
    // It fails for want of a directory, and so after each try.
    let nowhere = text(&directory.path().join("none/log"));
    assert!(client.with().retries(2).submit(&LOG, (nowhere, 1)).result().is_err());
    let fine = client.with().retries(2).submit(&LOG, (text(&log), 1));
    assert_eq!(fine.result().expect("a value"), 2);
    assert_eq!(std::fs::read_to_string(&log).expect("a log"), "1\n", "once is enough");
}

fn detached_tasks_are_done(client: &Client) {
    client.map(&INCREMENT, 0..100).into_iter().for_each(Future::detach);
    eventually("all are done", || client.info().done == 100);
}

fn dropped_tasks_do_not_run(client: &Client) {
    let directory = directory();
    let (gate, ran) = (directory.path().join("gate"), directory.path().join("ran"));
    let held = client.map(&WAIT_FOR, [text(&gate), text(&gate)]);
    eventually("they run", || client.info().running == 2);
    drop(client.submit(&TOUCH, (0, text(&ran))));
    // It is taken off soon, not at once.
    std::thread::sleep(Duration::from_millis(300));
    std::fs::write(&gate, "").expect("a file");
    assert_eq!(client.gather(held).expect("they end"), [0, 0]);
    assert_eq!(client.submit(&INCREMENT, 1).result().expect("a value"), 2);
    assert!(!ran.exists());
}

fn an_input_is_refused(client: &Client) {
    let refused = client.submit(&REFUSES, Refuses).result();
    assert!(matches!(refused, Err(Error::Call(_))), "{refused:?}");
}

fn a_task_that_kills(client: &Client) {
    let others = client.map(&SLEEP, vec![1; 50]);
    let killed = client.submit(&ABORT, 0).result();
    let Err(Error::WorkerKilled { task: "abort", attempts: 4, .. }) = killed else {
        panic!("{killed:?}");
    };
    assert_eq!(client.gather(others).expect("they are done"), vec![1; 50]);
}

fn large_values_come_back_whole(client: &Client) {
    let bytes: Vec<u8> = (0..4_u32 << 20).map(|n| (n % 251) as u8).collect();
    let sum = bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    assert_eq!(client.submit(&SUM_BYTES, bytes).result().expect("a sum"), sum);
}

fn maps_of_maps_are_in_order(client: &Client) {
    // Slow enough that the later maps are there before the first is done.
    let slow = client.map(&SLEEP, (0..40).map(|n| n % 4));
    let first = client.map(&INCREMENT, 0..2_000);
    let second = client.map(&INCREMENT, &first);
    let pairs = second.iter().zip(first.iter().rev()).map(|(a, b)| With((a, b)));
    let third = client.map(&ADD, pairs);
    let fourth = client.map(&ADD, slow.iter().zip(&third).map(|(a, b)| With((a, b))));
    drop((slow, first, second));
    let sums = client.gather(third).expect("sums");
    assert!(sums.into_iter().eq((0..2_000).map(|n| n + 2 + 2_000 - n)));
    let sums = client.gather(fourth).expect("sums");
    assert!(sums.into_iter().eq((0..40).map(|n| n % 4 + 2_002)));
}

fn a_failure_in_a_map_fails_what_takes_it(client: &Client) {
    let mixed = client.map(&PANIC_ON_ODD, 0..100);
    let next = client.map(&INCREMENT, &mixed);
    let pairs = next.iter().zip(&mixed).map(|(a, b)| With((a, b)));
    let last = client.map(&ADD, pairs);
    drop((mixed, next));
    for (n, future) in (0..).zip(last) {
        match future.result() {
            Ok(sum) => assert_eq!((n % 2, sum), (0, 2 * n + 1)),
            Err(Error::Panicked { task: "panic_on_odd", message, .. }) => {
                assert_eq!(message, format!("{n} is odd"));
            }
            other => panic!("{n}: {other:?}"),
        }
    }
}

fn a_graph_of_a_thousand_nodes_is_exact(client: &Client) {
    let mut level: Vec<_> = (0..512).map(|n| delayed(&INCREMENT, n)).collect();
    while level.len() > 1 {
        let pairs = level.chunks(2).map(|pair| delayed(&ADD, With((&pair[0], &pair[1]))));
        level = pairs.collect();
    }
    assert_eq!(level[0].compute(client).expect("a sum"), 512 * 513 / 2);
    let chain = (0..100).fold(delayed(&INCREMENT, 0), |link, _| delayed(&INCREMENT, &link));
    assert_eq!(chain.compute(client).expect("a value"), 101);
}

fn a_map_of_cancelled_futures_does_not_run(client: &Client) {
    let directory = directory();
    let (gate, ran) = (directory.path().join("gate"), directory.path().join("ran"));
    let held = client.map(&WAIT_FOR, [text(&gate), text(&gate)]);
    eventually("they run", || client.info().running == 2);
    let mut first = client.map(&ADD, held.iter().cycle().zip(0..10).map(With));
    let touch = |future| With((future, text(&ran)));
    let second = client.map(&TOUCH, first[..9].iter().map(touch));
    let kept = first.pop().expect("the last");
    client.cancel(&first, false);
    std::fs::write(&gate, "").expect("a file");
    for future in first.iter().chain(&second) {
        let result = future.result();
        assert!(matches!(result, Err(Error::Cancelled { .. })), "{result:?}");
    }
    assert_eq!(kept.result().expect("nobody has cancelled that"), 9);
    assert!(!ran.exists());
}

fn a_death_in_a_map_of_futures(client: &Client) {
    let numbers = client.map(&INCREMENT, 0..20);
    let deadly = client.map(&ABORT_AT_SEVEN, &numbers);
    let next = client.map(&INCREMENT, &deadly);
    for (n, future) in (1..).zip(next) {
        match future.result() {
            Ok(value) => assert_eq!(value, n + 1),
            Err(Error::WorkerKilled { task: "abort_at_seven", .. }) => assert_eq!(n, 7),
            other => panic!("{n}: {other:?}"),
        }
    }
    let killed = deadly.iter().filter(|future| future.result().is_err()).count();
    assert_eq!(killed, 1, "it is of no other call, whatever it shares");
}

fn a_task_over_its_deadline_is_a_timeout(client: &Client) {
    let directory = directory();
    let gate = text(&directory.path().join("gate"));
    let limit = Duration::from_millis(200);
    let late = client.with().deadline(limit).submit(&WAIT_FOR, gate.clone());
    let next = client.map(&INCREMENT, [&late]);
    let in_time = client.with().deadline(Duration::from_secs(50)).map(&SLEEP, 0..10);
    let twice = client.map(&ADD, in_time.iter().map(|future| With((future, future))));
    for result in [late.result(), next[0].result()] {
        match result {
            Err(Error::Timeout { task: "wait_for", limit: told }) => assert_eq!(told, limit),
            other => panic!("{other:?}"),
        }
    }
    let twice = client.gather(twice).expect("they are in time");
    assert!(twice.into_iter().eq((0..10).map(|n| 2 * n)));
    assert_eq!(client.gather(client.map(&SLEEP, vec![1; 8])).expect("values"), vec![1; 8]);
    // A thread is let go on, and is waited for in the end.
    std::fs::write(gate, "").expect("a file");
}

fn broadcast_data_is_an_argument_of_many(client: &Client) {
    let data = client.broadcast(&vec![1_u8; 1 << 20]);
    let sums = client.map(&SUM_BYTES, [&data; 8]);
    assert_eq!(client.gather(sums).expect("sums"), vec![1 << 20; 8]);
    assert_eq!(data.result().expect("it can be read back").len(), 1 << 20);
}
