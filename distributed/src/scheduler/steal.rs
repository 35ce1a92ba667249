//! Stealing: a worker without work gets what waits with another.
//!
//! What waits in the scheduler is given to whoever is idle before it comes to
//! this. What was sent ahead has to be asked for, from the end: the worker
//! that has it may begin it at any moment, and only its answer says what it
//! had not begun. Half is asked for, as in Cilk's descendants, so that one
//! answer evens out two workers; and never more answers are awaited than
//! there are workers without work.

use super::Scheduler;
use super::event::{Action, TaskId, WorkerId};
use super::planted::Planted;
use super::task::{Slot, State};
use super::worker::Seat;

impl Scheduler {
    /// Asks those with most to spare, while somebody has nothing.
    pub(super) fn balance(&mut self, out: &mut Vec<Action>) {
        if !self.policy.steals() {
            return;
        }
        while self.crew.idle() > self.crew.asked
            && self.common_top().is_none()
            && let Some((seat, spare)) = self.crew.most_loaded()
        {
            self.recall(seat, spare.div_ceil(2), out);
            if self.planted(Planted::AssumedRecall) {
                let last: Vec<Slot> = self.crew[seat].hands.iter(&self.tasks).collect();
                self.take_back(seat, *last.last().expect("it has some to spare"));
                self.place_all(out);
            }
        }
    }

    pub(super) fn recall(&mut self, seat: Seat, count: u32, out: &mut Vec<Action>) {
        let worker = &mut self.crew[seat];
        let more = count.saturating_sub(worker.asked);
        worker.asked += more;
        out.push(Action::Recall { worker: worker.id, count });
        self.crew.asked += more;
        self.crew.refile(seat);
    }

    pub(super) fn recalled(&mut self, worker: WorkerId, tasks: &[TaskId]) {
        let Some(seat) = self.crew.find(worker) else { return };
        let asked = std::mem::take(&mut self.crew[seat].asked);
        self.crew.asked -= asked;
        if (tasks.len() as u64) < u64::from(asked) {
            // The others have begun: there is nothing to ask for again.
            self.crew[seat].all_begun = true;
        }
        self.hungry.push(seat);
        for task in tasks {
            if let Some((_, slot)) = self.in_hand(worker, *task) {
                self.take_back(seat, slot);
            }
        }
    }

    /// A worker gives a task back, undone.
    pub(super) fn take_back(&mut self, seat: Seat, slot: Slot) {
        self.take_from_hands(slot);
        if self.tasks[slot].state == State::Assigned {
            // It was taken from where the policy had it, for others.
            self.tasks[slot].anywhere = !self.crew[seat].retiring;
            if self.planted(Planted::RecalledLost) {
                self.tasks.set_state(slot, State::Waiting);
                return;
            }
            self.comes_back(slot);
        } else {
            self.sweep.push(slot);
        }
    }

    pub(super) fn declined(&mut self, worker: WorkerId, task: TaskId) {
        if let Some((_, slot)) = self.in_hand(worker, task) {
            self.take_from_hands(slot);
            if self.tasks[slot].state == State::Assigned {
                self.comes_back(slot);
            } else {
                self.sweep.push(slot);
            }
        }
    }
}
