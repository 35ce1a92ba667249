//! What a task can be given: values, and the results of tasks to come.
//!
//! Values are encoded at once, by the thread that submits. Where a future
//! stands in for a value the bytes have a hole, which the cluster fills when
//! it knows the result: the bytes of a tuple are the bytes of its parts, and
//! those of a sequence a count and the bytes of its elements, so no type is
//! needed to put them together.

use std::sync::Arc;

use processes::Error;
use serde::Serialize;

use crate::backend::Backend;
use crate::delayed::{Delayed, Node};
use crate::future::Future;
use crate::scheduler::TaskId;

/// An argument in the place of a `T`.
///
/// | argument | stands for |
/// |---|---|
/// | a value | itself |
/// | `&future` | the result of that task |
/// | `&delayed` | the result of that node of a graph, which is submitted too |
/// | `&[future]`, `&vec`, of futures or of delayed | a `Vec` of the results |
/// | [`With`]`((a, b, ..))` | a tuple, each of whose parts is an argument |
///
/// ```
/// use distributed::{Client, With};
/// use processes::Task;
///
/// const INC: Task<i64, i64> = Task::new("inc", |x| x + 1);
/// const ADD: Task<(i64, i64), i64> = Task::new("add", |(x, y)| x + y);
/// const SUM: Task<Vec<i64>, i64> = Task::new("sum", |xs| xs.into_iter().sum());
///
/// let client = Client::local().n_workers(2).processes(false).start()?;
/// let two = client.submit(&INC, 1);
/// let three = client.submit(&INC, &two);
/// let five = client.submit(&ADD, With((&two, &three)));
/// let fifteen = client.submit(&ADD, With((&five, 10)));
/// let all = client.submit(&SUM, &[two, three, five, fifteen]);
/// assert_eq!(all.result()?, 2 + 3 + 5 + 15);
/// # Ok::<(), distributed::Error>(())
/// ```
///
/// # Errors
/// A task fails with [`Error::Foreign`](crate::Error::Foreign) if an argument
/// is a future of another client.
pub trait Argument<T> {
    #[doc(hidden)]
    fn write(self, to: &mut Writer) -> Result<(), Refused>;
}

/// A tuple of arguments, up to six; see [`Argument`].
#[derive(Clone, Copy, Debug)]
pub struct With<Parts>(pub Parts);

/// Why an argument cannot be given.
#[doc(hidden)]
#[derive(Debug)]
pub enum Refused {
    Value(Error),
    Foreign,
    /// It is the future of a task that has failed, with this error.
    Failed(Box<crate::Error>),
}

/// An input in the making.
#[doc(hidden)]
#[derive(Debug)]
pub struct Writer {
    pub(crate) task: &'static str,
    /// Whose futures may stand in; `None` where a graph is described that no
    /// client has seen yet.
    pub(crate) backend: Option<Arc<dyn Backend>>,
    pub(crate) bytes: Vec<u8>,
    /// Where in `bytes`, and what belongs there.
    pub(crate) holes: Vec<(usize, Hole)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Hole {
    Task(TaskId),
    Node(Arc<Node>),
}

impl Writer {
    pub(crate) fn new(task: &'static str, backend: Option<Arc<dyn Backend>>) -> Self {
        Self { task, backend, bytes: Vec::new(), holes: Vec::new() }
    }

    /// Ready for the next input.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.holes.clear();
    }

    fn count(&mut self, count: usize) -> Result<(), Refused> {
        processes::encode_count(self.task, count, &mut self.bytes).map_err(Refused::Value)
    }
}

impl<T: Serialize> Argument<T> for T {
    fn write(self, to: &mut Writer) -> Result<(), Refused> {
        processes::encode(to.task, &self, &mut to.bytes).map_err(Refused::Value)
    }
}

impl<T> Argument<T> for &Future<T> {
    fn write(self, to: &mut Writer) -> Result<(), Refused> {
        if to.backend.as_ref().is_none_or(|backend| !self.is_of(backend)) {
            return Err(Refused::Foreign);
        }
        // Of a task that was refused the cluster has never heard.
        if let Some(error) = self.error() {
            return Err(Refused::Failed(Box::new(error)));
        }
        to.holes.push((to.bytes.len(), Hole::Task(self.id())));
        Ok(())
    }
}

impl<T> Argument<T> for &Delayed<T> {
    fn write(self, to: &mut Writer) -> Result<(), Refused> {
        to.holes.push((to.bytes.len(), Hole::Node(Arc::clone(self.node()))));
        Ok(())
    }
}

/// A sequence: its count, then the elements.
macro_rules! sequence {
    ($($of:ident),*) => {
        $(impl<T> Argument<Vec<T>> for &[$of<T>] {
            fn write(self, to: &mut Writer) -> Result<(), Refused> {
                to.count(self.len())?;
                self.iter().try_for_each(|each| each.write(to))
            }
        }

        impl<T> Argument<Vec<T>> for &Vec<$of<T>> {
            fn write(self, to: &mut Writer) -> Result<(), Refused> {
                self.as_slice().write(to)
            }
        }

        impl<T, const N: usize> Argument<Vec<T>> for &[$of<T>; N] {
            fn write(self, to: &mut Writer) -> Result<(), Refused> {
                self.as_slice().write(to)
            }
        })*
    };
}
sequence!(Future, Delayed);

/// A tuple: its parts, one after the other.
macro_rules! tuple {
    ($($part:ident $value:ident $index:tt),*) => {
        impl<$($part, $value),*> Argument<($($value,)*)> for With<($($part,)*)>
        where
            $($part: Argument<$value>),*
        {
            fn write(self, to: &mut Writer) -> Result<(), Refused> {
                $(self.0.$index.write(to)?;)*
                Ok(())
            }
        }
    };
}
tuple!(A X 0);
tuple!(A X 0, B Y 1);
tuple!(A X 0, B Y 1, C Z 2);
tuple!(A X 0, B Y 1, C Z 2, D V 3);
tuple!(A X 0, B Y 1, C Z 2, D V 3, E W 4);
tuple!(A X 0, B Y 1, C Z 2, D V 3, E W 4, F U 5);
