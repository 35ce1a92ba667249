//! A crew of processes: nothing is shared, so everything is sent.
//!
//! A closure cannot be sent to another process, so this pool maps a
//! [`Task`]: a plain function that both sides know by name.

mod builder;
mod crew;
mod dispatch;
mod drive;
mod imap;
mod job;
mod map;
mod submit;

use std::fmt;
use std::sync::Arc;

use processes::Task;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use builder::ProcessPoolBuilder;
use dispatch::Dispatch;
pub use imap::{ProcessImap, ProcessImapUnordered};
pub use submit::ProcessHandle;
use submit::submission;

use crate::{Error, panics};
use crew::{Config, Crew};
use drive::{Drive, Piece};
use job::Job;
use map::Map;

/// Worker processes that wait for items.
///
/// Whoever maps drives the workers in its own thread: it writes requests to
/// their sockets and waits for all of them at once. What was
/// [submitted](Self::submit) is driven in the same way by one thread of the
/// pool, which starts with the first task. A map takes what workers are free,
/// at least one; whoever waits for one gets it as soon as somebody's worker has
/// done the items that it had claimed, a sixteenth of what it was given at most.
/// (With a chunk size of your own: as soon as it has done its chunk.)
///
/// In the same way the workers are shared alike among maps, and what was
/// submitted: of `w` workers each of `k` that are at it at the same time comes to
/// about `w / k`, or to one in turn if there are fewer workers than that, and those
/// that can do with fewer leave them to the others.
///
/// A worker that dies costs the item that it was at, and those that it had done
/// and not answered, which is at most a millisecond's work; what it had not
/// begun goes to another, and a new worker takes the place. Nothing is tried
/// twice, because nobody knows how far an item came. A worker that dies while
/// it is idle costs nothing.
///
/// A task that never returns is waited for, unless the pool has a
/// [deadline](ProcessPoolBuilder::deadline); so is a worker that was stopped,
/// unless it has a [time to live](ProcessPoolBuilder::time_to_live). What
/// workers write to standard error appears on this process's, and the end of
/// it in the error of a death.
///
/// Dropping the pool kills its workers, with all that their tasks have
/// started, and reaps them; [`shutdown`](Self::shutdown) waits for what is
/// under way and lets them leave.
///
/// The program must call `processes::worker_entry` before it does anything
/// else, because the workers are this program, started again. A test calls
/// `processes::test_worker_entry` instead.
///
/// ```standalone_crate
/// use pool::cube::{CUBE, registry};
///
/// fn main() -> Result<(), pool::Error> {
///     processes::worker_entry(registry());
///
///     let pool = pool::ProcessPool::new(4)?;
///     let numbers: Vec<u64> = (0..100).collect();
///     let cubes = pool.map(&CUBE, &numbers)?;
///     assert_eq!(cubes[99], Some(970_299));
///     Ok(())
/// }
/// ```
pub struct ProcessPool {
    core: Arc<Core>,
}

/// What a pool shares with what it has under way.
struct Core {
    crew: Arc<Crew>,
    dispatch: Arc<Dispatch>,
}

impl Core {
    fn submit(&self, piece: Piece<'static>) -> Result<(), Error> {
        self.dispatch.submit(&self.crew, piece)
    }
}

impl ProcessPool {
    /// Starts `workers` processes and waits until all are ready.
    ///
    /// # Errors
    /// [`Error::NoWorkers`] for none, [`Error::Spawn`] if one cannot be
    /// started, [`Error::Thread`] if the system is out of descriptors; what was
    /// started is ended first.
    pub fn new(workers: usize) -> Result<Self, Error> {
        Self::builder().workers(workers).build()
    }

    /// A pool made to measure.
    pub fn builder() -> ProcessPoolBuilder {
        ProcessPoolBuilder::new()
    }

    fn start(config: Config) -> Result<Self, Error> {
        // An item may panic while it is encoded or decoded here.
        panics::note_places();
        let crew = Crew::new(config)?;
        Drive::new(&crew, false).fill()?;
        Ok(Self { core: Arc::new(Core { crew, dispatch: Dispatch::new() }) })
    }

    /// How many processes work at a time.
    pub fn workers(&self) -> usize {
        self.core.crew.config.workers
    }

