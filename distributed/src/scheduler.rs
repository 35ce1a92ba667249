//! The scheduler: a pure state machine that decides which worker does what.
//!
//! An [`Event`] goes in, [`Action`]s come out. There is no input or output
//! here, no clock, no thread, no lock and no randomness: the same events give
//! the same actions, always. So a run can be replayed, a property can be tested
//! over thousands of invented histories in a second, and the drivers (threads,
//! processes) differ only in how they carry actions out.
//!
//! ```
//! use distributed::{Placement, scheduler::{Action, Event, Outcome, Scheduler, TaskId, WorkerId}};
//!
//! let mut scheduler = Scheduler::new(Placement::Dynamic, 3);
//! let (worker, first, second) = (WorkerId(0), TaskId(0), TaskId(1));
//!
//! // Nobody is there yet: both tasks wait.
//! assert_eq!(scheduler.handle(Event::Submitted { tasks: vec![first, second] }), []);
//! // A worker joins, is free, and gets the task that has waited longest.
//! assert_eq!(
//!     scheduler.handle(Event::WorkerJoined { worker }),
//!     [Action::Assign { task: first, worker }]
//! );
//! // It finishes, and is free again.
//! assert_eq!(
//!     scheduler.handle(Event::Finished { worker, task: first }),
//!     [
//!         Action::Finish { task: first, outcome: Outcome::Returned },
//!         Action::Assign { task: second, worker },
//!     ]
//! );
//! ```
//!
//! # Invariants
//! After every event (counted in debug builds, proved one by one by
//! [`Scheduler::check`] in the property tests):
//! - a task that is not finished is in exactly one place: the common queue, the
//!   block of one worker, or the hands of one worker;
//! - a worker has one task in hand at most;
//! - no worker is idle while a task that it may do waits;
//! - no task has outlived more deaths than are allowed.
//!
//! Over a whole history, a task is finished exactly once: a late or repeated
//! report changes nothing.
//!
//! # Cost
//! An event costs O(log workers); a batch O(1) more for each of its tasks and,
//! with static blocks, for each of the workers.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;

use crate::Placement;

/// Names a submitted task; the driver chooses it, and never twice.
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

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Tasks to do, placed together as one batch. A task that is known and
    /// unfinished already is not submitted twice.
    Submitted {
        /// The batch, in order.
        tasks: Vec<TaskId>,
    },
    /// A worker is there, and free.
    WorkerJoined {
        /// Its name; a name that is known already changes nothing.
        worker: WorkerId,
    },
    /// A worker has done its task, well or with an error of the task's own.
    /// From anybody but the worker that has the task in hand, it is ignored.
    Finished {
        /// Who did it.
        worker: WorkerId,
        /// What it did.
        task: TaskId,
    },
    /// A worker is gone, and what it had in hand was not done.
    WorkerLost {
        /// Who is gone.
        worker: WorkerId,
        /// Whether its task may have killed it. It has not where the worker
        /// died before it began, or was retired.
        suspicious: bool,
    },
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Hand the task to the worker, which is free.
    Assign {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
    },
    /// The task is over: tell whoever waits for it.
    Finish {
        /// The task.
        task: TaskId,
        /// How it ended.
        outcome: Outcome,
    },
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The worker has its value, or the error of its own.
    Returned,
    /// It was given up: so many attempts ended with the worker's death.
    Killed {
        /// The number of attempts, all of them deaths.
        attempts: u32,
    },
}

/// The state: which tasks wait, where, and who is busy with what.
#[derive(Clone, Debug)]
pub struct Scheduler {
    placement: Placement,
    allowed_failures: u32,
    /// Every unfinished task, with the number of workers that died of it.
    deaths: HashMap<TaskId, u32>,
    /// Tasks for whoever is free, the longest waiting first.
    queue: VecDeque<TaskId>,
    /// In the order of their names, so that decisions do not hang on a hash.
    workers: BTreeMap<WorkerId, Worker>,
    idle: BTreeSet<WorkerId>,
    /// Blocks are dealt round the workers from here, or every task that is
    /// submitted alone would fall to the first worker.
    next_block: usize,
}

#[derive(Clone, Debug, Default)]
struct Worker {
    in_hand: Option<TaskId>,
    /// What static placement has set aside for this worker.
    block: VecDeque<TaskId>,
}

impl Scheduler {
    /// A scheduler with no tasks and no workers. A task may outlive
    /// `allowed_failures` deaths of the worker that had it; one more, and it
    /// is given up.
    pub fn new(placement: Placement, allowed_failures: u32) -> Self {
        Self {
            placement,
            allowed_failures,
            deaths: HashMap::new(),
            queue: VecDeque::new(),
            workers: BTreeMap::new(),
            idle: BTreeSet::new(),
            next_block: 0,
        }
    }

