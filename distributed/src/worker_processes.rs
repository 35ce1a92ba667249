//! A worker that is a process: its thread here is the nanny, as Dask calls it.
//!
//! The nanny hands one task over, waits for the answer, and learns of the
//! process's death by the closing of its socket. Values cross as bytes, which
//! costs tens of microseconds a task; in exchange a task that crashes takes
//! its own process with it and nothing else, and is tried again.

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use processes::Worker;

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

    fn run(&mut self, job: &mut dyn Job) -> Ran {
        // A worker that died while it was idle is found out before it is given
        // a task, or its death would be held against the task.
        if !is_running(self.0.pid()) {
            return Ran::Lost { suspicious: false };
        }
        job.run_in(&mut self.0)
    }
}

/// Kills a worker process, and all that its tasks started, in the middle of
/// whatever it does; its nanny then sees it die, and reaps it.
pub(crate) fn kill(pid: u32) {
    // The nanny may have reaped it a moment ago. Then the number is no child
    // of ours any more, and what bears it next is left alone.
    if is_running(pid) {
        // An error says that it has died in this very instant.
        let _ = killpg(group(pid), Signal::SIGKILL);
    }
}

/// Whether our child still runs. A dead one is not reaped: that is its nanny's.
fn is_running(pid: u32) -> bool {
    let glance = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    matches!(waitid(Id::Pid(group(pid)), glance), Ok(WaitStatus::StillAlive))
}

/// The process leads a group of its own, of the same number.
fn group(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed())
}
