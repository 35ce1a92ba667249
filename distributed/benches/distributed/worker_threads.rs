//! What a second thread in one of Dask's workers is worth. Rust's tasks let go of
//! Python's lock while they run; Python's own do not.

use report::suite::{Claim, Scale, Workload, repeat};
use report::work::{busy, check_steps};

use crate::clusters::{mapped, threads};
use crate::imbalance::steps_of;
use crate::on_dask::mapped_in_one_worker;
use crate::tasks::BUSY;

const TASKS: usize = 100;

/// Each row has a cluster of its own, which takes some 3 % of a core while others are
/// measured; so Rust's rows and Python's are not measured beside each other.
pub(crate) fn worker_threads(scale: Scale) -> Workload<Vec<u64>> {
    workload("worker_threads", "100 tasks of calibrated work on one worker of Dask's", scale)
        .note("the prediction is older than chunks of up to 250 ms and values brought together")
        .note("threads_1 and threads_2 are this machine's own cluster: what two threads can gain here")
        .note("scheduler and client are processes of their own and want the same cores")
        .claim(
            Claim::new(64, "two threads in one of Dask's workers do Rust's work 1.7 times as fast")
                .compares("rust_on_dask_2_threads", "rust_on_dask_1_thread")
                .at(10_000)
                .at_most(1.0 / 1.7)
                .on_cores(2)
                .predicted(
                    "0.55: half, and what scheduler and bridge take of the two cores for some \
                     50 chunks of 25 ms",
                ),
        )
        .model("threads_1", move |us| mapped(threads(1), BUSY, same(us)))
        .model("threads_2", move |us| mapped(threads(2), BUSY, same(us)))
        .on_dask("rust_on_dask_1_thread", move |python, us| {
            mapped_in_one_worker(python, 1, BUSY, same(us))
        })
        .on_dask("rust_on_dask_2_threads", move |python, us| {
            mapped_in_one_worker(python, 2, BUSY, same(us))
        })
}

/// The same of Python's own tasks.
pub(crate) fn worker_threads_of_python(scale: Scale) -> Workload<Vec<u64>> {
    workload("worker_threads_of_python", "100 tasks of Python's on one worker of Dask's", scale)
        .check_python(|_, answer| check_steps(TASKS, answer))
        .claim(
            Claim::new(50, "two threads in one of Dask's workers do Python's work no faster")
                .compares("dask_2_threads", "dask_1_thread")
                .at(10_000)
                .at_least(0.9)
                .predicted("1.0 to 1.2: the lock lets one of them run"),
        )
        .python("dask_1_thread")
        .python("dask_2_threads")
}

fn workload(name: &'static str, what: &'static str, scale: Scale) -> Workload<Vec<u64>> {
    Workload::new(name, what)
        .parameter("microseconds of a task", scale.pick([10_000], [1_000, 10_000, 50_000]))
        .elements(|_| TASKS as u64)
        .expect(|us| same(us).into_iter().map(busy).collect())
        .own_pace()
        .model("serial", |us| {
            let inputs = same(us);
            repeat(move || inputs.iter().copied().map(busy).collect())
        })
}

fn same(us: u64) -> Vec<u64> {
    vec![steps_of(us); TASKS]
}
