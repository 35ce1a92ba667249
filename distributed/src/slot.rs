//! Where a result arrives, and who waits for it.
//!
//! One slot is shared by the back end, which settles it, and by the future,
//! which reads it. What arrives are bytes: the future decodes them in the
//! thread of whoever asks.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use processes::Answer;

use crate::Error;

/// The bytes of a value, or why there is none.
pub(crate) type Settled = Result<Arc<Answer>, Error>;

/// Where one task's result arrives.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) task: &'static str,
    state: Mutex<State>,
}

/// A million of these may wait at once, so what is rare, an error or a second
/// waiter, stands elsewhere.
#[derive(Debug)]
enum State {
    Pending(Waiters),
    Done(Result<Arc<Answer>, Box<Error>>),
}

#[derive(Debug, Default)]
enum Waiters {
    #[default]
    Nobody,
    One(Waiter),
    #[expect(clippy::box_collection, reason = "it keeps the others small")]
    More(Box<Vec<Waiter>>),
}

/// Whom to tell.
#[derive(Debug)]
pub(crate) enum Waiter {
    Latch(Arc<Latch>),
    /// The place of this future among those of the queue.
    Queue(Arc<Queue>, usize),
}

impl Slot {
    pub(crate) fn new(task: &'static str) -> Arc<Self> {
        Arc::new(Self { task, state: Mutex::new(State::Pending(Waiters::Nobody)) })
    }

