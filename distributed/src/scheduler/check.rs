//! The invariants, proved task by task and worker by worker.

use std::collections::BTreeMap;

use super::Scheduler;
use super::task::{NONE, Slot, State, Task};
use super::worker::{Seat, Worker};

/// Where a task was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Free,
    Lane(Seat),
    Hands(Seat),
}

impl Scheduler {
    /// Proves every invariant of the module.
    ///
    /// # Errors
    /// What does not hold.
    ///
    /// # Cost
    /// Proportional to all that is remembered: for tests, not for every event.
    pub fn check(&self) -> Result<(), String> {
        let places = self.check_places()?;
        for (slot, task) in self.tasks.iter() {
            let say = |what: &str| format!("{what}: {task:?}, placed {:?}", places.get(&slot));
            self.check_state(slot, task, places.get(&slot).copied()).map_err(say)?;
            self.check_counts(slot, task).map_err(say)?;
            self.check_need(slot, task).map_err(say)?;
        }
        self.check_table()?;
        for (seat, worker) in self.crew.iter() {
            self.check_worker(seat, worker).map_err(|what| format!("{what}: {worker:?}"))?;
        }
        self.check_crew()
    }

    /// Every list, and that no task stands in two.
    fn check_places(&self) -> Result<BTreeMap<Slot, Found>, String> {
        let free = self.free.iter(&self.tasks).map(|slot| (slot, Found::Free));
        let mut found: Vec<(Slot, Found)> = free.collect();
        for (seat, worker) in self.crew.iter() {
            let own = worker.own.iter(&self.tasks);
            found.extend(own.map(|slot| (slot, Found::Lane(seat))));
            let hands = worker.hands.iter(&self.tasks);
            found.extend(hands.map(|slot| (slot, Found::Hands(seat))));
        }
        let mut places = BTreeMap::new();
        for (slot, place) in found {
            if let Some(other) = places.insert(slot, place) {
                return Err(format!("{:?} is in {other:?} and {place:?}", self.tasks[slot].id));
            }
        }
        let stealable: Vec<Slot> = self.stealable.iter(&self.tasks).collect();
        let marked = self.tasks.iter().filter(|(_, task)| task.stealable).count();
        let all_marked = stealable.iter().all(|slot| self.tasks[*slot].stealable);
        ensure(all_marked && stealable.len() == marked, "what may be stolen is not what is marked")
            .map_err(str::to_owned)?;
        Ok(places)
    }

