//! Many programs, one section each: fork, re-exec, pipes, sockets and shared
//! memory.
//!
//! A process is a program with memory of its own. Nothing in it can be spoiled
//! by another, no interpreter lock is shared with it, it can crash or be killed
//! without taking its neighbours along. The price is paid three times: when it
//! is created (a copy of a page table, or a program loaded anew), when work is
//! handed to it (a closure cannot cross, a [named task](Task) can), and when the
//! result comes back (as bytes, through the kernel or in shared memory).
//!
//! ```standalone_crate
//! use processes::{Error, Registry, Task, Worker, fork, reexec, serial, squares};
//!
//! const LENGTH: Task<u64, usize> = Task::new("length", |n| squares(n).len());
//!
//! fn main() -> Result<(), Error> {
//!     // In a worker, which is this program once more, this line never returns.
//!     processes::worker_entry(Registry::new().with(&LENGTH));
//!
//!     let expected: Result<Vec<_>, _> =
//!         serial::map(&[3, 5], |&n| squares(n).len()).into_iter().collect();
//!     let forked: Result<Vec<_>, _> =
//!         fork::map(&[3, 5], |&n| squares(n).len()).into_iter().collect();
//!     let reexecuted: Result<Vec<_>, _> = reexec::map(&LENGTH, &[3, 5]).into_iter().collect();
//!     assert_eq!(forked?, [3, 5]);
//!     assert_eq!(reexecuted?, expected?);
//!
//!     // A worker that stays is asked again and again.
//!     let mut worker = Worker::spawn()?;
//!     assert_eq!(worker.call(&LENGTH, &7)?, 7);
//!     assert_eq!(worker.call(&LENGTH, &8)?, 8);
//!     Ok(())
//! }
//! ```
//!
//! # Map
//!
//! Where work runs. All have a `map` that gives a result for each item, in
//! order; what fails is a value, and spoils only its own item.
//!
//! | module | model | Python's name |
//! |---|---|---|
//! | [`serial`] | one after the other, here; the baseline | a loop |
//! | [`thread`] | a thread for each; the peer for cost | `threading.Thread` |
//! | [`fork`] | a copy of this process for each | `Process`, start method fork |
//! | [`reexec`] | this program once more for each | `Process`, start method spawn |
//! | [`mod@spawn`] | another program for each | `subprocess.run` |
//!
//! How bytes come back. All have a `Resident` that produces them when asked.
//!
//! | module | way | copies |
//! |---|---|---|
//! | [`thread`] | the buffer is moved | none |
//! | [`pipe`] | two pipes, one each way | two |
//! | [`unix_socket`] | one socket pair | two |
//! | [`shared_memory`] | `mmap`, and a socket to say when | none |
//!
//! How it ended: [`status`]. And what `pool` and `distributed` stand on, how a
//! named task runs in a process that stays:
//!
//! | item | part |
//! |---|---|
//! | [`Task`], [`Registry`] | a function with a name; the names of a program |
//! | [`worker_entry`], [`test_worker_entry`] | where a worker begins, and the guard against a fork bomb |
//! | [`Worker`] | the parent's handle: call, batch, kill, drop |
//! | [`Killer`] | ends a worker from another thread, in the middle of a call |
//! | [`message_of`], [`record_locations`] | what a caught panic said, and where it was |
//! | [`Error`] | what can go wrong between them, and which of them is at fault |
//! | [`Request`], [`Replies`] | the same without waiting, for who looks after several workers |
//! | [`Answer`], [`encode`], [`Worker::mixed_request`] | calls of any tasks as bytes, for a scheduler that knows no types |
//! | [`Span`], [`Worker::timed_request`] | the same, and when each call began and ended |
//! | `codec`, `wire`, `control` | values as bytes, frames, the shared page (private) |
//! | `arena`, `fill`, `spare` | large frames in shared memory, many values at a vector's end, large buffers (private) |
//! | `batch`, `outbox` | a request at work, and answers that do not wait for it (private) |
//! | `reply`, `serve` | what a failure says, the worker's loop (private) |
//!
//! # Invariants
//!
//! - A program that has not claimed the worker entry starts no worker, and a
//!   process that was started as one never starts another before its entry.
//! - `fork` happens in this crate only, in a process with one thread, and the
//!   child leaves by `_exit`.
//! - A call on a worker returns: with a reply, or with the worker's death. (A
//!   task that never ends is still waited for; deadlines are the caller's.)
//! - No process outlives the value that stands for it, nor the parent. What a
//!   worker's tasks started goes with it. An idle worker that was told goodbye
//!   exits; everything else is killed with its group, and reaped.
//! - A process is signalled only before it is reaped: afterwards its number may
//!   be another's.
//! - No length is trusted: a frame is at most 256 MiB, and memory for it is
//!   taken as it arrives. Nor is what stands in the page that a worker shares
//!   with its parent: it is numbers, and read as such; a frame that lies there
//!   is copied out, word by word, before anything of it is looked at.
//! - No network, no names in the file system, no secrets in arguments: the only
//!   way to a worker is the socket that it was born with.
//!
//! # Source
//!
//! J. Percival, "Parallel Python & Dask" (2020), the `multiprocessing` cells.
//! fork(2), exec(2), pipe(7), unix(7), mmap(2), wait(2), signal-safety(7).
//! A. Baumann et al., "A `fork()` in the road" (`HotOS` 2019), on why fork is a poor
//! default; the standard library's `Command` avoids it too.

mod arena;
mod batch;
mod call;
mod codec;
mod control;
mod entry;
mod error;
mod fill;
pub mod fork;
mod outbox;
mod panics;
pub mod pipe;
pub mod reexec;
mod reply;
mod resident;
pub mod serial;
mod serve;
pub mod shared_memory;
mod spare;
pub mod spawn;
mod squares;
pub mod status;
mod task;
pub mod thread;
mod timed;
pub mod unix_socket;
mod wire;
mod worker;

pub use call::{Answer, encode, encode_count};
pub use entry::{WORKER_NAME, test_worker_entry, worker_entry};
pub use error::{Error, Side};
pub use panics::{message_of, record_locations};
pub use squares::{squares, write_squares};
pub use status::Exit;
pub use task::{Registry, Task};
pub use timed::{Span, now_ns};
pub use worker::{Gone, Killer, Options, Progress, Replies, Request, Worker};
