//! A seat: the place of one worker, whoever sits in it at the moment.
//!
//! A worker process that dies is followed by another, after a pause if it
//! died as soon as it was there, or could not be started; after some vain
//! starts the seat is given up. One whose workers do get ready is never given
//! up: what they die of may be over at any moment, and a start a second costs
//! little.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use processes::{Options, Worker};

use super::inbox::Inbox;
use super::process::ProcessWorker;
use super::thread::{ThreadWorker, Work, name};
use super::{Kind, LocalCluster};
use crate::Error;
use crate::info::Place;
use crate::scheduler::{TaskId, WorkerId};

/// How often in a row a worker is started in vain before its seat is given up.
const STARTS: u32 = 3;

/// How long before a worker is started again that could not be, or died in its
/// infancy; each time four times as long, up to the longest pause. Memory or
/// processes may be short for a moment.
const PAUSE: Duration = Duration::from_millis(10);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(1);

/// A worker that dies so soon, with nothing done, died in its infancy.
const INFANCY: Duration = Duration::from_millis(100);

/// How long a process that is let go may take to leave by itself.
pub(super) const FAREWELL: Duration = Duration::from_millis(50);

/// The place of one worker.
pub(super) struct Seat {
    /// The name of the life that is in it, or was.
    pub(super) worker: WorkerId,
    pub(super) life: Life,
    /// How many starts in a row were in vain.
    failures: u32,
    /// How many in a row got ready and died in their infancy.
    infants: u32,
    /// When the process in it has greeted.
    born: Instant,
    /// Tasks that this life has done.
    pub(super) done: u64,
    /// The task that a thread is at, if it has a deadline, and when that is.
    pub(super) deadline: Option<(TaskId, Instant)>,
    /// It is to go, and nobody comes after it.
    pub(super) retires: bool,
}

/// Who sits there.
pub(super) enum Life {
    /// A process that has yet to greet, or is at its initializer.
    Starting(ProcessWorker),
    /// A thread that is at its initializer.
    Preparing(ThreadWorker),
    Process(ProcessWorker),
    /// With what it will be handed next.
    Thread(ThreadWorker, Vec<Work>),
    Echo(VecDeque<TaskId>),
    /// A process that has been let go, and is killed if it has not left by then.
    Leaving(ProcessWorker, Instant),
    /// Nobody, until it is time to try again.
    Pause(Instant),
    /// Nobody, for good.
    Empty,
}

impl Seat {
    pub(super) fn empty() -> Self {
        let worker = WorkerId(u64::MAX);
        let born = Instant::now();
        let (life, failures, infants) = (Life::Empty, 0, 0);
        Self { worker, life, failures, infants, born, done: 0, deadline: None, retires: false }
    }

    /// Puts a new life into the seat; whether it is there at once.
    ///
    /// # Errors
    /// Why not, once it has been tried often enough; the seat is empty then.
    pub(super) fn start(
        &mut self,
        worker: WorkerId,
        cluster: &LocalCluster,
        inbox: &Arc<Inbox>,
    ) -> Result<bool, Error> {
        self.worker = worker;
        self.done = 0;
        let life = match cluster.kind {
            Kind::Processes => {
                let mut options = Options::default();
                options.heartbeat = cluster.time_to_live.map(|limit| limit / 4);
                options.keep_stderr = true;
                Worker::start(options)
                    .map(|worker| Life::Starting(ProcessWorker::new(worker, cluster.timeline)))
                    .map_err(Error::Start)
            }
            Kind::Threads => {
                let initializer = cluster.initializer.as_ref();
                ThreadWorker::start(worker, inbox, initializer, cluster.timeline)
                    .map(|thread| match cluster.initializer {
                        Some(_) => Life::Preparing(thread),
                        None => Life::Thread(thread, Vec::new()),
                    })
                    .map_err(|e| Error::Thread(Arc::new(e)))
            }
            Kind::Echo => Ok(Life::Echo(VecDeque::new())),
        };
        match life {
            Ok(life) => {
                self.life = life;
                Ok(self.is_there())
            }
            Err(e) => self.failed(e).map(|()| false),
        }
    }

    /// A start was in vain.
    ///
    /// # Errors
    /// The same error, if it is the last that is borne.
    pub(super) fn failed(&mut self, error: Error) -> Result<(), Error> {
        self.failures += 1;
        if self.failures >= STARTS {
            self.life = Life::Empty;
            return Err(error);
        }
        self.pause();
        Ok(())
    }

