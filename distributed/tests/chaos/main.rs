//! Some seconds of chaos, in which no result may be wrong or lost, and after
//! which nothing may be left; `examples/chaos.rs` runs the same for as long as
//! one likes. A binary of its own, because all children of the process count.

mod driver;

use std::time::Duration;

const SECONDS: u64 = 5;

#[test]
fn worker_entry() {
    processes::test_worker_entry("worker_entry", driver::registry());
}

#[test]
fn some_seconds_of_chaos() {
    processes::test_worker_entry("worker_entry", driver::registry());
    let outcome = driver::run(Duration::from_secs(SECONDS), 7, 1).expect("a cluster");
    println!("{outcome}");
    assert!(outcome.is_clean(), "{outcome}");
}