    fn check_state(
        &self,
        slot: Slot,
        task: &Task,
        place: Option<Found>,
    ) -> Result<(), &'static str> {
        let expected = match task.state {
            State::Ready if task.lane == NONE => Some(Found::Free),
            State::Ready => Some(Found::Lane(task.lane)),
            _ if task.seat != NONE => Some(Found::Hands(task.seat)),
            _ => None,
        };
        ensure(place == expected, "it is not where its state says")?;
        let has_value = task.safe || self.copies.has_any(slot);
        ensure(has_value == (task.state == State::Value), "value and state do not agree")?;
        let has_dependants = self.edges.has_left(slot);
        match task.state {
            State::Vacant => Err("it is no task"),
            State::Waiting => ensure(task.unmet > 0, "it waits for nothing"),
            State::Ready => {
                let steals = self.policy.steals();
                let stealable = task.lane != NONE && task.home == NONE && steals;
                ensure(task.stealable == stealable, "who may steal it?")?;
                ensure(task.unmet == 0, "it is queued before its time")
            }
            State::Assigned => ensure(task.seat != NONE, "nobody has it in hand"),
            State::Value => ensure(task.seat == NONE, "it has a value, and is in hand"),
            State::Dormant => {
                ensure(has_dependants || task.seat != NONE, "nobody remembers it for anything")
            }
            State::Over => {
                ensure(!self.edges.has_right(slot), "it still holds on to its dependencies")?;
                ensure(!task.wanted || task.told, "nobody was told how it ended")?;
                let remembered = task.wanted || has_dependants || task.seat != NONE;
                ensure(remembered, "nobody wants to know how it ended")
            }
        }?;
        let given_up = task.state == State::Over;
        ensure(given_up || task.deaths <= self.allowed_failures, "it has cost too many workers")
    }

    fn check_counts(&self, slot: Slot, task: &Task) -> Result<(), &'static str> {
        let dependants = self.edges.lefts_of(slot);
        let needed_by = dependants.filter(|other| self.tasks[*other].is_active()).count();
        ensure(task.needed_by as usize == needed_by, "needed by others than it says")?;
        if task.is_active() {
            let dependencies = self.edges.rights_of(slot);
            let without = dependencies.filter(|other| self.tasks[*other].state != State::Value);
            ensure(task.unmet as usize == without.count(), "it waits for others than it says")?;
        }
        Ok(())
    }

    fn check_need(&self, slot: Slot, task: &Task) -> Result<(), &'static str> {
        let needed = self.is_needed(slot);
        match task.state {
            State::Waiting | State::Ready | State::Assigned => {
                ensure(needed, "nobody needs it, and it shall be done")
            }
            State::Value => ensure(needed, "nobody needs the value, and it is kept"),
            State::Dormant => ensure(!needed, "it is needed, and is not done"),
            State::Over => ensure(task.needed_by == 0, "something waits for it in vain"),
            State::Vacant => Ok(()),
        }
    }

    fn check_table(&self) -> Result<(), String> {
        let tasks = || self.tasks.iter();
        for (slot, task) in tasks() {
            let found = self.tasks.find(task.id);
            ensure(found == Some(slot), format!("{:?} is at {found:?}, not {slot}", task.id))?;
        }
        let states = [State::Waiting, State::Ready, State::Assigned, State::Value, State::Over];
        for state in states.into_iter().chain([State::Dormant]) {
            let counted = tasks().filter(|(_, task)| task.state == state).count();
            let count = self.tasks.count(state);
            ensure(counted == count, format!("{counted} tasks are {state:?}, not {count}"))?;
        }
        ensure(tasks().count() == self.tasks.len(), "the number of tasks is wrong".to_owned())?;
        let left_over = self.fresh.len() + self.sweep.len() + self.hungry.len();
        let left_over = left_over + self.back.len() + self.stack.len();
        ensure(left_over == 0, format!("{left_over} things were left undone"))
    }

    fn check_worker(&self, seat: Seat, worker: &Worker) -> Result<(), &'static str> {
        ensure(worker.load() <= worker.depth, "it has more in hand than it may")?;
        ensure(self.crew.is_filed(seat), "it is filed wrongly")?;
        let hands = worker.hands.iter(&self.tasks);
        let bound = hands.filter(|slot| self.tasks[*slot].home == seat).count();
        ensure(worker.bound as usize == bound, "bound to it is other than it says")?;
        let waits = !worker.own.is_empty();
        if worker.retiring {
            ensure(self.retiring.contains(&seat), "it retires, and nobody knows")?;
            ensure(!waits, "it retires, and tasks wait for it")?;
            for slot in self.copies.held_by(seat) {
                let mut holders = self.copies.holders(slot);
                let alone = holders.all(|holder| self.crew[holder].retiring);
                ensure(alone && !self.tasks[slot].safe, "it retires with what others have")?;
            }
            let nothing = worker.hands.is_empty() && !self.copies.holds_any(seat);
            return ensure(!nothing || worker.dismissed, "it has nothing, and may not go");
        }
        ensure(!worker.is_idle() || !waits, "it idles before its own queue")?;
        let idles = worker.is_idle() && self.common_top().is_some();
        ensure(!idles, "it idles while tasks wait")
    }

    fn check_crew(&self) -> Result<(), String> {
        let workers = || self.crew.iter().map(|(_, worker)| worker);
        let idle = workers().filter(|worker| worker.is_idle()).count();
        let counted = self.crew.idle();
        ensure(counted as usize == idle, format!("{idle} are idle, not {counted}"))?;
        let asked: u32 = workers().map(|worker| worker.asked).sum();
        ensure(self.crew.asked == asked, format!("{asked} are asked for"))?;
        // Whoever has room leaves only what would rather go to the busy.
        let leaves = self.crew.least_loaded().is_some()
            && self.free.top().is_some()
            && self.free.top() >= self.stealable.top();
        ensure(!leaves, "tasks wait for anybody while somebody has room".into())
    }
}

fn ensure<E>(holds: bool, otherwise: E) -> Result<(), E> {
    if holds { Ok(()) } else { Err(otherwise) }
}
