//! Ends a worker from another thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Ends a worker from another thread, in the middle of whatever it does.
///
/// Whoever waits for the worker's answer then hears of its death. Once the
/// worker has ended, this does nothing: its number may be another process's.
#[derive(Clone, Debug)]
pub struct Killer(Arc<Mutex<Option<Pid>>>);

impl Killer {
    pub(super) fn new(leader: u32) -> Self {
        Self(Arc::new(Mutex::new(Some(Pid::from_raw(leader.cast_signed())))))
    }

    /// Kills the worker and all that its tasks started; its owner reaps it.
    pub fn kill(&self) {
        if let Some(pid) = *self.target() {
            // It leads a group of its own, of the same number. An error says
            // that it has died in this very instant.
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }

    /// From now on there is nobody to kill: the worker is about to be reaped.
    pub(super) fn disarm(&self) {
        *self.target() = None;
    }

    /// The worker, until just before it is reaped: who holds the lock holds
    /// the number too.
    fn target(&self) -> MutexGuard<'_, Option<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
