//! What a simulated cluster is like, and what came of a run on it.

use crate::timeline::{Bounds, Record};

/// A cluster that is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The number of workers; each runs one task at a time.
    pub workers: u32,
    /// How many tasks may lie with a worker, the one that runs included.
    pub depth: u32,
    /// How long a message is on its way.
    pub latency_ns: u64,
    /// What a worker's link carries when it fetches a result.
    pub bytes_per_second: u64,
    /// Results up to this size travel with the reports and are the driver's;
    /// larger ones stay where they were made.
    pub inline_bytes: u64,
    /// What a worker takes for each task beside running it.
    pub worker_ns: u64,
    /// How long a worker's report may wait for others to go with, while the
    /// worker has more in hand that came with the task; 0 sends each by itself.
    pub patience_ns: u64,
    /// What the scheduler's own work costs.
    pub costs: Costs,
    /// How many tasks the client submits at once. It submits the next so many
    /// when the scheduler has dealt with these.
    pub batch: usize,
    /// Whether [`Run::records`] is filled.
    pub record: bool,
}

/// What the scheduler, which is one server, takes for its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Of each message that it receives or sends.
    pub message_ns: u64,
    /// Of each task that is submitted.
    pub submit_ns: u64,
    /// Of each task that is finished.
    pub task_ns: u64,
}

impl Setup {
    /// A cluster without costs: no latency, no transfers, no scheduler's work.
    /// What is left is the order in which tasks run.
    pub fn ideal(workers: u32) -> Self {
        Self {
            workers,
            depth: 1,
            latency_ns: 0,
            bytes_per_second: u64::MAX,
            inline_bytes: 0,
            worker_ns: 0,
            patience_ns: 0,
            costs: Costs::default(),
            batch: usize::MAX,
            record: false,
        }
    }

    /// A rack: 50 µs to each worker, links of 10 Gbit/s, two tasks sent ahead,
    /// and a scheduler that takes 1 µs for a message and 1 µs for a task.
    ///
    /// These are assumptions, of the order of what this crate's scheduler and
    /// a socket take; measure your own.
    pub fn rack(workers: u32) -> Self {
        Self {
            workers,
            depth: 2,
            latency_ns: 50_000,
            bytes_per_second: 1_250_000_000,
            inline_bytes: 4096,
            worker_ns: 0,
            patience_ns: 0,
            costs: Costs { message_ns: 1000, submit_ns: 300, task_ns: 700 },
            batch: 1000,
            record: false,
        }
    }

    /// This crate's cluster on one machine: every value is the driver's, many
    /// tasks are sent ahead, many travel in one message, and so do their reports,
    /// which wait for each other for up to a millisecond.
    ///
    /// What it costs is the machine's: the example `calibrate` measures that.
    pub fn local(workers: u32, latency_ns: u64, worker_ns: u64, costs: Costs) -> Self {
        Self {
            workers,
            depth: 256,
            latency_ns,
            // Memory that both share.
            bytes_per_second: 1_000_000_000,
            inline_bytes: u64::MAX,
            worker_ns,
            patience_ns: 1_000_000,
            costs,
            batch: 1024,
            record: false,
        }
    }

    /// How long so many bytes take on a link.
    pub(super) fn transfer_ns(&self, bytes: u64) -> u64 {
        let ns = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second.max(1));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}

/// What came of a simulated run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// From the submission to the last outcome.
    pub makespan_ns: u64,
    /// What no run is shorter than.
    pub bounds: Bounds,
    /// Messages between the scheduler and the workers.
    pub messages: u64,
    /// Bytes that workers fetched from each other.
    pub moved_bytes: u64,
    /// How long the scheduler was at work, in the simulated time.
    pub busy_ns: u64,
    /// How long it really took to decide, by the caller's watch.
    pub decided_ns: u64,
    /// Tasks that were taken back from a worker for another.
    pub recalled: u64,
    /// The attempts, if they were asked for.
    pub records: Vec<Record>,
}

impl Run {
    /// The larger of the two bounds, over the makespan: 1 is perfect.
    pub fn efficiency(&self) -> f64 {
        let Bounds { critical_path_ns, work_ns } = self.bounds;
        let bound = critical_path_ns.max(work_ns).unwrap_or(0);
        if self.makespan_ns == 0 { 1.0 } else { bound as f64 / self.makespan_ns as f64 }
    }

    /// The share of the time that the scheduler was at work: near 1 it is
    /// saturated, and more workers do not help.
    pub fn utilisation(&self) -> f64 {
        if self.makespan_ns == 0 { 0.0 } else { self.busy_ns as f64 / self.makespan_ns as f64 }
    }
}
