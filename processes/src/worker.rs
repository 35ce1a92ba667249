//! The parent's side: a process of our own that runs tasks.

mod conversation;
mod killer;
mod last_words;
mod replies;
mod start;

use std::any::Any;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Child;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;
use serde::de::DeserializeOwned;

use conversation::Flight;
pub use conversation::{Gone, Progress, Request};
pub use killer::Killer;
use last_words::LastWords;
pub(crate) use last_words::look_after_spare;
pub use replies::Replies;
pub use start::Options;

use crate::control::{self, Control};
use crate::error::{Error, Side, cannot};
use crate::status::Exit;
use crate::task::Task;
use crate::wire::{self, Connection, Frame, LIMIT};

/// How often a waiting parent looks whether the worker still lives. Its end
/// is seen at once by the closing of the socket; this is for the case that
/// something else holds the socket open, such as a child that it forked.
const GLANCE: Duration = Duration::from_millis(250);

/// How long a worker that is let go may take to leave by itself.
const FAREWELL: Duration = Duration::from_millis(50);

/// A worker process: this program, started once more, waiting for tasks.
///
/// It lives in a process group of its own, so that Ctrl-C reaches the parent
/// only, and whatever its tasks start ends with it. Dropping a worker lets it
/// leave, kills it if it is busy, and reaps it. A worker whose parent dies
/// ends too, even in the middle of a task.
///
/// Starting one costs about a millisecond, a call on a warm one tens of
/// microseconds. Both ends keep buffers of up to 2 MiB; a larger one is given back
/// when it has not been wanted for a quarter of a second.
///
/// A [`call`](Self::call) waits. Who looks after several workers at once posts
/// [requests](Self::request), polls the sockets ([`AsFd`]), and reads
/// [replies](Self::replies) as they come; `pool` does.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    killer: Killer,
    connection: Connection,
    control: Control,
    last_words: Option<LastWords>,
    /// When the process was greeted, until it has greeted back.
    greeted: Option<Instant>,
    /// A frame for each request that may be under way.
    frames: [Frame; control::SLOTS as usize],
    /// The requests under way, oldest first.
    flights: VecDeque<Flight>,
    /// How many requests there have been.
    requests: u32,
    /// How many of the requests under way have been written whole, and how
    /// much of the next.
    written: (usize, usize),
    /// How it ended, once it has: by then it is reaped.
    exit: Option<Exit>,
    /// Whether it has been asked to leave.
    dismissed: bool,
}

impl Worker {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Runs a task in the worker and waits for its output.
    ///
    /// # Errors
    /// All but those of starting. After [`Error::Died`] every further call
    /// says the same.
    pub fn call<In, Out>(&mut self, task: &Task<In, Out>, input: &In) -> Result<Out, Error>
    where
        In: Serialize,
        Out: DeserializeOwned,
    {
        let mut outputs = self.call_batch(task, std::slice::from_ref(input))?;
        outputs.pop().expect("there is one output for each input")
    }

    /// Runs a task on each input, in order; an input that fails does not stop
    /// the others. What takes less than a millisecond, and less than 256 MiB,
    /// is one message each way.
    ///
    /// # Errors
    /// When no input has an answer: the worker died, or the inputs could not
    /// be sent.
    pub fn call_batch<In, Out>(
        &mut self,
        task: &Task<In, Out>,
        inputs: &[In],
    ) -> Result<Vec<Result<Out, Error>>, Error>
    where
        In: Serialize,
        Out: DeserializeOwned,
    {
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        self.send(task, inputs)?;
        self.receive(task, inputs.len())
    }

    /// Whether its process still runs. A dead one is told of by the next call
    /// as well, but to be told here costs no task.
    pub fn is_alive(&mut self) -> bool {
        self.exit.is_none() && runs(&self.child)
    }

    /// A number that changes with every sign of life that the worker gives; see
    /// [`Options::heartbeat`].
    pub fn heartbeat(&self) -> u32 {
        self.control.heartbeat()
    }

    /// What ends it from another thread, while this one is in a call.
    pub fn killer(&self) -> Killer {
        self.killer.clone()
    }

    /// Kills the worker and all that its tasks started, and reaps it.
    pub fn kill(&mut self) {
        self.end();
    }

    /// Asks the worker to leave, and does not wait for it; dropping it does.
    ///
    /// Who lets several go says it to all of them first.
    pub fn dismiss(&mut self) {
        let all_written = self.written.0 == self.flights.len();
        if self.exit.is_none() && !self.dismissed && all_written {
            // An idle worker leaves on an empty request.
            let goodbye = [0; 4];
            let written = wire::write(self.connection.stream(), &goodbye);
            self.dismissed = written.is_ok_and(|written| written == goodbye.len());
        }
    }

