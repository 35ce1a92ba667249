//! What must come of a history, in as few words as possible: facts, and one
//! rule that is applied until nothing changes.
//!
//! It knows what the scheduler was told and nothing of how it decides.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Outcome, Spec, TaskId, WorkerId};

/// A task as the reference sees it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) spec: Spec,
    pub(super) scattered: bool,
    pub(super) wanted: bool,
    /// The client was told how it ended.
    pub(super) told: bool,
    pub(super) over: Option<Outcome>,
    /// The driver has the value.
    pub(super) safe: bool,
    /// These workers have, as far as anybody was told.
    pub(super) holders: BTreeSet<WorkerId>,
    pub(super) failures: u32,
    pub(super) deaths: u32,
}

impl Known {
    pub(super) fn has_value(&self) -> bool {
        self.safe || !self.holders.is_empty()
    }
}

/// How a task must end in this event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Exactly(Outcome),
    /// As something that it depends on.
    Follows,
}

/// All that is known, and what is expected of the scheduler now.
#[derive(Clone, Debug, Default)]
pub(super) struct Reference {
    pub(super) tasks: BTreeMap<TaskId, Known>,
    /// Those that the scheduler has forgotten, as they were.
    pub(super) forgotten: BTreeMap<TaskId, Known>,
    /// To be told as finished, and as gone, in this event.
    pub(super) finish: BTreeMap<TaskId, Expected>,
    pub(super) gone: BTreeMap<TaskId, Expected>,
}

impl Reference {
    /// Those whose value somebody needs: the client, or a task that is needed,
    /// has none and may yet have one.
    pub(super) fn needed(&self) -> BTreeSet<TaskId> {
        let mut needed = BTreeSet::new();
        // Dependants have later names than what they depend on.
        for (id, task) in self.tasks.iter().rev() {
            if task.wanted || needed.contains(id) {
                needed.insert(*id);
                if !task.has_value() && task.over.is_none() {
                    needed.extend(task.spec.dependencies.iter().copied());
                }
            }
        }
        needed
    }

    /// Whether a task shall be done and is not.
    pub(super) fn is_active(&self, id: TaskId) -> bool {
        self.may_be_active(id) && self.needed().contains(&id)
    }

    /// Whether a task shall be done if it is needed.
    pub(super) fn may_be_active(&self, id: TaskId) -> bool {
        let task = self.tasks.get(&id);
        task.is_some_and(|task| task.over.is_none() && !task.has_value())
    }

    /// Whether all that it takes has values.
    pub(super) fn is_ready(&self, id: TaskId) -> bool {
        let dependencies = &self.tasks[&id].spec.dependencies;
        dependencies.iter().all(|d| self.tasks.get(d).is_some_and(Known::has_value))
    }

    pub(super) fn end(&mut self, id: TaskId, expected: Expected) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.over = Some(match expected {
            Expected::Exactly(outcome) => outcome,
            Expected::Follows => Outcome::DependencyFailed { cause: id },
        });
        if task.wanted {
            let list = if task.told { &mut self.gone } else { &mut self.finish };
            list.insert(id, expected);
            task.told = true;
        }
    }

    /// The rule: a task that is needed, and has no value, and depends on
    /// something that is over, is over. So is scattered data without a holder.
    pub(super) fn settle(&mut self) {
        let lost = |task: &&Known| task.scattered && !task.has_value() && task.over.is_none();
        let lost: Vec<TaskId> =
            self.tasks.values().filter(lost).map(|task| task.spec.task).collect();
        for id in lost {
            // Freed, and not lost, if nobody needs it any more.
            if self.needed().contains(&id) {
                self.end(id, Expected::Exactly(Outcome::Lost));
            }
        }
        while let Some(id) = self.doomed() {
            self.end(id, Expected::Follows);
        }
    }

    fn doomed(&self) -> Option<TaskId> {
        let is_over = |d: &TaskId| self.tasks.get(d).is_none_or(|task| task.over.is_some());
        let doomed = |id: &&TaskId| {
            self.may_be_active(**id) && self.tasks[*id].spec.dependencies.iter().any(is_over)
        };
        let mut doomed = self.tasks.keys().filter(doomed).peekable();
        doomed.peek()?;
        let needed = self.needed();
        doomed.find(|id| needed.contains(id)).copied()
    }

    /// A task that is known or was.
    fn ever(&self, id: TaskId) -> Option<&Known> {
        self.tasks.get(&id).or_else(|| self.forgotten.get(&id))
    }

    /// All that a task depends on, directly or not.
    fn ancestors(&self, id: TaskId) -> BTreeSet<TaskId> {
        let mut found = BTreeSet::new();
        let mut stack = vec![id];
        while let Some(next) = stack.pop() {
            let Some(task) = self.ever(next) else { continue };
            let new = task.spec.dependencies.iter().filter(|d| found.insert(**d));
            stack.extend(new);
        }
        found
    }

    /// Whether a task may have ended so, given what was expected.
    pub(super) fn allows(&self, id: TaskId, expected: Expected, outcome: Outcome) -> bool {
        let ancestors = self.ancestors(id);
        match (expected, outcome) {
            (Expected::Exactly(expected), outcome) => expected == outcome,
            (Expected::Follows, Outcome::DependencyFailed { cause }) => {
                let by_itself = |over| !matches!(over, Outcome::DependencyFailed { .. });
                // What was dropped before it came to anything has no value.
                let dropped = self.forgotten.contains_key(&cause);
                let over = self.ever(cause).and_then(|task| task.over);
                ancestors.contains(&cause) && (dropped || over.is_none_or(by_itself))
            }
            (Expected::Follows, Outcome::Cancelled) => ancestors.iter().any(|ancestor| {
                // Of one that nobody was told of it is not known how it ended.
                let unknown = Outcome::DependencyFailed { cause: *ancestor };
                let over = self.ever(*ancestor).and_then(|task| task.over);
                over.is_some_and(|over| over == Outcome::Cancelled || over == unknown)
            }),
            (Expected::Follows, _) => false,
        }
    }
}
