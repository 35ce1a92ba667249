//! The mistakes that compile: see `sync_vs_async::mistakes` for all five.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use sync_vs_async::{fan_out, join_compute_first, runtime};

/// The first: a future does nothing until it is awaited.
#[test]
fn a_forgotten_await_runs_nothing() {
    let runs = AtomicUsize::new(0);
    let save = || async {
        runs.fetch_add(1, Ordering::Relaxed);
    };
    let forgotten: Vec<_> = (0..100_000).map(|_| save()).collect();
    drop(forgotten);
    assert_eq!(runs.load(Ordering::Relaxed), 0);

    let runtime = runtime::current_thread().expect("a runtime");
    runtime.block_on(save());
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

/// The second: awaits in a row are calls in a row.
#[test]
fn sequential_awaits_add_up() {
    let runtime = runtime::current_thread().expect("a runtime");
    let wait = Duration::from_millis(20);
    let start = Instant::now();
    runtime.block_on(fan_out::awaits(10, |_| tokio::time::sleep(wait)));
    assert!(start.elapsed() >= 10 * wait);
}

/// The third: a blocking sleep holds the thread, and with it all tasks of that thread.
#[test]
fn a_blocking_sleep_in_a_task_holds_up_all_tasks() {
    let runtime = runtime::current_thread().expect("a runtime");
    let wait = Duration::from_millis(20);
    let start = Instant::now();
    let slept = runtime.block_on(fan_out::tasks(10, |_| async move { thread::sleep(wait) }));
    slept.expect("no unit fails");
    assert!(start.elapsed() >= 10 * wait);
}

/// The fourth: with the computation first, `join!` cannot begin to wait before it ends.
#[test]
fn the_order_in_join_decides() {
    let runtime = runtime::current_thread().expect("a runtime");
    let wait = Duration::from_millis(50);
    let start = Instant::now();
    runtime.block_on(join_compute_first(wait, || thread::sleep(wait)));
    assert!(start.elapsed() >= 2 * wait);
}

/// The fifth: a std guard held over an await, where the compiler lets it pass: two
/// futures on one thread lock each other out. The thread hangs for good, so it
/// is left behind, and the test ends by a deadline.
#[test]
#[expect(clippy::await_holding_lock, reason = "this is the mistake, and clippy's catching it")]
fn a_guard_held_over_an_await_deadlocks_one_thread() {
    let (held, holds) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let total = Mutex::new(0);
        let add = async || {
            let mut total = total.lock().expect("nobody panics");
            held.send(()).expect("the test listens");
            tokio::time::sleep(Duration::from_millis(1)).await;
            *total += 1;
        };
        let runtime = runtime::current_thread().expect("a runtime");
        runtime.block_on(async { tokio::join!(add(), add()) });
        done.send(()).expect("the test listens");
    });
    holds.recv_timeout(Duration::from_secs(10)).expect("the first takes the lock");
    let outcome = is_done.recv_timeout(Duration::from_millis(300));
    assert_eq!(outcome, Err(RecvTimeoutError::Timeout), "neither can go on, and neither panics");
    assert!(holds.try_recv().is_err(), "the second never gets the lock");
}
