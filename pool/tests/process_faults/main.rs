//! Faults of a process pool, provoked for real; the numbers are those of the
//! table in the README. Each runs in a process of its own, under a deadline,
//! and leaves nothing behind; see `harness`.

mod coding;
mod deaths;
mod harness;
mod lifecycle;
mod starting;
mod tasks;
mod time;

/// Workers start here; see `processes::test_worker_entry`.
#[test]
fn worker_entry() {
    starting::before_the_entry();
    tasks::claim();
}

#[test]
fn a_fault_that_does_not_run_is_found() {
    // The harness itself: the child succeeds, but there is no such test.
    let caught = std::panic::catch_unwind(|| harness::fault("a_test_that_is_not_there", || ()));
    assert!(caught.is_err());
}
