//! Waiting: block a thread, or come back later.
//!
//! # The idea
//!
//! Code that asks something outside of itself (a disk, a server, a clock) can
//! sit and wait, or do something else and come back. The first is a blocking
//! call, and each wait that is to overlap with another needs a thread. The
//! second is a future: a value that can be asked whether it is done, and that
//! leaves word how to wake it when it is not. A runtime asks; one thread is
//! enough for any number of waits.
//!
//! The catch is in "asks". A future runs only while it is polled and gives its
//! thread back only at an `await` that is not ready, so what looks concurrent
//! need not be:
//!
//! ```
//! use std::thread::sleep;
//! use std::time::{Duration, Instant};
//! use sync_vs_async::{join_compute_first, join_sleep_first, runtime};
//!
//! # fn main() -> std::io::Result<()> {
//! let runtime = runtime::current_thread()?;
//! let wait = Duration::from_millis(50);
//! let compute = || {
//!     sleep(Duration::from_millis(50)); // stands for work that never yields
//!     42
//! };
//!
//! let start = Instant::now();
//! assert_eq!(runtime.block_on(join_sleep_first(wait, compute)), 42);
//! println!("sleep first: {:?}", start.elapsed()); // about 50 ms
//!
//! let start = Instant::now();
//! assert_eq!(runtime.block_on(join_compute_first(wait, compute)), 42);
//! assert!(start.elapsed() >= Duration::from_millis(100)); // the order decides
//! # Ok(())
//! # }
//! ```
//!
//! # The models
//!
//! One wait and one computation:
//!
//! | model | idea | where |
//! |---|---|---|
//! | `blocking` | compute, then sit and wait | [`blocking()`], the lecture's [`fun1`] |
//! | `join_sleep_first` | both in one task, the sleep polled first | [`join_sleep_first`], the lecture's [`fun2`] |
//! | `join_compute_first` | both in one task, the computation polled first | [`join_compute_first`] |
//! | `deadline_first` | as before, the timer made beforehand | [`deadline_first`] |
//! | `sequential` | one `await` after the other | [`sequential`] |
//! | `spawned` | a task each, on several threads | [`spawned`] |
//! | `spawn_blocking` | the computation on a thread for blocking work | [`spawn_blocking`] |
//!
//! Many units at once, in [`fan_out`]: [`calls`](fan_out::calls),
//! [`threads`](fan_out::threads), [`awaits`](fan_out::awaits),
//! [`tasks`](fan_out::tasks), [`join_set`](fan_out::join_set). [`mistakes`] has
//! what goes wrong.
//!
//! # Invariants
//!
//! - All models of a wait and a computation return the computation's result,
//!   and none returns before both are done.
//! - Results of a fan-out are in the order of its units.
//! - A panic in a thread or task of ours is an [`Error`], never a hang; a panic
//!   on the caller's own thread is the caller's.
//! - All spawned work is awaited before a model returns, also after a failure.
//! - No model builds a runtime: see [`runtime`].
//!
//! # Source
//!
//! J. Percival, "Parallel Python & Dask" (2020), section "syncronous versus
//! asyncronous". tokio's documentation of `join!`, `spawn_blocking` and
//! `time::sleep`. A. Ryhl, "Async: What is blocking?" (2020).

mod blocking;
mod error;
mod squares;
mod tasks;

pub mod fan_out;
pub mod mistakes;
pub mod runtime;

pub use blocking::{blocking, fun1};
pub use error::Error;
pub use squares::squares;
pub use tasks::{
    deadline_first, fun2, join_compute_first, join_sleep_first, sequential, spawn_blocking, spawned,
};
