//! Which worker a ready task goes to, and which task a worker with room gets.
//!
//! The rules, in the order of their weight:
//! 1. A task that belongs to a worker goes there and nowhere else.
//! 2. No task goes to a worker while one of higher priority waits that the
//!    worker may take.
//! 3. No worker is idle while a task waits that it may take.
//! 4. A task goes where the policy wishes, and waits there if there is no room.
//! 5. Otherwise to the worker with the least in hand, first come, first served.
//!
//! Where a policy does not steal, its wish weighs as much as the first rule.

use super::Scheduler;
use super::copies::Copies;
use super::event::{Action, WorkerId};
use super::policy::{Candidates, Holding};
use super::relation::Relation;
use super::task::{NONE, Slot, State, Table};
use super::worker::{Crew, Seat, Worker};

/// What a policy is asked about one task, and memory for the answer.
pub(super) struct View<'a> {
    slot: Slot,
    tasks: &'a Table,
    edges: &'a Relation,
    copies: &'a Copies,
    crew: &'a Crew,
    scratch: &'a mut Scratch,
    /// Only workers without work are candidates, and only holders.
    idle_holders: bool,
    counted: bool,
}

/// Memory that is used again for each task.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    holdings: Vec<Holding>,
    seats: Vec<Seat>,
    /// Where in `holdings` a seat stands; [`NONE`] everywhere between uses.
    marks: Vec<u32>,
}

impl View<'_> {
    fn count_holdings(&mut self) {
        let Scratch { holdings, seats, marks } = &mut *self.scratch;
        holdings.clear();
        for dependency in self.edges.rights_of(self.slot) {
            let bytes = self.tasks[dependency].payload;
            for seat in self.copies.holders(dependency) {
                let worker = &self.crew[seat];
                if worker.retiring || (self.idle_holders && !worker.is_idle()) {
                    continue;
                }
                if seat as usize >= marks.len() {
                    marks.resize(seat as usize + 1, NONE);
                }
                let mark = &mut marks[seat as usize];
                if *mark == NONE {
                    *mark = holdings.len() as u32;
                    seats.push(seat);
                    holdings.push(Holding { worker: worker.id, bytes: 0, load: worker.load() });
                }
                holdings[*mark as usize].bytes += bytes;
            }
        }
        seats.drain(..).for_each(|seat| marks[seat as usize] = NONE);
        self.counted = true;
    }
}

impl Candidates for View<'_> {
    fn count(&self) -> usize {
        self.crew.present().len()
    }

    fn nth(&self, nth: usize) -> WorkerId {
        self.crew[self.crew.present()[nth]].id
    }

    fn holdings(&mut self) -> &[Holding] {
        if !self.counted {
            self.count_holdings();
        }
        &self.scratch.holdings
    }
}

impl Scheduler {
    /// Finds a place for what has become ready in this event, and work for
    /// whoever has room.
    pub(super) fn place_all(&mut self, out: &mut Vec<Action>) {
        if !self.fresh.is_empty() {
            for at in 0..self.hungry.len() {
                let seat = self.hungry[at];
                if self.crew.get(seat).is_some() {
                    self.crew.refile(seat);
                }
            }
            self.place_fresh(out);
        }
        while let Some(seat) = self.hungry.pop() {
            if self.crew.get(seat).is_some() {
                while self.feed(seat, out) {}
                self.crew.refile(seat);
            }
        }
        while let Some(seat) = self.crew.least_loaded()
            && self.feed(seat, out)
        {}
    }

    fn place_fresh(&mut self, out: &mut Vec<Action>) {
        let mut fresh = std::mem::take(&mut self.fresh);
        // A task may have been noted twice, or have been overtaken by what
        // else the event brought.
        fresh.retain(|slot| {
            self.tasks.is_task(*slot) && {
                let task = &self.tasks[*slot];
                task.state == State::Waiting && task.unmet == 0
            }
        });
        if !fresh.is_sorted_by_key(|slot| -i64::from(self.tasks[*slot].priority)) {
            fresh.sort_by_key(|slot| -i64::from(self.tasks[*slot].priority));
        }
        for slot in fresh.drain(..) {
            if self.tasks[slot].state == State::Waiting {
                self.place(slot, out);
            }
        }
        self.fresh = fresh;
        // Those that come back go to the front, and keep their order there.
        while let Some((slot, lane)) = self.back.pop() {
            self.enqueue(slot, lane, true);
        }
    }

