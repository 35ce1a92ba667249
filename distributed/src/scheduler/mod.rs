//! The scheduler: a pure state machine that decides which worker does what.
//!
//! An [`Event`] goes in, [`Action`]s come out. There is no input or output
//! here, no clock, no thread, no lock and no randomness but that of a seeded
//! [`Policy`]: the same events give the same actions, always. So a run can be
//! replayed, a property can be tested over thousands of invented histories in
//! seconds, a million tasks can be simulated on ten
//! thousand workers, and the drivers (threads, processes) differ only in how
//! they carry actions out.
//!
//! ```
//! use distributed::scheduler::{
//!     Action, Event, Fifo, Holder, Outcome, Scheduler, Spec, TaskId, WorkerId,
//! };
//!
//! let mut scheduler = Scheduler::new(Fifo, 3);
//! let (worker, two, double) = (WorkerId(0), TaskId(0), TaskId(1));
//! let mut actions = Vec::new();
//!
//! // Nobody is there yet: one task is ready, the other waits for its value.
//! let specs = vec![Spec::new(two), Spec::new(double).after([two])];
//! scheduler.handle(Event::Submitted { specs }, &mut actions);
//! assert_eq!(actions, []);
//!
//! // A worker joins, and gets the task that is ready.
//! scheduler.handle(Event::WorkerJoined { worker, depth: 1 }, &mut actions);
//! assert_eq!(actions, [Action::Assign { task: two, worker }]);
//!
//! // It has done it, and keeps the value: there the next one shall run.
//! actions.clear();
//! let finished = Event::Finished { worker, task: two, bytes: 8, kept: true };
//! scheduler.handle(finished, &mut actions);
//! assert_eq!(
//!     actions,
//!     [
//!         Action::Finish { task: two, outcome: Outcome::Returned },
//!         Action::Assign { task: double, worker },
//!     ]
//! );
//!
//! // Nobody holds the first one's future, but the second task needs its value.
//! actions.clear();
//! scheduler.handle(Event::Released { tasks: vec![two] }, &mut actions);
//! assert_eq!(actions, []);
//! let finished = Event::Finished { worker, task: double, bytes: 8, kept: false };
//! scheduler.handle(finished, &mut actions);
//! assert_eq!(
//!     actions,
//!     [
//!         Action::Finish { task: double, outcome: Outcome::Returned },
//!         Action::Free { task: two, holder: Holder::Worker(worker) },
//!         Action::Forget { task: two },
//!     ]
//! );
//! ```
//!
//! # Map
//! | file | holds |
//! |---|---|
//! | `event.rs` | [`Event`], [`Action`], [`Outcome`], [`Spec`]: the two ends |
//! | `task.rs`, `worker.rs` | what is remembered of a task, and of a worker |
//! | `need.rs` | when a task is taken up, dropped and forgotten |
//! | `place.rs` | which worker a ready task goes to |
//! | `policy.rs` | [`Policy`]: where it would rather go |
//! | `steal.rs` | what waits with one worker goes to another that has nothing |
//! | `finish.rs` | how tasks end, and what ends with them |
//! | `lost.rs` | workers that come, die and retire; values that are lost |
//! | `check.rs` | the invariants, proved task by task |
//! | `planted.rs`, `properties/` | bugs, and the tests that find them |
//! | `relation.rs`, `copies.rs`, `lanes.rs`, `index.rs` | pairs, queues by priority, names to places |
//!
//! # The life of a task
//! ```text
//!            submitted                       a value is lost that is needed
//!                │                ┌────────────────────────────────────────┐
//!                ▼                ▼                                        │
//!            Waiting ──────────► Ready ──────────► Assigned ──────────► Value
//!              for values          for a worker      in hand               │
//!                ▲                ▲                  │     │               │
//!                │                └──────────────────┘     │               ▼
//!                │      given back, retried, worker lost   ▼            Dormant
//!                └───────────────────────────────────── Over       remembered for
//!                       (failed, killed, cancelled, ..)           those made of it
//! ```
//!
//! # Invariants
//! After every event (in debug builds as long as tasks are few, and in the
//! property tests always; [`Scheduler::check`]):
//! - a task is in one state, and in one place: waiting for values, in one
//!   queue, or in the hands of one worker;
//! - the counts of values that a task waits for, and of tasks that need a
//!   value, are what the graph says;
//! - a task is taken up if and only if its value is needed and not there;
//! - nothing needed is freed, and nothing unneeded is kept;
//! - no worker is idle while a task waits that it may take, and none is given
//!   a task while one of higher priority waits that it may take;
//! - no task has outlived more deaths than are allowed.
//!
//! Over a whole history, each task that is wanted to its end is finished
//! exactly once.
//!
//! # Cost
//! A task costs a few hundred nanoseconds from its submission to its release,
//! and 84 bytes while it is remembered, some 30 more for each dependency and
//! for each copy of its value; the figures are in the crate's README. An event
//! costs O(log workers) for each task that it moves. The death of a worker
//! costs a step for each task in its hands, each value in its memory and each
//! dependant of those. [`Locality`] costs a step for each copy of each input.

