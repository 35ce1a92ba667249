//! A crew of processes: nothing is shared, so everything is sent.
//!
//! A closure cannot be sent to another process, so this pool maps a
//! [`Task`]: a plain function that both sides know by name.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use processes::{Error as TaskError, Task, Worker};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::chunk;
use crate::{Error, ThreadPool};

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
#[derive(Debug)]
pub struct ProcessPool {
    /// The workers that nobody is using. There are as many places as workers;
    /// a place is empty when its worker died and the next has yet to be
    /// started.
    idle: Receiver<Option<Worker>>,
    back: Sender<Option<Worker>>,
    /// One thread for each worker, the caller's among them.
    threads: ThreadPool,
}

impl ProcessPool {
    /// Starts `workers` processes and waits until all are ready.
    ///
    /// # Errors
    /// [`Error::NoWorkers`] for none, [`Error::Thread`] or [`Error::Spawn`] if
    /// one cannot be started; what was started is ended first.
    pub fn new(workers: usize) -> Result<Self, Error> {
        let threads = ThreadPool::new(workers)?;
        let (back, idle) = bounded(workers);
        for worker in Worker::spawn_all(workers).map_err(|e| Error::Spawn(Arc::new(e)))? {
            back.send(Some(worker)).expect("there is a place for each");
        }
        Ok(Self { idle, back, threads })
    }

    /// How many processes work at a time.
    pub fn workers(&self) -> usize {
        self.threads.workers()
    }

    /// Runs `task` on each item, in any order on any of the workers, and
    /// returns the results in the order of the items.
    ///
    /// Items go out in chunks of [`chunk::automatic`] size.
    ///
    /// # Errors
    /// [`Error::Process`] for the first item in order that failed. All other
    /// items are done all the same, and the pool lives on.
    pub fn map<In, Out>(&self, task: &Task<In, Out>, items: &[In]) -> Result<Vec<Out>, Error>
    where
        In: Serialize + Sync,
        Out: DeserializeOwned + Send,
    {
        self.map_chunked(task, items, chunk::automatic(items.len(), self.workers()))
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
        self.outcomes(task, items, chunk).collect()
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
        self.outcomes(task, items, chunk).collect()
    }

    /// The map itself: every item is tried when this returns.
    fn outcomes<In, Out>(
        &self,
        task: &Task<In, Out>,
        items: &[In],
        chunk: usize,
    ) -> impl Iterator<Item = Result<Out, Error>>
    where
        In: Serialize + Sync,
        Out: DeserializeOwned + Send,
    {
        let chunks: Vec<&[In]> = items.chunks(chunk).collect();
        let done = self.threads.map_each(&chunks, 1, |inputs| self.call(task, inputs));
        let by_item = chunks.into_iter().zip(done).flat_map(|(inputs, done)| match done {
            Ok(outcomes) => outcomes,
            // Only a `Serialize` or a `Deserialize` that panicked comes here.
            Err(panicked) => inputs.iter().map(|_| Err(panicked.clone())).collect(),
        });
        by_item.enumerate().map(|(item, outcome)| outcome.map_err(|e| e.of(item)))
    }

    /// Runs one chunk on the next worker that is free: an outcome for each
    /// input, whatever becomes of the worker.
    fn call<In, Out>(&self, task: &Task<In, Out>, inputs: &[In]) -> Vec<Result<Out, Error>>
    where
        In: Serialize,
        Out: DeserializeOwned,
    {
        let mut place = Place::take(self);
        let asked = place.worker().and_then(|mut worker| {
            let outcomes = ask(&mut worker, task, inputs)?;
            place.worker = Some(worker);
            Ok(outcomes)
        });
        let failed = |source| Error::Process { item: 0, source: Arc::new(source) };
        match asked {
            Ok(outcomes) => outcomes.into_iter().map(|outcome| outcome.map_err(failed)).collect(),
            Err(error) => {
                let error = failed(error);
                inputs.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }
}

impl Drop for ProcessPool {
    fn drop(&mut self) {
        // Nobody maps, so all are idle: they leave side by side.
        let mut workers: Vec<Worker> = self.idle.try_iter().flatten().collect();
        workers.iter_mut().for_each(Worker::dismiss);
    }
}

/// The place of one worker, taken by one thread; dropping it, by a panic too,
/// gives it back with the worker that is in it, if any.
struct Place<'a> {
    pool: &'a ProcessPool,
    worker: Option<Worker>,
}

impl<'a> Place<'a> {
    /// Waits for a place that is free. Whoever has one gives it back after a
    /// chunk, so a map that finds them all taken by another takes turns with it.
    fn take(pool: &'a ProcessPool) -> Self {
        let worker = pool.idle.recv().expect("the pool holds both ends");
        Self { pool, worker }
    }

    /// Takes the worker out of its place, or a new one if it is dead. It goes
    /// back only after a conversation that ended well.
    fn worker(&mut self) -> Result<Worker, TaskError> {
        if let Some(mut worker) = self.worker.take()
            && worker.is_alive()
        {
            return Ok(worker);
        }
        Worker::spawn()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // There are as many places as the channel holds, so this never blocks.
        let _ = self.pool.back.send(self.worker.take());
    }
}

/// Sends inputs to a worker and waits for the outcomes.
///
/// # Errors
/// If the worker is lost.
fn ask<In, Out>(
    worker: &mut Worker,
    task: &Task<In, Out>,
    inputs: &[In],
) -> Result<Vec<Result<Out, TaskError>>, TaskError>
where
    In: Serialize,
    Out: DeserializeOwned,
{
    match worker.call_batch(task, inputs) {
        Err(unsent @ (TaskError::Encode { .. } | TaskError::TooLarge { .. })) => {
            // Nothing has gone out, and one input may be to blame: the others
            // have their chance, half and half.
            let (left, right) = inputs.split_at(inputs.len() / 2);
            if left.is_empty() {
                return Ok(vec![Err(unsent)]);
            }
            let mut outcomes = ask(worker, task, left)?;
            outcomes.extend(ask(worker, task, right)?);
            Ok(outcomes)
        }
        sent => sent,
    }
}
