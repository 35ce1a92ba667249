//! A cluster on this machine: what it shall be like, and the handle to it.
//!
//! One thread, the *engine*, owns the scheduler and all workers. Clients leave
//! what they want in its inbox and never wait for it; workers are processes at
//! the other end of sockets, or threads that share the inbox. No thread hands
//! work to a thread that hands it on: the engine writes to the workers' sockets
//! itself, many tasks a message, and reads what they answer, many in one look.

mod engine;
mod entry;
mod inbox;
mod initializer;
mod process;
mod recorder;
mod seat;
mod thread;

use std::fmt::Display;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use processes::{Answer, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::{Backend, Call};
use crate::client::Client;
use crate::scheduler::TaskId;
use crate::timeline::Timeline;
use crate::{Error, Info, Placement, Policy};

use engine::Engine;
use inbox::{Command, Inbox};
use initializer::Initializer;

/// Dask's default: a task may outlive three workers.
const ALLOWED_FAILURES: u32 = 3;

/// What a cluster on this machine shall be like; see [`Client::local`].
#[derive(Clone, Debug)]
#[must_use = "nothing is started until `start`"]
pub struct LocalCluster {
    pub(crate) n_workers: usize,
    pub(crate) kind: Kind,
    pub(crate) allowed_failures: u32,
    pub(crate) placement: Placement,
    pub(crate) policy: Policy,
    pub(crate) time_to_live: Option<Duration>,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) initializer: Option<Arc<Initializer>>,
    pub(crate) timeline: bool,
}

/// What workers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Threads,
    Processes,
    /// Nobody: every task is answered at once, with its own input.
    Echo,
}

impl LocalCluster {
    pub(crate) fn new() -> Self {
        Self {
            // Where the system will not say, one worker is always right.
            n_workers: std::thread::available_parallelism().map_or(1, NonZero::get),
            kind: Kind::Processes,
            allowed_failures: ALLOWED_FAILURES,
            placement: Placement::default(),
            policy: Policy::default(),
            time_to_live: None,
            memory_limit: None,
            initializer: None,
            timeline: false,
        }
    }

    /// The number of workers: threads or processes, as [`processes`] says.
    ///
    /// [`processes`]: Self::processes
    pub fn n_workers(mut self, n: usize) -> Self {
        self.n_workers = n;
        self
    }

    /// Whether workers are processes, or threads of this process.
    ///
    /// Processes need [`processes::worker_entry`] at the top of `main`.
    pub fn processes(mut self, processes: bool) -> Self {
        self.kind = if processes { Kind::Processes } else { Kind::Threads };
        self
    }

    /// Workers that are nobody: every task is answered at once with its own
    /// input. What is left is what the client and the scheduler cost.
    #[doc(hidden)]
    pub fn echo(mut self) -> Self {
        self.kind = Kind::Echo;
        self
    }

    /// How many deaths of its workers a task may outlive (3, as in Dask). After
    /// one more it fails with [`Error::WorkerKilled`].
    ///
    /// A death counts against the one task that the worker had begun; in Dask,
    /// against all that were assigned to it.
    pub fn allowed_failures(mut self, deaths: u32) -> Self {
        self.allowed_failures = deaths;
        self
    }

    /// Whether tasks go to whoever is free, or are dealt out beforehand.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Which worker a task would rather go to.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How long a worker process may give no sign of life, as when it was
    /// stopped, before it is killed and replaced: Dask's `worker-ttl`. Without,
    /// it is waited for. A task that computes for long does not hinder the
    /// signs. At least some milliseconds.
    pub fn time_to_live(mut self, silence: Duration) -> Self {
        self.time_to_live = Some(silence);
        self
    }

