//! Queues by priority.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::task::{List, Slot, Table};

/// A queue for each priority that has a task, the highest first; within one,
/// first come, first served.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes<const LINK: usize>(BTreeMap<Reverse<i32>, List<LINK>>);

impl<const LINK: usize> Lanes<LINK> {
    /// The highest priority among the tasks.
    pub(super) fn top(&self) -> Option<i32> {
        self.0.first_key_value().map(|(Reverse(priority), _)| *priority)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first of those of the highest priority.
    pub(super) fn first(&self) -> Option<Slot> {
        self.0.first_key_value()?.1.first()
    }

    /// The last of those of the highest priority.
    pub(super) fn last_of_top(&self) -> Option<Slot> {
        self.0.first_key_value()?.1.last()
    }

    pub(super) fn push(&mut self, tasks: &mut Table, slot: Slot, front: bool) {
        let lane = self.0.entry(Reverse(tasks[slot].priority)).or_default();
        if front {
            lane.push_front(tasks, slot);
        } else {
            lane.push_back(tasks, slot);
        }
    }

    /// Takes out a task, which is there.
    pub(super) fn remove(&mut self, tasks: &mut Table, slot: Slot) {
        let key = Reverse(tasks[slot].priority);
        let lane = self.0.get_mut(&key).expect("a task stands in the lane of its priority");
        lane.remove(tasks, slot);
        if lane.is_empty() {
            self.0.remove(&key);
        }
    }

    /// All tasks, in order.
    pub(super) fn iter<'a>(&'a self, tasks: &'a Table) -> impl Iterator<Item = Slot> + 'a {
        self.0.values().flat_map(|lane| lane.iter(tasks))
    }
}
