//! The two runtimes that futures are driven by here.
//!
//! Rust's standard library has none; Python's notebook has one running already.
//! Building one takes some tens of microseconds on one thread, and a thread
//! more for each worker: models are handed a runtime, so that its cost is seen
//! apart from theirs.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// Runs all tasks on the thread that calls `block_on`, as asyncio does.
///
/// # Errors
/// If the system refuses what the runtime needs.
pub fn current_thread() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_time().build()
}

/// Runs tasks on a worker thread per core, which steal from one another. Idle
/// workers sleep.
///
/// The future given to `block_on` runs on the calling thread, which is no
/// worker: what it spawns crosses to another thread and back.
///
/// # Errors
/// If the system refuses the threads.
pub fn multi_thread() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_time().build()
}
