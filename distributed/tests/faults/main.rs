//! Faults of a cluster, provoked for real; the numbers are those of the table
//! in the README. Each runs in a process of its own, under a deadline, and
//! leaves nothing behind; see `harness`.

mod cancelling;
mod churn;
mod coding;
mod deaths;
mod harness;
mod innocence;
mod lifecycle;
mod limits;
#[path = "../chaos/driver/numbers.rs"]
mod numbers;
mod preparing;
mod starting;
mod tasks;
mod values;

/// Workers start here; see `processes::test_worker_entry`.
#[test]
fn worker_entry() {
    starting::before_the_entry();
    innocence::before_the_entry();
    tasks::claim();
}
