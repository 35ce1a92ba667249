//! What the engine knows of a task, beside what the scheduler knows.

use std::sync::Arc;

use processes::Answer;

use crate::Error;
use crate::backend::{Call, Promise, Work};
use crate::scheduler::Outcome;

/// A task that the scheduler knows.
pub(super) struct Entry {
    /// Of a task that can still be run; scattered data never could.
    pub(super) work: Option<Work>,
    pub(super) slot: Option<Promise>,
    /// The value, once there is one.
    pub(super) value: Option<Arc<Answer>>,
    /// Why there is no value, or what went wrong at the last attempt. Boxed,
    /// because it is rare and large.
    pub(super) error: Option<Box<Trouble>>,
    /// It is to be done though nobody holds a future of it, and goes then.
    pub(super) detached: bool,
    /// A worker died with it in hand before it had begun anything, so one of
    /// those in its hands may have been what it could not even take in. Each of
    /// them goes alone the next time, which shows who is to blame.
    pub(super) suspect: bool,
}

/// What went wrong.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// The last attempt ended with this error of the task's own.
    Failed(Error),
    /// The last attempt ended with the worker's death.
    Died(processes::Error),
    /// It is over.
    Over(Error),
}

impl Entry {
    pub(super) fn of_call(call: Call) -> Self {
        let (work, slot) = (Some(call.work), Some(call.slot));
        Self { work, slot, value: None, error: None, detached: false, suspect: false }
    }

    pub(super) fn of_value(value: Arc<Answer>) -> Self {
        Self {
            work: None,
            slot: None,
            value: Some(value),
            error: None,
            detached: false,
            suspect: false,
        }
    }

    /// Whether it has no result yet.
    pub(super) fn is_pending(&self) -> bool {
        self.value.is_none() && self.end().is_none()
    }

    pub(super) fn task(&self) -> &'static str {
        self.slot.as_ref().map_or("scatter", |slot| slot.task)
    }

    /// Tells whoever waits that there is a value.
    pub(super) fn returned(&mut self) {
        if let (Some(slot), Some(value)) = (&self.slot, &self.value) {
            slot.settle(Ok(Arc::clone(value)));
        }
        // The value is safe here, so nobody will run it again.
        self.work = None;
    }

    /// Tells whoever waits that there is none; `cause` is the error of the one
    /// that it depended on.
    pub(super) fn over(&mut self, outcome: Outcome, cause: Option<Error>) {
        let task = self.task();
        let error = match (outcome, self.error.take().map(|trouble| *trouble)) {
            (_, Some(Trouble::Over(error))) => error,
            (Outcome::Failed, Some(Trouble::Failed(error))) => error,
            (Outcome::Killed { attempts }, Some(Trouble::Died(last))) => {
                Error::WorkerKilled { task, attempts, last }
            }
            (Outcome::Expired, _) => {
                let limit = self.work.as_ref().and_then(|work| work.options.deadline);
                Error::Timeout { task, limit: limit.unwrap_or_default() }
            }
            _ => cause.unwrap_or(Error::Cancelled { task }),
        };
        if let Some(slot) = &self.slot {
            slot.settle(Err(error.clone()));
        }
        self.work = None;
        self.error = Some(Box::new(Trouble::Over(error)));
    }

    /// There is nobody who could do it; that this ends it is said later.
    pub(super) fn deserted(&mut self, error: &Error) {
        self.error = Some(Box::new(Trouble::Over(error.clone())));
    }

    /// Why those have no value that depend on it, now that it has none. If its
    /// future was dropped it was not said to be over itself.
    pub(super) fn cause(&self, allowed_failures: u32) -> Option<Error> {
        let task = self.task();
        match self.error.as_deref() {
            Some(Trouble::Over(error) | Trouble::Failed(error)) => Some(error.clone()),
            Some(Trouble::Died(last)) => {
                let attempts = allowed_failures.saturating_add(1);
                Some(Error::WorkerKilled { task, attempts, last: last.clone() })
            }
            None => None,
        }
    }

    /// Why it has no value and never will.
    pub(super) fn end(&self) -> Option<Error> {
        match self.error.as_deref() {
            Some(Trouble::Over(error)) => Some(error.clone()),
            _ => None,
        }
    }
}
