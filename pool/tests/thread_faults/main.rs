//! What can go wrong with threads and channels, provoked for real.
//!
//! The numbers are those of the fault table in the README. Each fault runs in
//! a process of its own, this test program started again, which must end by
//! itself within [`harness::DEADLINE`]; what it took is printed.

mod harness;
mod lifecycle;
mod panics;
mod starting;
mod waiting;

use std::{env, thread};

use harness::{CHILD, fault};

#[test]
fn a_fault_that_fails_or_does_not_run_is_found() {
    // The harness itself: a child that fails is an error here.
    let name = "a_fault_that_fails_or_does_not_run_is_found";
    if env::var(CHILD).is_ok_and(|child| child == name) {
        panic!("it fails");
    }
    for name in [name, "a_test_that_is_not_there"] {
        let caught = thread::scope(|scope| scope.spawn(|| fault(name, || ())).join());
        assert!(caught.is_err(), "{name}");
    }
}
