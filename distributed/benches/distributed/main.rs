//! The lecture's `Client(n_workers=4, processes=True)`, beside direct calls,
//! bare threads and processes, and Dask, Python's tasks on it and ours: the suite,
//! an idea a file.

mod busy;
mod clusters;
#[allow(dead_code, reason = "the example needs more of it")]
#[path = "../../examples/cluster/dask.rs"]
mod dask;
mod graphs;
mod imbalance;
mod on_dask;
mod round_trip;
mod start;
mod tasks;
mod transfer;
mod worker_threads;

use std::process::ExitCode;

use report::suite::{Scale, Suite};

fn main() -> ExitCode {
    processes::worker_entry(tasks::registry());
    report::drive(suite)
}

fn suite(scale: Scale) -> Suite {
    Suite::new("distributed")
        .workload(graphs::map(scale))
        .workload(graphs::merge(scale))
        .workload(graphs::tree(scale))
        .workload(round_trip::round_trip(scale))
        .workload(transfer::transfer(scale))
        .workload(transfer::chain(scale))
        .workload(busy::busy_tasks(scale))
        .workload(imbalance::imbalance(scale))
        .workload(imbalance::straggler(scale))
        .workload(imbalance::drawn(scale))
        .workload(imbalance::uniform(scale))
        .workload(start::start(scale))
        .workload(worker_threads::worker_threads(scale))
        .workload(worker_threads::worker_threads_of_python(scale))
}