    /// The first half of a call, so that several workers can be at work while
    /// one thread waits.
    pub(crate) fn send<In: Serialize, Out>(
        &mut self,
        task: &Task<In, Out>,
        inputs: &[In],
    ) -> Result<(), Error> {
        let task = task.name();
        if let Some(exit) = self.exit {
            return Err(Error::Died { pid: self.pid(), task, exit, stderr: String::new() });
        }
        let mut request = self.request(task, false)?;
        for input in inputs {
            if !request.push(input)? {
                let bytes = LIMIT + 1;
                return Err(Error::TooLarge { side: Side::Input, task, bytes, limit: LIMIT });
            }
        }
        request.post();
        Ok(())
    }

    /// The second half: waits for the replies.
    pub(crate) fn receive<In, Out: DeserializeOwned>(
        &mut self,
        task: &Task<In, Out>,
        items: usize,
    ) -> Result<Vec<Result<Out, Error>>, Error> {
        let task = task.name();
        let mut outputs = Vec::with_capacity(items.min(1 << 16));
        // Of a `Deserialize`: it goes on once all replies are read, or the next
        // call would take those that are left for its own.
        let mut panicked: Option<Box<dyn Any + Send>> = None;
        loop {
            let last = match self.write().and_then(|_| self.replies()) {
                Err(gone) => return Err(self.bury(task, gone)),
                Ok(None) => {
                    let wait = self.wait(GLANCE);
                    if let Err(gone) = wait.and_then(|ready| self.glance(ready)) {
                        return Err(self.bury(task, gone));
                    }
                    continue;
                }
                Ok(Some(mut replies)) => {
                    let mut read = || {
                        while let Some(output) = replies.next(task) {
                            outputs.push(output);
                        }
                    };
                    if panicked.is_none() {
                        panicked = catch_unwind(AssertUnwindSafe(&mut read)).err();
                    }
                    replies.last
                }
            };
            if last {
                // A large buffer is nobody's until the next call.
                self.connection.rest();
                return panicked.map_or(Ok(outputs), |payload| resume_unwind(payload));
            }
        }
    }

    /// Waits until there is something to read, or to write if something is
    /// unwritten; `false` if the time ran out.
    fn wait(&self, most: Duration) -> Result<bool, Gone> {
        let mut events = PollFlags::POLLIN;
        events.set(PollFlags::POLLOUT, self.has_unwritten());
        let timeout = PollTimeout::try_from(most).expect("less than a month");
        match poll(&mut [PollFd::new(self.as_fd(), events)], timeout) {
            Ok(ready) => Ok(ready > 0),
            Err(nix::errno::Errno::EINTR) => Ok(true),
            Err(e) => Err(Gone::Io(e.into())),
        }
    }

    fn glance(&mut self, ready: bool) -> Result<(), Gone> {
        if ready || self.is_alive() { Ok(()) } else { Err(Gone::Closed) }
    }

    /// Ends a worker that is gone, and says what became of it, in this task.
    pub fn bury(&mut self, task: &'static str, gone: Gone) -> Error {
        let exit = self.end();
        let pid = self.pid();
        match gone {
            Gone::Closed => Error::Died { pid, task, exit, stderr: self.stderr() },
            Gone::Broken(why) => Error::Protocol { pid, why },
            Gone::Silent(silence) => Error::Unresponsive { pid, task, silence },
            Gone::Heavy { bytes, limit } => Error::Memory { pid, task, bytes, limit },
            Gone::Io(e)
                if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) =>
            {
                Error::Died { pid, task, exit, stderr: self.stderr() }
            }
            Gone::Io(e) => cannot("talk to a worker")(e),
        }
    }

    /// The end of what it wrote to standard error, if that is kept.
    pub fn stderr(&self) -> String {
        self.last_words.as_ref().map(LastWords::kept).unwrap_or_default()
    }

    /// Kills what is left of the worker's group, and reaps the worker.
    ///
    /// A process that is already on its way out keeps the status that it
    /// brought: its socket closes only after the status is fixed.
    fn end(&mut self) -> Exit {
        if let Some(exit) = self.exit {
            return exit;
        }
        // Before `wait`: afterwards the number may belong to somebody else, and
        // other killers must not know it any more.
        self.killer.kill();
        self.killer.disarm();
        let exit = self.child.wait().map_or(Exit::Unknown, Exit::from);
        self.exit = Some(exit);
        if let Some(words) = &self.last_words {
            words.finish();
        }
        exit
    }
}

impl AsFd for Worker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.stream().as_fd()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.dismiss();
        let until = Instant::now() + FAREWELL;
        while self.exit.is_none() && self.dismissed {
            // Its leaving closes its end; a reply that nobody waits for may
            // still come before.
            let left = until.saturating_duration_since(Instant::now());
            let more = matches!(self.wait(left), Ok(true)) && !left.is_zero();
            if !more || !matches!(self.replies(), Ok(Some(_)) | Ok(None)) {
                break;
            }
        }
        self.end();
    }
}

/// Whether the process still runs. Does not reap it: `end` must, after its group.
fn runs(child: &Child) -> bool {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    matches!(waitid(Id::Pid(pid), flags), Ok(WaitStatus::StillAlive))
}
