//! What is measured of waiting, and how each result is known to be right.

use std::future::Future;
use std::hint::black_box;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use report::suite::{Claim, Routine, Scale, Suite, Workload, refused, repeat};
use report::work::{busy, check_steps, steps};
use sync_vs_async::{
    blocking, deadline_first, fan_out, join_compute_first, join_sleep_first, runtime, sequential,
    spawn_blocking, spawned, squares,
};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    report::drive(suite)
}

fn suite(scale: Scale) -> Suite {
    Suite::new("sync-vs-async")
        .workload(lecture(scale))
        .workload(balanced(scale))
        .workload(waits())
        .workload(spawn())
}

/// The lecture's `fun1(2.0, 1000000)` and `fun2(2.0, 1000000)`.
fn lecture(scale: Scale) -> Workload<Vec<u64>> {
    /// The lecture's m.
    const M: u64 = 1_000_000;
    let wait = scale.wait(Duration::from_secs(2)).as_millis();
    let wait = u64::try_from(wait).expect("the lecture waits for seconds");
    let fun = Workload::new("fun", "a wait and a million squares, the lecture's fun1 and fun2")
        .parameter("milliseconds of wait", vec![wait])
        .expect(|_| (0..M).map(|x| x * x).collect())
        .expect_python(|_| format!("{M} squares, sum {}", (M - 1) * M * (2 * M - 1) / 6));
    models(fun, |_| || squares(M))
        .python("python_blocking")
        .python("python_gather")
        .python("python_gather_swapped")
        .note(
            "The lecture waits 2 s; a quick run waits a twentieth of that, beside which Python's \
             squares are no longer small.",
        )
        .note("The lecture's fun2 returns None. All models here return the squares.")
        .claim(
            Claim::new(
                28,
                "async can sometimes massively decrease runtime: the lecture's own cell",
            )
            .compares("join_sleep_first", "blocking")
            .at_most(0.9)
            .predicted("refuted: 0.99 or more, for the squares take under 1 % of the wait"),
        )
}

/// The wait and the computation equally long, where overlapping gains most.
fn balanced(scale: Scale) -> Workload<u64> {
    let workload = Workload::new("balanced", "a wait, and a computation that takes as long")
        .parameter("milliseconds of each", scale.pick([40], [40, 400]))
        .expect(|ms| busy(steps(Duration::from_millis(ms))))
        .check_python(|_, answer| check_steps(1, answer))
        .own_pace();
    models(workload, |ms| {
        let steps = steps(Duration::from_millis(ms));
        move || busy(steps)
    })
    .python("python_blocking")
    .python("python_gather")
    .python("python_gather_swapped")
    .note("Python computes as long as Rust, and gets less far in that time.")
    .claim(
        Claim::new(
            22,
            "fun2 computes while it sleeps: it takes the longer of the two, not the sum",
        )
        .compares("join_sleep_first", "blocking")
        .at(40)
        .at_most(0.55)
        .predicted("0.51 to 0.53: half the sum, and a millisecond or two of timer granularity"),
    )
    .claim(
        Claim::new(26, "frequently surprising: the order of two futures in join! decides")
            .compares("join_compute_first", "join_sleep_first")
            .at(40)
            .at_least(1.5)
            .predicted("1.9 to 2.0: the sleep's clock starts when it is first polled"),
    )
}

