//! The lecture's `Client(n_workers=4, processes=True)`, beside direct calls,
//! bare threads and processes, and Dask's own: the suite, an idea a file.

mod busy;
mod clusters;
mod graphs;
mod imbalance;
mod round_trip;
mod start;
mod transfer;

use std::process::ExitCode;

use processes::Registry;
use report::suite::{Scale, Suite};

fn main() -> ExitCode {
    let registry = Registry::new()
        .with(&clusters::INCREMENT)
        .with(&clusters::BUSY)
        .with(&clusters::WAIT)
        .with(&graphs::ADD)
        .with(&graphs::SUM)
        .with(&transfer::BLOB)
        .with(&transfer::PASSED_ON);
    processes::worker_entry(registry);
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
}
