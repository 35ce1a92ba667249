//! The threads of a pool: where they find work, and how they end.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::bell::{Bell, Search};
use super::board::Board;
use super::job::Job;
use super::rent::Rent;
use crate::loan::Loan;
use crate::{Error, panics};

/// How long a thread looks for work before it sleeps: about what it costs to
/// be woken, so that it never costs more than twice the best choice.
pub(crate) const LOOK: Duration = Duration::from_micros(50);

/// What is done in each thread before its first task.
pub(crate) type Initializer = dyn Fn() -> Result<(), String> + Send + Sync;

/// What the threads of a pool share with its owner.
pub(crate) struct Crew {
    id: u64,
    pub(crate) bell: Bell,
    pub(crate) board: Board,
    pub(crate) rent: Rent,
    queue: (Sender<Arc<Job>>, Receiver<Arc<Job>>),
    /// The thread of each place, until it is joined.
    threads: Mutex<Vec<Option<JoinHandle<()>>>>,
    /// What the threads' names begin with.
    name: String,
    /// How many processors there are for the pool.
    pub(crate) processors: usize,
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
pub(crate) enum Work {
    Run(Arc<Job>),
    Help(crate::sync::Arc<Loan>),
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
            rent: Rent::new(),
            queue,
            threads: Mutex::default(),
            name,
            processors,
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
    pub(crate) fn submit(&self, job: &Arc<Job>) -> Result<(), Error> {
        let publish = || {
            let mut ours = Arc::clone(job);
            while let Err(TrySendError::Full(back)) = self.queue.0.try_send(ours) {
                ours = back;
                self.run_one();
            }
        };
        let accepted = self.bell.admit(publish, || job.refuse());
        if accepted { Ok(()) } else { Err(Error::Closed) }
    }

    /// Runs one job that waits, in this thread.
    fn run_one(&self) {
        if self.enter().is_err() {
            // Not here, then. Others will.
            return thread::yield_now();
        }
        if let Ok(job) = self.queue.1.try_recv() {
            let _inside = go_inside();
            job.run();
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.bell.is_closed()
    }

    /// Takes no more jobs, and drops those that wait if asked to. The threads
    /// end when the queue is empty.
    pub(crate) fn close(&self, drop_waiting: bool) {
        self.bell.close();
        if drop_waiting {
            for job in self.queue.1.try_iter() {
                job.refuse();
            }
        }
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
        while let Some(work) = self.bell.next(&**self) {
            match work {
                Work::Run(job) => tasks += u64::from(job.run()),
                Work::Help(loan) => tasks += u64::from(loan.work()),
            }
            if self.max_tasks.is_some_and(|max| tasks >= max) && self.is_succeeded(place) {
                return;
            }
        }
    }
}

impl Search for Crew {
    type Work = Work;

    /// Jobs come first, since nobody else does them; maps go on without help.
    fn find(&self) -> Option<Work> {
        match self.queue.1.try_recv() {
            Ok(job) => Some(Work::Run(job)),
            Err(_) => self.board.take().map(Work::Help),
        }
    }

    fn search(&self, others: bool) -> Option<Work> {
        let start = Instant::now();
        loop {
            for _ in 0..32 {
                if let Some(work) = self.find() {
                    return Some(work);
                }
                std::hint::spin_loop();
            }
            if others || start.elapsed() > LOOK || self.is_closed() {
                return None;
            }
        }
    }

    fn is_work(&self) -> bool {
        self.board.is_open() || !self.queue.1.is_empty()
    }

    /// A map itself rings for further helpers, if they are worth it; but for the
    /// first it may have rung in vain, because this thread was looking, which
    /// then took a job.
    fn is_more(&self, found: Option<&Work>) -> bool {
        let job = matches!(found, Some(Work::Run(_)));
        !self.queue.1.is_empty() || (job && self.board.is_open())
    }

    /// One processor is left to those who have work.
    fn searchers(&self) -> usize {
        self.processors - 1
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew")
            .field("bell", &self.bell)
            .field("board", &self.board)
            .finish_non_exhaustive()
    }
}
