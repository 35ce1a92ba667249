//! The threads of a pool: where they find work, and how they end.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::bell::Bell;
use super::board::Board;
use super::job::Job;
use crate::loan::Loan;
use crate::{Error, panics};

/// How long a thread looks for work before it sleeps: about what it costs to
/// be woken, so that it never costs more than twice the best choice.
const LOOK: Duration = Duration::from_micros(50);

/// What is done in each thread before its first task.
pub(crate) type Initializer = dyn Fn() -> Result<(), String> + Send + Sync;

/// What the threads of a pool share with its owner.
pub(crate) struct Crew {
    id: u64,
    pub(crate) bell: Bell,
    pub(crate) board: Board,
    queue: (Sender<Arc<Job>>, Receiver<Arc<Job>>),
    closed: AtomicBool,
    /// The thread of each place, until it is joined.
    threads: Mutex<Vec<Option<JoinHandle<()>>>>,
    /// What the threads' names begin with.
    name: String,
    /// How many threads may look for work at a time without sleeping: one
    /// processor is left to those who have some.
    lookers: usize,
    pub(crate) initializer: Option<Box<Initializer>>,
    max_tasks: Option<u64>,
}

thread_local! {
    /// How many pools this thread works for at the moment, as one of their
    /// threads or as a caller who works too.
    static INSIDE: Cell<usize> = const { Cell::new(0) };
    /// The pools that this thread has been initialized for.
    static INITIALIZED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Whether this thread works for a pool at the moment.
pub(crate) fn is_inside() -> bool {
    INSIDE.try_with(Cell::get).unwrap_or(0) > 0
}

/// This thread works for a pool until the result is dropped.
pub(crate) fn go_inside() -> Inside {
    let _ = INSIDE.try_with(|depth| depth.set(depth.get() + 1));
    Inside(())
}

/// See [`go_inside`].
pub(crate) struct Inside(());

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|depth| depth.set(depth.get() - 1));
    }
}

/// What a thread found to do.
enum Work {
    Run(Arc<Job>),
    Help(Arc<Loan>),
}

