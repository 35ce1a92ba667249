//! The workers of a pool, those that are idle and those that are lent.

use std::collections::VecDeque;
use std::io;
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
    /// Tells the dispatcher that there is something to do.
    pub(crate) wake: Arc<EventFd>,
}

struct State {
    idle: Vec<Place>,
    /// Who waits for a place, in the order of their coming.
    waiting: VecDeque<u64>,
    /// The number of the next who waits.
    ticket: u64,
    /// Who has workers, waits for those and not for the condition, and would
    /// take another.
    hungry: Vec<Arc<EventFd>>,
    killers: Vec<Option<Killer>>,
    killed: bool,
    /// Whether the workers have been let go.
    dismissed: bool,
}

/// What a worker is up to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Starting,
    Initializing,
    Ready,
}

/// The place of one worker.
pub(crate) struct Place {
    pub(crate) number: usize,
    pub(crate) worker: Option<Worker>,
    /// How far the worker is.
    pub(crate) stage: Stage,
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
        let wake = alarm().map_err(|e| Error::Thread(Arc::new(e)))?;
        let (idle, killers) = (Vec::new(), vec![None; workers]);
        let state = State {
            idle,
            waiting: VecDeque::new(),
            ticket: 0,
            hungry: Vec::new(),
            killers,
            killed: false,
            dismissed: false,
        };
        let crew = Self { config, state: Mutex::new(state), changed: Condvar::new(), wake };
        let place = |number| Place { number, worker: None, stage: Stage::Starting, tasks: 0 };
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

    /// Takes a place if nobody has to wait for it. If there is none, the alarm
    /// goes off when there is one.
    pub(crate) fn try_take(&self, alarm: Option<&Arc<EventFd>>) -> Option<Place> {
        let mut state = self.state();
        let place = if state.waiting.is_empty() && !state.killed { state.idle.pop() } else { None };
        if let (None, Some(alarm)) = (&place, alarm)
            && !state.hungry.iter().any(|known| Arc::ptr_eq(known, alarm))
        {
            state.hungry.push(Arc::clone(alarm));
        }
        place
    }

    /// Who has this alarm takes no more.
    pub(crate) fn is_sated(&self, alarm: &Arc<EventFd>) {
        self.state().hungry.retain(|known| !Arc::ptr_eq(known, alarm));
    }

    /// Brings a place back.
    pub(crate) fn give_back(&self, mut place: Place) {
        let mut state = self.state();
        let surplus = if state.killed || state.dismissed { place.worker.take() } else { None };
        if place.worker.is_none() {
            state.killers[place.number] = None;
            place.tasks = 0;
        }
        // Those that are ready are taken first.
        if place.worker.is_some() && place.stage == Stage::Ready {
            state.idle.push(place);
        } else {
            state.idle.insert(0, place);
        }
        let hungry = std::mem::take(&mut state.hungry);
        drop(state);
        self.changed.notify_all();
        for alarm in hungry {
            let _ = alarm.write(1);
        }
        // Waits until it has left.
        drop(surplus);
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
        state.dismissed = true;
        state.killers.fill(None);
        let mut workers: Vec<Worker> =
            state.idle.iter_mut().filter_map(|place| place.worker.take()).collect();
        drop(state);
        workers.iter_mut().for_each(Worker::dismiss);
    }

    /// Wakes the dispatcher.
    pub(crate) fn wake(&self) {
        let _ = self.wake.write(1);
    }
}

/// What wakes somebody who polls. Its counter is full only after 2^64 times,
/// so to write never waits.
pub(crate) fn alarm() -> io::Result<Arc<EventFd>> {
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    Ok(Arc::new(EventFd::from_value_and_flags(0, flags)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_would_take_another_is_told_once() {
        let config = Config {
            workers: 1,
            initializer: None,
            max_tasks: None,
            deadline: None,
            time_to_live: None,
        };
        let (crew, mut places) = Crew::new(config).expect("an alarm");
        let ours = alarm().expect("an alarm");
        assert!(crew.try_take(Some(&ours)).is_none());
        assert!(crew.try_take(Some(&ours)).is_none());
        assert!(ours.read().is_err(), "nothing has come back");
        crew.give_back(places.pop().expect("there is one"));
        assert_eq!(ours.read().ok(), Some(1));
        let place = crew.try_take(Some(&ours)).expect("it has come back");
        assert!(crew.try_take(Some(&ours)).is_none());
        crew.is_sated(&ours);
        crew.give_back(place);
        assert!(ours.read().is_err(), "it wants no more");
    }
}
