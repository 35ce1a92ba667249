//! What the scheduler is told, and what it says is to be done.

use std::fmt;

/// Names a submitted task, or a piece of scattered data.
///
/// The driver chooses the names, and never one twice. Names that follow each
/// other are cheapest: the table that finds a task by its name is paged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

/// Names one life of a worker; a replacement has a new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u64);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {}", self.0)
    }
}

/// A task as the scheduler needs to know it: not what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name.
    pub task: TaskId,
    /// The tasks whose values it takes; one may stand here more than once.
    pub dependencies: Box<[TaskId]>,
    /// Of the tasks that are ready, those with the highest number go first.
    pub priority: i32,
    /// How often it is run again after an error of its own.
    pub retries: u32,
    /// Where it runs while that worker lives and is not retiring (static
    /// placement); anywhere if that worker is not there, or nobody is named.
    pub home: Option<WorkerId>,
}

impl Spec {
    /// A task that depends on nothing, of priority 0, that is not retried.
    pub fn new(task: TaskId) -> Self {
        Self { task, dependencies: Box::default(), priority: 0, retries: 0, home: None }
    }

    /// The same task, taking the values of these.
    #[must_use]
    pub fn after(mut self, dependencies: impl Into<Box<[TaskId]>>) -> Self {
        self.dependencies = dependencies.into();
        self
    }
}

/// Who has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The driver. What it has cannot be lost.
    Driver,
    /// One worker's memory. It is lost with the worker.
    Worker(WorkerId),
}

/// What has happened.
///
/// Late, repeated and senseless reports change nothing: each is held against
/// what the scheduler knows, so a driver need not filter what it passes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Tasks to do. A dependency is known already, or stands earlier in the
    /// batch: so there are no cycles. One that is neither (its future was
    /// released, say) fails the task with [`Outcome::DependencyFailed`]. Each
    /// task is *wanted* until it is [`Released`](Self::Released). One that is
    /// known is not submitted twice.
    Submitted {
        /// The batch, in order.
        specs: Vec<Spec>,
    },
    /// The client has handed in a value, which nobody can compute again. It
    /// is there at once: no [`Action::Finish`] follows. It is kept until it
    /// is released and no task is known any more that took it, because a
    /// result that is lost may have to be made of it again.
    Scattered {
        /// Its name.
        task: TaskId,
        /// Its size.
        bytes: u64,
        /// Who has it.
        at: Holder,
    },
    /// Nobody holds a future of these any more. What no other task needs is
    /// dropped: a value is freed, work that has not begun is not done.
    Released {
        /// The tasks.
        tasks: Vec<TaskId>,
    },
    /// These shall not be done, nor whatever depends on them. A task that is
    /// over is not touched, and neither are those that depend on it.
    Cancelled {
        /// The tasks.
        tasks: Vec<TaskId>,
        /// Whether one that runs may be ended together with its worker.
        kill: bool,
    },
    /// The task is over its deadline. Its worker may be killed. A task whose
    /// value was delivered once has met its deadline.
    Expired {
        /// The task.
        task: TaskId,
    },
    /// A worker is there. A name that is known already changes nothing.
    WorkerJoined {
        /// Its name.
        worker: WorkerId,
        /// How many tasks may lie with it, the one that runs included: what
        /// Dask calls worker saturation. 0 counts as 1. At 1 nothing is sent
        /// ahead and the choice is always made with all that is known; with
        /// more a worker need not wait for its next task.
        depth: u32,
    },
    /// The worker shall go, in good order: it gets no more work, gives back
    /// what it has not begun, finishes what it has, and hands over the values
    /// that only it has. Then follows [`Action::Dismiss`].
    WorkerRetiring {
        /// Its name.
        worker: WorkerId,
    },
    /// A worker is gone. What it had begun may have killed it, and may be
    /// tried again only as often as failures are allowed; what merely waited
    /// with it is blameless. So is everything if it was retiring.
    WorkerLost {
        /// Who is gone.
        worker: WorkerId,
        /// What it had begun and not ended.
        begun: Vec<TaskId>,
    },
    /// A worker has done a task. If nobody needs the value any more,
    /// [`Action::Free`] follows. From anybody but the worker that has the
    /// task in hand it is ignored.
    Finished {
        /// Who did it.
        worker: WorkerId,
        /// What it did.
        task: TaskId,
        /// The size of the value.
        bytes: u64,
        /// Whether the value is in that worker's memory only. If not, the
        /// driver has it, and it cannot be lost: what it was made of is
        /// forgotten, and it is kept like what was
        /// [`Scattered`](Self::Scattered).
        kept: bool,
    },
    /// A task has ended with an error of its own. It is run again while it
    /// has retries left.
    Failed {
        /// Who did it.
        worker: WorkerId,
        /// What failed.
        task: TaskId,
    },
    /// A worker has given back tasks that it had not begun: the one answer to
    /// each [`Action::Recall`], with fewer tasks than were asked for or none
    /// if the others have begun.
    Recalled {
        /// Who gives back.
        worker: WorkerId,
        /// What it gives back.
        tasks: Vec<TaskId>,
    },
    /// A worker has not begun a task and will not: it was revoked in time, or
    /// one of its inputs could not be had (say so with [`Self::Missing`]
    /// first, or the task may come straight back).
    Declined {
        /// Who gives back.
        worker: WorkerId,
        /// What it gives back.
        task: TaskId,
    },
    /// A value was not where it was said to be.
    Missing {
        /// The task that made it.
        task: TaskId,
        /// Where it was not.
        worker: WorkerId,
    },
    /// A worker has fetched a copy of a value, and keeps it.
    Copied {
        /// The task that made it.
        task: TaskId,
        /// Who has it now, too.
        worker: WorkerId,
    },
    /// The driver has fetched a value, and it can no longer be lost: the
    /// answer to [`Action::Secure`], but welcome at any time, as it ends the
    /// need to remember what the value was made of.
    Secured {
        /// The task that made it.
        task: TaskId,
    },
}

