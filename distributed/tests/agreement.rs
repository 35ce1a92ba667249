//! Every model agrees with direct calls, on no input, one, many, and inputs
//! that fail; with threads and with processes, under both placements.

mod common;

use std::time::Duration;

use common::{CHECKED_ROOT, INCREMENT, MEET, PANIC_ON_ODD, REFUSES, claim, clients, within};
use distributed::{Client, Error, Placement};
use proptest::prelude::*;

#[test]
fn worker_entry() {
    claim();
}

#[test]
fn map_agrees_with_direct_calls() {
    claim();
    for (name, client) in clients(2) {
        for n in [0, 1, 2, 3, 100, 1_000] {
            let direct: Vec<u64> = (0..n).map(|x| INCREMENT.run(x)).collect();
            let mapped = within(|| client.gather(client.map(&INCREMENT, 0..n)));
            assert_eq!(mapped.expect("increment does not fail"), direct, "{name}, {n} tasks");
        }
    }
}

#[test]
fn submit_agrees_with_a_direct_call() {
    claim();
    for (name, client) in clients(2) {
        let futures: Vec<_> = (0..20).map(|x| client.submit(&INCREMENT, x)).collect();
        for (x, future) in (0..20).zip(futures) {
            assert_eq!(future.task(), "increment");
            assert_eq!(within(|| future.result()).expect("a value"), x + 1, "{name}");
        }
    }
}

#[test]
fn a_task_s_own_result_is_a_value_like_any_other() {
    claim();
    for (name, client) in clients(1) {
        let roots = client.map(&CHECKED_ROOT, [4.0, -4.0]);
        let roots = within(|| client.gather(roots)).expect("both tasks return");
        assert_eq!(roots, [Ok(2.0), Err("-4 has no real root".to_owned())], "{name}");
    }
}

#[test]
fn a_panic_is_the_error_of_its_own_future_only() {
    claim();
    for (name, client) in clients(2) {
        for (x, future) in client.map(&PANIC_ON_ODD, 0..20).into_iter().enumerate() {
            match within(|| future.result()) {
                Ok(value) => assert_eq!((value as usize, value % 2), (x, 0), "{name}"),
                Err(Error::Panicked { task, message, .. }) => {
                    assert_eq!((task, message), ("panic_on_odd", format!("{x} is odd")), "{name}");
                }
                Err(other) => panic!("{name}: {other}"),
            }
        }
        // Nobody died of it.
        assert_eq!(client.info().done, 20, "{name}");
        assert_eq!(client.info().workers.len(), 2, "{name}");
    }
}

#[test]
fn gather_returns_the_first_failure() {
    claim();
    for (name, client) in clients(1) {
        let gathered = within(|| client.gather(client.map(&PANIC_ON_ODD, 0..10)));
        assert!(
            matches!(&gathered, Err(Error::Panicked { message, .. }) if message == "1 is odd"),
            "{name}: {gathered:?}"
        );
        let after = within(|| client.submit(&INCREMENT, 1).result());
        assert_eq!(after.expect("the cluster goes on"), 2, "{name}");
    }
}

#[test]
fn an_input_that_cannot_be_encoded_fails_alone() {
    claim();
    let client = Client::local().n_workers(1).start().expect("a worker");
    let refused = client.submit(&REFUSES, common::Refuses);
    let fine = client.submit(&INCREMENT, 1);
    let refused = within(|| refused.result());
    assert!(matches!(&refused, Err(Error::Call(processes::Error::Encode { .. }))), "{refused:?}");
    assert_eq!(within(|| fine.result()).expect("a value"), 2);
}

#[test]
fn a_task_that_is_not_registered_is_an_error() {
    claim();
    const UNKNOWN: processes::Task<u64, u64> = processes::Task::new("unknown", |x| x);
    let client = Client::local().n_workers(1).start().expect("a worker");
    let result = within(|| client.submit(&UNKNOWN, 1).result());
    assert!(
        matches!(&result, Err(Error::Call(processes::Error::UnknownTask { task: "unknown", .. }))),
        "{result:?}"
    );
}

#[test]
fn a_cluster_of_nobody_is_refused() {
    assert!(matches!(Client::local().n_workers(0).start(), Err(Error::NoWorkers)));
}

#[test]
fn one_client_serves_many_threads() {
    claim();
    for (name, client) in clients(2) {
        std::thread::scope(|scope| {
            for start in [0_u64, 1_000, 2_000, 3_000] {
                let client = &client;
                scope.spawn(move || {
                    let mapped = client.gather(client.map(&INCREMENT, start..start + 50));
                    let direct: Vec<u64> = (start + 1..start + 51).collect();
                    assert_eq!(mapped.expect("increment does not fail"), direct);
                });
            }
        });
        assert_eq!(client.info().done, 200, "{name}");
    }
}

#[test]
fn four_workers_do_four_tasks_at_once() {
    for placement in [Placement::Dynamic, Placement::StaticBlocks] {
        let cluster = Client::local().n_workers(4).processes(false).placement(placement);
        let client = cluster.start().expect("threads");
        let met = within(|| client.gather(client.map(&MEET, [(); 4]))).expect("all four meet");
        assert_eq!(met.into_iter().filter(|leads| *leads).count(), 1, "{placement:?}");
    }
}

#[test]
fn info_names_workers_and_counts_tasks() {
    claim();
    for (name, client) in clients(3) {
        within(|| client.gather(client.map(&INCREMENT, 0..30))).expect("increment does not fail");
        let info = client.info();
        let by_worker: u64 = info.workers.iter().map(|worker| worker.done).sum();
        assert_eq!(info.workers.len(), 3, "{name}");
        assert_eq!((info.done, by_worker, info.waiting, info.running), (30, 30, 0, 0), "{name}");
    }
}

#[test]
fn a_future_can_be_waited_for_again() {
    claim();
    for (name, client) in clients(1) {
        let future = client.submit(&common::SLEEP, 200);
        assert!(!future.wait_timeout(Duration::from_millis(1)), "{name}");
        assert!(future.wait_timeout(common::DEADLINE), "{name}");
        assert!(future.done(), "{name}");
        assert_eq!(future.result().expect("a value"), 200, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_batch_on_any_number_of_threads(
        inputs in proptest::collection::vec(0_u64..1_000_000, 0..200),
        workers in 1_usize..6,
    ) {
        let client = Client::local().processes(false).n_workers(workers).start().expect("threads");
        let mapped = client.gather(client.map(&INCREMENT, inputs.clone()));
        let direct: Vec<u64> = inputs.into_iter().map(|x| x + 1).collect();
        prop_assert_eq!(mapped.expect("increment does not fail"), direct);
    }
}
