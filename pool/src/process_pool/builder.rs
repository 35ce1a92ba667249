//! A pool made to measure.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use processes::{Replies, Request, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ProcessPool;
use super::crew::{Config, Initializer};
use crate::Error;
use crate::panics::{self, Panic};

/// What a [`ProcessPool`] shall be like; [`build`](Self::build) makes it.
///
/// ```standalone_crate
/// use std::time::Duration;
///
/// use pool::ProcessPool;
/// use processes::{Registry, Task};
///
/// const PREPARE: Task<u32, Result<(), String>> =
///     Task::new("prepare", |level| if level < 9 { Ok(()) } else { Err("too high".into()) });
/// const SQUARE: Task<u64, u64> = Task::new("square", |x| x * x);
///
/// fn main() -> Result<(), pool::Error> {
///     processes::worker_entry(Registry::new().with(&PREPARE).with(&SQUARE));
///
///     let pool = ProcessPool::builder()
///         .workers(2)
///         .initializer(&PREPARE, 3)
///         .max_tasks_per_worker(1_000)
///         .deadline(Duration::from_secs(1))
///         .time_to_live(Duration::from_secs(5))
///         .build()?;
///     assert_eq!(pool.submit(&SQUARE, 7)?.join()?, 49);
///     Ok(())
/// }
/// ```
#[must_use = "it is no pool before it is built"]
pub struct ProcessPoolBuilder {
    workers: Option<usize>,
    initializer: Option<Box<dyn Initializer>>,
    max_tasks: Option<u64>,
    deadline: Option<Duration>,
    time_to_live: Option<Duration>,
}

impl ProcessPoolBuilder {
    pub(super) fn new() -> Self {
        Self {
            workers: None,
            initializer: None,
            max_tasks: None,
            deadline: None,
            time_to_live: None,
        }
    }

    /// How many processes: unless said otherwise, as many as
    /// [`std::thread::available_parallelism`] says, which respects the
    /// process's affinity and its cgroup's quota.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Runs a task with this input in every worker before it gets work, also
    /// in those that take the place of others later. If it fails, panics or
    /// dies there is no pool; or, later, the work that the worker was started
    /// for fails. It is not tried again by itself. One that never returns is
    /// waited for: the [deadline](Self::deadline) is for tasks, but one that
    /// stops its process is over its [time to live](Self::time_to_live), too.
    pub fn initializer<In, E>(mut self, task: &Task<In, Result<(), E>>, input: In) -> Self
    where
        In: Serialize + Send + Sync + 'static,
        E: DeserializeOwned + Display + 'static,
    {
        self.initializer = Some(Box::new(Prepare { task: *task, input }));
        self
    }

    /// Replaces a process by a new one after it has done so many tasks, an item
    /// of a map being one: what they leaked goes with it.
    ///
    /// # Panics
    /// If it is zero.
    pub fn max_tasks_per_worker(mut self, tasks: u64) -> Self {
        assert!(tasks > 0, "a process that may do no task is no worker");
        self.max_tasks = Some(tasks);
        self
    }

    /// How long a task may take, an item of a map being one, from when its
    /// worker has nothing before it. One that takes longer is killed with its
    /// worker: [`Error::Timeout`]. So that it is known which item that was,
    /// each is answered by itself, which costs a message an item.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = Some(limit);
        self
    }

    /// How long a worker that has work, or is at its initializer, may go without
    /// a sign of life, as one does that was stopped (SIGSTOP) or whose machine is
    /// out of breath. It is killed then, and its item fails. A worker that merely
    /// works long gives signs of life meanwhile, four times in this time (in
    /// milliseconds, at least one).
    pub fn time_to_live(mut self, limit: Duration) -> Self {
        self.time_to_live = Some(limit.max(Duration::from_millis(4)));
        self
    }

    /// Starts the processes side by side, and waits until all are ready.
    ///
    /// # Errors
    /// [`Error::NoWorkers`] for none; [`Error::Spawn`] or
    /// [`Error::Initializer`] for the first that failed, [`Error::Thread`] if
    /// the system is out of descriptors. What was started is ended first.
    pub fn build(self) -> Result<ProcessPool, Error> {
        let workers = match self.workers {
            Some(workers) => workers,
            None => thread::available_parallelism().map_err(|e| Error::Thread(Arc::new(e)))?.get(),
        };
        ProcessPool::start(Config {
            workers,
            initializer: self.initializer,
            max_tasks: self.max_tasks,
            deadline: self.deadline,
            time_to_live: self.time_to_live,
        })
    }
}

impl fmt::Debug for ProcessPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPoolBuilder")
            .field("workers", &self.workers)
            .field("initializer", &self.initializer.as_ref().map(|prepare| prepare.task()))
            .field("max_tasks", &self.max_tasks)
            .field("deadline", &self.deadline)
            .field("time_to_live", &self.time_to_live)
            .finish()
    }
}

/// An initializer and its input.
struct Prepare<In, E> {
    task: Task<In, Result<(), E>>,
    input: In,
}

impl<In, E> Initializer for Prepare<In, E>
where
    In: Serialize + Send + Sync,
    E: DeserializeOwned + Display,
{
    fn task(&self) -> &'static str {
        self.task.name()
    }

    fn encode(&self, request: &mut Request<'_>) -> Result<(), String> {
        let pushed = panics::catch(|| request.push(&self.input));
        match pushed.map_err(Panic::message)? {
            Ok(_) => Ok(()),
            Err(e) => Err(e.to_string()),
        }
    }

    fn decode(&self, replies: &mut Replies<'_>) -> Result<(), String> {
        // The error's `Deserialize` and `Display` are the user's.
        let answer = panics::catch(|| match replies.next::<Result<(), E>>(self.task.name()) {
            Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(e))) => Err(e.to_string()),
            Some(Err(e)) => Err(e.to_string()),
            None => Err("it has no answer".into()),
        });
        answer.map_err(Panic::message)?
    }
}