/// The models of one wait and one computation, around any work.
///
/// `job` sets the work up for a parameter, which is the wait in milliseconds.
fn models<R, C>(workload: Workload<R>, job: impl Fn(u64) -> C + Copy + 'static) -> Workload<R>
where
    R: Send + 'static,
    C: Fn() -> R + Copy + Send + 'static,
{
    let wait = Duration::from_millis;
    workload
        .model("blocking", move |ms| {
            let compute = job(ms);
            repeat(move || blocking(wait(ms), compute))
        })
        .model("join_sleep_first", move |ms| {
            let compute = job(ms);
            driven(one_thread(), move || join_sleep_first(wait(ms), compute))
        })
        .model("join_compute_first", move |ms| {
            let compute = job(ms);
            driven(one_thread(), move || join_compute_first(wait(ms), compute))
        })
        .model("deadline_first", move |ms| {
            let compute = job(ms);
            driven(one_thread(), move || deadline_first(wait(ms), compute))
        })
        .model("sequential", move |ms| {
            let compute = job(ms);
            driven(one_thread(), move || sequential(wait(ms), compute))
        })
        .model("spawned", move |ms| {
            let compute = job(ms);
            driven(many_threads(), move || async move {
                spawned(wait(ms), compute).await.expect("the work does not panic")
            })
        })
        .model("spawn_blocking", move |ms| {
            let compute = job(ms);
            driven(one_thread(), move || async move {
                spawn_blocking(wait(ms), compute).await.expect("the work does not panic")
            })
        })
        .note(
            "Runtimes are built before the clock starts. spawned runs on a worker per core, the \
             other asynchronous models on one thread.",
        )
}

/// n waits of a millisecond, none of which needs another.
///
/// Not a hundred thousand: so many threads need more mappings than Linux gives
/// a process, and std aborts there (see `fan_out::threads`).
fn waits() -> Workload<Vec<usize>> {
    const WAIT: Duration = Duration::from_millis(1);
    let sit = |i| {
        thread::sleep(WAIT);
        i
    };
    let come_back = |i| async move {
        tokio::time::sleep(WAIT).await;
        i
    };
    Workload::new("waits", "so many waits of 1 ms")
        .parameter("waits", vec![1, 10, 100, 1_000, 10_000])
        .elements(|n| n)
        .patience(Duration::from_secs(1))
        .expect(numbers)
        .expect_python(|n| format!("{n} waits, sum {}", n * (n - 1) / 2))
        .model("blocking", move |n| repeat(move || fan_out::calls(count(n), sit)))
        .model("threads", move |n| {
            repeat(move || fan_out::threads(count(n), sit).unwrap_or_else(no_thread))
        })
        .model("tasks", move |n| driven(one_thread(), move || tasks(n, come_back)))
        .model("tasks_multi", move |n| driven(many_threads(), move || tasks(n, come_back)))
        .python("python_asyncio")
        .python("python_threads")
        .note(
            "The waits of `threads` and `python_threads` are not all at once: threads are started \
             one after the other, and with hundreds of them the first have ended long before the \
             last begin. From there on these rows measure the creation of threads.",
        )
        .note(
            "tokio's timer wheel ticks in whole milliseconds and rounds up, so that 1 ms takes up \
             to 2 or so. asyncio keeps its timers to the clock's resolution and waits for the next \
             in epoll, for 1 ms from now: hence it is the faster at 10 and 100 waits.",
        )
        .claim(
            Claim::new(17, "come back later: waits that are asynchronous overlap")
                .compares("tasks", "blocking")
                .at(10)
                .at_most(0.5)
                .predicted("0.2: about 2 ms of timer ticks against ten waits in a row"),
        )
        .claim(
            Claim::new(28, "async can sometimes massively decrease runtime: many waits")
                .compares("tasks", "blocking")
                .at(100)
                .at_most(0.1)
                .predicted("0.02, and falling with n"),
        )
        .claim(
            Claim::new(28, "async can sometimes massively decrease runtime: against threads, too")
                .compares("tasks", "threads")
                .at(10_000)
                .at_most(0.2)
                .predicted(
                    "0.01 to 0.1: starting ten thousand threads takes far longer than a wait",
                ),
        )
}

/// n units that do nothing: what a thread, a future and a task cost.
fn spawn() -> Workload<Vec<usize>> {
    let call = |i| black_box(i);
    let later = |i| async move { black_box(i) };
    Workload::new("spawn", "units that do nothing, started and awaited")
        .parameter("units", vec![1, 100, 10_000])
        .elements(|n| n)
        .patience(Duration::from_secs(1))
        .unranked()
        .expect(numbers)
        .model("threads", move |n| {
            repeat(move || fan_out::threads(count(n), call).unwrap_or_else(no_thread))
        })
        .model("awaits", move |n| driven(one_thread(), move || fan_out::awaits(count(n), later)))
        .model("tasks", move |n| driven(one_thread(), move || tasks(n, later)))
        .model("join_set", move |n| {
            driven(one_thread(), move || async move {
                fan_out::join_set(count(n), later).await.expect("no unit panics")
            })
        })
        .model("tasks_multi", move |n| driven(many_threads(), move || tasks(n, later)))
        .model("tasks_multi_inside", move |n| {
            driven(many_threads(), move || async move {
                tokio::spawn(tasks(n, later)).await.expect("no unit panics")
            })
        })
        .note(
            "tasks_multi spawns from block_on, so that every task crosses to a worker; \
             tasks_multi_inside spawns from a worker.",
        )
        .note("awaits starts nothing: it is the floor, what the units themselves cost.")
        .claim(
            Claim::new(3, "threads are cheap to create and destroy (beside tasks)")
                .compares("threads", "tasks")
                .at_most(20.0)
                .predicted("refuted: 25 to 200, for a thread is the system's and a task is ours"),
        )
}

/// Ten thousand threads are more than some machines and most containers allow.
fn no_thread<T>(error: sync_vs_async::Error) -> T {
    match error {
        sync_vs_async::Error::Refused { .. } => refused(error.to_string()),
        other => panic!("{other}"),
    }
}

async fn tasks<U>(n: u64, unit: impl Fn(usize) -> U) -> Vec<usize>
where
    U: Future<Output = usize> + Send + 'static,
{
    fan_out::tasks(count(n), unit).await.expect("no unit panics")
}

/// What every fan-out here returns: the numbers of its units, in order.
fn numbers(n: u64) -> Vec<usize> {
    (0..count(n)).collect()
}

fn count(n: u64) -> usize {
    usize::try_from(n).expect("as many units as can be counted")
}

/// A future driven to its end, again and again, by a runtime that is there.
fn driven<F>(runtime: Runtime, work: impl Fn() -> F + 'static) -> Routine<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    repeat(move || runtime.block_on(work()))
}

fn one_thread() -> Runtime {
    runtime::current_thread().expect("a runtime can be built")
}

fn many_threads() -> Runtime {
    runtime::multi_thread().expect("a runtime can be built")
}
