//! What is needed: a task is taken up when somebody needs its value, dropped
//! when nobody does any more, and forgotten when nothing could be made of it
//! again.

use super::Scheduler;
use super::event::{Action, Holder, Spec, TaskId};
use super::finish::derived;
use super::planted::Planted;
use super::task::{Fate, NONE, Slot, State, Task};

impl Scheduler {
    pub(super) fn submitted(&mut self, specs: Vec<Spec>, out: &mut Vec<Action>) {
        for spec in specs {
            if self.tasks.find(spec.task).is_some() {
                continue;
            }
            let mut task = Task::new(spec.task);
            task.wanted = true;
            task.priority = spec.priority;
            task.retries = spec.retries;
            task.home = spec.home.and_then(|home| self.crew.find(home)).unwrap_or(NONE);
            let slot = self.tasks.insert(task);
            let mut failed = None;
            for dependency in &spec.dependencies {
                match self.tasks.find(*dependency) {
                    // A task that depends on itself finds itself without a
                    // value to come, and so is no cycle.
                    Some(found) if found != slot => self.edges.link(slot, found),
                    _ => failed = Some((Fate::DependencyFailed, dependency.0)),
                }
            }
            match failed {
                Some((fate, cause)) => self.fail(slot, fate, cause, false, out),
                None => self.activate(slot, out),
            }
        }
    }

    /// Takes up a dormant task because its value is needed, and with it, from
    /// the values that are lost to those that are left, all that it is made of.
    pub(super) fn activate(&mut self, slot: Slot, out: &mut Vec<Action>) {
        debug_assert_eq!(self.tasks[slot].state, State::Dormant);
        let mut failed = Vec::new();
        self.take_up(slot);
        while let Some(slot) = self.stack.pop() {
            let mut unmet = 0;
            for dependency in self.edges.rights_of(slot) {
                self.tasks[dependency].needed_by += 1;
                match self.tasks[dependency].state {
                    State::Value => {}
                    State::Over => failed.push((slot, dependency)),
                    State::Dormant => {
                        unmet += 1;
                        let state = taken_up(&self.tasks[dependency]);
                        self.tasks.set_state(dependency, state);
                        self.stack.push(dependency);
                    }
                    _ => unmet += 1,
                }
            }
            self.tasks[slot].unmet = unmet;
            if unmet == 0 && self.tasks[slot].state == State::Waiting {
                self.fresh.push(slot);
            }
        }
        for (slot, dependency) in failed {
            let (fate, cause) = derived(&self.tasks[dependency]);
            self.fail(slot, fate, cause, false, out);
        }
    }

    fn take_up(&mut self, slot: Slot) {
        let state = taken_up(&self.tasks[slot]);
        self.tasks.set_state(slot, state);
        self.stack.push(slot);
    }

    /// Drops an active task: it needs its dependencies no more. If a worker
    /// has it in hand, it has it in hand until it says what became of it.
    pub(super) fn deactivate(
        &mut self,
        slot: Slot,
        next: State,
        kill: bool,
        out: &mut Vec<Action>,
    ) {
        match self.tasks[slot].state {
            State::Ready => self.dequeue(slot),
            State::Assigned => {
                let task = &self.tasks[slot];
                let worker = self.crew[task.seat].id;
                out.push(Action::Revoke { task: task.id, worker, kill });
            }
            _ => {}
        }
        self.tasks.set_state(slot, next);
        for dependency in self.edges.rights_of(slot) {
            self.tasks[dependency].needed_by -= 1;
            if self.tasks[dependency].needed_by == 0 {
                self.sweep.push(dependency);
            }
        }
    }

    pub(super) fn released(&mut self, task: TaskId, out: &mut Vec<Action>) {
        let Some(slot) = self.tasks.find(task) else { return };
        self.tasks[slot].wanted = false;
        if self.planted(Planted::EagerFree) && self.tasks[slot].state == State::Value {
            self.free_value(slot, out);
            self.tasks.set_state(slot, State::Dormant);
        }
        self.sweep.push(slot);
    }

    /// Whether somebody needs the task's value: now, or if a value that was
    /// made of it is lost, and this one could not be made again. That is so of
    /// what was scattered, and of what the driver has: what that was made of
    /// is forgotten.
    pub(super) fn is_needed(&self, slot: Slot) -> bool {
        let task = &self.tasks[slot];
        let remade = !task.scattered && !task.safe;
        task.wanted || task.needed_by > 0 || (!remade && self.edges.has_left(slot))
    }

    /// Looks at every task that may have lost its last friend in this event.
    pub(super) fn sweep_all(&mut self, out: &mut Vec<Action>) {
        while let Some(slot) = self.sweep.pop() {
            if !self.tasks.is_task(slot) || self.is_needed(slot) {
                continue;
            }
            match self.tasks[slot].state {
                State::Waiting | State::Ready | State::Assigned => {
                    self.deactivate(slot, State::Dormant, false, out);
                }
                State::Value => {
                    self.free_value(slot, out);
                    self.tasks.set_state(slot, State::Dormant);
                }
                State::Dormant | State::Over => {}
                State::Vacant => unreachable!("it is a task"),
            }
            if self.tasks[slot].seat == NONE && !self.edges.has_left(slot) {
                self.cut(slot);
                out.push(Action::Forget { task: self.tasks[slot].id });
                self.tasks.remove(slot);
            }
        }
    }

    /// Forgets what the task is made of: it will not be made again.
    pub(super) fn cut(&mut self, slot: Slot) {
        while let Some(dependency) = self.edges.pop_right(slot) {
            if !self.edges.has_left(dependency) {
                self.sweep.push(dependency);
            }
        }
    }

    /// Has everybody who holds the value drop it.
    fn free_value(&mut self, slot: Slot, out: &mut Vec<Action>) {
        let task = self.tasks[slot].id;
        if std::mem::take(&mut self.tasks[slot].safe) {
            out.push(Action::Free { task, holder: Holder::Driver });
        }
        while let Some(seat) = self.copies.pop(slot) {
            let holder = Holder::Worker(self.crew[seat].id);
            out.push(Action::Free { task, holder });
        }
    }
}

/// The state of a task that is taken up.
fn taken_up(task: &Task) -> State {
    // A worker may have it in hand still, though it was told not to bother.
    if task.seat == NONE { State::Waiting } else { State::Assigned }
}