impl Crew {
    pub(crate) fn new(
        queue: (Sender<Arc<Job>>, Receiver<Arc<Job>>),
        name: String,
        initializer: Option<Box<Initializer>>,
        max_tasks: Option<u64>,
    ) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            bell: Bell::new(),
            board: Board::new(),
            queue,
            closed: AtomicBool::new(false),
            threads: Mutex::default(),
            name,
            lookers: processors - 1,
            initializer,
            max_tasks,
        }
    }

    /// Starts the first thread of a place, and tells `ready` when it is
    /// initialized.
    pub(crate) fn start(
        self: &Arc<Self>,
        place: usize,
        ready: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) -> io::Result<()> {
        let crew = Arc::clone(self);
        let thread = self.spawn(place, move || {
            let initialized = crew.enter();
            let may_work = initialized.is_ok();
            ready(initialized);
            if may_work {
                crew.work(place);
            }
        })?;
        self.places().push(Some(thread));
        Ok(())
    }

    /// Starts a successor for the thread of this place, which is the caller.
    /// If none can be started or initialized, the thread stays.
    fn is_succeeded(self: &Arc<Self>, place: usize) -> bool {
        let (tell, ready) = bounded(1);
        let (retire, retired) = bounded::<JoinHandle<()>>(1);
        let crew = Arc::clone(self);
        let successor = self.spawn(place, move || {
            let initialized = crew.enter();
            let may_work = initialized.is_ok();
            let _ = tell.send(initialized);
            if may_work {
                // It has nothing left to do but to end.
                if let Ok(predecessor) = retired.recv() {
                    let _ = predecessor.join();
                }
                crew.work(place);
            }
        });
        let Ok(successor) = successor else { return false };
        if !matches!(ready.recv(), Ok(Ok(()))) {
            let _ = successor.join();
            return false;
        }
        if let Some(own) = self.places()[place].replace(successor) {
            // Otherwise whoever joins the pool is waiting for this thread.
            let _ = retire.send(own);
        }
        true
    }

    fn spawn(
        &self,
        place: usize,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        thread::Builder::new().name(format!("{}-{place}", self.name)).spawn(body)
    }

    fn places(&self) -> MutexGuard<'_, Vec<Option<JoinHandle<()>>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Initializes this thread for the pool, unless it was already.
    pub(crate) fn enter(&self) -> Result<(), Error> {
        let Some(initializer) = &self.initializer else { return Ok(()) };
        let known = INITIALIZED.try_with(|pools| pools.borrow().contains(&self.id));
        if known.unwrap_or(false) {
            return Ok(());
        }
        match panics::catch(initializer) {
            Ok(Ok(())) => {
                let _ = INITIALIZED.try_with(|pools| pools.borrow_mut().push(self.id));
                Ok(())
            }
            Ok(Err(message)) => Err(Error::Initializer { message }),
            Err(panic) => Err(Error::Initializer { message: panic.message() }),
        }
    }

    /// Puts a job into the queue.
    ///
    /// Where the queue is bounded and full, the one who brings a job first
    /// runs another: that slows it down, which is what the bound is for, and
    /// cannot deadlock.
    pub(crate) fn submit(&self, mut job: Arc<Job>) -> Result<(), Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        let ours = Arc::clone(&job);
        loop {
            match self.queue.0.try_send(job) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return Err(Error::Closed),
                Err(TrySendError::Full(back)) => {
                    job = back;
                    self.enter()?;
                    if let Ok(other) = self.queue.1.try_recv() {
                        let _inside = go_inside();
                        other.run();
                    }
                }
            }
        }
        self.bell.ring();
        // The threads may have ended since we looked; then nobody runs it.
        fence(Ordering::SeqCst);
        if self.is_closed() && ours.cancel() {
            return Err(Error::Closed);
        }
        Ok(())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Takes no more jobs, and drops those that wait if asked to. The threads
    /// end when the queue is empty.
    pub(crate) fn close(&self, drop_waiting: bool) {
        self.closed.store(true, Ordering::SeqCst);
        if drop_waiting {
            for job in self.queue.1.try_iter() {
                job.cancel();
            }
        }
        self.bell.open();
    }

    /// Waits until all threads have ended, but not for the one that asks: a
    /// task may own the pool that runs it.
    pub(crate) fn join(&self) {
        let own = thread::current().id();
        loop {
            let other = |thread: &mut Option<JoinHandle<()>>| {
                thread.take_if(|thread| thread.thread().id() != own)
            };
            let Some(thread) = self.places().iter_mut().find_map(other) else { return };
            // Threads catch what tasks throw, so they end without a panic.
            let _ = thread.join();
        }
    }

    /// What a thread does all its life.
    fn work(self: &Arc<Self>, place: usize) {
        let _inside = go_inside();
        let mut tasks = 0;
        while let Some(work) = self.next() {
            match work {
                Work::Run(job) => tasks += u64::from(job.run()),
                Work::Help(loan) => tasks += u64::from(loan.work()),
            }
            if self.max_tasks.is_some_and(|max| tasks >= max) && self.is_succeeded(place) {
                return;
            }
        }
    }

    /// Waits for the next thing to do; `None` if the pool is closed and
    /// nothing is left.
    fn next(&self) -> Option<Work> {
        // Most threads find the next thing at once.
        if let Some(work) = self.find() {
            return Some(work);
        }
        let mut alone = self.bell.look() <= self.lookers;
        loop {
            let found = self.search(alone);
            if found.is_some() || self.is_closed() {
                self.bell.found();
                // Who looked has kept others from being woken.
                if !self.queue.1.is_empty() {
                    self.bell.ring();
                }
                return found.or_else(|| self.find());
            }
            self.bell.sleep(|| self.is_work());
            // Who is rung for is the only one.
            alone = self.lookers > 0;
        }
    }

    /// Looks for work, for a while if there are not too many who do.
    fn search(&self, for_a_while: bool) -> Option<Work> {
        let start = Instant::now();
        loop {
            for _ in 0..32 {
                if let Some(work) = self.find() {
                    return Some(work);
                }
                std::hint::spin_loop();
            }
            if !for_a_while || start.elapsed() > LOOK || self.is_closed() {
                return None;
            }
        }
    }

    /// Looks for work once. Jobs come first, since nobody else does them; maps
    /// go on without help.
    fn find(&self) -> Option<Work> {
        match self.queue.1.try_recv() {
            Ok(job) => Some(Work::Run(job)),
            Err(_) => self.board.take().map(Work::Help),
        }
    }

    fn is_work(&self) -> bool {
        self.board.is_open() || !self.queue.1.is_empty() || self.is_closed()
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew")
            .field("bell", &self.bell)
            .field("board", &self.board)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
