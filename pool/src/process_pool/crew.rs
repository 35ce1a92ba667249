//! The workers of a pool, those that are idle and those that are lent.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
use processes::{Killer, Options, Replies, Request, Worker};

use crate::Error;

/// What is asked of every new worker before it gets work.
pub(crate) trait Initializer: Send + Sync {
    fn task(&self) -> &'static str;
    /// Adds its input to a request; why not, as text.
    fn encode(&self, request: &mut Request<'_>) -> Result<(), String>;
    /// What it answered, as text if it failed.
    fn decode(&self, replies: &mut Replies<'_>) -> Result<(), String>;
}

/// How the workers of a pool are to be.
pub(crate) struct Config {
    pub(crate) workers: usize,
    pub(crate) initializer: Option<Box<dyn Initializer>>,
    pub(crate) max_tasks: Option<u64>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) time_to_live: Option<Duration>,
}

impl Config {
    pub(crate) fn options(&self) -> Options {
        let mut options = Options::default();
        options.heartbeat = self.time_to_live.map(|limit| limit / 4);
        options.keep_stderr = true;
        options
    }
}

/// A pool's workers.
///
/// There are as many places as workers. Who wants work done takes places out
/// and brings them back; a place comes back empty when its worker has died, and
/// whoever takes it next fills it.
pub(crate) struct Crew {
    pub(crate) config: Config,
    state: Mutex<State>,
    /// A place has come back, or the pool is closed.
    changed: Condvar,
    /// Tells the dispatcher, which waits for its workers and not for the
    /// condition, that there is something to do.
    pub(crate) wake: EventFd,
}

struct State {
    idle: Vec<Place>,
    /// Who waits for a place, in the order of their coming.
    waiting: VecDeque<u64>,
    /// The number of the next who waits.
    ticket: u64,
    /// Whether the dispatcher would take another.
    hungry: bool,
    killers: Vec<Option<Killer>>,
    killed: bool,
}

/// The place of one worker.
pub(crate) struct Place {
    pub(crate) number: usize,
    pub(crate) worker: Option<Worker>,
    /// How many tasks the worker has had.
    pub(crate) tasks: u64,
}

impl Crew {
    /// A crew whose places are all empty, and lent.
    pub(crate) fn new(config: Config) -> Result<(Arc<Self>, Vec<Place>), Error> {
        let workers = config.workers;
        if workers == 0 {
            return Err(Error::NoWorkers);
        }
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = EventFd::from_value_and_flags(0, flags)
            .map_err(|e| Error::Thread(Arc::new(e.into())))?;
        let (idle, killers) = (Vec::new(), vec![None; workers]);
        let state = State {
            idle,
            waiting: VecDeque::new(),
            ticket: 0,
            hungry: false,
            killers,
            killed: false,
        };
        let crew = Self { config, state: Mutex::new(state), changed: Condvar::new(), wake };
        let place = |number| Place { number, worker: None, tasks: 0 };
        Ok((Arc::new(crew), (0..workers).map(place).collect()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, waiting for one if there is none; `None` once the pool
    /// is killed.
    pub(crate) fn take(&self) -> Option<Place> {
        let mut state = self.state();
        let ticket = state.ticket;
        state.ticket += 1;
        state.waiting.push_back(ticket);
        while !state.killed && (state.idle.is_empty() || state.waiting.front() != Some(&ticket)) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting.retain(|waiting| *waiting != ticket);
        let place = if state.killed { None } else { state.idle.pop() };
        if !state.idle.is_empty() {
            // The next in the row may have looked while this one was before it.
            self.changed.notify_all();
        }
        place
    }

    /// Takes a place if nobody has to wait for it. If there is none and the
    /// dispatcher asks, it is woken when there is one.
    pub(crate) fn try_take(&self, dispatcher: bool) -> Option<Place> {
        let mut state = self.state();
        let place = if state.waiting.is_empty() && !state.killed { state.idle.pop() } else { None };
        state.hungry |= dispatcher && place.is_none();
        place
    }

    /// Brings a place back.
    pub(crate) fn give_back(&self, mut place: Place) {
        let mut state = self.state();
        if place.worker.is_none() {
            state.killers[place.number] = None;
            place.tasks = 0;
        }
        if state.killed {
            place.worker = None;
        }
        state.idle.push(place);
        let hungry = std::mem::take(&mut state.hungry);
        drop(state);
        self.changed.notify_all();
        if hungry {
            self.wake();
        }
    }

    /// Whether somebody waits for a place.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.state().waiting.is_empty()
    }

    /// Lets [`kill`](Self::kill) know a new worker.
    pub(crate) fn register(&self, place: &Place) {
        let mut state = self.state();
        let killer = place.worker.as_ref().map(Worker::killer);
        if let (true, Some(killer)) = (state.killed, &killer) {
            killer.kill();
        }
        state.killers[place.number] = killer;
    }

    /// Ends all workers, wherever they are; none will be started again.
    pub(crate) fn kill(&self) {
        let mut state = self.state();
        state.killed = true;
        state.killers.iter().flatten().for_each(Killer::kill);
        for place in &mut state.idle {
            place.worker = None;
        }
        drop(state);
        self.changed.notify_all();
        self.wake();
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.state().killed
    }

    /// Waits until every place is back, and lets all workers go side by side.
    pub(crate) fn dismiss(&self) {
        let mut state = self.state();
        while state.idle.len() < self.config.workers {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.killers.fill(None);
        let mut workers: Vec<Worker> =
            state.idle.iter_mut().filter_map(|place| place.worker.take()).collect();
        drop(state);
        workers.iter_mut().for_each(Worker::dismiss);
    }

    /// Wakes the dispatcher. The counter is full only if it has been woken
    /// 2^64 times, so this never waits.
    pub(crate) fn wake(&self) {
        let _ = self.wake.write(1);
    }
}