    /// A slot whose result is there already.
    pub(crate) fn settled(task: &'static str, result: Settled) -> Arc<Self> {
        Arc::new(Self { task, state: Mutex::new(State::Done(result.map_err(Box::new))) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody else's code runs under this lock, so a poisoned one is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settles it, if it is not settled yet.
    pub(crate) fn settle(&self, result: Settled) {
        let failed = result.is_err();
        let mut state = self.lock();
        let State::Pending(waiters) = &mut *state else { return };
        let waiters = std::mem::take(waiters);
        *state = State::Done(result.map_err(Box::new));
        drop(state);
        match waiters {
            Waiters::Nobody => {}
            Waiters::One(waiter) => waiter.tell(failed),
            Waiters::More(waiters) => waiters.into_iter().for_each(|waiter| waiter.tell(failed)),
        }
    }

    pub(crate) fn is_pending(&self) -> bool {
        matches!(*self.lock(), State::Pending(_))
    }

    /// The result, if it is there.
    pub(crate) fn result(&self) -> Option<Settled> {
        match &*self.lock() {
            State::Pending(_) => None,
            State::Done(result) => Some(result.clone().map_err(|e| *e)),
        }
    }

    /// Whether it is settled with an error.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(*self.lock(), State::Done(Err(_)))
    }

    /// Tells the waiter when it is settled, or now.
    pub(crate) fn tell(&self, waiter: Waiter) {
        let mut state = self.lock();
        match &mut *state {
            State::Pending(waiters) => waiters.push(waiter),
            State::Done(result) => {
                let failed = result.is_err();
                drop(state);
                waiter.tell(failed);
            }
        }
    }

    /// Waits until it is settled, at most so long; whether it is.
    pub(crate) fn wait(&self, longest: Option<Duration>) -> bool {
        if !self.is_pending() {
            return true;
        }
        let latch = Latch::new(1);
        self.tell(Waiter::Latch(Arc::clone(&latch)));
        latch.wait(longest, false)
    }
}

impl Waiters {
    fn push(&mut self, waiter: Waiter) {
        *self = match std::mem::take(self) {
            Self::Nobody => Self::One(waiter),
            Self::One(first) if first.has_gone() => Self::One(waiter),
            Self::One(first) => Self::More(Box::new(vec![first, waiter])),
            Self::More(mut waiters) => {
                // Before it grows, those go that have given up: who waits for a
                // moment, again and again, would fill the memory.
                if waiters.len() == waiters.capacity() {
                    waiters.retain(|waiter| !waiter.has_gone());
                }
                waiters.push(waiter);
                Self::More(waiters)
            }
        };
    }
}

impl Waiter {
    /// Whether nobody waits with it any more.
    fn has_gone(&self) -> bool {
        match self {
            Self::Latch(latch) => latch.given_up.load(Ordering::Relaxed),
            Self::Queue(..) => false,
        }
    }

    fn tell(self, failed: bool) {
        match self {
            Self::Latch(latch) => latch.count_down(failed),
            Self::Queue(queue, place) => queue.push(place),
        }
    }
}

/// What a thread waits for that wants several results: it is woken once, not
/// once a result.
#[derive(Debug)]
pub(crate) struct Latch {
    /// How many have not come. Whoever counts down to zero, or may end an early
    /// wait, locks before it wakes: a waiter looks at this under the lock, so it
    /// either sees it or is already asleep.
    pending: AtomicUsize,
    news: Mutex<News>,
    changed: Condvar,
    /// Its wait has run out. Only a hint, so no order is needed.
    given_up: AtomicBool,
}

#[derive(Debug, Default)]
struct News {
    failed: bool,
    /// Whether the waiter wants to know of the first failure.
    early: bool,
}

impl Latch {
    pub(crate) fn new(pending: usize) -> Arc<Self> {
        let pending = AtomicUsize::new(pending);
        let (news, changed) = (Mutex::default(), Condvar::new());
        Arc::new(Self { pending, news, changed, given_up: AtomicBool::new(false) })
    }

    fn count_down(&self, failed: bool) {
        // `AcqRel`: who sees zero sees all that was settled.
        let was_last = self.pending.fetch_sub(1, Ordering::AcqRel) == 1;
        if was_last || failed {
            let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
            news.failed |= failed;
            let tell = self.is_over(&news);
            drop(news);
            if tell {
                self.changed.notify_all();
            }
        }
    }

    fn is_over(&self, news: &News) -> bool {
        self.pending.load(Ordering::Acquire) == 0 || (news.early && news.failed)
    }

    /// Waits for all, or with `early` for the first failure; whether it came.
    pub(crate) fn wait(&self, longest: Option<Duration>, early: bool) -> bool {
        if soon(longest, || self.pending.load(Ordering::Acquire) == 0) {
            return true;
        }
        // A limit beyond what the clock can say is none.
        let until = longest.and_then(|longest| Instant::now().checked_add(longest));
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        news.early = early;
        while !self.is_over(&news) {
            news = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(news).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    self.given_up.store(true, Ordering::Relaxed);
                    return false;
                }
                Some(rest) => {
                    let waited = self.changed.wait_timeout(news, rest);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }

    /// Whether something that has come is a failure. After a wait for all.
    pub(crate) fn has_failed(&self) -> bool {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).failed
    }
}

/// How long a waiter looks out for what comes soon.
const SOON: Duration = Duration::from_micros(50);

/// Waits for what may come soon without going to sleep, and no longer than so
/// long; whether it came.
///
/// To wake a thread on a core that has gone idle takes some 20 us, of a virtual
/// machine's mostly, and the worker whose answer is waited for would wake on
/// this very core. So the waiter keeps the core awake, and yields it to whoever
/// can run.
fn soon(longest: Option<Duration>, came: impl Fn() -> bool) -> bool {
    let begin = Instant::now();
    let longest = longest.map_or(SOON, |longest| longest.min(SOON));
    loop {
        if came() {
            return true;
        }
        if begin.elapsed() >= longest {
            return false;
        }
        std::thread::yield_now();
    }
}

/// Results in the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    places: Mutex<VecDeque<usize>>,
    came: Condvar,
}

impl Queue {
    fn push(&self, place: usize) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).push_back(place);
        self.came.notify_one();
    }

    /// Waits for the next.
    pub(crate) fn pop(&self) -> usize {
        let places = || self.places.lock().unwrap_or_else(PoisonError::into_inner);
        soon(None, || !places().is_empty());
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(place) = places.pop_front() {
                return place;
            }
            places = self.came.wait(places).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value() -> Settled {
        Ok(Arc::new(Answer::output(vec![7])))
    }

    #[test]
    fn the_first_result_stays() {
        let slot = Slot::new("seven");
        assert!(slot.result().is_none() && slot.is_pending());
        slot.settle(value());
        slot.settle(Err(Error::Closed { task: "seven" }));
        assert!(matches!(slot.result(), Some(Ok(answer)) if answer.bytes() == [7]));
    }

    #[test]
    fn a_wait_that_is_given_up_loses_nothing() {
        let slot = Slot::new("seven");
        assert!(!slot.wait(Some(Duration::from_millis(1))));
        slot.settle(value());
        assert!(slot.wait(Some(Duration::MAX)));
    }

    #[test]
    fn waits_that_are_given_up_leave_nothing() {
        let slot = Slot::new("seven");
        let patient = Latch::new(1);
        slot.tell(Waiter::Latch(Arc::clone(&patient)));
        for _ in 0..1_000 {
            assert!(!slot.wait(Some(Duration::ZERO)));
        }
        match &*slot.lock() {
            State::Pending(Waiters::More(waiters)) => assert!(waiters.len() < 10),
            other => panic!("{other:?}"),
        }
        slot.settle(value());
        assert!(patient.wait(Some(Duration::ZERO), false));
    }

    #[test]
    fn the_first_failure_ends_an_early_wait_only() {
        let latch = Latch::new(2);
        latch.count_down(true);
        assert!(latch.wait(None, true));
        assert!(!latch.wait(Some(Duration::from_millis(1)), false));
        latch.count_down(false);
        assert!(latch.wait(None, false));
    }

    #[test]
    fn a_queue_has_the_order_of_coming() {
        let slots: Vec<_> = (0..3).map(|_| Slot::new("n")).collect();
        let queue = Arc::new(Queue::default());
        slots[1].settle(value());
        for (place, slot) in slots.iter().enumerate() {
            slot.tell(Waiter::Queue(Arc::clone(&queue), place));
        }
        slots[2].settle(value());
        slots[0].settle(value());
        assert_eq!([queue.pop(), queue.pop(), queue.pop()], [1, 2, 0]);
    }
}
