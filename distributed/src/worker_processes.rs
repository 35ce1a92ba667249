//! A worker that is a process: its thread here is the nanny, as Dask calls it.
//!
//! The nanny hands one task over, waits for the answer, and learns of the
//! process's death by the closing of its socket. Values cross as bytes, which
//! costs tens of microseconds a task; in exchange a task that crashes takes
//! its own process with it and nothing else, and is tried again.

use processes::{Killer, Worker};

use crate::Error;
use crate::cluster::Executor;
use crate::info::Place;
use crate::job::{Job, Ran};

/// A worker process and its nanny.
pub(crate) struct ProcessWorker(Worker);

impl Executor for ProcessWorker {
    fn start() -> Result<Self, Error> {
        Worker::spawn().map(Self).map_err(Error::Start)
    }

    fn place(&self) -> Place {
        Place::Process { pid: self.0.pid() }
    }

    fn killer(&self) -> Option<Killer> {
        Some(self.0.killer())
    }

    fn run(&mut self, job: &mut dyn Job) -> Ran {
        // A worker that died while it was idle is found out before it is given
        // a task, or its death would be held against the task.
        if !self.0.is_alive() {
            return Ran::Lost { suspicious: false };
        }
        job.run_in(&mut self.0)
    }
}
