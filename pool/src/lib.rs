//! Pool.map: a fixed crew of threads or processes for many tasks.
//!
//! The lecture ends its own part with four lines:
//!
//! ```python
//! def fn(x):
//!     return x**3
//!
//! pool = multiprocessing.Pool(processes=4)
//! pool.map(fn, range(100))
//! ```
//!
//! # The idea
//!
//! Starting a thread or a process for each task costs more than most tasks.
//! A pool starts a fixed crew once and hands it many tasks: "for every X do
//! y", with the results in the order of the items. What remains is the cost of
//! handing over, and it decides what a pool is good for: a loop needs a few
//! nanoseconds a cube; to wake a thread, or to send a process a message and have
//! its answer, takes some ten thousand.
//!
//! Two rules keep that cost down. Items go out in [chunks](chunk), so that one
//! hand-over serves many. And chunks go to whoever is free, so that one slow
//! item does not hold up the others.
//!
//! ```
//! use pool::{RayonPool, ThreadPool, cube::cube, serial};
//!
//! let numbers: Vec<u64> = (0..100).collect();
//! let cubes = serial::map(&numbers, |&x| cube(x));
//! assert_eq!(ThreadPool::new(4)?.map(&numbers, |&x| cube(x))?, cubes);
//! assert_eq!(RayonPool::new(4)?.map(&numbers, |&x| cube(x))?, cubes);
//! # Ok::<(), pool::Error>(())
//! ```
//!
//! [`ProcessPool`] shows the third way, for which a program needs one more
//! line in its `main`.
//!
//! # The models
//!
//! | model | who works | an item and its result are | a failing item is |
//! |---|---|---|---|
//! | [`serial`] | the caller | borrowed, returned | a panic of the caller |
//! | [`ThreadPool`] | n threads, the caller among them | borrowed, written in place | an error that names the item |
//! | [`RayonPool`] | n threads, the caller waits | borrowed, written in place | an error |
//! | [`ProcessPool`] | n processes | encoded, sent, decoded | an error that names the item |
//!
//! All pools have one vocabulary: `new(workers)`, `map`, `map_chunked` with a
//! chunk size of one's own, and, of our own two, `map_each` with an outcome for
//! each item. Single tasks are [submitted](ThreadPool::submit), endless items
//! [mapped lazily](ThreadPool::imap). [`cube`](mod@cube) is the work.
//!
//! # Invariants
//!
//! - Results stand in the order of the items, whatever order they were made in.
//! - Every item is tried exactly once, by our own two pools even if others
//!   fail; a worker process that dies takes with it what it had begun and not
//!   answered, and nothing is tried twice.
//! - No map hangs because of what an item did, except by not returning: panics
//!   and deaths are values. A map inside a map goes on, since whoever waits
//!   for a map also works on it.
//! - When `map` returns, no thread holds a reference to the items. That is
//!   proved in one module, `loan`; results are written without locks in
//!   another, `slots`; no other module of the crate is unsafe.
//! - When a pool is dropped its threads have been joined, its processes reaped.
//!
//! # Source
//!
//! J. Percival, *Parallel Python & Dask* (2020), "multiprocessing". The rule
//! for chunks is CPython's, `Lib/multiprocessing/pool.py`. The borrowing of
//! items is `std::thread::scope`'s idea, and crossbeam's before it. That the
//! caller works too is an old custom: `OpenMP`'s master thread is a member of its
//! team.

pub mod chunk;
pub mod cube;
mod error;
mod loan;
mod panics;
mod process_pool;
mod rayon_pool;
pub mod serial;
mod slots;
mod sync;
mod thread_pool;

pub use error::{Backtrace, Error};
pub use process_pool::{
    ProcessHandle, ProcessImap, ProcessImapUnordered, ProcessPool, ProcessPoolBuilder,
};
pub use rayon_pool::RayonPool;
pub use thread_pool::{Handle, Imap, ImapUnordered, ThreadPool, ThreadPoolBuilder};
