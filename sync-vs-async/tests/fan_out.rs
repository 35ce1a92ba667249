//! Many units at once: every model agrees with plain calls, on none, one, many
//! and failing units.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sync_vs_async::{Error, fan_out, runtime};
use tokio::runtime::Runtime;

fn runtimes() -> [Runtime; 2] {
    [runtime::current_thread().expect("a runtime"), runtime::multi_thread().expect("a runtime")]
}

/// A unit with a known answer, as a call and as a future.
fn triple(i: usize) -> usize {
    3 * i
}

async fn triple_later(i: usize) -> usize {
    tokio::time::sleep(Duration::from_millis(1)).await;
    triple(i)
}

#[test]
fn all_models_agree_with_calls() {
    for n in [0, 1, 2, 100] {
        let expected = fan_out::calls(n, triple);
        assert_eq!(expected.len(), n);
        assert_eq!(fan_out::threads(n, triple).expect("no unit fails"), expected, "threads, {n}");
        for runtime in runtimes() {
            let tasks = runtime.block_on(fan_out::tasks(n, triple_later));
            assert_eq!(tasks.expect("no unit fails"), expected, "tasks, {n}");
            let set = runtime.block_on(fan_out::join_set(n, triple_later));
            assert_eq!(set.expect("no unit fails"), expected, "join_set, {n}");
        }
    }
    for n in [0, 1, 20] {
        for runtime in runtimes() {
            let awaits = runtime.block_on(fan_out::awaits(n, triple_later));
            assert_eq!(awaits, fan_out::calls(n, triple), "awaits, {n}");
        }
    }
}

/// The later a unit begins the sooner it ends; the results stay in order.
#[test]
fn results_are_in_the_order_of_the_units_not_of_their_ends() {
    let wait = |i: usize| Duration::from_millis(10 * (5 - i as u64));
    let later = move |i| async move {
        tokio::time::sleep(wait(i)).await;
        i
    };
    let threads = fan_out::threads(5, |i| {
        thread::sleep(wait(i));
        i
    });
    assert_eq!(threads.expect("no unit fails"), [0, 1, 2, 3, 4]);
    for runtime in runtimes() {
        let tasks = runtime.block_on(fan_out::tasks(5, later));
        assert_eq!(tasks.expect("no unit fails"), [0, 1, 2, 3, 4]);
        let set = runtime.block_on(fan_out::join_set(5, later));
        assert_eq!(set.expect("no unit fails"), [0, 1, 2, 3, 4]);
    }
}

/// Two units of ten panic: the error is one of theirs, and the eight others
/// ran to their end before it was returned.
#[test]
fn panics_are_errors_and_stop_nobody_else() {
    let panics = |i: usize| assert!(i % 5 != 3, "unit {i} failed");

    let done = AtomicUsize::new(0);
    let threads = fan_out::threads(10, |i| {
        panics(i);
        done.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(message(threads), "unit 3 failed");
    assert_eq!(done.into_inner(), 8);

    for runtime in runtimes() {
        let done = Arc::new(AtomicUsize::new(0));
        let unit = |i| {
            let done = Arc::clone(&done);
            async move {
                tokio::task::yield_now().await;
                panics(i);
                done.fetch_add(1, Ordering::Relaxed);
            }
        };
        assert_eq!(message(runtime.block_on(fan_out::tasks(10, unit))), "unit 3 failed");
        assert_eq!(done.load(Ordering::Relaxed), 8);
        let first = message(runtime.block_on(fan_out::join_set(10, unit)));
        assert!(first == "unit 3 failed" || first == "unit 8 failed", "{first}");
        assert_eq!(done.load(Ordering::Relaxed), 16);
    }
}

fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Panicked(message)) => message,
        other => panic!("expected a panicked unit, got {other:?}"),
    }
}

#[test]
fn an_aborted_task_is_cancelled() {
    let runtime = runtime::current_thread().expect("a runtime");
    let error = runtime.block_on(async {
        let task = tokio::spawn(std::future::pending::<()>());
        task.abort();
        task.await.expect_err("it never ends by itself")
    });
    assert!(matches!(Error::from(error), Error::Cancelled));
}

/// Given up, a join set takes its tasks along; plain tasks go on, detached.
#[test]
fn dropping_a_join_set_ends_its_tasks_and_plain_tasks_go_on() {
    for runtime in runtimes() {
        let crowd = Crowd::default();
        runtime.block_on(async {
            crowd.until_present(16, fan_out::join_set(16, |_| crowd.stay())).await;
            // Another worker may take a moment to drop what it was told to.
            let deadline = Instant::now() + Duration::from_secs(10);
            while crowd.present() > 0 && Instant::now() < deadline {
                tokio::task::yield_now().await;
            }
            assert_eq!(crowd.present(), 0, "tasks of a join set outlive it");

            crowd.until_present(16, fan_out::tasks(16, |_| crowd.stay())).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(crowd.present(), 16, "detached tasks go on");
        });
        drop(runtime);
        assert_eq!(crowd.present(), 0, "a runtime takes its tasks along");
    }
}

/// Counts the tasks that have begun and were not dropped.
#[derive(Clone, Default)]
struct Crowd(Arc<AtomicUsize>);

struct Member(Crowd);

impl Drop for Member {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Crowd {
    fn present(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Comes when first polled and never leaves by itself.
    fn stay(&self) -> impl Future<Output = ()> + Send + 'static {
        let crowd = self.clone();
        async move {
            crowd.0.fetch_add(1, Ordering::SeqCst);
            let _member = Member(crowd);
            std::future::pending::<()>().await;
        }
    }

    /// Drives `fan_out` until so many have come, and drops it then.
    async fn until_present(&self, members: usize, fan_out: impl Future) {
        let complete = async {
            while self.present() < members {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = fan_out => panic!("units that wait for ever have ended"),
            () = complete => {}
        }
    }
}

/// Ten waits of 50 ms in threads or tasks are far below the half second that
/// they are in calls: nothing but a loaded machine is in the way, so one good
/// try of several is enough.
#[test]
fn waits_overlap_in_threads_and_tasks() {
    let wait = Duration::from_millis(50);
    let quick = |run: &dyn Fn()| {
        (0..5).any(|_| {
            let start = Instant::now();
            run();
            start.elapsed() < 5 * wait
        })
    };
    let later = move |_| tokio::time::sleep(wait);
    assert!(quick(&|| {
        fan_out::threads(10, |_| thread::sleep(wait)).expect("no unit fails");
    }));
    for runtime in runtimes() {
        assert!(quick(&|| {
            runtime.block_on(fan_out::tasks(10, later)).expect("no unit fails");
        }));
        assert!(quick(&|| {
            runtime.block_on(fan_out::join_set(10, later)).expect("no unit fails");
        }));
    }
}
