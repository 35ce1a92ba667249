//! When a task is long enough to pay for its overhead.

use report::suite::{Scale, Workload, repeat};
use report::work::{busy, check_steps};

use crate::clusters::{mapped, processes, threads};
use crate::imbalance::steps_of;
use crate::tasks::BUSY;

/// The lecture's `n_workers=4`, whatever the cores.
const WORKERS: usize = 4;

const TASKS: usize = 100;

pub(crate) fn busy_tasks(scale: Scale) -> Workload<Vec<u64>> {
    let same = |us| vec![steps_of(us); TASKS];
    Workload::new("busy", "100 tasks of calibrated work on a warm cluster of 4")
        .parameter("microseconds of a task", scale.pick([10, 100, 1_000], [10, 100, 1_000, 10_000]))
        .elements(|_| TASKS as u64)
        .expect(move |us| same(us).into_iter().map(busy).collect())
        .check_python(|_, answer| check_steps(TASKS, answer))
        .own_pace()
        .note("where a model crosses the serial row, its tasks pay for their overhead")
        .note("4 workers on fewer cores share them: the speed-up ends at the number of cores")
        .model("serial", move |us| {
            let inputs = same(us);
            repeat(move || inputs.iter().copied().map(busy).collect())
        })
        .model("threads", move |us| mapped(threads(WORKERS), BUSY, same(us)))
        .model("processes", move |us| mapped(processes(WORKERS), BUSY, same(us)))
        .python("dask_processes")
}