    /// Finds a place for a task that has just become ready.
    fn place(&mut self, slot: Slot, out: &mut Vec<Action>) {
        let (priority, home) = (self.tasks[slot].priority, self.tasks[slot].home);
        if self.crew.get(home).is_some_and(|worker| !worker.retiring) {
            if self.crew[home].has_room() && self.may_take(home, priority) {
                return self.assign(slot, home, out);
            }
            return self.wait(slot, home);
        }
        self.tasks[slot].home = NONE;
        let steals = self.policy.steals();
        let anywhere = self.tasks[slot].anywhere;
        let wish = if anywhere { None } else { self.wish(slot, false) };
        let somebody_idle = steals && self.crew.idle() > 0;
        if let Some(seat) = wish
            && self.crew[seat].has_room()
            && (self.crew[seat].is_idle() || !somebody_idle)
            && self.may_take(seat, priority)
        {
            return self.assign(slot, seat, out);
        }
        // Whoever waits for as long or is as urgent has the first claim.
        if self.common_top().is_none_or(|top| top < priority) {
            let seat = if somebody_idle {
                let near = if anywhere { None } else { self.wish(slot, true) };
                near.or_else(|| self.crew.least_loaded())
            } else if wish.is_none() {
                self.crew.least_loaded()
            } else {
                None
            };
            if let Some(seat) = seat
                && self.may_take(seat, priority)
            {
                return self.assign(slot, seat, out);
            }
        }
        self.wait(slot, wish.unwrap_or(NONE));
    }

    /// Gives a worker that has room its next task; whether there was one.
    fn feed(&mut self, seat: Seat, out: &mut Vec<Action>) -> bool {
        let worker = &self.crew[seat];
        if !worker.has_room() {
            return false;
        }
        let (own, common) = (worker.own.top(), self.common_top());
        let next = if own.is_some() && own >= common {
            worker.own.first()
        } else if self.free.top() == common {
            self.free.first()
        } else if worker.is_idle() {
            // Another would get to the last one last.
            self.stealable.last_of_top()
        } else {
            None
        };
        let Some(slot) = next else { return false };
        self.dequeue(slot);
        self.assign(slot, seat, out);
        true
    }

    /// Whether a worker may take a task of this priority before all that
    /// waits. Among equals, what would rather go to the worker goes first.
    fn may_take(&self, seat: Seat, priority: i32) -> bool {
        self.crew[seat].own.top().is_none_or(|top| top < priority)
            && self.common_top().is_none_or(|top| top <= priority)
    }

    /// The highest priority among the waiting tasks that anybody may take.
    pub(super) fn common_top(&self) -> Option<i32> {
        let back = self.back.first().map(|(slot, _)| self.tasks[*slot].priority);
        self.free.top().max(self.stealable.top()).max(back)
    }

    /// Has a task that found no place wait for one: with a worker, or (at
    /// [`NONE`]) for anybody.
    fn wait(&mut self, slot: Slot, lane: Seat) {
        if self.crew.get(lane).is_some_and(Worker::has_room) {
            // It has room, and something more urgent to take first.
            self.hungry.push(lane);
        }
        if self.tasks[slot].again {
            self.tasks.set_state(slot, State::Ready);
            self.back.push((slot, lane));
        } else {
            self.enqueue(slot, lane, false);
        }
    }

    fn enqueue(&mut self, slot: Slot, lane: Seat, front: bool) {
        self.tasks.set_state(slot, State::Ready);
        let task = &mut self.tasks[slot];
        task.lane = lane;
        task.stealable = lane != NONE && task.home == NONE && self.policy.steals();
        if task.stealable {
            self.stealable.push(&mut self.tasks, slot, front);
        }
        match lane {
            NONE => self.free.push(&mut self.tasks, slot, front),
            seat => self.crew[seat].own.push(&mut self.tasks, slot, front),
        }
    }

    /// Takes a ready task out of its queue. It waits, and stands nowhere.
    pub(super) fn dequeue(&mut self, slot: Slot) {
        self.tasks.set_state(slot, State::Waiting);
        if self.tasks[slot].stealable {
            self.tasks[slot].stealable = false;
            self.stealable.remove(&mut self.tasks, slot);
        }
        match std::mem::replace(&mut self.tasks[slot].lane, NONE) {
            NONE => self.free.remove(&mut self.tasks, slot),
            seat => self.crew[seat].own.remove(&mut self.tasks, slot),
        }
    }

    fn assign(&mut self, slot: Slot, seat: Seat, out: &mut Vec<Action>) {
        self.tasks.set_state(slot, State::Assigned);
        let task = &mut self.tasks[slot];
        task.seat = seat;
        (task.again, task.anywhere) = (false, false);
        out.push(Action::Assign { task: task.id, worker: self.crew[seat].id });
        let bound = u32::from(task.home == seat);
        let worker = &mut self.crew[seat];
        worker.all_begun = false;
        worker.bound += bound;
        worker.hands.push_back(&mut self.tasks, slot);
        self.crew.refile(seat);
    }

    /// Whom the policy would give the task to: of all, or of those without
    /// work that hold some of its input.
    fn wish(&mut self, slot: Slot, idle_holders: bool) -> Option<Seat> {
        let Self { tasks, edges, copies, crew, scratch, policy, .. } = self;
        let mut view =
            View { slot, tasks, edges, copies, crew, scratch, idle_holders, counted: false };
        let seat = crew.find(policy.prefer(&mut view)?)?;
        let worker = &crew[seat];
        let is_candidate = !worker.retiring && (!idle_holders || worker.is_idle());
        is_candidate.then_some(seat)
    }
}