    /// How many bytes of memory a worker process may have (its resident set; what
    /// its tasks start is not counted). One that is found above that is killed
    /// and replaced, and that counts as a failed attempt at the task that it was
    /// at, as in Dask; the error of the last names the limit. Threads share one
    /// memory, and have no limit.
    ///
    /// It is looked at four times a second, so a higher peak may pass unseen: for
    /// a limit that holds at every moment there are the system's own (`setrlimit`,
    /// control groups). A worker takes a few megabytes before it does anything; with
    /// a limit below that, workers come and go four times a second.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Runs a task with this input in every worker before it gets work, also in
    /// those that take the place of others or are added later. On worker
    /// processes it must be in the registry.
    ///
    /// If it fails or panics, there is no cluster; later, the place of the worker
    /// is given up at once, for it would fail again, until
    /// [`scale`](Client::scale). A worker that dies in it is started again, three
    /// times in all. One that never returns is waited for; one that stops its
    /// process is over its [time to live](Self::time_to_live), too.
    ///
    /// ```
    /// use distributed::{Client, Error};
    /// use processes::Task;
    ///
    /// const PREPARE: Task<u32, Result<(), String>> =
    ///     Task::new("prepare", |level| if level < 9 { Ok(()) } else { Err("too high".into()) });
    ///
    /// let threads = || Client::local().n_workers(2).processes(false);
    /// let failed = threads().initializer(&PREPARE, &9).start();
    /// assert!(matches!(failed, Err(Error::Initializer { message }) if message == "too high"));
    /// let client = threads().initializer(&PREPARE, &3).start()?;
    /// # client.close();
    /// # Ok::<(), Error>(())
    /// ```
    pub fn initializer<In, E>(mut self, task: &Task<In, Result<(), E>>, input: &In) -> Self
    where
        In: Serialize + DeserializeOwned + 'static,
        E: Serialize + DeserializeOwned + Display + 'static,
    {
        self.initializer = Some(Arc::new(Initializer::new(task, input)));
        self
    }

    /// Whether it is recorded which worker runs what when, for
    /// [`Client::timeline`].
    ///
    /// Each task costs two looks at the clock then, and some 100 bytes until
    /// the timeline is taken. Without, nothing of it is there.
    pub fn timeline(mut self, recorded: bool) -> Self {
        self.timeline = recorded;
        self
    }

    /// Starts the workers, all at once, and waits until all are there.
    ///
    /// # Errors
    /// [`Error::NoWorkers`] if none are asked for; [`Error::Start`],
    /// [`Error::Thread`] or [`Error::Initializer`] if one cannot be started,
    /// after ending the others.
    pub fn start(self) -> Result<Client, Error> {
        if self.n_workers == 0 {
            return Err(Error::NoWorkers);
        }
        let thread = |e| Error::Thread(Arc::new(e));
        let (inbox, alarm) = Inbox::new().map_err(thread)?;
        let (started, start) = mpsc::channel();
        let remote = self.kind == Kind::Processes;
        let whole_batches = self.placement == Placement::StaticBlocks;
        let its_inbox = Arc::clone(&inbox);
        let engine = std::thread::Builder::new()
            .name("cluster".into())
            .spawn(move || Engine::new(self, (its_inbox, alarm), started).run())
            .map_err(thread)?;
        let engine = Mutex::new(Some(engine));
        let local =
            Arc::new(Local { inbox, remote, whole_batches, names: AtomicU64::new(0), engine });
        let outcome = start.recv().unwrap_or(Err(Error::NoWorkers));
        // Dropped on an error, the client waits until all is gone.
        let client = Client::new(local);
        outcome.map(|()| client)
    }
}

/// The handle to the engine.
#[derive(Debug)]
struct Local {
    inbox: Arc<Inbox>,
    remote: bool,
    whole_batches: bool,
    names: AtomicU64,
    engine: Mutex<Option<JoinHandle<()>>>,
}

impl Backend for Local {
    fn names(&self, count: u64) -> TaskId {
        TaskId(self.names.fetch_add(count, Ordering::Relaxed))
    }

    fn submit(&self, calls: Vec<Call>) {
        if !calls.is_empty() {
            self.inbox.send(Command::Submit(calls));
        }
    }

    fn wants_whole_batches(&self) -> bool {
        self.whole_batches
    }

    fn scatter(&self, task: TaskId, value: Arc<Answer>, _onto_each: bool) {
        self.inbox.send(Command::Scatter(task, value));
    }

    fn release(&self, task: TaskId) {
        self.inbox.release(task);
    }

    fn detach(&self, task: TaskId) {
        self.inbox.send(Command::Detach(task));
    }

    fn cancel(&self, tasks: Vec<TaskId>, kill: bool) {
        self.inbox.send(Command::Cancel { tasks, kill });
    }

    fn scale(&self, workers: usize) -> Result<(), Error> {
        self.inbox.send(Command::Scale(workers));
        Ok(())
    }

    fn info(&self) -> Info {
        let (tell, info) = mpsc::channel();
        self.inbox.send(Command::Info(tell));
        // An engine that has ended has nothing left.
        info.recv().unwrap_or_default()
    }

    fn timeline(&self) -> Timeline {
        let (tell, timeline) = mpsc::channel();
        self.inbox.send(Command::Timeline(tell));
        timeline.recv().unwrap_or_default()
    }

    fn is_remote(&self) -> bool {
        self.remote
    }

    fn close(&self) {
        self.inbox.close();
        let engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(engine) = engine {
            // Its panic would be a bug of ours, and has been printed.
            let _ = engine.join();
        }
    }
}
