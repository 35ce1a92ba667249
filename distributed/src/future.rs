//! A future: the result of a task that somebody else is doing.
//!
//! This is Dask's future, not [`std::future::Future`]: the work goes on whether
//! anybody waits or not, and waiting blocks the thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::Error;

/// The result of a submitted task, now or later.
///
/// A future always comes to a result, a value or an [`Error`]: it does not
/// hang when its worker dies or its client is closed. It may outlive the
/// client. Dropping it does not stop the task; the result is then dropped.
#[derive(Debug)]
pub struct Future<Out> {
    task: &'static str,
    slot: Arc<Slot<Out>>,
}

/// Where the result arrives.
#[derive(Debug)]
struct Slot<Out>(Mutex<State<Out>>);

#[derive(Debug)]
enum State<Out> {
    /// A future has one owner, so one waiter at most.
    Pending(Option<Arc<Latch>>),
    Done(Result<Out, Error>),
    Taken,
}

/// The other end of a [`Future`]. Dropping it unkept settles the future with
/// [`Error::Closed`]: whatever becomes of a task, nobody waits for ever.
#[derive(Debug)]
pub(crate) struct Promise<Out> {
    task: &'static str,
    slot: Arc<Slot<Out>>,
}

/// A promise and the future that it settles.
pub(crate) fn promise<Out>(task: &'static str) -> (Promise<Out>, Future<Out>) {
    let slot = Arc::new(Slot(Mutex::new(State::Pending(None))));
    (Promise { task, slot: Arc::clone(&slot) }, Future { task, slot })
}

impl<Out> Promise<Out> {
    /// Settles the future.
    pub(crate) fn keep(self, result: Result<Out, Error>) {
        self.slot.settle(result);
    }
}

impl<Out> Drop for Promise<Out> {
    fn drop(&mut self) {
        // Only its promise settles a slot, so nobody comes between.
        if self.slot.is_pending() {
            self.slot.settle(Err(Error::Closed { task: self.task }));
        }
    }
}

impl<Out> Future<Out> {
    /// The name of the task.
    pub fn task(&self) -> &'static str {
        self.task
    }

    /// Whether the result is there: [`result`](Self::result) will not wait.
    pub fn done(&self) -> bool {
        !self.slot.is_pending()
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// Why there is no value: the task panicked, it could not be sent or its
    /// value could not be read, its workers died, or the client was closed
    /// before the task ran.
    pub fn result(self) -> Result<Out, Error> {
        self.await_outcome(None);
        self.slot.take()
    }

    /// Waits for the result, but no longer than this; says whether it is
    /// there. A wait that is given up loses nothing: one can wait again.
    ///
    /// It wants the future for itself (`&mut`), as there is one waiter at most.
    pub fn wait_timeout(&mut self, longest: Duration) -> bool {
        self.await_outcome(Some(longest))
    }

    fn await_outcome(&self, longest: Option<Duration>) -> bool {
        let latch = Latch::new(1);
        self.slot.tell(&latch);
        latch.wait(longest)
    }
}

/// Waits until all results are there, or one of them is an error, and takes
/// them in order.
///
/// One latch for all: the waiting thread is woken once, not once a result.
pub(crate) fn gather<Out>(futures: Vec<Future<Out>>) -> Result<Vec<Out>, Error> {
    let latch = Latch::new(futures.len());
    for future in &futures {
        future.slot.tell(&latch);
    }
    latch.wait(None);
    if let Some(failed) = futures.iter().find(|future| future.slot.has_failed()) {
        return Err(failed.slot.take().err().expect("it has failed"));
    }
    futures.into_iter().map(|future| future.slot.take()).collect()
}

impl<Out> Slot<Out> {
    fn lock(&self) -> MutexGuard<'_, State<Out>> {
        // No code of a task runs under this lock, so a poisoned one is sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, result: Result<Out, Error>) {
        let failed = result.is_err();
        let before = std::mem::replace(&mut *self.lock(), State::Done(result));
        if let State::Pending(Some(latch)) = before {
            latch.count_down(failed);
        }
    }

    fn is_pending(&self) -> bool {
        matches!(*self.lock(), State::Pending(_))
    }

    /// Has the latch counted down when the result is there, which may be now.
    fn tell(&self, latch: &Arc<Latch>) {
        let mut state = self.lock();
        match &mut *state {
            State::Pending(waiter) => *waiter = Some(Arc::clone(latch)),
            State::Done(result) => latch.count_down(result.is_err()),
            State::Taken => unreachable!("a future is used up when its result is taken"),
        }
    }

    fn has_failed(&self) -> bool {
        matches!(*self.lock(), State::Done(Err(_)))
    }

    /// Takes the result out of a settled slot.
    fn take(&self) -> Result<Out, Error> {
        match std::mem::replace(&mut *self.lock(), State::Taken) {
            State::Done(result) => result,
            _ => unreachable!("a result is taken once, after a wait"),
        }
    }
}

/// Blocks the thread that made it until so many results are there, or a
/// failed one.
#[derive(Debug)]
struct Latch {
    left: AtomicUsize,
    waiter: Thread,
}

impl Latch {
    fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(count), waiter: std::thread::current() })
    }

    fn count_down(&self, failed: bool) {
        let step = |left: usize| if failed { Some(0) } else { left.checked_sub(1) };
        // Release: whoever sees zero sees the results that were counted. A
        // latch that a failure has opened stays open.
        let before = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, step);
        if before == Ok(1) || failed {
            self.waiter.unpark();
        }
    }

    /// Says whether the latch opened in time.
    fn wait(&self, longest: Option<Duration>) -> bool {
        // A timeout beyond what the clock can hold is no timeout.
        let deadline = longest.and_then(|longest| Instant::now().checked_add(longest));
        while self.left.load(Ordering::Acquire) > 0 {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => std::thread::park(),
                Some(Duration::ZERO) => return false,
                Some(left) => std::thread::park_timeout(left),
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_that_is_dropped_settles_its_future() {
        let (promise, future) = promise::<u64>("lost");
        assert!(!future.done());
        drop(promise);
        assert!(future.done());
        assert!(matches!(future.result(), Err(Error::Closed { task: "lost" })));
    }

    #[test]
    fn a_wait_that_is_given_up_loses_nothing() {
        let (promise, mut future) = promise("late");
        assert!(!future.wait_timeout(Duration::from_millis(1)));
        promise.keep(Ok(7));
        assert!(future.wait_timeout(Duration::MAX));
        assert_eq!(future.result().ok(), Some(7));
    }

    #[test]
    fn gather_returns_at_the_first_failure_though_others_are_pending() {
        let (pending, first) = promise::<u64>("first");
        let (failing, second) = promise("second");
        drop(failing);
        assert!(matches!(gather(vec![first, second]), Err(Error::Closed { task: "second" })));
        pending.keep(Ok(1));
    }

    #[test]
    fn gather_keeps_the_order_of_the_futures() {
        let (promises, futures): (Vec<_>, Vec<_>) = (0..100).map(|_| promise("n")).unzip();
        let keeper = std::thread::spawn(|| {
            for (value, promise) in promises.into_iter().enumerate().rev() {
                promise.keep(Ok(value));
            }
        });
        assert_eq!(gather(futures).ok(), Some((0..100).collect()));
        keeper.join().expect("the keeper does not panic");
        assert_eq!(gather(Vec::<Future<u64>>::new()).ok(), Some(vec![]));
    }
}
