//! A future: the result of a task that somebody else is doing.
//!
//! This is Dask's future, not [`std::future::Future`]: the work goes on whether
//! anybody waits or not, and waiting blocks the thread.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::Error;
use crate::backend::{Backend, Wanted};
use crate::scheduler::TaskId;
use crate::slot::{Latch, Queue, Slot, Waiter};

/// The result of a submitted task, now or later.
///
/// A future always comes to a result, a value or an [`Error`]: it does not
/// hang when its worker dies or its client is closed. It may outlive the
/// client. While it lives its value is kept on the cluster, and can be an
/// [argument](crate::Argument) of other tasks; when it is dropped, a task that
/// nobody else needs is not run any more if it has not begun.
pub struct Future<Out> {
    id: TaskId,
    slot: Arc<Slot>,
    backend: Arc<dyn Backend>,
    /// Whether dropping it lets go of the task.
    attached: bool,
    out: PhantomData<fn() -> Out>,
}

impl<Out> Future<Out> {
    pub(crate) fn new(id: TaskId, slot: Arc<Slot>, backend: Arc<dyn Backend>) -> Self {
        Self { id, slot, backend, attached: true, out: PhantomData }
    }

    /// The name of the task.
    pub fn task(&self) -> &'static str {
        self.slot.task
    }

    /// What the scheduler calls it.
    pub fn id(&self) -> TaskId {
        self.id
    }

    pub(crate) fn is_of(&self, backend: &Arc<dyn Backend>) -> bool {
        Arc::ptr_eq(&self.backend, backend)
    }

    pub(crate) fn tell(&self, waiter: Waiter) {
        let how = if matches!(waiter, Waiter::Latch(_)) { Wanted::Along } else { Wanted::Now };
        self.backend.want(self.id, how);
        self.slot.tell(waiter);
    }

    /// Says that somebody waits for it.
    fn want(&self) {
        self.backend.want(self.id, Wanted::Now);
    }

    /// Why there is no value, if that is known already.
    pub(crate) fn error(&self) -> Option<Error> {
        if self.slot.has_failed() { self.slot.result()?.err() } else { None }
    }

    /// Whether the result is there: [`result`](Self::result) will not wait.
    pub fn done(&self) -> bool {
        self.want();
        !self.slot.is_pending()
    }

    /// Waits for the result, but no longer than this; says whether it is
    /// there. A wait that is given up loses nothing: one can wait again.
    pub fn wait_timeout(&self, longest: Duration) -> bool {
        self.want();
        self.slot.wait(Some(longest))
    }

    /// Lets go of the future and not of the task, which is done all the same:
    /// Dask's `fire_and_forget`. Its value is dropped.
    pub fn detach(mut self) {
        self.attached = false;
        self.backend.detach(self.id);
    }

    /// Asks for the task not to be done, nor any that takes its value. If it
    /// runs already it is let go on, and its result is dropped.
    ///
    /// A task that is over stays as it is. Otherwise the result is
    /// [`Error::Cancelled`], of those others too.
    pub fn cancel(&self) {
        self.backend.cancel(vec![self.id], false);
    }
}

impl<Out: DeserializeOwned> Future<Out> {
    /// Waits for the result. It can be asked for again.
    ///
    /// # Errors
    /// Why there is no value: the task panicked, it could not be sent or its
    /// value could not be read, its workers died, something that it depends on
    /// failed, it was cancelled, or the client was closed before the task ran.
    ///
    /// # Cost
    /// The value is decoded anew each time.
    pub fn result(&self) -> Result<Out, Error> {
        self.want();
        self.slot.wait(None);
        self.decoded()
    }

    fn decoded(&self) -> Result<Out, Error> {
        let answer = self.slot.result().expect("it was waited for")?;
        Error::of_panic(self.task(), || answer.decode(self.task()))?.map_err(Error::from_process)
    }
}

impl<Out> Drop for Future<Out> {
    fn drop(&mut self) {
        if self.attached {
            self.backend.release(self.id);
        }
    }
}

impl<Out> fmt::Debug for Future<Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.slot.result() {
            None => "pending",
            Some(Ok(_)) => "finished",
            Some(Err(_)) => "error",
        };
        write!(f, "<Future: {state}, task {}, {}>", self.task(), self.id.0)
    }
}

/// Waits until all results are there, or one of them is an error, and takes
/// them in order.
pub(crate) fn gather<Out: DeserializeOwned>(futures: &[Future<Out>]) -> Result<Vec<Out>, Error> {
    let latch = latch(futures);
    latch.wait(None, true);
    if latch.has_failed()
        && let Some(failed) = futures.iter().find(|future| future.slot.has_failed())
    {
        return Err(failed.decoded().err().expect("it has failed"));
    }
    futures.iter().map(Future::decoded).collect()
}

/// Waits for all of them, whatever comes of them; at most so long. Whether all
/// are there.
///
/// ```
/// # use distributed::{Client, wait};
/// # use processes::Task;
/// # use std::time::Duration;
/// # const INC: Task<i64, i64> = Task::new("inc", |x| x + 1);
/// let client = Client::local().n_workers(2).processes(false).start()?;
/// let futures = client.map(&INC, 0..10);
/// assert!(wait(&futures, Duration::from_secs(60)));
/// assert!(futures.iter().all(|future| future.done()));
/// # Ok::<(), distributed::Error>(())
/// ```
pub fn wait<Out>(futures: &[Future<Out>], longest: Duration) -> bool {
    latch(futures).wait(Some(longest), false)
}

fn latch<Out>(futures: &[Future<Out>]) -> Arc<Latch> {
    let latch = Latch::new(futures.len());
    for future in futures {
        future.tell(Waiter::Latch(Arc::clone(&latch)));
    }
    latch
}

/// The futures, as their results come.
///
/// ```
/// # use distributed::{Client, as_completed};
/// # use processes::Task;
/// # const INC: Task<i64, i64> = Task::new("inc", |x| x + 1);
/// let client = Client::local().n_workers(2).processes(false).start()?;
/// let mut sum = 0;
/// for future in as_completed(client.map(&INC, 0..10)) {
///     sum += future.result()?;
/// }
/// assert_eq!(sum, 55);
/// # Ok::<(), distributed::Error>(())
/// ```
pub fn as_completed<Out>(futures: impl IntoIterator<Item = Future<Out>>) -> AsCompleted<Out> {
    let queue = Arc::new(Queue::default());
    let futures: Vec<_> = futures.into_iter().map(Some).collect();
    for (place, future) in futures.iter().flatten().enumerate() {
        future.tell(Waiter::Queue(Arc::clone(&queue), place));
    }
    AsCompleted { left: futures.len(), futures, queue }
}

/// See [`as_completed`].
#[derive(Debug)]
pub struct AsCompleted<Out> {
    futures: Vec<Option<Future<Out>>>,
    queue: Arc<Queue>,
    left: usize,
}

impl<Out> Iterator for AsCompleted<Out> {
    type Item = Future<Out>;

    fn next(&mut self) -> Option<Future<Out>> {
        self.left = self.left.checked_sub(1)?;
        self.futures[self.queue.pop()].take()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<Out> ExactSizeIterator for AsCompleted<Out> {}
