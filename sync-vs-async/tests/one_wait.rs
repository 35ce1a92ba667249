//! One wait and one computation: every model returns the squares, after both.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use sync_vs_async::{
    Error, blocking, deadline_first, fun1, fun2, join_compute_first, join_sleep_first, runtime,
    sequential, spawn_blocking, spawned, squares,
};
use tokio::runtime::Runtime;

/// What every model is called with here, whichever it is.
type Model = fn(&Runtime, Duration, fn() -> Vec<u64>) -> Result<Vec<u64>, Error>;

const MODELS: [(&str, Model); 7] = [
    ("blocking", |_, wait, compute| Ok(blocking(wait, compute))),
    ("join_sleep_first", |rt, wait, compute| Ok(rt.block_on(join_sleep_first(wait, compute)))),
    ("join_compute_first", |rt, wait, compute| Ok(rt.block_on(join_compute_first(wait, compute)))),
    ("deadline_first", |rt, wait, compute| Ok(rt.block_on(deadline_first(wait, compute)))),
    ("sequential", |rt, wait, compute| Ok(rt.block_on(sequential(wait, compute)))),
    ("spawned", |rt, wait, compute| rt.block_on(spawned(wait, compute))),
    ("spawn_blocking", |rt, wait, compute| rt.block_on(spawn_blocking(wait, compute))),
];

fn runtimes() -> [Runtime; 2] {
    [runtime::current_thread().expect("a runtime"), runtime::multi_thread().expect("a runtime")]
}

#[test]
fn squares_of_none_one_and_many() {
    assert_eq!(squares(0), []);
    assert_eq!(squares(1), [0]);
    assert_eq!(squares(1_000).iter().sum::<u64>(), 332_833_500);
}

#[test]
#[should_panic(expected = "do not fit in 64 bits")]
fn squares_that_overflow_are_refused() {
    squares((1 << 32) + 1);
}

/// The comparison that the lecture never makes: its `fun2` returns `None`.
#[test]
fn fun1_and_fun2_return_the_same_squares() {
    let wait = Duration::from_millis(1);
    for runtime in runtimes() {
        for m in [0, 1, 1_000] {
            assert_eq!(runtime.block_on(fun2(wait, m)), fun1(wait, m), "m = {m}");
        }
    }
}

#[test]
fn every_model_returns_what_was_computed() {
    let computations: [fn() -> Vec<u64>; 3] = [|| squares(0), || squares(1), || squares(1_000)];
    for runtime in runtimes() {
        for (name, model) in MODELS {
            for compute in computations {
                let computed = model(&runtime, Duration::ZERO, compute);
                assert_eq!(computed.expect("squares do not fail"), compute(), "{name}");
            }
        }
    }
}

#[test]
fn no_model_returns_before_the_wait_is_over() {
    let wait = Duration::from_millis(30);
    for runtime in runtimes() {
        for (name, model) in MODELS {
            let start = Instant::now();
            model(&runtime, wait, Vec::new).expect("an empty vector does not fail");
            assert!(start.elapsed() >= wait, "{name} took {:?}", start.elapsed());
        }
    }
}

/// A thread that is busy cannot read a clock: these add up, on any machine.
#[test]
fn blocking_sequential_and_compute_first_take_the_sum() {
    let wait = Duration::from_millis(40);
    let compute = || {
        thread::sleep(Duration::from_millis(40));
        squares(3)
    };
    for runtime in runtimes() {
        for (name, model) in MODELS {
            if ["blocking", "sequential", "join_compute_first"].contains(&name) {
                let start = Instant::now();
                model(&runtime, wait, compute).expect("nothing fails");
                assert!(start.elapsed() >= 2 * wait, "{name} took {:?}", start.elapsed());
            }
        }
    }
}

/// Nothing but a loaded machine keeps these from half the sum, so one good try
/// of several is enough.
#[test]
fn the_others_overlap() {
    let wait = Duration::from_millis(150);
    let compute = || {
        thread::sleep(Duration::from_millis(150));
        squares(3)
    };
    for runtime in runtimes() {
        for (name, model) in MODELS {
            if ["join_sleep_first", "deadline_first", "spawned", "spawn_blocking"].contains(&name) {
                let overlapped = (0..5).any(|_| {
                    let start = Instant::now();
                    model(&runtime, wait, compute).expect("nothing fails");
                    start.elapsed() < wait.mul_f64(1.8)
                });
                assert!(overlapped, "{name} never took less than 1.8 times the wait");
            }
        }
    }
}

/// A panic of the computation reaches the caller, as a panic where it ran on
/// the caller's thread and as an error where it did not. Nothing hangs, and the
/// runtime goes on.
#[test]
fn a_computation_that_panics() {
    for runtime in runtimes() {
        for (name, model) in MODELS {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                model(&runtime, Duration::from_millis(1), || panic!("no squares today"))
            }));
            match outcome {
                Err(panic) => {
                    assert_eq!(panic.downcast_ref::<&str>(), Some(&"no squares today"), "{name}");
                }
                Ok(result) => {
                    assert!(name.starts_with("spawn"), "{name} returned {result:?}");
                    let Err(Error::Panicked(message)) = result else {
                        panic!("{name} returned {result:?}");
                    };
                    assert_eq!(message, "no squares today", "{name}");
                }
            }
        }
        let after = runtime.block_on(spawned(Duration::ZERO, || squares(2)));
        assert_eq!(after.expect("the runtime goes on"), [0, 1]);
    }
}