/// What is to be done about it, in the order given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Hand the task to the worker, behind what lies with it. The inputs are
    /// where [`Scheduler::who_has`](super::Scheduler::who_has) says.
    Assign {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
    },
    /// Take so many tasks back from the end of what was handed to the worker,
    /// as far as it has not begun them, and answer with [`Event::Recalled`].
    Recall {
        /// The worker.
        worker: WorkerId,
        /// The number of tasks.
        count: u32,
    },
    /// The worker need not do this any more. If it has not begun, take it
    /// back and answer with [`Event::Declined`]. If it has, kill the worker
    /// where `kill` says so and it can be killed (then comes
    /// [`Event::WorkerLost`]), or let it end: its report is welcome.
    Revoke {
        /// The task.
        task: TaskId,
        /// Who has it in hand.
        worker: WorkerId,
        /// Whether the worker shall die for it.
        kill: bool,
    },
    /// The task is over: tell whoever waits for it. Once a task at most.
    Finish {
        /// The task.
        task: TaskId,
        /// How it ended.
        outcome: Outcome,
    },
    /// The value, which was there before, is lost and cannot be had again:
    /// tell whoever asks for it. Once a task at most.
    Gone {
        /// The task.
        task: TaskId,
        /// Why not.
        outcome: Outcome,
    },
    /// Nobody needs this value there any more.
    Free {
        /// The task that made it.
        task: TaskId,
        /// Who has it.
        holder: Holder,
    },
    /// The scheduler knows the task no more, and will not name it again: what
    /// the driver keeps for it can go.
    Forget {
        /// The task.
        task: TaskId,
    },
    /// Fetch the value from the worker, which is to go, and answer with
    /// [`Event::Secured`], or [`Event::Missing`] if it cannot be had.
    Secure {
        /// The task that made it.
        task: TaskId,
        /// Who has it.
        worker: WorkerId,
    },
    /// The worker has nothing in hand and nothing that is needed: end it, and
    /// say so with [`Event::WorkerLost`].
    Dismiss {
        /// The worker.
        worker: WorkerId,
    },
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is a value.
    Returned,
    /// It failed, and has no retries left.
    Failed,
    /// It was given up: so many attempts ended with the worker's death.
    Killed {
        /// The number of attempts, all of them deaths.
        attempts: u32,
    },
    /// It was cancelled, or something that it depends on was.
    Cancelled,
    /// It was over its deadline.
    Expired,
    /// Something that it depends on, directly or not, has no value.
    DependencyFailed {
        /// The first that had none.
        cause: TaskId,
    },
    /// It was scattered, and its last holder is gone.
    Lost,
}
