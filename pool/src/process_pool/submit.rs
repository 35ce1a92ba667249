//! Single tasks: what was submitted, and the handle to what comes of it.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use processes::{Killer, Replies, Request, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::drive::Piece;
use super::job::{self, Encoded, Job};
use crate::{Error, panics};

/// How far a submitted task has come.
enum State<Out> {
    Waiting,
    /// A worker has it, and this ends the worker.
    Running(Killer),
    /// A worker had it, and was killed because of it.
    Killed,
    Over(Result<Out, Error>),
    /// The outcome has been fetched.
    Fetched,
}

/// What a task and its handle share.
struct Shared<Out> {
    state: Mutex<State<Out>>,
    over: Condvar,
}

impl<Out> Shared<Out> {
    fn state(&self) -> MutexGuard<'_, State<Out>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what became of the task, unless that was said before.
    fn settle(&self, outcome: Result<Out, Error>) -> bool {
        let mut state = self.state();
        let first = !matches!(*state, State::Over(_) | State::Fetched);
        if first {
            *state = State::Over(outcome);
            self.over.notify_all();
        }
        first
    }
}

impl<Out> Drop for Shared<Out> {
    fn drop(&mut self) {
        // An output that nobody has fetched is dropped by the dispatcher, who
        // must outlive what it throws.
        panics::drop_quietly(std::mem::replace(&mut *self.state(), State::Fetched));
    }
}

/// Who is told when a task is over.
type Tell<Out> = Box<dyn Fn(Result<Out, Error>) + Send + Sync>;

/// A submitted task.
struct Call<In, Out> {
    task: &'static str,
    /// There until the task is dropped.
    input: Option<In>,
    shared: Arc<Shared<Out>>,
    /// Gets the outcome in the place of the handle.
    tell: Option<Tell<Out>>,
}

impl<In, Out> Call<In, Out> {
    fn settle(&self, outcome: Result<Out, Error>) {
        // The engine counts items, and this is none.
        let outcome = outcome.map_err(Error::of_no_item);
        // An outcome that nobody wants any more is dropped here, by the
        // dispatcher, who must outlive what it throws.
        let _ = panics::catch(|| match &self.tell {
            None => drop(self.shared.settle(outcome)),
            Some(tell) => {
                if self.shared.settle(Err(Error::Cancelled)) {
                    tell(outcome);
                }
            }
        });
    }
}

impl<In, Out> Drop for Call<In, Out> {
    fn drop(&mut self) {
        // Whatever happens to the dispatcher, nobody waits for ever.
        self.settle(Err(Error::Closed));
        panics::drop_quietly(self.input.take());
    }
}

impl<In, Out> Job for Call<In, Out>
where
    In: Serialize + Send + Sync,
    Out: DeserializeOwned + Send,
{
    fn task(&self) -> &'static str {
        self.task
    }

    fn encode(&self, _: Range<usize>, request: &mut Request<'_>) -> Encoded {
        job::encode(self.task, self.input.as_slice(), 0, request)
    }

    fn deliver(&self, _: usize, replies: &mut Replies<'_>) {
        let (mut outputs, mut errors) = (Vec::with_capacity(1), Vec::new());
        job::decode(self.task, 0, replies, &mut outputs, &mut errors);
        match (outputs.pop(), errors.pop()) {
            (Some(output), _) => self.settle(Ok(output)),
            (None, Some((_, error))) => self.settle(Err(error)),
            (None, None) => {}
        }
    }

    fn fail(&self, _: Range<usize>, error: &Error) {
        self.settle(Err(error.clone()));
    }

    fn begin(&self, killer: &Killer) -> bool {
        let mut state = self.shared.state();
        match *state {
            // It may run a second time, if the first worker had not begun it.
            State::Waiting | State::Running(_) => {
                *state = State::Running(killer.clone());
                true
            }
            State::Killed | State::Over(_) | State::Fetched => false,
        }
    }

    fn cancelled(&self) -> Option<Error> {
        matches!(*self.shared.state(), State::Killed).then_some(Error::Cancelled)
    }
}

