//! A job: a submitted call without its types, so that one scheduler and one
//! kind of worker serve every task.

use std::panic::{AssertUnwindSafe, catch_unwind};

use processes::Error::{Died, Io, Panicked, Protocol};
use processes::{Task, Worker, message_of};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::future::{Future, Promise, promise};
use crate::scheduler::Outcome;

/// How an attempt ended.
pub(crate) enum Ran {
    /// The job has a result, or an error of its own. The worker is well.
    ToTheEnd,
    /// The worker died, and perhaps of this job.
    Lost {
        /// Not where it was dead before the job began.
        suspicious: bool,
    },
}

/// A call that can be attempted on any worker, and again on another.
pub(crate) trait Job: Send {
    /// Runs it on this thread, once.
    fn run_here(&mut self);
    /// Has a worker process run it; any number of times.
    fn run_in(&mut self, worker: &mut Worker) -> Ran;
    /// Settles the future with what the last attempt brought.
    fn finish(self: Box<Self>, outcome: Outcome);
    /// Settles the future with an error.
    fn fail(self: Box<Self>, error: Error);
}

/// A typed call, and whom to tell.
struct Call<In, Out> {
    task: Task<In, Out>,
    /// Kept for another attempt; a thread, which does not die, takes it.
    input: Option<In>,
    result: Option<Result<Out, Error>>,
    /// What the last worker died of.
    death: Option<processes::Error>,
    promise: Promise<Out>,
}

/// A job for the cluster, and the future of its result.
pub(crate) fn job<In, Out>(task: &Task<In, Out>, input: In) -> (Box<dyn Job>, Future<Out>)
where
    In: Serialize + Send + 'static,
    Out: DeserializeOwned + Send + 'static,
{
    let (promise, future) = promise(task.name());
    let call = Call { task: *task, input: Some(input), result: None, death: None, promise };
    (Box::new(call), future)
}

impl<In, Out> Job for Call<In, Out>
where
    In: Serialize + Send + 'static,
    Out: DeserializeOwned + Send + 'static,
{
    fn run_here(&mut self) {
        let input = self.input.take().expect("a thread runs a job once");
        let task = self.task;
        self.result = Some(self.caught(|| task.run(input)));
    }

    fn run_in(&mut self, worker: &mut Worker) -> Ran {
        let input = self.input.as_ref().expect("processes leave the input here");
        // Encoding and decoding are the task's own code too. The one ends before
        // a byte is sent, the other begins when its bytes are all read: a panic in either
        // leaves the worker ready for the next call.
        let called = self.caught(|| worker.call(&self.task, input));
        self.result = Some(match called {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(death @ (Died { .. } | Protocol { .. } | Io { .. }))) => {
                self.death = Some(death);
                return Ran::Lost { suspicious: true };
            }
            Ok(Err(Panicked { task, message, location, .. })) => {
                Err(Error::Panicked { task, message, location })
            }
            Ok(Err(other)) => Err(Error::Call(other)),
            Err(panicked) => Err(panicked),
        });
        Ran::ToTheEnd
    }

    fn finish(self: Box<Self>, outcome: Outcome) {
        let Self { task, result, death, promise, .. } = *self;
        let task = task.name();
        match (outcome, result, death) {
            (Outcome::Returned, Some(result), _) => promise.keep(result),
            (Outcome::Killed { attempts }, _, Some(last)) => {
                promise.keep(Err(Error::WorkerKilled { task, attempts, last }));
            }
            // The scheduler ends a job only after an attempt at it, which
            // leaves one or the other.
            _ => unreachable!("task {task} was ended without an attempt"),
        }
    }

    fn fail(self: Box<Self>, error: Error) {
        self.promise.keep(Err(error));
    }
}

impl<In, Out> Call<In, Out> {
    /// Runs the task's own code; its panic becomes the task's own error.
    fn caught<R>(&self, code: impl FnOnce() -> R) -> Result<R, Error> {
        catch_unwind(AssertUnwindSafe(code)).map_err(|payload| Error::Panicked {
            task: self.task.name(),
            message: message_of(payload),
            location: None,
        })
    }
}
