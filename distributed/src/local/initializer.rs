//! What every worker does before it gets work.

use std::fmt::{self, Display};

use processes::{Answer, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::backend::Here;
use crate::client::here;

/// A task that may fail, with its input.
pub(crate) struct Initializer {
    task: &'static str,
    /// In bytes, or why it cannot be sent.
    input: Result<Vec<u8>, Error>,
    here: Here,
    #[expect(clippy::type_complexity, reason = "it is said once, here")]
    verdict: Box<dyn Fn(&Answer) -> Result<(), String> + Send + Sync>,
}

impl Initializer {
    pub(super) fn new<In, E>(task: &Task<In, Result<(), E>>, input: &In) -> Self
    where
        In: Serialize + DeserializeOwned + 'static,
        E: Serialize + DeserializeOwned + Display + 'static,
    {
        let name = task.name();
        let mut bytes = Vec::new();
        let input = match processes::encode(name, input, &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(e) => Err(failed(e)),
        };
        let verdict = move |answer: &Answer| match answer.decode::<Result<(), E>>(name) {
            Ok(said) => said.map_err(|e| e.to_string()),
            Err(e) => Err(e.to_string()),
        };
        Self { task: name, input, here: here(task), verdict: Box::new(verdict) }
    }

    pub(super) fn task(&self) -> &'static str {
        self.task
    }

    /// Its input in bytes.
    ///
    /// # Errors
    /// If it has none.
    pub(super) fn input(&self) -> Result<&[u8], Error> {
        self.input.as_deref().map_err(Clone::clone)
    }

    /// What the answer of a worker says.
    ///
    /// # Errors
    /// That it has failed.
    pub(super) fn verdict(&self, answer: &Answer) -> Result<(), Error> {
        // The `Deserialize` is the user's, and may panic.
        let verdict = Error::of_panic(self.task, || (self.verdict)(answer));
        match verdict {
            Ok(verdict) => verdict.map_err(|message| Error::Initializer { message }),
            Err(e) => Err(failed(e)),
        }
    }

    /// Runs it in this thread.
    ///
    /// # Errors
    /// If it fails.
    pub(super) fn run_here(&self) -> Result<(), Error> {
        self.verdict(&(self.here)(self.input()?))
    }
}

/// It has not even been run, or not to its end.
pub(super) fn failed(why: impl Display) -> Error {
    Error::Initializer { message: why.to_string() }
}

impl fmt::Debug for Initializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.task)
    }
}
