//! Workers that come and go, and the values that go with them.

use super::Scheduler;
use super::event::{Action, Holder, TaskId, WorkerId};
use super::planted::Planted;
use super::task::{Fate, NONE, Slot, State, Task};
use super::worker::Seat;

impl Scheduler {
    pub(super) fn joined(&mut self, worker: WorkerId, depth: u32) {
        if self.crew.find(worker).is_none() {
            let seat = self.crew.add(worker, depth.max(1));
            self.hungry.push(seat);
        }
    }

    pub(super) fn scattered(
        &mut self,
        task: TaskId,
        bytes: u64,
        at: Holder,
        out: &mut Vec<Action>,
    ) {
        if self.tasks.find(task).is_some() {
            return;
        }
        let mut record = Task::new(task);
        (record.wanted, record.told, record.scattered) = (true, true, true);
        (record.payload, record.state) = (bytes, State::Value);
        record.safe = at == Holder::Driver;
        let slot = self.tasks.insert(record);
        if let Holder::Worker(worker) = at {
            match self.crew.find(worker) {
                Some(seat) => {
                    self.copies.add(slot, seat);
                    if self.crew[seat].retiring {
                        out.push(Action::Secure { task, worker });
                    }
                }
                None => self.fail(slot, Fate::Lost, 0, false, out),
            }
        }
    }

    pub(super) fn lost(&mut self, worker: WorkerId, begun: &[TaskId], out: &mut Vec<Action>) {
        let Some(seat) = self.crew.find(worker) else { return };
        let lane = self.leave_lane(seat);
        let was_to_go = self.crew[seat].retiring;
        let gone = self.crew.remove(seat);
        self.retiring.retain(|retiring| *retiring != seat);
        let hands: Vec<Slot> = gone.hands.iter(&self.tasks).collect();
        for slot in hands {
            self.tasks[slot].seat = NONE;
            if self.tasks[slot].state != State::Assigned {
                self.sweep.push(slot);
                continue;
            }
            let begun =
                begun.contains(&self.tasks[slot].id) || self.planted(Planted::IdleDeathsCount);
            let suspicious = begun && !was_to_go;
            self.tasks[slot].deaths += u32::from(suspicious);
            if self.tasks[slot].deaths > self.allowed_failures {
                self.tasks.set_state(slot, State::Waiting);
                self.fail(slot, Fate::Killed, 0, false, out);
            } else {
                self.comes_back(slot);
            }
        }
        // These have waited for less long than those in its hands.
        self.fresh.extend(lane);
        let copies: Vec<Slot> = self.copies.held_by(seat).collect();
        for slot in &copies {
            self.copies.remove(*slot, seat);
        }
        self.lose_values(copies, out);
    }

    pub(super) fn missing(&mut self, task: TaskId, worker: WorkerId, out: &mut Vec<Action>) {
        let (Some(slot), Some(seat)) = (self.tasks.find(task), self.crew.find(worker)) else {
            return;
        };
        if self.copies.remove(slot, seat) {
            self.lose_values(vec![slot], out);
        }
    }

    /// Of the values that have lost a copy, those that have no other are made
    /// again if they are needed.
    fn lose_values(&mut self, mut slots: Vec<Slot>, out: &mut Vec<Action>) {
        slots.retain(|slot| !self.tasks[*slot].safe && !self.copies.has_any(*slot));
        // All are gone before any is made again, so that none is made of
        // another that is gone.
        for slot in &slots {
            self.tasks.set_state(*slot, State::Dormant);
            let dependants: Vec<Slot> = self.edges.lefts_of(*slot).collect();
            for dependant in dependants {
                if self.tasks[dependant].is_active() {
                    if self.tasks[dependant].state == State::Ready {
                        self.dequeue(dependant);
                    }
                    self.tasks[dependant].unmet += 1;
                }
            }
        }
        for slot in &slots {
            if self.tasks[*slot].scattered {
                self.fail(*slot, Fate::Lost, 0, false, out);
            }
        }
        for slot in slots {
            if self.tasks[slot].state != State::Dormant {
                continue;
            }
            if self.planted(Planted::LineageForgotten) && !self.tasks[slot].wanted {
                continue;
            }
            if self.is_needed(slot) {
                self.activate(slot, out);
            } else {
                self.sweep.push(slot);
            }
        }
    }