    /// Takes note of an event and says what is to be done, in order.
    pub fn handle(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Submitted { tasks } => self.submitted(tasks, &mut actions),
            Event::WorkerJoined { worker } => self.joined(worker, &mut actions),
            Event::Finished { worker, task } => self.finished(worker, task, &mut actions),
            Event::WorkerLost { worker, suspicious } => {
                self.lost(worker, suspicious, &mut actions);
            }
        }
        debug_assert_eq!(self.counts(), Ok(()));
        actions
    }

    /// The number of tasks that wait, in the common queue and in blocks.
    pub fn waiting(&self) -> usize {
        self.deaths.len() - self.in_hand()
    }

    /// The number of tasks in some worker's hands.
    pub fn in_hand(&self) -> usize {
        self.workers.len() - self.idle.len()
    }

    /// Whether the worker is there and has a task in hand.
    pub fn is_busy(&self, worker: WorkerId) -> bool {
        self.workers.get(&worker).is_some_and(|worker| worker.in_hand.is_some())
    }

    fn submitted(&mut self, mut tasks: Vec<TaskId>, actions: &mut Vec<Action>) {
        tasks.retain(|task| match self.deaths.entry(*task) {
            Entry::Vacant(unknown) => {
                unknown.insert(0);
                true
            }
            Entry::Occupied(_) => false,
        });
        let names: Vec<WorkerId> = match self.placement {
            Placement::Dynamic => Vec::new(),
            Placement::StaticBlocks => self.workers.keys().copied().collect(),
        };
        let mut blocks = 0;
        for (block, positions) in self.placement.blocks(tasks.len(), names.len()) {
            let Some(block) = block else {
                self.queue.extend(&tasks[positions]);
                continue;
            };
            blocks += 1;
            let owner = names[(self.next_block + block) % names.len()];
            self.worker(owner).block.extend(&tasks[positions]);
            if self.idle.contains(&owner) {
                self.feed(owner, actions);
            }
        }
        self.next_block = (self.next_block + blocks) % names.len().max(1);
        self.feed_idle(actions);
    }

    fn joined(&mut self, worker: WorkerId, actions: &mut Vec<Action>) {
        if self.workers.contains_key(&worker) {
            return;
        }
        self.workers.insert(worker, Worker::default());
        self.idle.insert(worker);
        self.feed_idle(actions);
    }

    fn finished(&mut self, worker: WorkerId, task: TaskId, actions: &mut Vec<Action>) {
        let Some(state) = self.workers.get_mut(&worker) else { return };
        if state.in_hand != Some(task) {
            return;
        }
        state.in_hand = None;
        self.deaths.remove(&task);
        actions.push(Action::Finish { task, outcome: Outcome::Returned });
        self.feed(worker, actions);
    }

    fn lost(&mut self, worker: WorkerId, suspicious: bool, actions: &mut Vec<Action>) {
        let Some(gone) = self.workers.remove(&worker) else { return };
        self.idle.remove(&worker);
        // Its block goes to whoever is free, ahead of what came later; the
        // task that it had in hand has waited longest of all.
        for task in gone.block.into_iter().rev() {
            self.queue.push_front(task);
        }
        if let Some(task) = gone.in_hand {
            let deaths = self.deaths.get_mut(&task).expect("a task in hand is unfinished");
            *deaths += u32::from(suspicious);
            if *deaths > self.allowed_failures {
                let outcome = Outcome::Killed { attempts: *deaths };
                self.deaths.remove(&task);
                actions.push(Action::Finish { task, outcome });
            } else {
                self.queue.push_front(task);
            }
        }
        self.feed_idle(actions);
    }

    /// Gives the common queue's tasks to idle workers while there are both.
    fn feed_idle(&mut self, actions: &mut Vec<Action>) {
        while !self.queue.is_empty()
            && let Some(worker) = self.idle.first().copied()
        {
            self.feed(worker, actions);
        }
    }

    /// Gives a free worker its next task, from its own block before the common
    /// queue, or notes that it is idle.
    fn feed(&mut self, worker: WorkerId, actions: &mut Vec<Action>) {
        let next = self.worker(worker).block.pop_front().or_else(|| self.queue.pop_front());
        self.worker(worker).in_hand = next;
        match next {
            None => _ = self.idle.insert(worker),
            Some(task) => {
                self.idle.remove(&worker);
                actions.push(Action::Assign { task, worker });
            }
        }
    }

    fn worker(&mut self, name: WorkerId) -> &mut Worker {
        self.workers.get_mut(&name).expect("only workers that are there are spoken to")
    }

    /// The invariants that can be counted: cheap enough for every event.
    fn counts(&self) -> Result<(), String> {
        let busy = self.workers.values().filter(|worker| worker.in_hand.is_some()).count();
        let set_aside: usize = self.workers.values().map(|worker| worker.block.len()).sum();
        let placed = busy + set_aside + self.queue.len();
        ensure(placed == self.deaths.len(), || {
            format!("{} tasks are unfinished, {placed} are in some place", self.deaths.len())
        })?;
        ensure(busy == self.in_hand(), || {
            format!("{busy} workers have a task, {} are not idle", self.in_hand())
        })?;
        ensure(self.idle.is_empty() || self.queue.is_empty(), || {
            format!("{} tasks wait for {} idle workers", self.queue.len(), self.idle.len())
        })
    }

    /// Proves every invariant of the module, task by task.
    ///
    /// # Errors
    /// What does not hold.
    ///
    /// # Cost
    /// Proportional to the unfinished tasks: for tests, not for every event.
    pub fn check(&self) -> Result<(), String> {
        self.counts()?;
        let in_hand = self.workers.values().filter_map(|worker| worker.in_hand.as_ref());
        let blocks = self.workers.values().flat_map(|worker| &worker.block);
        let mut placed = BTreeSet::new();
        for task in self.queue.iter().chain(in_hand).chain(blocks) {
            ensure(placed.insert(*task), || format!("{task:?} is in two places"))?;
            let deaths = self.deaths.get(task);
            ensure(deaths.is_some_and(|deaths| *deaths <= self.allowed_failures), || {
                format!("{task:?} is in some place after {deaths:?} deaths")
            })?;
        }
        for (name, worker) in &self.workers {
            let idle = self.idle.contains(name);
            ensure(idle == worker.in_hand.is_none(), || format!("{name}: {worker:?}, {idle}"))?;
            ensure(!idle || worker.block.is_empty(), || format!("{name} idles before its block"))?;
        }
        Ok(())
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
