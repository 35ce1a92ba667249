//! Where a worker begins.
//!
//! A worker is this same program, started once more. Without care that is a
//! fork bomb: the second copy would reach the line that starts workers, and so
//! on. The guard has two halves. A program that has not claimed the entry gets
//! [`Error::EntryNotClaimed`] and starts nothing. A process that *was* started
//! as a worker, and comes to start workers without having passed the entry,
//! aborts and names the missing line.
//!
//! A worker is told by its `argv[0]`, which is [`WORKER_NAME`]: unlike a mark
//! in the environment it is not inherited by programs that a task starts, and
//! it can be seen in `ps`.

use std::ffi::OsString;
use std::sync::OnceLock;

use crate::error::Error;
use crate::serve;
use crate::task::Registry;

/// The `argv[0]` of every worker.
pub const WORKER_NAME: &str = "polyphony-worker";

/// How this program starts itself once more so that it reaches its entry.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) arguments: Vec<OsString>,
    /// A test harness announces itself on standard output, amid the parent's.
    pub(crate) silent: bool,
}

static ENTRY: OnceLock<Entry> = OnceLock::new();

/// Makes this program able to start workers: the first line of `main`.
///
/// In the program that a user starts it returns at once. In a worker it serves
/// the registry's tasks until the parent is gone, and never returns; so nothing
/// may stand before it that should not happen in every worker.
///
/// ```standalone_crate
/// use processes::{Registry, Task, Worker};
///
/// const DOUBLE: Task<u64, u64> = Task::new("double", |x| x * 2);
///
/// fn main() -> Result<(), processes::Error> {
///     processes::worker_entry(Registry::new().with(&DOUBLE));
///     assert_eq!(Worker::spawn()?.call(&DOUBLE, &21)?, 42);
///     Ok(())
/// }
/// ```
#[expect(clippy::needless_pass_by_value, reason = "in a worker the registry is used up")]
pub fn worker_entry(registry: Registry) {
    claim(&registry, || Entry { arguments: Vec::new(), silent: false });
}

/// The same for a test harness (libtest), which has no `main` to write in.
///
/// Workers run the harness again with just the test of this name, so there
/// must be one that makes this call; every other test makes it before it
/// starts workers. Calling it again does nothing.
///
/// ```
/// # use processes::{Registry, Task};
/// # const DOUBLE: Task<u64, u64> = Task::new("double", |x| x * 2);
/// fn claim() {
///     processes::test_worker_entry("worker_entry", Registry::new().with(&DOUBLE));
/// }
///
/// #[test]
/// fn worker_entry() {
///     claim();
/// }
/// ```
///
/// What a worker's tasks print is lost: the harness's own lines go the same
/// way. And since libtest runs even a single test beside its main thread, no
/// task of such a worker can `fork`; tests of that need a harness of their own.
#[expect(clippy::needless_pass_by_value, reason = "in a worker the registry is used up")]
#[expect(clippy::test_attr_in_doctest, reason = "the attribute is what the example shows")]
pub fn test_worker_entry(test: &'static str, registry: Registry) {
    let arguments = ["--exact", test, "--nocapture", "--include-ignored"];
    claim(&registry, || Entry { arguments: arguments.map(Into::into).into(), silent: true });
}

fn claim(registry: &Registry, entry: impl FnOnce() -> Entry) {
    ENTRY.get_or_init(entry);
    if is_worker() {
        serve::serve(registry);
    }
}

/// The entry, for a process that is about to start a worker.
///
/// # Errors
/// [`Error::EntryNotClaimed`].
pub(crate) fn entry() -> Result<&'static Entry, Error> {
    if let Some(entry) = ENTRY.get() {
        return Ok(entry);
    }
    if is_worker() {
        // A value could be retried or ignored; this process must not go on.
        eprintln!("started as a worker, about to start workers: {}", Error::EntryNotClaimed);
        std::process::abort();
    }
    Err(Error::EntryNotClaimed)
}

fn is_worker() -> bool {
    std::env::args_os().next().is_some_and(|name| name == WORKER_NAME)
}
