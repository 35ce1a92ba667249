//! What a second thread in one of Dask's workers is worth. Rust's tasks let go of
//! Python's lock while they run; Python's own do not.

use report::suite::{Claim, Scale, Workload, repeat};
use report::work::{busy, check_steps};

use crate::imbalance::steps_of;
use crate::on_dask::mapped_in_one_worker;
use crate::tasks::BUSY;

const TASKS: usize = 100;

pub(crate) fn worker_threads(scale: Scale) -> Workload<Vec<u64>> {
    let same = |us| vec![steps_of(us); TASKS];
    Workload::new("worker_threads", "100 tasks of calibrated work on one worker of Dask's")
        .parameter("microseconds of a task", scale.pick([10_000], [1_000, 10_000]))
        .elements(|_| TASKS as u64)
        .expect(move |us| same(us).into_iter().map(busy).collect())
        .check_python(|_, answer| check_steps(TASKS, answer))
        .own_pace()
        .note("the prediction is older than chunks of 50 ms, of which there are half as many")
        .note("scheduler and clients are processes of their own and want the same cores")
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
        .claim(
            Claim::new(50, "two threads in one of Dask's workers do Python's work no faster")
                .compares("dask_2_threads", "dask_1_thread")
                .at(10_000)
                .at_least(0.9)
                .predicted("1.0 to 1.2: the lock lets one of them run"),
        )
        .model("serial", move |us| {
            let inputs = same(us);
            repeat(move || inputs.iter().copied().map(busy).collect())
        })
        .on_dask("rust_on_dask_1_thread", move |python, us| {
            mapped_in_one_worker(python, 1, BUSY, same(us))
        })
        .on_dask("rust_on_dask_2_threads", move |python, us| {
            mapped_in_one_worker(python, 2, BUSY, same(us))
        })
        .python("dask_1_thread")
        .python("dask_2_threads")
}
