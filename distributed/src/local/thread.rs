//! A worker that is a thread: tasks run from bytes to bytes in this process.
//!
//! No socket is crossed and nobody is forked, so handing a task over costs
//! little more than a lock. In exchange the workers share one fate: a task that
//! aborts, or is killed, takes the whole program with it, and a task that never
//! ends can be waited for but not stopped.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use processes::{Answer, Span};

use super::inbox::{Inbox, Report};
use super::initializer::Initializer;
use crate::backend::{Here, Input};
use crate::scheduler::{TaskId, WorkerId};

/// A task, and what its input is made of: it is put together when the task is
/// begun, or all that lies with a worker would be in memory twice.
pub(super) struct Work {
    pub(super) task: TaskId,
    pub(super) here: Here,
    pub(super) input: Input,
    /// The values for the input's holes, in order.
    pub(super) values: Vec<Arc<Answer>>,
    /// How long it may run, if that is limited.
    pub(super) deadline: Option<Duration>,
}

/// A worker thread, as the engine holds it.
pub(super) struct ThreadWorker {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

/// Where its work lies.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Work>,
    /// What it is at.
    running: Option<TaskId>,
    over: bool,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code of a task runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ThreadWorker {
    /// Starts a thread. It may be given work at once; with an initializer, once
    /// the inbox has heard that this is done.
    pub(super) fn start(
        worker: WorkerId,
        inbox: &Arc<Inbox>,
        initializer: Option<&Arc<Initializer>>,
        timed: bool,
    ) -> io::Result<Self> {
        let (desk, inbox) = (Arc::new(Desk::default()), Arc::clone(inbox));
        let own = Arc::clone(&desk);
        let initializer = initializer.cloned();
        let thread = std::thread::Builder::new().name(name(worker)).spawn(move || {
            let _guard = Unwinding(&inbox);
            if let Some(initializer) = initializer {
                inbox.prepared(worker, initializer.run_here());
            }
            work(&own, worker, &inbox, timed);
        })?;
        Ok(Self { desk, thread: Some(thread) })
    }

    /// Puts work behind what lies there.
    pub(super) fn hand(&self, work: Vec<Work>) {
        let mut state = self.desk.state();
        let idle = state.waiting.is_empty() && state.running.is_none();
        state.waiting.extend(work);
        drop(state);
        if idle {
            self.desk.changed.notify_one();
        }
    }

    /// Takes up to so many back, from the end.
    pub(super) fn take_back(&self, count: usize) -> Vec<TaskId> {
        let mut state = self.desk.state();
        let keep = state.waiting.len().saturating_sub(count);
        let taken = state.waiting.split_off(keep);
        drop(state);
        taken.iter().map(|work| work.task).collect()
    }

    /// Takes this one back, if it has not begun.
    pub(super) fn take_this_back(&self, task: TaskId) -> bool {
        let mut state = self.desk.state();
        let Some(at) = state.waiting.iter().position(|work| work.task == task) else {
            return false;
        };
        let taken = state.waiting.remove(at);
        drop(state);
        taken.is_some()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.desk.state().running.is_some()
    }

    /// Lets it go if it is still at this task, and does not wait for that: whether it
    /// is. What lies there it does not begin.
    pub(super) fn dismiss_from(&self, task: TaskId) -> bool {
        let mut state = self.desk.state();
        if state.running != Some(task) {
            return false;
        }
        state.over = true;
        let dropped = std::mem::take(&mut state.waiting);
        drop(state);
        drop(dropped);
        true
    }

    /// Lets it go when it has done what it is at, and does not wait for that.
    pub(super) fn dismiss(&self) {
        let mut state = self.desk.state();
        state.over = true;
        let dropped = std::mem::take(&mut state.waiting);
        drop(state);
        self.desk.changed.notify_one();
        drop(dropped);
    }
}

impl Drop for ThreadWorker {
    fn drop(&mut self) {
        self.dismiss();
        if let Some(thread) = self.thread.take() {
            // A task's panic is its answer, so there is none of the thread.
            let _ = thread.join();
        }
    }
}

/// What its thread is called.
pub(super) fn name(worker: WorkerId) -> String {
    format!("worker-{}", worker.0)
}

impl Work {
    fn run(&self) -> Answer {
        if self.values.is_empty() {
            return (self.here)(&self.input.bytes);
        }
        let mut values = self.values.iter();
        let value = |_| values.next().expect("a value for each hole").bytes();
        let whole = self.input.parts(value).collect::<Vec<_>>().concat();
        (self.here)(&whole)
    }
}

/// Closes the inbox if the thread unwinds, which would be a bug of ours: its
/// tasks are answered then by the end of the cluster, and nobody waits for ever.
struct Unwinding<'i>(&'i Inbox);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close();
        }
    }
}

fn work(desk: &Desk, worker: WorkerId, inbox: &Inbox, timed: bool) {
    let mut state = desk.state();
    while !state.over {
        let Some(work) = state.waiting.pop_front() else {
            state = desk.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let task = work.task;
        state.running = Some(task);
        drop(state);
        // A limit beyond what the clock can say is none.
        if let Some(limit) = work.deadline.and_then(|limit| Instant::now().checked_add(limit)) {
            inbox.begun(worker, task, limit);
        }
        let (answer, span) = match timed {
            false => (work.run(), None),
            true => {
                let (answer, span) = Span::of(|| work.run());
                (answer, Some(span))
            }
        };
        drop(work);
        inbox.report(Report { worker, task, answer, span });
        state = desk.state();
        state.running = None;
    }
}
