//! The parent's side: a process of our own that runs tasks.

use std::any::Any;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry;
use crate::error::{Error, Side, cannot};
use crate::reply;
use crate::status::Exit;
use crate::task::Task;
use crate::wire::{self, Connection, Frame, Hello, LIMIT, Request};

/// How often a waiting parent looks whether the worker still lives. Its end
/// is seen at once by the closing of the socket; this is for the case that
/// something else holds the socket open, such as a child that it forked.
const GLANCE: Duration = Duration::from_millis(250);

/// How long a process may take to greet. A program that does much before its
/// worker entry, on a busy machine, stays far below.
const GREETING: Duration = Duration::from_secs(10);

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
/// microseconds. Both ends keep a buffer as large as the largest message yet.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    killer: Killer,
    connection: Connection,
    frame: Frame,
    /// How it ended, once it has: by then it is reaped.
    exit: Option<Exit>,
    /// Whether it has been asked to leave.
    dismissed: bool,
}

/// Ends a worker from another thread, in the middle of whatever it does.
///
/// Whoever waits for the worker's answer then hears of its death. Once the
/// worker has ended, this does nothing: its number may be another process's.
#[derive(Clone, Debug)]
pub struct Killer(Arc<Mutex<Option<Pid>>>);

impl Killer {
    /// Kills the worker and all that its tasks started; its owner reaps it.
    pub fn kill(&self) {
        if let Some(pid) = *self.target() {
            // It leads a group of its own, of the same number. An error says
            // that it has died in this very instant.
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }

    /// The worker, until just before it is reaped: who holds the lock holds
    /// the number too.
    fn target(&self) -> MutexGuard<'_, Option<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// Starts a worker and waits until it is ready.
    ///
    /// # Errors
    /// [`Error::EntryNotClaimed`], [`Error::Spawn`], [`Error::Handshake`].
    pub fn spawn() -> Result<Self, Error> {
        let mut worker = Self::start(true)?;
        worker.greet(true)?;
        Ok(worker)
    }

    /// Starts `n` workers side by side and waits until all are ready.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn); then all that were started are gone.
    pub fn spawn_all(n: usize) -> Result<Vec<Self>, Error> {
        let mut workers = (0..n).map(|_| Self::start(true)).collect::<Result<Vec<_>, _>>()?;
        workers.iter_mut().try_for_each(|worker| worker.greet(true))?;
        Ok(workers)
    }

    /// Starts a worker that has one thread, so that its tasks may `fork`.
    ///
    /// It has no thread that watches for the parent's end: if the parent dies
    /// it ends after the task at hand.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn spawn_single_threaded() -> Result<Self, Error> {
        let mut worker = Self::start(false)?;
        worker.greet(false)?;
        Ok(worker)
    }

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

    /// Runs a task on each input, in order, with one frame each way (more only
    /// for outputs above 256 MiB in all); an input that fails does not stop the
    /// others.
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
        let limited = self.connection.stream().set_write_timeout(Some(FAREWELL)).is_ok();
        if limited && self.exit.is_none() && !self.dismissed {
            // An idle worker leaves on an empty request.
            self.frame.start();
            self.dismissed = self.connection.send(&mut self.frame, || false).is_ok();
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
        let body = self.frame.start();
        let encoded = (|| {
            let items = u32::try_from(inputs.len()).unwrap_or(u32::MAX);
            wire::append(&Request { task, items }, body)?;
            inputs
                .iter()
                .try_for_each(|input| wire::append_item(body, |body| wire::append(input, body)))
        })();
        encoded.map_err(|e| Error::Encode { side: Side::Input, task, why: e.to_string() })?;
        let bytes = self.frame.body();
        if bytes > LIMIT {
            // Room for so much is not worth keeping.
            self.frame = Frame::default();
            return Err(Error::TooLarge { side: Side::Input, task, bytes, limit: LIMIT });
        }
        if let Some(exit) = self.exit {
            return Err(Error::Died { pid: self.pid(), task, exit });
        }
        let child = &self.child;
        let sent = self.connection.send(&mut self.frame, || runs(child));
        sent.map_err(|e| self.lost(task, e))
    }

    /// The second half: waits for the replies.
    pub(crate) fn receive<In, Out: DeserializeOwned>(
        &mut self,
        task: &Task<In, Out>,
        items: usize,
    ) -> Result<Vec<Result<Out, Error>>, Error> {
        let task = task.name();
        let mut heard = Heard::new(items);
        while heard.count < items {
            let child = &self.child;
            let why = match self.connection.receive(|| runs(child)) {
                Ok(Some(replies)) if heard.hear(task, replies).is_some() => continue,
                Ok(Some(_)) => "its replies do not answer the request".into(),
                Ok(None) => return Err(self.lost(task, ErrorKind::BrokenPipe.into())),
                Err(e) if e.kind() == ErrorKind::InvalidData => e.to_string(),
                Err(e) => return Err(self.lost(task, e)),
            };
            self.end();
            return Err(Error::Protocol { pid: self.pid(), why });
        }
        match heard.panicked {
            None => Ok(heard.outputs),
            Some(payload) => resume_unwind(payload),
        }
    }

