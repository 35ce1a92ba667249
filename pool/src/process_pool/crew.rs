//! The workers of a pool, those that are idle and those that are lent.

mod parties;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
pub(crate) use parties::Demand;
use parties::Parties;
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
/// There are as many places as workers. Who wants work done [enters](Self::enter),
/// takes places out and brings them back; a place comes back empty when its worker
/// has died, and whoever takes it next fills it. Who gets how many is decided in
/// [`parties`].
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
    /// Who has no place and waits for one, in the order of their coming.
    waiting: VecDeque<u64>,
    parties: Parties,
    /// Alarms of those who have left, for those who come.
    alarms: Vec<Arc<EventFd>>,
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

/// Who drives workers: a map, or the dispatcher. It [leaves](Crew::leave) when
/// it has brought all of its places back.
pub(crate) struct Party {
    number: u64,
    /// Wakes it when it is about to get a worker, or should give one up. If there
    /// is none, for want of descriptors, it finds that out when it next looks.
    pub(crate) alarm: Option<Arc<EventFd>>,
}

impl Crew {
    /// A crew whose places are all empty.
    pub(crate) fn new(config: Config) -> Result<Arc<Self>, Error> {
        let workers = config.workers;
        if workers == 0 {
            return Err(Error::NoWorkers);
        }
        let wake = alarm().map_err(|e| Error::Thread(Arc::new(e)))?;
        let place = |number| Place { number, worker: None, stage: Stage::Starting, tasks: 0 };
        let state = State {
            idle: (0..workers).map(place).collect(),
            waiting: VecDeque::new(),
            parties: Parties::default(),
            alarms: Vec::new(),
            killers: vec![None; workers],
            killed: false,
            dismissed: false,
        };
        Ok(Arc::new(Self { config, state: Mutex::new(state), changed: Condvar::new(), wake }))
    }

    /// Somebody who is going to take places; the dispatcher has the alarm that
    /// [`wake`](Self::wake) sets off.
    pub(crate) fn enter(&self, dispatcher: bool) -> Party {
        let mut state = self.state();
        let alarm = match dispatcher {
            true => Some(Arc::clone(&self.wake)),
            false => state.alarms.pop().or_else(|| alarm().ok()),
        };
        Party { number: state.parties.enter(alarm.clone()), alarm }
    }

    /// It has brought all of its places back, and wants none.
    pub(crate) fn leave(&self, party: &Party) {
        let mut state = self.state();
        if let Some(alarm) = state.parties.leave(party.number)
            && !Arc::ptr_eq(&alarm, &self.wake)
        {
            state.alarms.push(alarm);
        }
        self.pass_on(&mut state);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, waiting for one if there is none; `None` once the pool
    /// is killed.
    pub(crate) fn take(&self, party: &Party) -> Option<Place> {
        let mut state = self.state();
        state.parties.is_sated(party.number);
        state.waiting.push_back(party.number);
        // What is free may be meant for those who wait already.
        if state.idle.len() < state.waiting.len() {
            state.parties.ring_holders(1, party.number);
        }
        while !state.killed
            && (state.idle.is_empty() || state.waiting.front() != Some(&party.number))
        {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting.retain(|waiting| *waiting != party.number);
        let place = if state.killed { None } else { state.idle.pop() };
        if place.is_some() {
            state.parties.has_taken(party.number);
        }
        self.pass_on(&mut state);
        place
    }

    /// Takes a place if there is one that nobody else should have. If there is
    /// none, the alarm goes off when there is.
    pub(crate) fn try_take(&self, party: &Party) -> Option<Place> {
        let mut state = self.state();
        let may = !state.killed && state.waiting.is_empty() && state.parties.may_take(party.number);
        let place = if may { state.idle.pop() } else { None };
        if place.is_some() {
            state.parties.has_taken(party.number);
        } else if state.parties.is_hungry(party.number) {
            if state.idle.is_empty() {
                // Who has one only, and that at work, keeps it.
                state.parties.ring_holders(2, party.number);
            } else {
                // Somebody else may have what is free, and may have been told
                // so when it could not.
                self.pass_on(&mut state);
            }
        }
        place
    }

    /// It would take no more.
    pub(crate) fn is_sated(&self, party: &Party) {
        let mut state = self.state();
        state.parties.is_sated(party.number);
        self.pass_on(&mut state);
    }

    /// Brings a place back.
    pub(crate) fn give_back(&self, party: &Party, mut place: Place) {
        let mut state = self.state();
        state.parties.has_given_back(party.number);
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
        self.pass_on(&mut state);
        drop(state);
        // For `dismiss`, which waits for all.
        self.changed.notify_all();
        // Waits until it has left.
        drop(surplus);
    }

    /// Who may take what is free is told so: whenever something comes back, and
    /// whenever somebody who came before them does not want it any more.
    fn pass_on(&self, state: &mut State) {
        if state.idle.is_empty() {
            return;
        }
        match state.waiting.is_empty() {
            true => state.parties.ring_hungry(),
            false => self.changed.notify_all(),
        }
    }

    /// What the others want of this one; `None` once the pool is killed.
    pub(crate) fn demand(&self, party: &Party) -> Option<Demand> {
        let state = self.state();
        let demand = || state.parties.demand(party.number, state.waiting.len(), state.idle.len());
        (!state.killed).then(demand)
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

    fn crew(workers: usize) -> Arc<Crew> {
        let config = Config {
            workers,
            initializer: None,
            max_tasks: None,
            deadline: None,
            time_to_live: None,
        };
        Crew::new(config).expect("an alarm")
    }

    fn rings(party: &Party) -> bool {
        party.alarm.as_ref().expect("an alarm").read().is_ok()
    }

    #[test]
    fn who_would_take_another_is_told() {
        let crew = crew(2);
        let (first, second) = (crew.enter(false), crew.enter(false));
        let [place, other] = [(); 2].map(|()| crew.try_take(&first).expect("it is free"));
        assert!(crew.try_take(&second).is_none() && crew.try_take(&second).is_none());
        assert!(rings(&first) && !rings(&first), "once, that somebody wants one");
        assert!(!rings(&second), "nothing has come back");
        assert_eq!(crew.demand(&first), Some(Demand { owed: 1, anybody: true }));
        crew.give_back(&first, place);
        assert!(crew.try_take(&first).is_none(), "it is for the one who has none");
        assert!(rings(&second));
        let place = crew.try_take(&second).expect("it has come back");
        assert!(crew.try_take(&second).is_none());
        crew.is_sated(&second);
        crew.give_back(&first, other);
        assert!(!rings(&second), "it wants no more");
        crew.give_back(&second, place);
        assert!(rings(&first) && !rings(&first));
        crew.leave(&second);
        assert!(rings(&first), "it still would take one");
    }

    #[test]
    fn the_alarm_of_one_who_has_left_is_the_next_ones_and_silent() {
        let crew = crew(1);
        let first = crew.enter(false);
        let place = crew.try_take(&first).expect("it is free");
        let second = crew.enter(false);
        assert!(crew.try_take(&second).is_none());
        crew.give_back(&first, place);
        crew.leave(&first);
        let third = crew.enter(false);
        let (old, new) = (first.alarm.expect("an alarm"), third.alarm.as_ref().expect("an alarm"));
        assert!(Arc::ptr_eq(&old, new));
        assert!(!rings(&third));
    }
}
