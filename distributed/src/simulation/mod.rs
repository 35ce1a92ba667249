//! A simulator: the real [scheduler](crate::scheduler) under a clock that jumps
//! from event to event, with workers, a network and durations that are made up.
//!
//! What a scheduler is worth on ten thousand workers can be seen on a laptop:
//! nothing waits, and each decision is the one that the real cluster would
//! take, because it is taken by the same code.
//!
//! ```
//! use distributed::scheduler::Locality;
//! use distributed::simulation::{Durations, Family, Grain, Setup, simulate};
//!
//! let (mean_ns, durations) = (10_000_000, Durations::Constant);
//! let grain = Grain { mean_ns, durations, bytes: 100_000, seed: 1 };
//! let graph = Family::Bag.graph(1000, grain);
//! // 1000 tasks of 10 ms on 100 workers without any overhead: 10 rounds.
//! let run = simulate(&graph, &Setup::ideal(100), Locality, || 0);
//! assert_eq!(run.makespan_ns, 10 * mean_ns);
//! // With latency and a scheduler that takes its time, a little more.
//! let run = simulate(&graph, &Setup::rack(100), Locality, || 0);
//! assert!(run.efficiency() > 0.9 && run.efficiency() < 1.0);
//! ```
//!
//! # The model
//! - **Scheduler**: one server that deals with one report after the other.
//!   Each message, each task submitted and each task finished costs what
//!   [`Costs`] says; what it decides leaves it when it is done. So it can be
//!   the bottleneck, and [`Run::utilisation`] says when it is.
//! - **Workers** run one task at a time, in the order in which they get them,
//!   which may cost them [something](Setup::worker_ns) each. Reports may
//!   [wait](Setup::patience_ns) for each other.
//!   They fetch inputs as soon as a task reaches them, beside what they run,
//!   one task's inputs after the other's, and say so with their next report.
//! - **Network**: a message takes [`latency_ns`](Setup::latency_ns), a fetch
//!   twice that and its bytes over the worker's own link.
//! - **Client**: wants the results on which nothing depends, submits in
//!   batches, and lets go of everything else at once.
//!
//! # What it leaves out
//! Contention: the client, the scheduler and all workers have a core each, and
//! a result that a thousand workers fetch at once leaves its holder
//! as fast as for one. Faults. Memory limits. Several tasks at once on one
//! worker. Time that the scheduler takes longer for some tasks than for others,
//! such as those with many inputs; what it really takes is measured, and
//! reported apart. How far it is from a real run on two workers: the crate's
//! README.
//!
//! # Cost
//! Three heap operations for each task, and what the scheduler takes; about 50
//! bytes a task beside the graph and the scheduler's own. Figures for a million
//! tasks are in the crate's README.

mod durations;
mod engine;
mod families;
mod graph;
mod setup;
mod workers;

pub use durations::Durations;
pub use families::{Family, Grain};
pub use graph::Graph;
pub use setup::{Costs, Run, Setup};

use crate::scheduler::Policy;

/// Runs a graph on a made-up cluster. The same arguments give the same run,
/// but for [`Run::decided_ns`].
///
/// `watch` tells the time in nanoseconds, to measure what the scheduler really
/// takes: it stands outside, so that nothing in here depends on a clock.
/// `|| 0` will do if that is of no interest.
///
/// # Panics
/// If there are no workers, or the scheduler never comes to an end.
pub fn simulate(
    graph: &Graph,
    setup: &Setup,
    policy: impl Policy + 'static,
    watch: impl Fn() -> u64,
) -> Run {
    assert!(setup.workers > 0, "a simulation needs at least one worker");
    engine::Engine::new(graph, setup, policy, watch).run()
}
