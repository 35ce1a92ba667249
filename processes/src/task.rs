//! A typed, named task, and the registry by which a worker finds it.
//!
//! A closure cannot cross into another process: its code is an address there,
//! and what it captured is memory here. A function can, by name: the worker is
//! the same program, so it has the same function. Whatever the task needs goes
//! along as its input.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::reply::{self, Reply};
use crate::wire;

/// A function that can be called in another process by its name.
///
/// Its output may be a `Result`; an `Err` in it is a value like any other.
///
/// ```
/// use processes::Task;
/// const CUBE: Task<u64, Option<u64>> = Task::new("cube", |x| x.checked_pow(3));
/// assert_eq!(CUBE.run(3), Some(27));
/// ```
pub struct Task<In, Out> {
    name: &'static str,
    run: fn(In) -> Out,
}

impl<In, Out> Task<In, Out> {
    /// A task. The name must be unique in the program's [`Registry`].
    pub const fn new(name: &'static str, run: fn(In) -> Out) -> Self {
        Self { name, run }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Runs it here, in this process.
    pub fn run(&self, input: In) -> Out {
        (self.run)(input)
    }
}

// Derived, these would ask `In` and `Out` to be `Copy` and `Debug` too.
impl<In, Out> Clone for Task<In, Out> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<In, Out> Copy for Task<In, Out> {}

impl<In, Out> fmt::Debug for Task<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(&self.name).finish()
    }
}

/// Decodes an input, runs the task, and appends the reply with its output.
type Erased = Box<dyn Fn(&[u8], &mut Vec<u8>) -> Result<(), Reply>>;

/// The tasks that this program's workers can be asked for.
///
/// It is written down where the program begins; nothing is collected behind
/// the reader's back.
///
/// ```
/// use processes::{Registry, Task};
/// const CUBE: Task<u64, Option<u64>> = Task::new("cube", |x| x.checked_pow(3));
/// const REVERSE: Task<String, String> = Task::new("reverse", |s| s.chars().rev().collect());
/// let registry = Registry::new().with(&CUBE).with(&REVERSE);
/// # let _ = registry;
/// ```
#[derive(Default)]
pub struct Registry {
    tasks: BTreeMap<&'static str, Erased>,
}

impl Registry {
    /// A registry without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a task.
    ///
    /// # Panics
    /// If there is a task of that name already: the wrong one of two would be
    /// called in silence.
    #[must_use]
    pub fn with<In, Out>(mut self, task: &Task<In, Out>) -> Self
    where
        In: DeserializeOwned + 'static,
        Out: Serialize + 'static,
    {
        let Task { name, run } = *task;
        let erased: Erased = Box::new(move |input, replies| {
            let input = wire::decode(input).map_err(|e| Reply::InputNotDecoded(e.to_string()))?;
            let output = run(input);
            reply::done(&output, replies)
        });
        assert!(self.tasks.insert(name, erased).is_none(), "two tasks are called {name}");
        self
    }

    /// Runs a task on one encoded input and appends its reply, whatever it is.
    pub(crate) fn answer(&self, task: &str, input: &[u8], replies: &mut Vec<u8>) {
        reply::answer(replies, |replies| match self.tasks.get(task) {
            Some(run) => run(input, replies),
            None => Err(Reply::UnknownTask(self.tasks.keys().map(ToString::to_string).collect())),
        });
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.tasks.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOUBLE: Task<u64, u64> = Task::new("double", |x| x * 2);

    #[test]
    #[should_panic(expected = "two tasks are called double")]
    fn a_name_taken_twice_panics() {
        let _ = Registry::new().with(&DOUBLE).with(&DOUBLE);
    }
}
