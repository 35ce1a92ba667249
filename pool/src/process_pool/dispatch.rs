//! The dispatcher: a thread that drives workers for what was submitted.
//!
//! It starts with the first task, sleeps while there is none, and uses the same
//! engine and the same workers as a map.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::crew::Crew;
use super::drive::{Drive, Piece};
use crate::Error;

/// What was submitted, and the thread that looks after it.
pub(super) struct Dispatch {
    state: Mutex<State>,
    /// The dispatcher has nothing to do any more.
    rests: Condvar,
}

#[derive(Default)]
struct State {
    /// What the dispatcher has not seen yet.
    submitted: Vec<Piece<'static>>,
    /// Whether it has something to do.
    busy: bool,
    closed: bool,
    thread: Option<JoinHandle<()>>,
}

impl Dispatch {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), rests: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a task to the dispatcher, which is started if there is none. A
    /// task that is refused has the same error.
    pub(super) fn submit(
        self: &Arc<Self>,
        crew: &Arc<Crew>,
        piece: Piece<'static>,
    ) -> Result<(), Error> {
        let refused = |piece: Piece<'_>, error: Error| {
            piece.job.fail(piece.items, &error);
            Err(error)
        };
        let mut state = self.state();
        if state.closed {
            drop(state);
            return refused(piece, Error::Closed);
        }
        if state.thread.is_none() {
            let (dispatch, crew) = (Arc::clone(self), Arc::clone(crew));
            let run = move || dispatch.run(&crew);
            match thread::Builder::new().name("pool dispatcher".into()).spawn(run) {
                Ok(thread) => state.thread = Some(thread),
                Err(e) => {
                    drop(state);
                    return refused(piece, Error::Thread(Arc::new(e)));
                }
            }
        }
        state.submitted.push(piece);
        state.busy = true;
        // If there was something before, it has been told already.
        let first = state.submitted.len() == 1;
        drop(state);
        if first {
            crew.wake();
        }
        Ok(())
    }

    /// Takes no more tasks; whether it took some until now.
    pub(super) fn close(&self) -> bool {
        !std::mem::replace(&mut self.state().closed, true)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Waits until all tasks are over, and ends the thread. Closed before.
    pub(super) fn join(&self, crew: &Crew) {
        let mut state = self.state();
        while state.busy {
            state = self.rests.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let thread = state.thread.take();
        drop(state);
        if let Some(thread) = thread {
            crew.wake();
            // What tasks throw is caught where it is decoded or dropped.
            let _ = thread.join();
        }
    }

    /// The dispatcher's life.
    fn run(&self, crew: &Crew) {
        let _end = End(self);
        let mut drive = Drive::new(crew, true);
        loop {
            let mut state = self.state();
            drive.queue.extend(state.submitted.drain(..));
            if drive.is_done() {
                state.busy = false;
                self.rests.notify_all();
                if state.closed {
                    return;
                }
                drop(state);
                // The workers are free for maps while nothing is submitted.
                drive.rest();
            } else {
                drop(state);
            }
            drive.step();
        }
    }
}

/// Should the dispatcher panic, then what it had is dropped, which says so to
/// all who wait for it, and nothing more is taken.
struct End<'a>(&'a Dispatch);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.busy = false;
        state.closed = true;
        let left = std::mem::take(&mut state.submitted);
        drop(state);
        drop(left);
        self.0.rests.notify_all();
    }
}
