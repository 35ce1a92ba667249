//! What the engine is told: by clients, and by workers that are threads.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::time::Instant;

use nix::sys::eventfd::{EfdFlags, EventFd};
use processes::{Answer, Span};

use crate::backend::Call;
use crate::scheduler::{TaskId, WorkerId};
use crate::timeline::Timeline;
use crate::{Error, Info};

/// Futures are dropped by the thousand, and nobody waits for what follows from
/// it: the engine is woken for so many at once, and for the first of them, so
/// that it takes a nap instead of a sleep.
const RELEASES: usize = 1 << 10;

/// Room for so many letters of a kind is kept.
const KEPT: usize = 1 << 12;

/// What a client wants.
pub(super) enum Command {
    Submit(Vec<Call>),
    Scatter(TaskId, Arc<Answer>),
    Cancel { tasks: Vec<TaskId>, kill: bool },
    Detach(TaskId),
    Scale(usize),
    Info(mpsc::Sender<Info>),
    Timeline(mpsc::Sender<Timeline>),
}

/// What a thread has done.
pub(super) struct Report {
    pub(super) worker: WorkerId,
    pub(super) task: TaskId,
    pub(super) answer: Answer,
    /// When it ran, if that is recorded.
    pub(super) span: Option<Span>,
}

/// All that has come and was not looked at.
#[derive(Default)]
pub(super) struct Letters {
    pub(super) commands: Vec<Command>,
    /// Behind the commands, which may use what is released.
    pub(super) released: Vec<TaskId>,
    pub(super) reports: Vec<Report>,
    /// Tasks with a deadline that threads have begun, and when that is.
    pub(super) begun: Vec<(WorkerId, TaskId, Instant)>,
    /// Threads whose initializers have ended, and how.
    pub(super) prepared: Vec<(WorkerId, Result<(), Error>)>,
    pub(super) closed: bool,
}

/// How the engine may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doze {
    /// Until something comes.
    Sleep,
    /// For a moment: something has been released, and holds memory.
    Nap,
}

/// The engine's inbox.
pub(super) struct Inbox {
    letters: Mutex<Letters>,
    /// There is something that the engine should not sleep over. Only a hint
    /// for who looks without the lock.
    full: AtomicBool,
    /// The engine sleeps, or is about to.
    asleep: AtomicBool,
    /// What wakes it. It is the engine's own, so that futures which outlive
    /// their client hold no descriptor.
    alarm: Weak<EventFd>,
}

impl Inbox {
    /// An inbox, and its alarm.
    pub(super) fn new() -> io::Result<(Arc<Self>, Arc<EventFd>)> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let alarm = Arc::new(EventFd::from_value_and_flags(0, flags)?);
        let inbox = Self {
            letters: Mutex::default(),
            full: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            alarm: Arc::downgrade(&alarm),
        };
        Ok((Arc::new(inbox), alarm))
    }

    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the engine, if it sleeps. Who puts something into the inbox does
    /// so under the lock, and who is about to sleep says so before it looks
    /// under the lock: one of the two sees the other.
    fn wake(&self) {
        self.full.store(true, Ordering::Relaxed);
        self.ring();
    }

    fn ring(&self) {
        if self.asleep.swap(false, Ordering::Relaxed)
            && let Some(alarm) = self.alarm.upgrade()
        {
            // Its counter is full only after 2^64 times.
            let _ = alarm.write(1);
        }
    }

    pub(super) fn send(&self, command: Command) {
        let mut letters = self.letters();
        if letters.closed {
            // Dropping it says so to whoever waits.
            drop(letters);
            return refuse(command);
        }
        letters.commands.push(command);
        drop(letters);
        self.wake();
    }

    pub(super) fn release(&self, task: TaskId) {
        let mut letters = self.letters();
        if letters.closed {
            return;
        }
        letters.released.push(task);
        let (first, many) =
            (letters.released.len() == 1, letters.released.len().is_multiple_of(RELEASES));
        drop(letters);
        if many {
            self.wake();
        } else if first {
            self.ring();
        }
    }

    pub(super) fn report(&self, report: Report) {
        self.letters().reports.push(report);
        self.wake();
    }

    pub(super) fn begun(&self, worker: WorkerId, task: TaskId, deadline: Instant) {
        self.letters().begun.push((worker, task, deadline));
        self.wake();
    }

    pub(super) fn prepared(&self, worker: WorkerId, outcome: Result<(), Error>) {
        self.letters().prepared.push((worker, outcome));
        self.wake();
    }

    /// Takes nothing more, and tells the engine to end.
    pub(super) fn close(&self) {
        self.letters().closed = true;
        self.wake();
    }

    /// What has come, in exchange for empty ones.
    pub(super) fn take(&self, letters: &mut Letters) {
        self.full.store(false, Ordering::Relaxed);
        // Room for a million of them is not kept for the next ten.
        letters.commands.shrink_to(KEPT);
        letters.reports.shrink_to(KEPT);
        letters.begun.shrink_to(KEPT);
        let mut full = self.letters();
        letters.closed = full.closed;
        std::mem::swap(&mut letters.commands, &mut full.commands);
        std::mem::swap(&mut letters.released, &mut full.released);
        std::mem::swap(&mut letters.reports, &mut full.reports);
        std::mem::swap(&mut letters.begun, &mut full.begun);
        std::mem::swap(&mut letters.prepared, &mut full.prepared);
    }

    /// Whether something has come.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// The engine is about to sleep: whether it may, and for how long. Releases
    /// alone keep nobody awake for more than a nap.
    pub(super) fn doze(&self) -> Option<Doze> {
        self.asleep.store(true, Ordering::Relaxed);
        let letters = self.letters();
        let may = letters.commands.is_empty()
            && letters.reports.is_empty()
            && letters.begun.is_empty()
            && letters.prepared.is_empty()
            && letters.released.len() < RELEASES
            && !letters.closed;
        let doze = if letters.released.is_empty() { Doze::Sleep } else { Doze::Nap };
        drop(letters);
        if !may {
            self.asleep.store(false, Ordering::Relaxed);
        }
        may.then_some(doze)
    }

    /// It is awake.
    pub(super) fn awake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }
}

/// What comes after the end.
pub(super) fn refuse(command: Command) {
    if let Command::Submit(calls) = command {
        for call in calls {
            call.slot.settle(Err(Error::Closed { task: call.slot.task }));
        }
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}
