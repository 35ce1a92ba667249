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
//!
//! The same typed [`Task`](processes::Task) runs on any of them.
//!
//! # Map
//! | file | holds |
//! |---|---|
//! | `client.rs` | [`Client`] and [`LocalCluster`]: what a user holds |
//! | `future.rs` | [`Future`], its promise, and how `gather` waits for many |
//! | [`scheduler`] | who does what: a pure state machine, no threads and no clock |
//! | [`simulation`] | the same scheduler on workers, a network and durations that are made up |
//! | [`timeline`] | which worker ran what when, as a Chrome trace and as a picture |
//! | `placement.rs` | [`Placement`]: where a batch's tasks may run |
//! | `cluster.rs` | carries the scheduler's actions out, behind one lock |
//! | `job.rs` | a typed call, without its types |
//! | `worker_threads.rs`, `worker_processes.rs` | where a job runs |
//! | `info.rs`, `error.rs` | what a cluster says of itself, and of failures |
//! | `hash.rs`, `random.rs` | tables for our own names, and numbers from a seed |
//!
//! # Invariants
//! - Every future comes to a result. A promise that is dropped, wherever that
//!   happens, settles its future with an error.
//! - A task's panic is the error of its own future and of no other.
//! - A worker process that dies costs no task: what it had in hand runs again
//!   on another, up to the allowed number of deaths, and then fails with
//!   [`Error::WorkerKilled`]. So a task may run more than once, and must be
//!   *idempotent*.
//! - Results are in the order of the inputs, whoever finished first.
//! - A closed client leaves nothing behind: no process, thread or descriptor.
//! - No code of a task runs under a lock, or in the scheduler.
//!
//! # Not here
//! The scheduler knows graphs, cancellation, deadlines and data that stays on
//! workers; the client has yet to offer them.
//! More than one machine is Dask's field, not this crate's.
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
pub mod scheduler;
pub mod simulation;
mod slot;
pub mod timeline;

pub use argument::{Argument, With};
pub use client::{Client, Submit};
pub use delayed::{Delayed, delayed};
pub use error::Error;
pub use future::{AsCompleted, Future, as_completed, wait};
pub use info::{Info, Place, WorkerInfo};
pub use local::LocalCluster;
pub use placement::{Placement, Policy};
pub use progress::progress;
