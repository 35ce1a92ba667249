//! A map from tasks, whose names are numbers that follow each other.
//!
//! What follows each other by name lies side by side in memory, on a page of
//! [`NAMES`] names; a small hash table finds the page. Tasks are mostly handled
//! in the order of their names, so of a hundred thousand of them the next is
//! mostly in the cache, or on its way there; in a hash table each would be a
//! walk to the far end of memory, several times in its life.

use crate::hash::FastMap;
use crate::scheduler::TaskId;

/// The names of a page. One that stays behind alone keeps a page.
const NAMES: u64 = 32;

/// So many empty pages are kept for the names to come.
const KEPT: usize = 64;

/// A map from tasks.
pub(crate) struct TaskMap<T> {
    /// By name, divided by [`NAMES`].
    pages: FastMap<u64, Page<T>>,
    vacant: Vec<Page<T>>,
}

struct Page<T> {
    values: Box<[Option<T>]>,
    used: u32,
}

impl<T> TaskMap<T> {
    pub(crate) fn get(&self, task: TaskId) -> Option<&T> {
        let (page, at) = place(task);
        self.pages.get(&page)?.values[at].as_ref()
    }

    pub(crate) fn get_mut(&mut self, task: TaskId) -> Option<&mut T> {
        let (page, at) = place(task);
        self.pages.get_mut(&page)?.values[at].as_mut()
    }

    /// Puts a value in the place of what is there.
    pub(crate) fn insert(&mut self, task: TaskId, value: T) {
        let (page, at) = place(task);
        let page = self.pages.entry(page).or_insert_with(|| {
            let empty = || Page { values: (0..NAMES).map(|_| None).collect(), used: 0 };
            self.vacant.pop().unwrap_or_else(empty)
        });
        page.used += u32::from(page.values[at].is_none());
        page.values[at] = Some(value);
    }

    pub(crate) fn remove(&mut self, task: TaskId) -> Option<T> {
        let (key, at) = place(task);
        let page = self.pages.get_mut(&key)?;
        let value = page.values[at].take()?;
        page.used -= 1;
        if page.used == 0
            && let Some(page) = self.pages.remove(&key)
            && self.vacant.len() < KEPT
        {
            self.vacant.push(page);
        }
        if self.pages.is_empty() {
            // Room for a million pages is not kept for the next ten.
            self.pages.shrink_to(KEPT);
        }
        Some(value)
    }

    /// All values, in no order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.pages.values().flat_map(|page| page.values.iter().flatten())
    }

    /// All values with their names, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TaskId, &T)> {
        self.pages.iter().flat_map(|(page, Page { values, .. })| {
            let first = page * NAMES;
            (first..=first + (NAMES - 1))
                .zip(values)
                .filter_map(|(name, value)| Some((TaskId(name), value.as_ref()?)))
        })
    }
}

impl<T> Default for TaskMap<T> {
    fn default() -> Self {
        Self { pages: FastMap::default(), vacant: Vec::new() }
    }
}

fn place(task: TaskId) -> (u64, usize) {
    (task.0 / NAMES, (task.0 % NAMES) as usize)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    /// Names of a few pages, and the two ends.
    fn name() -> impl Strategy<Value = u64> {
        prop_oneof![4 => 0_u64..200, 1 => u64::MAX - 40..=u64::MAX]
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((any::<bool>(), name()), 0..400)) {
            let mut tasks = TaskMap::default();
            let mut map = BTreeMap::new();
            for (value, (insert, name)) in (0..).zip(steps) {
                let task = TaskId(name);
                if insert {
                    tasks.insert(task, value);
                    map.insert(name, value);
                } else {
                    prop_assert_eq!(tasks.remove(task), map.remove(&name));
                }
                prop_assert_eq!(tasks.get(task), map.get(&name));
                prop_assert_eq!(tasks.get_mut(task).copied(), map.get(&name).copied());
                let mut values: Vec<i32> = tasks.values().copied().collect();
                values.sort_unstable();
                let mut known: Vec<i32> = map.values().copied().collect();
                known.sort_unstable();
                prop_assert_eq!(values, known);
                let mut pairs: Vec<_> = tasks.iter().map(|(task, v)| (task.0, *v)).collect();
                pairs.sort_unstable();
                prop_assert_eq!(pairs, map.clone().into_iter().collect::<Vec<_>>());
                let used: u32 = tasks.pages.values().map(|page| page.used).sum();
                prop_assert_eq!(used as usize, map.len());
            }
        }
    }
}
