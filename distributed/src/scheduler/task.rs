//! Tasks as the scheduler remembers them: the record, and the table of all.

use super::event::{Outcome, TaskId};
use super::index::Index;

/// The place of a task in the [`Table`], used again when it is forgotten.
pub(super) type Slot = u32;

/// No task, or no worker.
pub(super) const NONE: u32 = u32::MAX;

/// An empty table keeps the memory of so many tasks for those to come.
const KEPT: usize = 1 << 14;

/// What is to become of a task. Whether some worker has it in hand is another
/// matter, and stands in [`Task::seat`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There is no task in this place of the table.
    Vacant,
    /// It has no value and needs none. It is remembered because values were
    /// made of its own, and may have to be made again; or because a worker
    /// still has it in hand.
    Dormant,
    /// It shall be done, when its dependencies have values.
    Waiting,
    /// It can be done, and stands in a queue.
    Ready,
    /// It shall be done, and a worker has it in hand.
    Assigned,
    /// It has a value.
    Value,
    /// It has none and never will.
    Over,
}

/// Why a task is [`State::Over`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Failed,
    Killed,
    Cancelled,
    Expired,
    DependencyFailed,
    Lost,
}

/// One task. The lists that it stands in run through it, so a task that waits
/// costs no more than its record, its 4 bytes of index, and 20 for each
/// dependency.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) id: TaskId,
    /// The size of the value; or, of a task whose dependency failed, the cause.
    pub(super) payload: u64,
    pub(super) priority: i32,
    pub(super) retries: u32,
    /// How many workers died of it.
    pub(super) deaths: u32,
    /// Dependencies without a value, as long as the task is active.
    pub(super) unmet: u32,
    /// Active tasks that take its value, once for each time that they do.
    pub(super) needed_by: u32,
    /// The worker it belongs to, or [`NONE`].
    pub(super) home: u32,
    /// The worker that has it in hand, or [`NONE`].
    pub(super) seat: u32,
    /// While it is ready: in whose queue it stands, or [`NONE`] for that of all.
    pub(super) lane: u32,
    /// Its neighbours: in the queue or the hands that it is in, and among
    /// those that may be stolen.
    links: [Link; 2],
    pub(super) state: State,
    pub(super) fate: Fate,
    /// The client holds a future of it.
    pub(super) wanted: bool,
    /// The client was told how it ended.
    pub(super) told: bool,
    /// Nobody can compute it again.
    pub(super) scattered: bool,
    /// The driver has the value.
    pub(super) safe: bool,
    /// It comes back, and goes to the front of its queue.
    pub(super) again: bool,
    /// In the list of those that may be stolen.
    pub(super) stealable: bool,
    /// It was taken back for others, so where its inputs lie counts no more.
    pub(super) anywhere: bool,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    previous: Slot,
    next: Slot,
}

impl Task {
    pub(super) fn new(id: TaskId) -> Self {
        Self {
            id,
            payload: 0,
            priority: 0,
            retries: 0,
            deaths: 0,
            unmet: 0,
            needed_by: 0,
            home: NONE,
            seat: NONE,
            lane: NONE,
            links: [Link { previous: NONE, next: NONE }; 2],
            state: State::Dormant,
            fate: Fate::Failed,
            wanted: false,
            told: false,
            scattered: false,
            safe: false,
            again: false,
            stealable: false,
            anywhere: false,
        }
    }

    /// Whether it shall be done and is not: then its dependencies are needed.
    pub(super) fn is_active(&self) -> bool {
        matches!(self.state, State::Waiting | State::Ready | State::Assigned)
    }

    /// How it ended, if it is over.
    pub(super) fn outcome(&self) -> Outcome {
        match self.fate {
            Fate::Failed => Outcome::Failed,
            Fate::Killed => Outcome::Killed { attempts: self.deaths },
            Fate::Cancelled => Outcome::Cancelled,
            Fate::Expired => Outcome::Expired,
            Fate::DependencyFailed => Outcome::DependencyFailed { cause: TaskId(self.payload) },
            Fate::Lost => Outcome::Lost,
        }
    }
}

/// All tasks that are remembered.
#[derive(Clone, Debug)]
pub(super) struct Table {
    tasks: Vec<Task>,
    index: Index,
    /// Vacant places, in a list through the first link.
    vacant: Slot,
    len: usize,
    /// How many are in each state.
    counts: [usize; 7],
}

