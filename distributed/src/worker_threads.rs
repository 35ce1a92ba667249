//! A worker that is a thread: tasks run where they are called.
//!
//! Nothing is encoded and nothing crosses a boundary, so handing a task over
//! costs little more than a lock. In exchange the workers share one fate: a
//! task that aborts, or is killed, takes the whole program with it, and a task
//! that never ends can be waited for but not stopped.

use processes::Killer;

use crate::Error;
use crate::cluster::Executor;
use crate::info::Place;
use crate::job::{Job, Ran};

/// This thread, as a worker.
pub(crate) struct ThreadWorker;

impl Executor for ThreadWorker {
    fn start() -> Result<Self, Error> {
        Ok(Self)
    }

    fn place(&self) -> Place {
        let name = std::thread::current().name().unwrap_or("unnamed").to_owned();
        Place::Thread { name }
    }

    fn killer(&self) -> Option<Killer> {
        None
    }

    fn run(&mut self, job: &mut dyn Job) -> Ran {
        job.run_here();
        Ran::ToTheEnd
    }
}
