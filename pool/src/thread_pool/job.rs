//! A task that waits in the queue, and the handle to its outcome.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::crew::{Crew, is_inside};
use crate::{Error, panics};

/// A task that somebody may take and run, once.
pub(crate) struct Job {
    task: Mutex<Option<Task>>,
    /// Whether it has been run or dropped.
    over: AtomicBool,
    /// Whether its handle has dropped it, and not its pool.
    cancelled: AtomicBool,
}

type Task = Box<dyn FnOnce() + Send>;

impl Job {
    /// A job, and where its outcome will be. Nothing will be there if the job
    /// is dropped before it began.
    pub(crate) fn new<R: Send + 'static>(
        task: impl FnOnce() -> R + Send + 'static,
    ) -> (Arc<Self>, Receiver<Result<R, Error>>) {
        let (outcome, receiver) = bounded(1);
        let run = move || {
            let result = panics::catch(task).map_err(|panic| panic.of(None));
            // Nobody may be waiting any more.
            let _ = outcome.send(result);
        };
        let task: Mutex<Option<Task>> = Mutex::new(Some(Box::new(run)));
        let (over, cancelled) = (AtomicBool::new(false), AtomicBool::new(false));
        (Arc::new(Self { task, over, cancelled }), receiver)
    }

    /// Runs the task, unless somebody else has taken it.
    pub(crate) fn run(&self) -> bool {
        let Some(task) = self.take() else { return false };
        // What can still panic is the drop of a result that nobody wants.
        let _ = panics::catch(task);
        self.over.store(true, Ordering::Release);
        true
    }

    /// Drops the task, unless somebody else has taken it: its pool takes no more.
    pub(crate) fn refuse(&self) -> bool {
        self.take().is_some_and(|task| self.discard(task))
    }

    /// Drops the task, unless somebody else has taken it: nobody wants it.
    pub(crate) fn cancel(&self) -> bool {
        let Some(task) = self.take() else { return false };
        // Before who waits for it hears that it was dropped.
        self.cancelled.store(true, Ordering::Release);
        self.discard(task)
    }

    fn discard(&self, task: Task) -> bool {
        // What the task has captured may panic when it is dropped.
        let _ = panics::catch(|| drop(task));
        self.over.store(true, Ordering::Release);
        true
    }

    /// Why it has no outcome.
    fn dropped(&self) -> Error {
        match self.cancelled.load(Ordering::Acquire) {
            true => Error::Cancelled,
            false => Error::Closed,
        }
    }

    fn take(&self) -> Option<Task> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("over", &self.over).finish_non_exhaustive()
    }
}

/// A task that was submitted to a [`ThreadPool`](crate::ThreadPool).
///
/// Dropping the handle does not cancel the task; its result is then dropped.
#[derive(Debug)]
#[must_use = "join it for its outcome; a handle that is dropped lets the task run unseen"]
pub struct Handle<R> {
    job: Arc<Job>,
    outcome: Receiver<Result<R, Error>>,
    crew: Arc<Crew>,
}

impl<R> Handle<R> {
    pub(crate) fn new(job: Arc<Job>, outcome: Receiver<Result<R, Error>>, crew: Arc<Crew>) -> Self {
        Self { job, outcome, crew }
    }

    /// Waits for the outcome.
    ///
    /// A thread of a pool that waits for a task which has not begun runs it
    /// itself, here and now. So a task may wait for tasks of its own pool, or
    /// of another that waits for this one, to whatever depth.
    ///
    /// # Errors
    /// [`Error::Panicked`] if the task did. If it was dropped before it began:
    /// [`Error::Cancelled`] by [`cancel`](Self::cancel), [`Error::Closed`] with its
    /// pool.
    pub fn join(self) -> Result<R, Error> {
        // Where this thread cannot be initialized for the pool, the pool's
        // own threads can.
        if is_inside() && self.crew.enter().is_ok() {
            self.job.run();
        }
        self.outcome.recv().unwrap_or_else(|_| Err(self.job.dropped()))
    }

    /// Waits for the outcome, but not longer than `limit`. If that runs out
    /// the task is not lost: the handle comes back and can be joined again.
    ///
    /// The waiting thread does not run the task itself, because it could not
    /// stop in time.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pool = pool::ThreadPool::new(1)?;
    /// let slow = pool.submit(|| std::thread::sleep(Duration::from_millis(50)))?;
    /// let slow = slow.join_timeout(Duration::from_millis(1)).expect_err("it is not over");
    /// slow.join()?;
    /// # Ok::<(), pool::Error>(())
    /// ```
    ///
    /// # Errors
    /// The handle, if the time ran out. Inside, the errors of
    /// [`join`](Self::join).
    pub fn join_timeout(self, limit: Duration) -> Result<Result<R, Error>, Self> {
        // A limit beyond the clock's range is no limit.
        let received = match Instant::now().checked_add(limit) {
            Some(end) => self.outcome.recv_deadline(end),
            None => self.outcome.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(outcome) => Ok(outcome),
            Err(RecvTimeoutError::Disconnected) => Ok(Err(self.job.dropped())),
            Err(RecvTimeoutError::Timeout) => Err(self),
        }
    }

    /// Whether the task is over: it has returned, panicked or been cancelled.
    pub fn is_finished(&self) -> bool {
        self.job.over.load(Ordering::Acquire)
    }

    /// Drops the task if it has not begun, and says whether it did. A task
    /// that runs is not stopped: threads cannot be.
    ///
    /// ```
    /// let pool = pool::ThreadPool::new(1)?;
    /// let (open, gate) = std::sync::mpsc::channel::<()>();
    /// let first = pool.submit(move || gate.recv())?;
    /// let second = pool.submit(|| unreachable!("it is cancelled"))?;
    /// assert!(second.cancel());
    /// assert!(matches!(second.join(), Err(pool::Error::Cancelled)));
    /// open.send(()).expect("the first task waits for this");
    /// assert!(first.join()?.is_ok());
    /// # Ok::<(), pool::Error>(())
    /// ```
    pub fn cancel(&self) -> bool {
        self.job.cancel()
    }
}