    /// Runs `task` on each item, in any order on any of the workers, and
    /// returns the results in the order of the items.
    ///
    /// Up to some thousand items go to the first worker in one message, for if
    /// they are tiny that is best; of items that it has not begun after some
    /// ten microseconds, half go to the next, and so on. A map of tiny items
    /// costs about one message there and back.
    ///
    /// # Errors
    /// That of the first item in order that failed; all other items are done all
    /// the same, and the pool lives on. [`Error::Process`] says what went wrong
    /// in or with a worker, [`Error::Timeout`] that an item was over the
    /// deadline, [`Error::Panicked`] that its `Serialize` or `Deserialize`
    /// panicked in this process. Items that nobody could do, because no worker
    /// could be started in the place of those that had died, are
    /// [`Error::Spawn`] or [`Error::Initializer`]; all are [`Error::Closed`]
    /// after a shutdown.
    pub fn map<In, Out>(&self, task: &Task<In, Out>, items: &[In]) -> Result<Vec<Out>, Error>
    where
        In: Serialize + Sync,
        Out: DeserializeOwned + Send,
    {
        self.run(task, items, None).finish()
    }

    /// [`map`](Self::map) with a chunk size of one's own: larger ones spread
    /// the cost of a message over more items, smaller ones lose fewer items
    /// with a worker and spread uneven items better.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    ///
    /// # Panics
    /// If the chunk size is zero.
    pub fn map_chunked<In, Out>(
        &self,
        task: &Task<In, Out>,
        items: &[In],
        chunk: usize,
    ) -> Result<Vec<Out>, Error>
    where
        In: Serialize + Sync,
        Out: DeserializeOwned + Send,
    {
        self.run(task, items, Some(chunk)).finish()
    }

    /// [`map_chunked`](Self::map_chunked) with an outcome for each item, so
    /// that one failure does not cost the results of the others.
    ///
    /// # Panics
    /// If the chunk size is zero.
    pub fn map_each<In, Out>(
        &self,
        task: &Task<In, Out>,
        items: &[In],
        chunk: usize,
    ) -> Vec<Result<Out, Error>>
    where
        In: Serialize + Sync,
        Out: DeserializeOwned + Send,
    {
        self.run(task, items, Some(chunk)).finish_each()
    }

    /// Puts a task into the queue. The first worker that is free runs it.
    ///
    /// It costs a message each way and two threads' wake-ups, some ten
    /// microseconds in all, and never waits.
    ///
    /// # Errors
    /// [`Error::Closed`] after a shutdown; [`Error::Thread`] if the dispatcher
    /// cannot be started.
    pub fn submit<In, Out>(
        &self,
        task: &Task<In, Out>,
        input: In,
    ) -> Result<ProcessHandle<Out>, Error>
    where
        In: Serialize + Send + Sync + 'static,
        Out: DeserializeOwned + Send + 'static,
    {
        let (piece, handle) = submission(task, input, None);
        self.core.submit(piece)?;
        Ok(handle)
    }

    /// Takes no more work, waits for all that was submitted and for all maps,
    /// and lets the workers go. A second shutdown waits for the same. A task that
    /// never returns is waited for; [`kill`](Self::kill) from another thread ends
    /// that wait, too.
    ///
    /// To map afterwards is [`Error::Closed`] for every item.
    pub fn shutdown(&self) {
        self.core.dispatch.close();
        self.core.dispatch.join(&self.core.crew);
        self.core.crew.dismiss();
    }

    /// Takes no more work, and kills the workers with all that their tasks
    /// have started, in the middle of whatever they do; they have been reaped
    /// when this returns. What was under way or waited is [`Error::Closed`].
    pub fn kill(&self) {
        self.core.dispatch.close();
        self.core.crew.kill();
        self.core.dispatch.join(&self.core.crew);
        self.core.crew.dismiss();
    }

    /// The map itself: every item is tried when this returns.
    fn run<'a, In, Out>(
        &self,
        task: &Task<In, Out>,
        items: &'a [In],
        chunk: Option<usize>,
    ) -> Arc<Map<'a, In, Out>>
    where
        In: Serialize + Sync,
        Out: DeserializeOwned + Send,
    {
        assert!(chunk != Some(0), "a chunk holds at least one item");
        let map = Arc::new(Map::new(task, items));
        if self.core.dispatch.is_closed() {
            map.fail(0..items.len(), &Error::Closed);
        } else if !items.is_empty() {
            let mut drive = Drive::new(&self.core.crew, false);
            drive.queue.push_back(Piece {
                job: Arc::clone(&map) as Arc<dyn Job + '_>,
                items: 0..items.len(),
                chunk: chunk.unwrap_or_else(|| automatic(items.len())),
                automatic: chunk.is_none(),
                ahead: true,
                deaths: 0,
            });
            drive.finish();
        }
        map
    }
}

/// How many items go to a worker at once if nobody says it. What turns out to
/// be too many is taken back, so few messages are what counts.
fn automatic(items: usize) -> usize {
    items.div_ceil(8).max(4096)
}

impl Drop for ProcessPool {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for ProcessPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPool").field("workers", &self.workers()).finish_non_exhaustive()
    }
}
