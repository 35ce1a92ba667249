//! A map that is submitted in parts: its first tasks run while the inputs of
//! the last are still being made.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use common::{ADD, DEADLINE, INCREMENT, claim, clients, within};
use distributed::{With, delayed};

/// Some parts, and a rest.
const TASKS: u64 = 3_500;

#[test]
fn worker_entry() {
    claim();
}

#[test]
fn many_parts_take_one_node() {
    claim();
    for (name, client) in clients(2) {
        let thousand = delayed(&INCREMENT, 999);
        let futures = client.map(&ADD, (0..TASKS).map(|n| With((&thousand, n))));
        let sums = within(|| client.gather(futures)).expect("values");
        assert!(sums.iter().copied().eq((0..TASKS).map(|n| 1_000 + n)), "{name}");
        assert_eq!(client.info().done, TASKS + 1, "{name}: the node ran once");
    }
}

#[test]
fn an_input_that_panics_leaves_no_task_behind() {
    claim();
    for (name, client) in clients(2) {
        let thousand = delayed(&INCREMENT, 999);
        let inputs = (0..TASKS).map(|n| {
            assert!(n < TASKS - 10, "there is no such input");
            With((&thousand, n))
        });
        let map = || client.map(&ADD, inputs);
        catch_unwind(AssertUnwindSafe(map)).expect_err("the inputs panic");
        let started = Instant::now();
        while client.info().waiting + client.info().running > 0 {
            assert!(started.elapsed() < DEADLINE, "{name}: {}", client.info());
            std::thread::sleep(Duration::from_millis(1));
        }
        let sum = within(|| client.submit(&INCREMENT, 1).result()).expect("a value");
        assert_eq!(sum, 2, "{name}");
    }
}