mod check;
mod copies;
mod event;
mod finish;
mod index;
mod lanes;
mod lost;
mod need;
mod place;
mod planted;
mod policy;
#[cfg(test)]
mod properties;
mod relation;
mod steal;
mod task;
mod worker;

pub use event::{Action, Event, Holder, Outcome, Spec, TaskId, WorkerId};
pub use policy::{Candidates, Fifo, Holding, Locality, Policy, Random};

use copies::Copies;
use lanes::Lanes;
use place::Scratch;
use relation::Relation;
use task::{Slot, State, Table};
use worker::{Crew, Seat};

/// Debug builds check all invariants after each event up to so many tasks.
#[cfg(all(debug_assertions, not(test)))]
const CHECKED: usize = 32;

/// The state: which tasks there are, what they wait for, and who does what.
#[derive(Debug)]
pub struct Scheduler {
    policy: Box<dyn Policy>,
    allowed_failures: u32,
    tasks: Table,
    /// Which task (left) takes the value of which (right).
    edges: Relation,
    /// Of which value (left) there is a copy with which worker (right).
    copies: Copies,
    crew: Crew,
    /// Those that are to go, and are not gone.
    retiring: Vec<Seat>,
    /// Ready tasks for whoever has room.
    free: Lanes<0>,
    /// Ready tasks in some worker's own queue that another may take.
    stealable: Lanes<1>,

    // The rest is empty between events; the memory is used again.
    /// Tasks that may have become ready.
    fresh: Vec<Slot>,
    /// Those of them that came back, found no place, and are to be queued.
    back: Vec<(Slot, Seat)>,
    /// Tasks that may have become unneeded.
    sweep: Vec<Slot>,
    /// Workers that may have room.
    hungry: Vec<Seat>,
    /// Tasks that are being taken up.
    stack: Vec<Slot>,
    scratch: Scratch,
    #[cfg(test)]
    planted: Option<planted::Planted>,
}

/// How many tasks are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that wait for values.
    pub waiting: usize,
    /// Those that wait for a worker.
    pub ready: usize,
    /// Those in some worker's hands, begun or not.
    pub assigned: usize,
    /// Those that have a value.
    pub values: usize,
    /// Those that ended without one, and are not released.
    pub over: usize,
    /// Those that are remembered for what was made of them, and those that
    /// were dropped while a worker had them in hand.
    pub dormant: usize,
}

impl Scheduler {
    /// A scheduler with no tasks and no workers. A task may outlive
    /// `allowed_failures` deaths of the worker that had begun it; one more,
    /// and it is given up.
    pub fn new(policy: impl Policy + 'static, allowed_failures: u32) -> Self {
        Self {
            policy: Box::new(policy),
            allowed_failures,
            tasks: Table::new(),
            edges: Relation::new(),
            copies: Copies::new(),
            crew: Crew::default(),
            retiring: Vec::new(),
            free: Lanes::default(),
            stealable: Lanes::default(),
            fresh: Vec::new(),
            back: Vec::new(),
            sweep: Vec::new(),
            hungry: Vec::new(),
            stack: Vec::new(),
            scratch: Scratch::default(),
            #[cfg(test)]
            planted: None,
        }
    }

