//! How idle threads sleep, and how few of them are woken.
//!
//! To wake a sleeping thread costs the one who wakes it some microseconds (a
//! system call, and on a virtual machine an interrupt of the other processor),
//! and the sleeper is there some tens of microseconds later. So at most one
//! thread is ever woken at a time: while somebody is awake and *looking* for
//! work, or has been woken to look, nobody else is. Whoever finds work and sees
//! that there is more rings for the next. Go's scheduler calls this rule
//! "spinning threads", tokio's "searching workers".
//!
//! What must not happen is that work lies there and everybody sleeps. Both
//! sides write before they read: who brings work publishes it and then looks
//! whether anybody is looking; who stops looking says so and then looks for
//! work once more. A `SeqCst` fence between the two steps of each makes sure
//! that one of them sees the other (Dekker 1965). The models in `models.rs` try all
//! orders.

use std::time::{Duration, Instant};

use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::sync::{Arc, Mutex, lock};
use crate::thread_pool::processor;
use crate::thread_pool::sleeper::Sleeper;

/// What sleeping threads wait for.
#[derive(Debug)]
pub(crate) struct Bell {
    /// Threads that look for work, and those that were woken to look.
    looking: AtomicUsize,
    /// Threads that sleep and were not rung for. Who lay down last is at the
    /// end, and the first to be woken: its caches are the warmest.
    sleepers: Mutex<Vec<Arc<Sleeper>>>,
    /// How many they are, for those who only look in passing.
    asleep: AtomicUsize,
    /// Whether a thread that was steered is on its way, for those who only look
    /// in passing.
    steering: AtomicBool,
    /// The thread that was steered last, and when. Should two be on their way, as
    /// two that ring at the same moment can bring about, nobody releases the first.
    steered: Mutex<Option<(Arc<Sleeper>, Instant)>>,
    /// Nothing more comes, so nobody sleeps any more. Set while `sleepers` is
    /// locked.
    closed: AtomicBool,
}

/// Who was steered and has not come by now may begin anywhere: the processors
/// that it was left with are busy.
const LATE: Duration = if cfg!(pool_loom) { Duration::ZERO } else { Duration::from_millis(1) };

/// Where a thread looks for something to do.
pub(crate) trait Search {
    /// What it finds.
    type Work;

    /// Looks once.
    fn find(&self) -> Option<Self::Work>;

    /// Looks for a while, before the thread sleeps. `others` says that enough
    /// others do already.
    fn search(&self, others: bool) -> Option<Self::Work>;

    /// Whether there is anything to find, or was a moment ago.
    fn is_work(&self) -> bool;

    /// Whether who has found this should wake another for the rest.
    fn is_more(&self, found: Option<&Self::Work>) -> bool;

    /// How many may search at a time.
    fn searchers(&self) -> usize;
}

impl Bell {
    pub(crate) fn new() -> Self {
        Self {
            looking: AtomicUsize::new(0),
            sleepers: Mutex::new(Vec::new()),
            asleep: AtomicUsize::new(0),
            steering: AtomicBool::new(false),
            steered: Mutex::new(None),
            closed: AtomicBool::new(false),
        }
    }

    /// Waits for the next thing to do; `None` if the bell is closed and
    /// nothing is left.
    pub(crate) fn next<S: Search>(&self, place: &S) -> Option<S::Work> {
        // Most threads find the next thing at once.
        if let Some(work) = place.find() {
            return Some(work);
        }
        let looking = self.looking.fetch_add(1, Ordering::Relaxed) + 1;
        let mut others = looking > place.searchers();
        loop {
            let found = place.search(others);
            if found.is_some() || self.is_closed() {
                self.looking.fetch_sub(1, Ordering::Relaxed);
                // Who looked has kept others from being woken; and who saw that
                // the bell is closed looks once more for what was published
                // by somebody who did not. (See `admit` for the other fence.)
                fence(Ordering::SeqCst);
                if place.is_more(found.as_ref()) {
                    // This thread is about to work where it is.
                    self.ring(|| processor::current().into_iter().collect());
                }
                return found.or_else(|| place.find());
            }
            self.sleep(place);
            // Who is rung for looks alone.
            others = place.searchers() == 0;
        }
    }