    /// Nobody, for good. A process is killed: who has time for it is
    /// [let go](Self::let_go) first.
    pub(super) fn end(&mut self) {
        if let Some(process) = self.process() {
            process.kill();
        }
        self.life = Life::Empty;
    }

    /// Lets its worker go, which has nothing in hand. A process takes a moment
    /// to leave, in which others need not wait.
    pub(super) fn let_go(&mut self) {
        self.retires = true;
        self.life = match std::mem::replace(&mut self.life, Life::Empty) {
            Life::Process(mut process) => {
                process.dismiss();
                Life::Leaving(process, Instant::now() + FAREWELL)
            }
            // A thread that has nothing in hand ends at once.
            _ => Life::Empty,
        };
    }

    /// The process in it, whatever it is at.
    pub(super) fn process(&mut self) -> Option<&mut ProcessWorker> {
        match &mut self.life {
            Life::Starting(process) | Life::Process(process) | Life::Leaving(process, _) => {
                Some(process)
            }
            _ => None,
        }
    }

    /// Forgets the starts that were in vain.
    pub(super) fn forgive(&mut self) {
        self.failures = 0;
    }

    /// Nobody, for a while.
    pub(super) fn pause(&mut self) {
        let tries = self.failures.saturating_add(self.infants).saturating_sub(1);
        let pause = PAUSE.saturating_mul(4_u32.saturating_pow(tries)).min(LONGEST);
        self.life = Life::Pause(Instant::now() + pause);
    }

    /// The worker in it is ready.
    pub(super) fn ready(&mut self) {
        self.failures = 0;
        self.born = Instant::now();
        self.life = match std::mem::replace(&mut self.life, Life::Empty) {
            Life::Starting(process) => Life::Process(process),
            Life::Preparing(thread) => Life::Thread(thread, Vec::new()),
            other => other,
        };
    }

    /// Its worker has answered a task.
    pub(super) fn answered(&mut self) {
        self.done += 1;
        self.infants = 0;
    }

    /// Whether the life that has just ended was so short, with nothing done,
    /// that the next had better wait.
    pub(super) fn died_in_infancy(&mut self) -> bool {
        let infant = self.done == 0 && self.born.elapsed() < INFANCY;
        self.infants = if infant { self.infants.saturating_add(1) } else { 0 };
        infant
    }

    /// Whether so many workers in a row died in their infancy that no more are
    /// tried where somebody waits for them.
    pub(super) fn has_no_luck(&self) -> bool {
        self.infants >= STARTS
    }

    /// Whether there is a worker that can be given tasks.
    pub(super) fn is_there(&self) -> bool {
        matches!(self.life, Life::Process(_) | Life::Thread(..) | Life::Echo(_))
    }

    /// Whether it is at work.
    pub(super) fn is_busy(&self) -> bool {
        match &self.life {
            Life::Process(process) => process.is_busy(),
            Life::Thread(thread, _) => thread.is_busy(),
            _ => false,
        }
    }

    /// Whether it is in the middle of a task, and not on the way to one.
    pub(super) fn has_begun(&self) -> bool {
        match &self.life {
            Life::Process(process) => process.begun().is_some(),
            _ => self.is_busy(),
        }
    }

    /// What `info` says of it.
    pub(super) fn place(&self) -> Option<Place> {
        match &self.life {
            Life::Process(process) => Some(Place::Process { pid: process.pid() }),
            Life::Thread(..) | Life::Echo(_) => Some(Place::Thread { name: name(self.worker) }),
            _ => None,
        }
    }

    /// Takes up to so many tasks back that have not begun, from the end.
    pub(super) fn take_back(&mut self, count: usize) -> Vec<TaskId> {
        match &mut self.life {
            Life::Process(process) => process.take_back(count),
            Life::Thread(thread, outgoing) => {
                let keep = outgoing.len().saturating_sub(count);
                let unsent: Vec<_> = outgoing.drain(keep..).map(|work| work.task).collect();
                let mut taken = thread.take_back(count - unsent.len());
                taken.extend(unsent);
                taken
            }
            _ => Vec::new(),
        }
    }

    /// Takes this task back, if it has not begun.
    pub(super) fn take_this_back(&mut self, task: TaskId) -> bool {
        match &mut self.life {
            Life::Process(process) => process.take_this_back(task),
            Life::Thread(thread, outgoing) => {
                let before = outgoing.len();
                outgoing.retain(|work| work.task != task);
                outgoing.len() < before || thread.take_this_back(task)
            }
            Life::Echo(tasks) => {
                let before = tasks.len();
                tasks.retain(|waiting| *waiting != task);
                tasks.len() < before
            }
            _ => false,
        }
    }
}