    pub(super) fn copied(&mut self, task: TaskId, worker: WorkerId, out: &mut Vec<Action>) {
        let Some(seat) = self.crew.find(worker) else { return };
        let slot = self.tasks.find(task);
        let slot = slot.filter(|slot| self.tasks[*slot].state == State::Value);
        let Some(slot) = slot.filter(|_| !self.crew[seat].retiring) else {
            // Nobody needs it any more, or it would have to be moved at once.
            let known = slot.is_some_and(|slot| self.copies.holders(slot).any(|s| s == seat));
            if !known {
                out.push(Action::Free { task, holder: Holder::Worker(worker) });
            }
            return;
        };
        if self.copies.add(slot, seat) {
            self.relieve_retiring(slot, out);
        }
    }

    pub(super) fn secured(&mut self, task: TaskId, out: &mut Vec<Action>) {
        let slot = self.tasks.find(task);
        let Some(slot) = slot.filter(|slot| self.tasks[*slot].state == State::Value) else {
            out.push(Action::Free { task, holder: Holder::Driver });
            return;
        };
        self.tasks[slot].safe = true;
        self.cut(slot);
        self.relieve_retiring(slot, out);
    }

    /// A value has another holder: those that are to go need it no more.
    fn relieve_retiring(&mut self, slot: Slot, out: &mut Vec<Action>) {
        if self.retiring.is_empty() {
            return;
        }
        let holders = self.copies.holders(slot);
        let leaving: Vec<Seat> = holders.filter(|seat| self.crew[*seat].retiring).collect();
        for seat in leaving {
            self.copies.remove(slot, seat);
            let holder = Holder::Worker(self.crew[seat].id);
            out.push(Action::Free { task: self.tasks[slot].id, holder });
        }
    }

    pub(super) fn retire(&mut self, worker: WorkerId, out: &mut Vec<Action>) {
        let Some(seat) = self.crew.find(worker).filter(|seat| !self.crew[*seat].retiring) else {
            return;
        };
        let lane = self.leave_lane(seat);
        self.fresh.extend(lane);
        self.crew.retire(seat);
        self.retiring.push(seat);
        let count = self.crew[seat].load();
        if count > 0 {
            self.recall(seat, count, out);
        }
        let held: Vec<Slot> = self.copies.held_by(seat).collect();
        for slot in held {
            let task = self.tasks[slot].id;
            let stays = |holder| !self.crew[holder].retiring;
            if self.tasks[slot].safe || self.copies.holders(slot).any(stays) {
                self.copies.remove(slot, seat);
                out.push(Action::Free { task, holder: Holder::Worker(worker) });
            } else {
                out.push(Action::Secure { task, worker });
            }
        }
    }

    /// Lets those workers go that have nothing left.
    pub(super) fn dismiss(&mut self, out: &mut Vec<Action>) {
        for at in 0..self.retiring.len() {
            let seat = self.retiring[at];
            let worker = &mut self.crew[seat];
            if worker.hands.is_empty() && !self.copies.holds_any(seat) && !worker.dismissed {
                worker.dismissed = true;
                out.push(Action::Dismiss { worker: worker.id });
            }
        }
    }

    /// What waits for a worker that goes has to find another place.
    fn leave_lane(&mut self, seat: Seat) -> Vec<Slot> {
        let waiting: Vec<Slot> = self.crew[seat].own.iter(&self.tasks).collect();
        for slot in &waiting {
            self.dequeue(*slot);
            self.tasks[*slot].again = true;
        }
        waiting
    }
}