/// A task that was submitted to a [`ProcessPool`](crate::ProcessPool).
///
/// Dropping the handle does not cancel the task; its result is then dropped.
#[must_use = "join it for its outcome; a handle that is dropped lets the task run unseen"]
pub struct ProcessHandle<Out> {
    shared: Arc<Shared<Out>>,
}

/// A task, as a piece for the engine, and its handle. If somebody is to be
/// told, the handle is good for cancelling only.
pub(super) fn submission<In, Out>(
    task: &Task<In, Out>,
    input: In,
    tell: Option<Tell<Out>>,
) -> (Piece<'static>, ProcessHandle<Out>)
where
    In: Serialize + Send + Sync + 'static,
    Out: DeserializeOwned + Send + 'static,
{
    let shared = Arc::new(Shared { state: Mutex::new(State::Waiting), over: Condvar::new() });
    let job =
        Arc::new(Call { task: task.name(), input: Some(input), shared: Arc::clone(&shared), tell });
    let piece = Piece { job, items: 0..1, chunk: 1, automatic: false, ahead: false, deaths: 0 };
    (piece, ProcessHandle { shared })
}

impl<Out> ProcessHandle<Out> {
    /// Waits for the outcome.
    ///
    /// # Errors
    /// What became of the task: [`Error::Process`], [`Error::Timeout`],
    /// [`Error::Panicked`] while it was encoded or decoded here, all three with the
    /// task's name and no item; [`Error::Cancelled`] by its handle,
    /// [`Error::Closed`] if the pool was killed, and the errors of starting a worker
    /// in the place of one that had died.
    pub fn join(self) -> Result<Out, Error> {
        let mut state = self.shared.state();
        loop {
            if let Some(outcome) = fetch(&mut state) {
                return outcome;
            }
            state = self.shared.over.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for the outcome, but not longer than `limit`. If that runs out
    /// the task is not lost: the handle comes back and can be joined again.
    ///
    /// # Errors
    /// The handle, if the time ran out. Inside, the errors of
    /// [`join`](Self::join).
    pub fn join_timeout(self, limit: Duration) -> Result<Result<Out, Error>, Self> {
        // A limit beyond the clock's range is no limit.
        let Some(end) = Instant::now().checked_add(limit) else { return Ok(self.join()) };
        let mut state = self.shared.state();
        loop {
            if let Some(outcome) = fetch(&mut state) {
                return Ok(outcome);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                return Err(self);
            }
            let waited = self.shared.over.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether the task is over: it has an outcome, whatever that is.
    pub fn is_finished(&self) -> bool {
        matches!(*self.shared.state(), State::Over(_) | State::Fetched)
    }

    /// Drops the task if no worker has been given it, and says whether it did.
    pub fn cancel(&self) -> bool {
        let mut state = self.shared.state();
        let waiting = matches!(*state, State::Waiting);
        if waiting {
            *state = State::Over(Err(Error::Cancelled));
            self.shared.over.notify_all();
        }
        waiting
    }

    /// Drops the task, or kills the worker that runs it; `false` if it was over.
    /// Its outcome is [`Error::Cancelled`], and another worker takes the place.
    pub fn kill(&self) -> bool {
        let mut state = self.shared.state();
        match &*state {
            State::Waiting => *state = State::Over(Err(Error::Cancelled)),
            State::Running(killer) => {
                // While this lock is held the worker cannot be given another
                // task: the engine must settle this one before.
                killer.kill();
                *state = State::Killed;
            }
            State::Killed => {}
            State::Over(_) | State::Fetched => return false,
        }
        self.shared.over.notify_all();
        true
    }
}

/// Takes the outcome, if there is one.
fn fetch<Out>(state: &mut State<Out>) -> Option<Result<Out, Error>> {
    match std::mem::replace(state, State::Fetched) {
        State::Over(outcome) => Some(outcome),
        other => {
            *state = other;
            None
        }
    }
}

impl<Out> fmt::Debug for ProcessHandle<Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessHandle").field("finished", &self.is_finished()).finish()
    }
}
