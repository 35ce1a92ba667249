//! Calls as bytes, for who hands out tasks of many kinds and looks at no value
//! on the way.
//!
//! [`Worker::call`](crate::Worker::call) knows its types from end to end. A
//! scheduler does not: it keeps thousands of calls whose inputs are partly the
//! outputs of others, and passes bytes on. Here is what it needs of the codec,
//! and no more: an input is written piece by piece, because the bytes of a
//! tuple are the bytes of its parts, and those of a sequence a
//! [count](encode_count) and the bytes of its elements; an [`Answer`] is kept as
//! it came until somebody who knows the type asks for the value.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{self, Encoder};
use crate::error::{Error, Side};
use crate::panics;
use crate::reply::{self, Failure};
use crate::task::{Registry, Task};

/// In the place of a task's name: every item of the request names its own.
pub(crate) const MIXED: &str = "";

/// What became of a call: the bytes of its output, or of how it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    failed: bool,
    bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(failed: bool, bytes: Vec<u8>) -> Self {
        Self { failed, bytes }
    }

    /// What another process answered: an output, or a failure as
    /// [`bytes`](Self::bytes) gave it there.
    pub fn received(failed: bool, bytes: Vec<u8>) -> Self {
        Self { failed, bytes }
    }

    /// An output that was encoded here.
    pub fn output(bytes: Vec<u8>) -> Self {
        Self { failed: false, bytes }
    }

    /// Whether the task failed: it panicked, or a value could not cross.
    pub fn is_failure(&self) -> bool {
        self.failed
    }

    /// The output's bytes, or the failure's.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The output, or why there is none.
    ///
    /// # Errors
    /// What the worker says of the failure; [`Error::Decode`] for bytes that
    /// are no `Out`.
    ///
    /// # Panics
    /// If `Out`'s own `Deserialize` does.
    pub fn decode<Out: DeserializeOwned>(&self, task: &'static str) -> Result<Out, Error> {
        reply::output(task, self.failed, &self.bytes).unwrap_or_else(|| {
            let why = "it is neither an output nor a failure".into();
            Err(Error::Decode { side: Side::Output, task, why })
        })
    }

    /// Why there is no output, if there is none.
    pub fn failure(&self, task: &'static str) -> Option<Error> {
        self.failed.then(|| self.decode::<()>(task).err()).flatten()
    }
}

/// Appends a value's bytes, as [`Worker`](crate::Worker) sends them.
///
/// # Errors
/// [`Error::Encode`] with what its `Serialize` said; [`Error::Panicked`] if that
/// panicked. Then `to` is as it was before.
///
/// ```
/// let mut pair = Vec::new();
/// processes::encode("add", &1_u8, &mut pair)?;
/// processes::encode("add", &2_u8, &mut pair)?;
/// let mut whole = Vec::new();
/// processes::encode("add", &(1_u8, 2_u8), &mut whole)?;
/// assert_eq!(pair, whole);
/// # Ok::<(), processes::Error>(())
/// ```
pub fn encode<T: Serialize + ?Sized>(
    task: &'static str,
    value: &T,
    to: &mut Vec<u8>,
) -> Result<(), Error> {
    let before = to.len();
    let encoded = match panics::catch(|| codec::encode(value, to)) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(e)) => Error::Encode { side: Side::Input, task, why: e.to_string() },
        Err(panic) => panic.of(task),
    };
    to.truncate(before);
    Err(encoded)
}

/// Appends what stands before the elements of a sequence.
///
/// # Errors
/// [`Error::Encode`] for 2^32 elements or more.
pub fn encode_count(task: &'static str, count: usize, to: &mut Vec<u8>) -> Result<(), Error> {
    match u32::try_from(count) {
        Ok(count) => encode(task, &count, to),
        Err(_) => {
            let why = format!("{count} elements are too many for a sequence");
            Err(Error::Encode { side: Side::Input, task, why })
        }
    }
}

impl<In: DeserializeOwned, Out: Serialize> Task<In, Out> {
    /// Runs the task here, as a worker would: from bytes to bytes, and a panic
    /// is an answer.
    ///
    /// ```
    /// use processes::Task;
    /// const DOUBLE: Task<u8, u8> = Task::new("double", |x| x * 2);
    /// assert_eq!(DOUBLE.answer(&[21]).decode::<u8>("double")?, 42);
    /// assert!(DOUBLE.answer(&[200]).is_failure());
    /// # Ok::<(), processes::Error>(())
    /// ```
    pub fn answer(&self, input: &[u8]) -> Answer {
        let mut bytes = Vec::new();
        let answered = panics::catch(|| {
            let input =
                codec::decode(input).map_err(|e| Failure::InputNotDecoded(e.to_string()))?;
            let output = self.run(input);
            codec::encode(&output, &mut bytes).map_err(|e| Failure::OutputNotEncoded(e.to_string()))
        });
        match answered.unwrap_or_else(|panic| Err(panic.into())) {
            Ok(()) => Answer { failed: false, bytes },
            Err(failure) => {
                bytes.clear();
                codec::encode(&failure, &mut bytes).expect("strings and numbers always encode");
                Answer { failed: true, bytes }
            }
        }
    }
}

impl Registry {
    /// Runs a task here, by its name, as a worker would: from bytes to bytes, and
    /// a panic is an answer. So is a name that the registry does not have.
    ///
    /// ```
    /// use processes::{Registry, Task};
    /// const DOUBLE: Task<u8, u8> = Task::new("double", |x| x * 2);
    /// let registry = Registry::new().with(&DOUBLE);
    /// assert_eq!(registry.answer("double", &[21]).decode::<u8>("double")?, 42);
    /// assert!(registry.answer("triple", &[21]).is_failure());
    /// # Ok::<(), processes::Error>(())
    /// ```
    pub fn answer(&self, task: &str, input: &[u8]) -> Answer {
        let mut encoder = Encoder::default();
        let answered = panics::catch(|| match self.one(task) {
            Some(one) => one.answer(input, &mut encoder),
            None => Err(self.unknown()),
        });
        let failure = match answered {
            Ok(Ok(())) => {
                let end = encoder.end();
                let mut bytes = encoder.into_room();
                bytes.truncate(end);
                return Answer { failed: false, bytes };
            }
            Ok(Err(failure)) => failure,
            Err(panic) => Box::new(panic.into()),
        };
        let mut bytes = Vec::new();
        codec::encode(&failure, &mut bytes).expect("strings and numbers always encode");
        Answer { failed: true, bytes }
    }
}

/// Appends a call of a mixed request: the task's name, and its input in parts.
pub(crate) fn append<'p>(
    task: &str,
    parts: impl IntoIterator<Item = &'p [u8]>,
    to: &mut Encoder,
) -> Result<(), codec::Error> {
    codec::append(task, to)?;
    parts.into_iter().for_each(|part| to.put(part));
    Ok(())
}

/// Takes a call apart into name and input.
pub(crate) fn parse(call: &[u8]) -> Result<(&str, &[u8]), Box<Failure>> {
    codec::decode_first(call).map_err(|e| Box::new(Failure::InputNotDecoded(e.to_string())))
}
