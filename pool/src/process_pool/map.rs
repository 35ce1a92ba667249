//! A map as a job: borrowed items, outcomes in order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use processes::{Replies, Request, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::job::{self, Encoded, Job};
use crate::Error;

/// A task on each item of a slice.
pub(crate) struct Map<'a, In, Out> {
    task: &'static str,
    items: &'a [In],
    outcomes: Mutex<Outcomes<Out>>,
}

/// What has come so far, in order; what came too early waits.
struct Outcomes<Out> {
    /// The next item in order.
    next: usize,
    ordered: Part<Out>,
    early: BTreeMap<usize, Part<Out>>,
}

/// The outcomes of neighbours. A failure is rare, and kept apart, so that
/// outputs lie side by side as the caller wants them.
struct Part<Out> {
    outputs: Vec<Out>,
    errors: Vec<(usize, Error)>,
}

impl<Out> Part<Out> {
    fn new(room: usize) -> Self {
        Self { outputs: Vec::with_capacity(room), errors: Vec::new() }
    }

    fn len(&self) -> usize {
        self.outputs.len() + self.errors.len()
    }
}

impl<'a, In, Out> Map<'a, In, Out> {
    pub(crate) fn new(task: &Task<In, Out>, items: &'a [In]) -> Self {
        let (ordered, early) = (Part::new(items.len()), BTreeMap::new());
        let outcomes = Mutex::new(Outcomes { next: 0, ordered, early });
        Self { task: task.name(), items, outcomes }
    }

    fn outcomes(&self) -> MutexGuard<'_, Outcomes<Out>> {
        // What is pushed under the lock is pushed whole.
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finished(&self) -> Part<Out> {
        let mut outcomes = self.outcomes();
        assert_eq!(outcomes.next, self.items.len(), "every item has an outcome");
        std::mem::replace(&mut outcomes.ordered, Part::new(0))
    }

    /// All outputs, or the error of the first item that failed.
    pub(crate) fn finish(&self) -> Result<Vec<Out>, Error> {
        let Part { outputs, errors } = self.finished();
        errors.into_iter().next().map_or(Ok(outputs), |(_, error)| Err(error))
    }

    /// An outcome for each item.
    pub(crate) fn finish_each(&self) -> Vec<Result<Out, Error>> {
        let Part { outputs, errors } = self.finished();
        let mut errors = errors.into_iter().peekable();
        let mut outputs = outputs.into_iter();
        let outcome = |item| match errors.next_if(|(failed, _)| *failed == item) {
            Some((_, error)) => Err(error),
            None => Ok(outputs.next().expect("an output for each item that did not fail")),
        };
        (0..self.items.len()).map(outcome).collect()
    }
}

impl<Out> Outcomes<Out> {
    /// The place for outcomes from this item on.
    fn add(&mut self, first: usize, room: usize, fill: impl FnOnce(&mut Part<Out>)) {
        if first != self.next {
            let mut part = Part::new(room);
            fill(&mut part);
            self.early.insert(first, part);
            return;
        }
        let before = self.ordered.len();
        fill(&mut self.ordered);
        self.next += self.ordered.len() - before;
        while let Some(mut part) = self.early.remove(&self.next) {
            self.next += part.len();
            self.ordered.outputs.append(&mut part.outputs);
            self.ordered.errors.append(&mut part.errors);
        }
    }
}

impl<In, Out> Job for Map<'_, In, Out>
where
    In: Serialize + Sync,
    Out: DeserializeOwned + Send,
{
    fn task(&self) -> &'static str {
        self.task
    }

    fn encode(&self, items: Range<usize>, request: &mut Request<'_>) -> Encoded {
        job::encode(self.task, &self.items[items.clone()], items.start, request)
    }

    fn deliver(&self, first: usize, replies: &mut Replies<'_>) {
        self.outcomes().add(first, replies.left(), |part| {
            job::decode(self.task, first, replies, &mut part.outputs, &mut part.errors);
        });
    }

    fn fail(&self, items: Range<usize>, error: &Error) {
        self.outcomes().add(items.start, 0, |part| {
            part.errors.extend(items.map(|item| (item, error.clone().of(item))));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: Task<u8, usize> = Task::new("task", |_| 0);

    #[test]
    fn whatever_comes_when_is_put_in_order() {
        let items = [0; 10];
        let map = Map::new(&TASK, &items);
        let fill = |range: Range<usize>| {
            map.outcomes().add(range.start, range.len(), |part| {
                part.outputs.extend(range.clone());
            });
        };
        fill(7..9);
        map.fail(2..4, &Error::Closed);
        fill(4..7);
        fill(0..2);
        fill(9..10);
        let each = map.finish_each();
        for (item, outcome) in each.iter().enumerate() {
            assert_eq!(outcome.as_ref().ok(), (item / 2 != 1).then_some(&item));
        }
    }
}