impl Table {
    pub(super) fn new() -> Self {
        Self { tasks: Vec::new(), index: Index::default(), vacant: NONE, len: 0, counts: [0; 7] }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many tasks are in this state.
    pub(super) fn count(&self, state: State) -> usize {
        self.counts[state as usize]
    }

    pub(super) fn find(&self, id: TaskId) -> Option<Slot> {
        self.index.get(id.0)
    }

    /// Remembers a task, whose name is not there.
    ///
    /// # Panics
    /// At 2^32 tasks at once.
    pub(super) fn insert(&mut self, task: Task) -> Slot {
        self.counts[task.state as usize] += 1;
        self.len += 1;
        let slot = if self.vacant == NONE { self.tasks.len() as Slot } else { self.vacant };
        assert_ne!(slot, NONE, "the table holds fewer than 2^32 tasks at once");
        self.index.insert(task.id.0, slot);
        if self.vacant == NONE {
            self.tasks.push(task);
        } else {
            self.vacant = std::mem::replace(&mut self.tasks[slot as usize], task).links[0].next;
        }
        slot
    }

    /// Forgets a task.
    pub(super) fn remove(&mut self, slot: Slot) {
        self.index.remove(self[slot].id.0);
        self.set_state(slot, State::Vacant);
        self.counts[State::Vacant as usize] -= 1;
        self.tasks[slot as usize].links[0].next = self.vacant;
        self.vacant = slot;
        self.len -= 1;
        if self.len == 0 && self.tasks.len() > KEPT {
            *self = Self::new();
        }
    }

    pub(super) fn set_state(&mut self, slot: Slot, state: State) {
        let before = std::mem::replace(&mut self[slot].state, state);
        self.counts[before as usize] -= 1;
        self.counts[state as usize] += 1;
    }

    /// Whether the place is one of a task. A place may have been given up, and
    /// the table shortened, since it was noted.
    pub(super) fn is_task(&self, slot: Slot) -> bool {
        self.tasks.get(slot as usize).is_some_and(|task| task.state != State::Vacant)
    }

    /// All tasks, in the order of their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Task)> {
        (0..).zip(&self.tasks).filter(|(_, task)| task.state != State::Vacant)
    }
}

impl std::ops::Index<Slot> for Table {
    type Output = Task;

    fn index(&self, slot: Slot) -> &Task {
        &self.tasks[slot as usize]
    }
}

impl std::ops::IndexMut<Slot> for Table {
    fn index_mut(&mut self, slot: Slot) -> &mut Task {
        &mut self.tasks[slot as usize]
    }
}

/// A list of tasks through one of their links: anything can be taken out of
/// its middle at once, and a task is in no two lists by the same link. The
/// second link is for what may be stolen, and stands in a queue too.
#[derive(Clone, Copy, Debug)]
pub(super) struct List<const LINK: usize> {
    first: Slot,
    last: Slot,
    len: u32,
}

/// What waits, or lies in a worker's hands.
pub(super) type Queue = List<0>;

impl<const LINK: usize> Default for List<LINK> {
    fn default() -> Self {
        Self { first: NONE, last: NONE, len: 0 }
    }
}

impl<const LINK: usize> List<LINK> {
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn first(&self) -> Option<Slot> {
        (self.first != NONE).then_some(self.first)
    }

    pub(super) fn last(&self) -> Option<Slot> {
        (self.last != NONE).then_some(self.last)
    }

    pub(super) fn push_back(&mut self, tasks: &mut Table, slot: Slot) {
        tasks[slot].links[LINK] = Link { previous: self.last, next: NONE };
        match self.last() {
            Some(last) => tasks[last].links[LINK].next = slot,
            None => self.first = slot,
        }
        self.last = slot;
        self.len += 1;
    }

    pub(super) fn push_front(&mut self, tasks: &mut Table, slot: Slot) {
        tasks[slot].links[LINK] = Link { previous: NONE, next: self.first };
        match self.first() {
            Some(first) => tasks[first].links[LINK].previous = slot,
            None => self.last = slot,
        }
        self.first = slot;
        self.len += 1;
    }

    /// Takes out a task, which stands in this list.
    pub(super) fn remove(&mut self, tasks: &mut Table, slot: Slot) {
        let Link { previous, next } = tasks[slot].links[LINK];
        match previous {
            NONE => self.first = next,
            _ => tasks[previous].links[LINK].next = next,
        }
        match next {
            NONE => self.last = previous,
            _ => tasks[next].links[LINK].previous = previous,
        }
        self.len -= 1;
    }

    /// The tasks, from the front.
    pub(super) fn iter<'a>(&self, tasks: &'a Table) -> impl Iterator<Item = Slot> + use<'a, LINK> {
        let mut next = self.first();
        std::iter::from_fn(move || {
            let slot = next?;
            let link = tasks[slot].links[LINK];
            next = (link.next != NONE).then_some(link.next);
            Some(slot)
        })
    }
}
