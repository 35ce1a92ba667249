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

use super::inbox::{Inbox, Report};
use crate::backend::Here;
use crate::scheduler::{TaskId, WorkerId};

/// A task, and its input in one piece.
pub(super) struct Work {
    pub(super) task: TaskId,
    pub(super) here: Here,
    pub(super) input: Vec<u8>,
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
    running: bool,
    over: bool,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code of a task runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ThreadWorker {
    pub(super) fn start(worker: WorkerId, inbox: &Arc<Inbox>) -> io::Result<Self> {
        let (desk, inbox) = (Arc::new(Desk::default()), Arc::clone(inbox));
        let own = Arc::clone(&desk);
        let thread = std::thread::Builder::new()
            .name(name(worker))
            .spawn(move || work(&own, worker, &inbox))?;
        Ok(Self { desk, thread: Some(thread) })
    }

    /// Puts work behind what lies there.
    pub(super) fn hand(&self, work: Vec<Work>) {
        let mut state = self.desk.state();
        let idle = state.waiting.is_empty() && !state.running;
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
        self.desk.state().running
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

fn work(desk: &Desk, worker: WorkerId, inbox: &Inbox) {
    let mut state = desk.state();
    while !state.over {
        let Some(Work { task, here, input, deadline }) = state.waiting.pop_front() else {
            state = desk.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        state.running = true;
        drop(state);
        if let Some(limit) = deadline {
            inbox.begun(worker, task, Instant::now() + limit);
        }
        let answer = here(&input);
        inbox.report(Report { worker, task, answer });
        state = desk.state();
        state.running = false;
    }
}
