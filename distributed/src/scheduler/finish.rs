//! How tasks end: with a value, with an error of their own, by order, or with
//! what they depend on.

use super::Scheduler;
use super::event::{Action, Holder, Outcome, TaskId, WorkerId};
use super::planted::Planted;
use super::task::{Fate, NONE, Slot, State, Task};
use super::worker::Seat;

impl Scheduler {
    /// The worker and the task, if that worker has that task in hand.
    pub(super) fn in_hand(&self, worker: WorkerId, task: TaskId) -> Option<(Seat, Slot)> {
        let slot = self.tasks.find(task)?;
        let seat = self.tasks[slot].seat;
        (self.crew.get(seat)?.id == worker).then_some((seat, slot))
    }

    /// Takes a task out of the hands of the worker that has it.
    pub(super) fn take_from_hands(&mut self, slot: Slot) {
        let seat = std::mem::replace(&mut self.tasks[slot].seat, NONE);
        let bound = u32::from(self.tasks[slot].home == seat);
        let worker = &mut self.crew[seat];
        worker.hands.remove(&mut self.tasks, slot);
        worker.bound -= bound;
        self.hungry.push(seat);
    }

    pub(super) fn finished(
        &mut self,
        worker: WorkerId,
        task: TaskId,
        bytes: u64,
        kept: bool,
        out: &mut Vec<Action>,
    ) {
        let Some((seat, slot)) = self.in_hand(worker, task) else {
            return self.finished_again(task, out);
        };
        self.take_from_hands(slot);
        if self.tasks[slot].state != State::Assigned {
            // It was dropped in the meantime, and so is what came of it.
            let holder = if kept { Holder::Worker(worker) } else { Holder::Driver };
            out.push(Action::Free { task, holder });
            return self.sweep.push(slot);
        }
        self.tasks.set_state(slot, State::Value);
        self.tasks[slot].payload = bytes;
        if kept {
            self.copies.add(slot, seat);
            if self.crew[seat].retiring {
                out.push(Action::Secure { task, worker });
            }
            for dependency in self.edges.rights_of(slot) {
                self.tasks[dependency].needed_by -= 1;
                if self.tasks[dependency].needed_by == 0 {
                    self.sweep.push(dependency);
                }
            }
        } else {
            // It cannot be lost, so what it is made of can be forgotten.
            self.tasks[slot].safe = true;
            while let Some(dependency) = self.edges.pop_right(slot) {
                self.tasks[dependency].needed_by -= 1;
                if self.tasks[dependency].needed_by == 0 {
                    self.sweep.push(dependency);
                }
            }
        }
        self.tell(slot, Outcome::Returned, out);
        for dependant in self.edges.lefts_of(slot) {
            let dependant_task = &mut self.tasks[dependant];
            if dependant_task.is_active() {
                dependant_task.unmet -= 1;
                if dependant_task.unmet == 0 && dependant_task.state == State::Waiting {
                    self.fresh.push(dependant);
                }
            }
        }
    }

    /// A report from somebody who does not have the task in hand changes
    /// nothing.
    fn finished_again(&mut self, task: TaskId, out: &mut Vec<Action>) {
        if self.planted(Planted::FinishTwice)
            && let Some(slot) = self.tasks.find(task)
            && self.tasks[slot].state == State::Value
        {
            out.push(Action::Finish { task, outcome: Outcome::Returned });
        }
    }

    /// Tells the client how a task ended, if it waits to hear.
    fn tell(&mut self, slot: Slot, outcome: Outcome, out: &mut Vec<Action>) {
        let task = &mut self.tasks[slot];
        if task.wanted && !std::mem::replace(&mut task.told, true) {
            out.push(Action::Finish { task: task.id, outcome });
        }
    }

    pub(super) fn failed(&mut self, worker: WorkerId, task: TaskId, out: &mut Vec<Action>) {
        let Some((_, slot)) = self.in_hand(worker, task) else { return };
        self.take_from_hands(slot);
        if self.tasks[slot].state != State::Assigned {
            self.sweep.push(slot);
        } else if self.tasks[slot].retries > 0 {
            self.tasks[slot].retries -= 1;
            self.comes_back(slot);
        } else {
            self.tasks.set_state(slot, State::Waiting);
            self.fail(slot, Fate::Failed, 0, false, out);
        }
    }

    /// A task that was in hand, and is not any more, shall still be done.
    pub(super) fn comes_back(&mut self, slot: Slot) {
        self.tasks.set_state(slot, State::Waiting);
        self.tasks[slot].again = true;
        if self.tasks[slot].unmet == 0 {
            self.fresh.push(slot);
        }
    }

    pub(super) fn cancelled(&mut self, task: TaskId, kill: bool, out: &mut Vec<Action>) {
        if let Some(slot) = self.tasks.find(task)
            && self.tasks[slot].is_active()
        {
            self.fail(slot, Fate::Cancelled, 0, kill, out);
        }
    }

    pub(super) fn expired(&mut self, task: TaskId, out: &mut Vec<Action>) {
        if let Some(slot) = self.tasks.find(task)
            && self.tasks[slot].is_active()
            && !self.tasks[slot].told
        {
            self.fail(slot, Fate::Expired, 0, true, out);
        }
    }

    /// Ends a task for good, and all that cannot be done without it.
    pub(super) fn fail(
        &mut self,
        slot: Slot,
        fate: Fate,
        cause: u64,
        kill: bool,
        out: &mut Vec<Action>,
    ) {
        let mut doomed = vec![(slot, fate, cause)];
        while let Some((slot, fate, cause)) = doomed.pop() {
            if self.tasks[slot].state == State::Over {
                continue;
            }
            if self.tasks[slot].is_active() {
                self.deactivate(slot, State::Over, kill, out);
            } else {
                self.tasks.set_state(slot, State::Over);
            }
            self.tasks[slot].fate = fate;
            self.tasks[slot].payload = cause;
            let outcome = self.tasks[slot].outcome();
            if self.tasks[slot].wanted && self.tasks[slot].told {
                out.push(Action::Gone { task: self.tasks[slot].id, outcome });
            }
            self.tell(slot, outcome, out);
            let (fate, cause) = derived(&self.tasks[slot]);
            let dependants = self.edges.lefts_of(slot);
            let active = dependants.filter(|dependant| self.tasks[*dependant].is_active());
            doomed.extend(active.map(|dependant| (dependant, fate, cause)));
            self.cut(slot);
            self.sweep.push(slot);
        }
    }
}

/// How a task ends that depends on this one, which is over; with the cause.
pub(super) fn derived(task: &Task) -> (Fate, u64) {
    match task.fate {
        Fate::Cancelled => (Fate::Cancelled, 0),
        Fate::DependencyFailed => (Fate::DependencyFailed, task.payload),
        _ => (Fate::DependencyFailed, task.id.0),
    }
}
