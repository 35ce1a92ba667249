//! A crew of processes: nothing is shared, so everything is sent.
//!
//! A closure cannot be sent to another process, so this pool maps a
//! [`Task`]: a plain function that both sides know by name.

mod crew;
mod drive;
mod job;
mod map;

use std::sync::Arc;

use processes::Task;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crew::{Config, Crew};
use drive::{Drive, Piece};
use job::Job;
use map::Map;

/// Worker processes that wait for chunks of items.
///
/// A chunk is one message to a worker and one message back. While a worker is
/// busy with a chunk, a thread of this process waits for its answer: the
/// pool's threads are a [`ThreadPool`] whose items are the chunks, so chunks
/// go to whichever worker is free, and the calling thread looks after a worker
/// itself.
///
/// A worker that dies costs the chunk that it held, nothing else: those items
/// fail at once, a new worker takes the place, and the map goes on. They are
/// not tried again, because nobody knows how far the worker came. A worker that
/// dies while it is idle held nothing, so nothing fails.
///
/// A task that never returns is waited for.
///
/// Dropping the pool tells its workers that no work will come, waits until they
/// have left, and reaps them. One that does not leave is killed.
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
    crew: Arc<Crew>,
}

impl ProcessPool {
    /// Starts `workers` processes and waits until all are ready.
    ///
    /// # Errors
    /// [`Error::NoWorkers`] for none, [`Error::Thread`] or [`Error::Spawn`] if
    /// one cannot be started; what was started is ended first.
    pub fn new(workers: usize) -> Result<Self, Error> {
        let config = Config {
            workers,
            initializer: None,
            max_tasks: None,
            deadline: None,
            time_to_live: None,
        };
        let (crew, places) = Crew::new(config)?;
        Drive::new(&crew, false).fill(places)?;
        Ok(Self { crew })
    }

    /// How many processes work at a time.
    pub fn workers(&self) -> usize {
        self.crew.config.workers
    }

    /// Runs `task` on each item, in any order on any of the workers, and
    /// returns the results in the order of the items.
    ///
    /// # Errors
    /// [`Error::Process`] for the first item in order that failed. All other
    /// items are done all the same, and the pool lives on.
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
        if !items.is_empty() {
            let mut drive = Drive::new(&self.crew, false);
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

/// How many items go to a worker at once if nobody says it: see `drive`.
fn automatic(items: usize) -> usize {
    let small = std::env::var("P_SMALL").ok().and_then(|v| v.parse().ok()).unwrap_or(1024);
    let parts = std::env::var("P_PARTS").ok().and_then(|v| v.parse().ok()).unwrap_or(16);
    items.div_ceil(parts).max(small)
}

impl Drop for ProcessPool {
    fn drop(&mut self) {
        self.crew.kill();
    }
}