    /// Takes note of an event, and adds what is to be done to `actions`.
    pub fn handle(&mut self, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Submitted { specs } => self.submitted(specs, actions),
            Event::Scattered { task, bytes, at } => self.scattered(task, bytes, at, actions),
            Event::Released { tasks } => {
                tasks.into_iter().for_each(|task| self.released(task, actions));
            }
            Event::Cancelled { tasks, kill } => {
                tasks.into_iter().for_each(|task| self.cancelled(task, kill, actions));
            }
            Event::Expired { task } => self.expired(task, actions),
            Event::WorkerJoined { worker, depth } => self.joined(worker, depth),
            Event::WorkerRetiring { worker } => self.retire(worker, actions),
            Event::WorkerLost { worker, begun } => self.lost(worker, &begun, actions),
            Event::Finished { worker, task, bytes, kept } => {
                self.finished(worker, task, bytes, kept, actions);
            }
            Event::Failed { worker, task } => self.failed(worker, task, actions),
            Event::Recalled { worker, tasks } => self.recalled(worker, &tasks),
            Event::Declined { worker, task } => self.declined(worker, task),
            Event::Missing { task, worker } => self.missing(task, worker, actions),
            Event::Copied { task, worker } => self.copied(task, worker, actions),
            Event::Secured { task } => self.secured(task, actions),
        }
        self.sweep_all(actions);
        self.place_all(actions);
        self.balance(actions);
        self.dismiss(actions);
        // The property tests of this crate check it themselves.
        #[cfg(all(debug_assertions, not(test)))]
        if self.tasks.len() <= CHECKED {
            assert_eq!(self.check(), Ok(()), "an invariant of the scheduler does not hold");
        }
    }

    /// Whether the task is known: submitted or scattered, and not released, or
    /// still needed by another.
    pub fn is_known(&self, task: TaskId) -> bool {
        self.tasks.find(task).is_some()
    }

    /// Whether the task has a value now, somewhere.
    pub fn has_value(&self, task: TaskId) -> bool {
        self.tasks.find(task).is_some_and(|slot| self.tasks[slot].state == State::Value)
    }

    /// Whether the driver has the task's value.
    pub fn is_safe(&self, task: TaskId) -> bool {
        self.tasks.find(task).is_some_and(|slot| self.tasks[slot].safe)
    }

    /// The workers with a copy of the task's value.
    pub fn who_has(&self, task: TaskId) -> impl Iterator<Item = WorkerId> + '_ {
        let slot = self.tasks.find(task);
        slot.into_iter().flat_map(|slot| self.copies.holders(slot).map(|seat| self.crew[seat].id))
    }

    /// Whether the task lies with a worker, begun or not.
    pub fn is_in_hand(&self, task: TaskId) -> bool {
        self.tasks.find(task).is_some_and(|slot| self.crew.get(self.tasks[slot].seat).is_some())
    }

    /// How many tasks lie with the worker; none if it is not there.
    pub fn load(&self, worker: WorkerId) -> u32 {
        self.crew.find(worker).map_or(0, |seat| self.crew[seat].load())
    }

    /// Whether the worker is there, retiring or not.
    pub fn is_there(&self, worker: WorkerId) -> bool {
        self.crew.find(worker).is_some()
    }

    /// The number of workers, those that are retiring left out.
    pub fn workers(&self) -> usize {
        self.crew.present().len()
    }

    /// How many tasks are in which state.
    pub fn counts(&self) -> Counts {
        let count = |state| self.tasks.count(state);
        Counts {
            waiting: count(State::Waiting),
            ready: count(State::Ready),
            assigned: count(State::Assigned),
            values: count(State::Value),
            over: count(State::Over),
            dormant: count(State::Dormant),
        }
    }
}