    /// Publishes work and rings, unless the bell is closed; returns whether
    /// the work was accepted. If the bell is closed at that moment, the work
    /// may have been found or may lie there for ever: `withdraw` says whether
    /// it could still take it back.
    pub(crate) fn admit(&self, publish: impl FnOnce(), withdraw: impl FnOnce() -> bool) -> bool {
        if self.is_closed() {
            return false;
        }
        publish();
        // Who submits a task often waits for it, and so makes room for it on
        // its own processor: for a thread that is on its way already, too.
        if !self.ring(Vec::new) {
            self.release(Duration::ZERO);
        }
        // `ring` begins with a fence: if the last thread did not see the work
        // before it ended, we see why it ended.
        !(self.is_closed() && withdraw())
    }

    /// Wakes one sleeper, unless somebody looks for work anyway, and says
    /// whether it did. To be called after the work was published. The sleeper
    /// begins on none of the processors that are `taken`, if it may run on
    /// another.
    pub(crate) fn ring(&self, taken: impl FnOnce() -> Vec<usize>) -> bool {
        fence(Ordering::SeqCst);
        if self.looking.load(Ordering::Relaxed) > 0 {
            self.release(LATE);
            return false;
        }
        if self.asleep.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut sleepers = lock(&self.sleepers);
        let Some(sleeper) = sleepers.pop() else { return false };
        self.asleep.store(sleepers.len(), Ordering::Relaxed);
        // On behalf of the sleeper, who needs a while to get up.
        self.looking.fetch_add(1, Ordering::Relaxed);
        drop(sleepers);
        self.wake(sleeper, &taken());
        true
    }

    /// Wakes who was taken from the list.
    fn wake(&self, sleeper: Arc<Sleeper>, taken: &[usize]) {
        if sleeper.wake(taken) {
            // It may have come meanwhile. Then it is released in vain.
            let mut steered = lock(&self.steered);
            *steered = Some((sleeper, Instant::now()));
            self.steering.store(true, Ordering::Relaxed);
        }
    }

    /// Who was steered has come by itself.
    fn arrive(&self, sleeper: &Arc<Sleeper>) {
        let mut steered = lock(&self.steered);
        if steered.take_if(|(other, _)| Arc::ptr_eq(other, sleeper)).is_some() {
            self.steering.store(false, Ordering::Relaxed);
        }
    }

    /// Lets who was steered so long ago and has not come yet begin anywhere.
    fn release(&self, late: Duration) {
        if !self.steering.load(Ordering::Relaxed) {
            return;
        }
        let mut steered = lock(&self.steered);
        if let Some((sleeper, _)) = steered.take_if(|(_, since)| since.elapsed() >= late) {
            sleeper.release();
            self.steering.store(false, Ordering::Relaxed);
        }
    }

    /// How many threads look for work, or will in a moment.
    pub(crate) fn looking(&self) -> usize {
        self.looking.load(Ordering::Relaxed)
    }

    /// Sleeps until somebody rings, unless there is work. The thread was
    /// looking before and looks again afterwards.
    fn sleep(&self, place: &impl Search) {
        let sleeper = Sleeper::new();
        let mut sleepers = lock(&self.sleepers);
        sleepers.push(Arc::clone(&sleeper));
        self.asleep.store(sleepers.len(), Ordering::Relaxed);
        self.looking.fetch_sub(1, Ordering::Relaxed);
        drop(sleepers);
        fence(Ordering::SeqCst);
        if !place.is_work() {
            sleeper.sleep(|| self.is_closed());
        }
        // Who has taken it to wake it has counted it as looking.
        if self.strike_off(&sleeper) {
            self.looking.fetch_add(1, Ordering::Relaxed);
        }
        if sleeper.get_up() {
            self.arrive(&sleeper);
        }
    }

    /// Takes a thread off the list, if it is there still.
    fn strike_off(&self, sleeper: &Arc<Sleeper>) -> bool {
        let mut sleepers = lock(&self.sleepers);
        let Some(at) = sleepers.iter().rposition(|other| Arc::ptr_eq(other, sleeper)) else {
            return false;
        };
        sleepers.remove(at);
        self.asleep.store(sleepers.len(), Ordering::Relaxed);
        true
    }

    /// Whether nothing more is accepted.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Accepts nothing more and wakes all, for good: from now on nobody sleeps.
    pub(crate) fn close(&self) {
        let sleepers = lock(&self.sleepers);
        self.closed.store(true, Ordering::Relaxed);
        for sleeper in &*sleepers {
            sleeper.disturb();
        }
    }
}
