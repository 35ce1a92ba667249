//! A Client that hands tasks to whichever worker is free.
//!
//! The lecture ends with Dask, a *dynamic task scheduler*, and one line of it:
//!
//! ```python
//! client = Client(n_workers=4, processes=True)
//! ```
//!
//! Here is that line in Rust, embedded in the program: no server, no network,
//! nothing to install. A [`Client`] owns workers, threads or processes. What
//! is submitted gets a [`Future`] at once, waits in one queue, and runs on
//! whichever worker is free first. Nobody has to say beforehand how long a
//! task takes, and a long one holds up nobody but its own worker.
//!
//! ```standalone_crate
//! use distributed::Client;
//! use processes::{Registry, Task};
//!
//! const INC: Task<i64, i64> = Task::new("inc", |x| x + 1);
//!
//! fn main() -> Result<(), distributed::Error> {
//!     // Worker processes are this program, started once more: they stop here.
//!     processes::worker_entry(Registry::new().with(&INC));
//!
//!     let client = Client::local().n_workers(4).processes(true).start()?;
//!     let one = client.submit(&INC, 0);
//!     let many = client.map(&INC, 0..100);
//!     assert_eq!(one.result()?, 1);
//!     assert_eq!(client.gather(many)?, (1..=100).collect::<Vec<_>>());
//!     client.close();
//!     Ok(())
//! }
//! ```
//!
//! # Models
//! | model | a task goes to | and runs in |
//! |---|---|---|
//! | `serial` | nobody: a direct call | the caller's thread |
//! | [`Placement::StaticBlocks`] | the worker whose equal block it fell into | either of the two below |
//! | [`processes(false)`](LocalCluster::processes) | whoever is free | a thread of this process |
//! | [`processes(true)`](LocalCluster::processes) | whoever is free | a process of its own |
//! | [`Client::connect`] | whoever Dask says | a thread of one of Dask's workers |
//!
//! The same typed [`Task`](processes::Task) runs on any of them.
//!
//! # Map
//! | file | holds |
//! |---|---|
//! | `client.rs`, `future.rs` | [`Client`], [`Submit`] and [`Future`]: what a user holds |
//! | `argument.rs`, `delayed.rs`, `graph.rs` | futures as arguments, and graphs described first: typed above, bytes with holes below |
//! | `backend.rs`, `slot.rs` | the seam: calls in bytes, and where a result arrives |
//! | [`scheduler`] | who does what: a pure state machine, no threads and no clock |
//! | `local.rs`, `local/engine.rs`, `local/engine/` | this machine's cluster: an engine that carries the scheduler's actions out |
//! | `local/{process,thread}.rs`, `local/process/`, `local/seat.rs` | a worker of each kind; who comes after one that died |
//! | `local/initializer.rs` | what every worker does before it gets work |
//! | `dask/` | [`Client::connect`]: the same tasks on a Dask cluster |
//! | `dask/abi.rs` | [`export_tasks!`]: the tasks as a library for programs that are not Rust |
//! | [`simulation`] | the same scheduler on workers, a network and durations that are made up |
//! | [`timeline`] | which worker ran what when, as a Chrome trace and as a picture |
//! | `placement.rs` | [`Placement`] and [`Policy`]: what a user can choose of that |
//! | `info.rs`, `error.rs`, `progress.rs` | what a cluster says of itself, of failures, and of how far it is |
//! | `ids.rs`, `hash.rs`, `random.rs` | tables for our own names, and numbers from a seed |
//!
//! # Invariants
//! - Every future comes to a result; what ends the engine settles those that
//!   are left.
//! - A task's panic is the error of its own future, and of those that take its
//!   value; of no other.
//! - Tasks are batched into messages and never into each other: each is
//!   scheduled, cancelled, retried and counted by itself.
//! - A worker process that dies costs no task: what it had not begun is
//!   blameless, what it was at runs again on another, up to the allowed number of
//!   deaths, and then fails with [`Error::WorkerKilled`]. So a task may run more
//!   than once, and must be *idempotent*.
//! - No worker has the only copy of a value: results are held on the client's
//!   side, where no death of a worker can take them. (On a Dask cluster they stay
//!   on workers, and Dask makes anew what is lost.)
//! - Results are in the order of the inputs, whoever finished first.
//! - A closed client leaves nothing behind: no process, thread or descriptor.
//! - No code of a task runs under a lock, or in the scheduler.
//!
//! # Not here
//! The scheduler knows values that stay on workers and what they were made of;
//! the local cluster has no use for that, because there the values are with the
//! client. To be a cluster of more than one machine is Dask's field, not this
//! crate's; it runs its tasks there.
//!
//! # Sources
//! - [Dask.distributed](https://distributed.dask.org/en/stable/), whose names
//!   these are, and its [scheduling state machine]; the limit on deaths is its
//!   `allowed-failures`.
//! - R. L. Graham, "Bounds on Multiprocessing Timing Anomalies" (1969): why a
//!   queue that serves whoever is free cannot be far from the best.
//! - J. Beránek and S. Böhm, "Runtime vs Scheduler: Analyzing Dask's Overheads"
//!   (2020), arXiv:2010.11105: what a task costs to handle decides more than
//!   the policy does.
//!
//! [scheduling state machine]: https://distributed.dask.org/en/stable/scheduling-state.html

mod argument;
mod backend;
mod client;
mod dask;
mod delayed;
mod error;
mod future;
mod graph;
mod hash;
mod ids;
mod info;
mod local;
mod placement;
mod progress;
mod random;
mod resources;
pub mod scheduler;
pub mod simulation;
mod slot;
pub mod timeline;

pub use argument::{Argument, With};
pub use client::{Client, Submit};
pub use dask::DaskCluster;
#[doc(hidden)]
pub use dask::abi;
pub use delayed::{Delayed, delayed};
pub use error::Error;
pub use future::{AsCompleted, Future, as_completed, wait};
pub use info::{Info, Place, WorkerInfo};
pub use local::LocalCluster;
pub use placement::{Placement, Policy};
pub use progress::progress;