    /// Starts the process; it has yet to greet.
    pub(crate) fn start(watchdog: bool) -> Result<Self, Error> {
        let entry = entry::entry()?;
        let spawn = |e| Error::Spawn(Arc::new(e));
        let (ours, theirs) = UnixStream::pair().map_err(spawn)?;
        ours.set_read_timeout(Some(GLANCE)).map_err(spawn)?;
        ours.set_write_timeout(Some(GLANCE)).map_err(spawn)?;
        // `current_exe` would name a file, and the file may have been replaced.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0(entry::WORKER_NAME)
            .args(&entry.arguments)
            .stdin(OwnedFd::from(theirs))
            .process_group(0);
        if entry.silent {
            command.stdout(Stdio::null());
        }
        let child = command.spawn().map_err(spawn)?;
        let leader = Pid::from_raw(child.id().cast_signed());
        let mut worker = Self {
            child,
            killer: Killer(Arc::new(Mutex::new(Some(leader)))),
            connection: Connection::new(ours),
            frame: Frame::default(),
            exit: None,
            dismissed: false,
        };
        let hello = Hello::of_this_program(watchdog).map_err(spawn)?;
        wire::append(&hello, worker.frame.start()).expect("numbers always encode");
        // If nobody is there to read it, no greeting will come back either.
        let _ = worker.connection.send(&mut worker.frame, || true);
        Ok(worker)
    }

    /// Waits for the worker's greeting, which must be this program's own.
    pub(crate) fn greet(&mut self, watchdog: bool) -> Result<(), Error> {
        let pid = self.pid();
        let started = Instant::now();
        let child = &self.child;
        let hello = self.connection.receive(|| started.elapsed() < GREETING && runs(child));
        let why = match hello {
            Ok(Some(hello)) => {
                let ours =
                    Hello::of_this_program(watchdog).map_err(cannot("look at this program"))?;
                if wire::decode::<Hello>(hello).is_ok_and(|hello| hello == ours) {
                    return Ok(());
                }
                "it is another build of this program".into()
            }
            Ok(None) if started.elapsed() >= GREETING => {
                format!("it did not reach the worker entry in {GREETING:?}")
            }
            Ok(None) => {
                let exit = self.end();
                format!("it ended before it reached the worker entry: {exit}")
            }
            Err(e) => e.to_string(),
        };
        self.end();
        Err(Error::Handshake { pid, why })
    }

    /// The connection failed: what became of the worker.
    fn lost(&mut self, task: &'static str, error: io::Error) -> Error {
        match error.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
                Error::Died { pid: self.pid(), task, exit: self.end() }
            }
            _ => {
                self.end();
                cannot("talk to a worker")(error)
            }
        }
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
        *self.killer.target() = None;
        let exit = self.child.wait().map_or(Exit::Unknown, Exit::from);
        self.exit = Some(exit);
        exit
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.dismiss();
        let limited = self.connection.stream().set_read_timeout(Some(FAREWELL)).is_ok();
        if limited && self.exit.is_none() && self.dismissed {
            // Its leaving closes its end; a reply that nobody waits for may
            // still come before.
            while matches!(self.connection.receive(|| false), Ok(Some(_))) {}
        }
        self.end();
    }
}

/// What has come so far of the replies to one request.
struct Heard<Out> {
    expected: usize,
    count: usize,
    outputs: Vec<Result<Out, Error>>,
    /// Of a `Deserialize`: it goes on once all replies are read, or the next
    /// call would take those that are left for its own.
    panicked: Option<Box<dyn Any + Send>>,
}

impl<Out: DeserializeOwned> Heard<Out> {
    fn new(expected: usize) -> Self {
        Self { expected, count: 0, outputs: Vec::with_capacity(expected), panicked: None }
    }

    /// Reads a frame of replies; `None` if they do not answer the request.
    fn hear(&mut self, task: &'static str, mut replies: &[u8]) -> Option<()> {
        let before = self.count;
        while !replies.is_empty() && self.count < self.expected {
            let reply = wire::take_item(&mut replies)?;
            self.count += 1;
            if self.panicked.is_none() {
                match catch_unwind(AssertUnwindSafe(|| reply::output(task, reply))) {
                    Ok(output) => self.outputs.push(output?),
                    Err(payload) => self.panicked = Some(payload),
                }
            }
        }
        (replies.is_empty() && self.count > before).then_some(())
    }
}

/// Whether the process still runs. Does not reap it: `end` must, after its group.
fn runs(child: &Child) -> bool {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
    let pid = Pid::from_raw(child.id().cast_signed());
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    matches!(waitid(Id::Pid(pid), flags), Ok(WaitStatus::StillAlive))
}
