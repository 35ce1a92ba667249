//! A typed, named task, and the registry by which a worker finds it.
//!
//! A closure cannot cross into another process: its code is an address there,
//! and what it captured is memory here. A function can, by name: the worker is
//! the same program, so it has the same function. Whatever the task needs goes
//! along as its input.

use std::any::type_name;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::{fmt, io};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::batch::{Batch, Work};
use crate::call::{self, MIXED};
use crate::codec::{self, Encoder};
use crate::reply::Failure;
use crate::timed::{TIMED, Timed};

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

    /// What it takes and gives, by the names of the types without their paths:
    /// two programs that share a task by a module know its types by different
    /// paths.
    ///
    /// ```
    /// use processes::Task;
    /// assert_eq!(Task::<String, Vec<String>>::signature(), "String -> Vec<String>");
    /// ```
    pub fn signature() -> String {
        let mut signature = String::new();
        append_short(type_name::<In>(), &mut signature);
        signature.push_str(" -> ");
        append_short(type_name::<Out>(), &mut signature);
        signature
    }

    /// Runs it here, in this process.
    pub fn run(&self, input: In) -> Out {
        (self.run)(input)
    }
}

/// Appends a type's name without the paths in it.
fn append_short(name: &str, to: &mut String) {
    for piece in name.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
        let end = piece.trim_end_matches(|c: char| !(c.is_alphanumeric() || c == '_')).len();
        let path = &piece[..end];
        to.push_str(path.rsplit("::").next().unwrap_or(path));
        to.push_str(&piece[end..]);
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

/// A task without its types.
struct Erased {
    signature: String,
    /// Answers a batch of inputs: where the types are known, and the name has
    /// been looked up, once for all of them.
    batch: Box<Whole>,
    /// Answers one input: for a batch in which each names its own task.
    one: Arc<dyn Work + Send + Sync>,
}

/// From a batch of inputs to replies, which are sent.
type Whole = dyn Fn(&mut Batch<'_>) -> io::Result<()> + Send + Sync;

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
    pub fn with<In, Out>(self, task: &Task<In, Out>) -> Self
    where
        In: DeserializeOwned + 'static,
        Out: Serialize + 'static,
    {
        self.insert(task.name, Task::<In, Out>::signature(), Plain(task.run))
    }

    /// Adds a task that can fail. An error of its own that cannot be encoded
    /// still arrives as text, in [`Error::Unsendable`](crate::Error::Unsendable).
    ///
    /// ```
    /// use processes::{Registry, Task};
    /// const PARSE: Task<String, Result<u64, String>> =
    ///     Task::new("parse", |text| text.parse().map_err(|e| format!("{text}: {e}")));
    /// let registry = Registry::new().with_fallible(&PARSE);
    /// # let _ = registry;
    /// ```
    ///
    /// # Panics
    /// As [`with`](Self::with).
    #[must_use]
    pub fn with_fallible<In, Out, E>(self, task: &Task<In, Result<Out, E>>) -> Self
    where
        In: DeserializeOwned + 'static,
        Out: Serialize + 'static,
        E: Serialize + fmt::Display + 'static,
    {
        self.insert(task.name, Task::<In, Result<Out, E>>::signature(), Fallible(task.run))
    }

    fn insert(
        mut self,
        name: &'static str,
        signature: String,
        work: impl Work + Send + Sync + 'static,
    ) -> Self {
        assert!(name != MIXED && name != TIMED, "a task has a name");
        let one = Arc::new(work);
        let same = Arc::clone(&one);
        let batch = Box::new(move |batch: &mut Batch<'_>| batch.answer(&*same));
        let erased = Erased { signature, batch, one };
        assert!(self.tasks.insert(name, erased).is_none(), "two tasks are called {name}");
        self
    }

    /// The tasks' names, sorted, each with its [signature](Task::signature).
    pub fn signatures(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.tasks.iter().map(|(name, erased)| (*name, &erased.signature[..]))
    }

    /// What answers one input of a task, if there is one of that name.
    pub(crate) fn one(&self, task: &str) -> Option<&dyn Work> {
        self.tasks.get(task).map(|erased| &*erased.one as &dyn Work)
    }

    /// Answers that there is no such task.
    pub(crate) fn unknown(&self) -> Box<Failure> {
        let known = self.tasks.keys().map(ToString::to_string).collect();
        Box::new(Failure::UnknownTask(known))
    }

    /// Runs a task on a batch of encoded inputs.
    ///
    /// # Errors
    /// If the replies cannot be sent, or the request makes no sense.
    pub(crate) fn answer_batch(&self, task: &str, batch: &mut Batch<'_>) -> io::Result<()> {
        if task == MIXED {
            return batch.answer(&Mixed(self));
        }
        if task == TIMED {
            return batch.answer(&Timed(Mixed(self)));
        }
        match self.tasks.get(task) {
            Some(erased) => (erased.batch)(batch),
            None => batch.answer(&Unknown(self)),
        }
    }
}

/// A task whose output is sent as it is.
struct Plain<In, Out>(fn(In) -> Out);

impl<In: DeserializeOwned, Out: Serialize> Work for Plain<In, Out> {
    // Into the loop over all inputs: called from there, it would take longer
    // than many a task.
    #[inline(always)]
    fn answer(&self, input: &[u8], replies: &mut Encoder) -> Result<(), Box<Failure>> {
        let input = codec::decode(input).map_err(|e| not_decoded(&e))?;
        codec::append(&(self.0)(input), replies).map_err(|e| not_encoded(&e))
    }
}

/// A task whose error is text if it cannot be sent.
struct Fallible<In, Out, E>(fn(In) -> Result<Out, E>);

impl<In, Out, E> Work for Fallible<In, Out, E>
where
    In: DeserializeOwned,
    Out: Serialize,
    E: Serialize + fmt::Display,
{
    #[inline(always)]
    fn answer(&self, input: &[u8], replies: &mut Encoder) -> Result<(), Box<Failure>> {
        let input = codec::decode(input).map_err(|e| not_decoded(&e))?;
        let output = (self.0)(input);
        codec::append(&output, replies).map_err(|e| match &output {
            Ok(_) => not_encoded(&e),
            Err(error) => {
                let (error, why) = (error.to_string(), e.to_string());
                Box::new(Failure::ErrorNotEncoded { error, why })
            }
        })
    }
}

/// Whichever task an input names.
struct Mixed<'r>(&'r Registry);

impl Work for Mixed<'_> {
    fn answer(&self, call: &[u8], replies: &mut Encoder) -> Result<(), Box<Failure>> {
        let (task, input) = call::parse(call)?;
        match self.0.one(task) {
            Some(one) => one.answer(input, replies),
            None => Err(self.0.unknown()),
        }
    }
}

/// A task that is none of the registry's.
struct Unknown<'r>(&'r Registry);

impl Work for Unknown<'_> {
    fn answer(&self, _: &[u8], _: &mut Encoder) -> Result<(), Box<Failure>> {
        Err(self.0.unknown())
    }
}

#[cold]
fn not_decoded(error: &codec::Error) -> Box<Failure> {
    Box::new(Failure::InputNotDecoded(error.to_string()))
}

#[cold]
fn not_encoded(error: &codec::Error) -> Box<Failure> {
    Box::new(Failure::OutputNotEncoded(error.to_string()))
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
    #[should_panic(expected = "a task has a name")]
    fn a_task_without_a_name_panics() {
        let _ = Registry::new().with(&Task::new("", |x: u8| x));
    }

    #[test]
    #[should_panic(expected = "two tasks are called double")]
    fn a_name_taken_twice_panics() {
        let _ = Registry::new().with(&DOUBLE).with(&DOUBLE);
    }
}
