//! A pool made to measure.

use std::fmt;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{bounded, unbounded};

use super::ThreadPool;
use super::crew::{Crew, Initializer};
use crate::{Error, panics};

/// What a [`ThreadPool`] shall be like; [`build`](Self::build) makes it.
///
/// ```
/// let pool = pool::ThreadPool::builder()
///     .workers(2)
///     .initializer(|| Ok::<(), std::convert::Infallible>(()))
///     .max_tasks_per_worker(1_000)
///     .queue(64)
///     .build()?;
/// assert_eq!(pool.submit(|| 6 * 7)?.join()?, 42);
/// # Ok::<(), pool::Error>(())
/// ```
#[must_use = "it is no pool before it is built"]
pub struct ThreadPoolBuilder {
    workers: Option<usize>,
    name: String,
    initializer: Option<Box<Initializer>>,
    max_tasks: Option<u64>,
    queue: Option<usize>,
}

impl ThreadPoolBuilder {
    pub(crate) fn new() -> Self {
        Self { workers: None, name: "pool".into(), initializer: None, max_tasks: None, queue: None }
    }

    /// How many threads: unless said otherwise, as many as
    /// [`std::thread::available_parallelism`] says, which respects the
    /// process's affinity and its cgroup's quota.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// What the names of the threads begin with, before a hyphen and a number;
    /// `pool` unless said otherwise. Linux shows the first 15 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Runs in each thread before its first task: the pool's own threads when
    /// they start, and a caller's, who works on its own maps too, before its
    /// first map. If it fails or panics in one of the pool's threads, there is
    /// no pool; in a caller, its map is an error. It is not tried again by
    /// itself.
    pub fn initializer<E: fmt::Display>(
        mut self,
        initializer: impl Fn() -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        self.initializer = Some(Box::new(move || initializer().map_err(|e| e.to_string())));
        self
    }

    /// Replaces a thread by a new one after it has run so many tasks (a map
    /// that it helps with counts as one), which frees what tasks have left in
    /// its thread-local variables. A thread whose successor cannot be started
    /// or initialized stays, and tries again after its next task.
    ///
    /// # Panics
    /// If it is zero.
    pub fn max_tasks_per_worker(mut self, tasks: u64) -> Self {
        assert!(tasks > 0, "a thread that may run no task is no worker");
        self.max_tasks = Some(tasks);
        self
    }

    /// How many tasks may wait in the queue; any number unless said
    /// otherwise. Whoever submits to a full queue first runs a task that
    /// waits there, which slows it down to the pool's pace and cannot deadlock.
    ///
    /// # Panics
    /// If it is zero.
    pub fn queue(mut self, tasks: usize) -> Self {
        assert!(tasks > 0, "a queue holds at least one task");
        self.queue = Some(tasks);
        self
    }

    /// Starts the threads, and waits for their initializers if there are any.
    ///
    /// # Errors
    /// [`Error::NoWorkers`] for none; [`Error::Thread`] if the system refuses
    /// one, or its name holds a zero byte; [`Error::Initializer`] for the first
    /// that failed. The threads that were started end first.
    pub fn build(self) -> Result<ThreadPool, Error> {
        let workers = match self.workers {
            Some(0) => return Err(Error::NoWorkers),
            Some(workers) => workers,
            None => thread::available_parallelism().map_err(|e| Error::Thread(Arc::new(e)))?.get(),
        };
        panics::note_places();
        if self.name.contains('\0') {
            let error = std::io::Error::other("the name of a thread holds a zero byte");
            return Err(Error::Thread(Arc::new(error)));
        }
        let queue = self.queue.map_or_else(unbounded, bounded);
        let waits = self.initializer.is_some();
        let crew = Crew::new(queue, self.name, self.initializer, self.max_tasks);
        // From here on, dropping the pool ends the threads.
        let pool = ThreadPool { crew: Arc::new(crew), workers };
        let (tell, ready) = unbounded();
        for place in 0..workers {
            let tell = tell.clone();
            let told = move |initialized| {
                let _ = tell.send(initialized);
            };
            pool.crew.start(place, told).map_err(|e| Error::Thread(Arc::new(e)))?;
        }
        drop(tell);
        if waits {
            // Each thread tells once.
            ready.iter().collect::<Result<(), Error>>()?;
        }
        Ok(pool)
    }
}

impl fmt::Debug for ThreadPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolBuilder")
            .field("workers", &self.workers)
            .field("name", &self.name)
            .field("max_tasks", &self.max_tasks)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
