//! One thread that sleeps, as those see it who can wake it.
//!
//! A sleeper is made when its thread lies down, and is over when it has got up.
//! Who wakes it has taken it from the bell's list first, so nobody else does.
//! A thread that is awake already and sees that it was taken goes on at once,
//! unless whoever has taken it changes its affinity just then: for that it waits.

use crate::sync::Arc;
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::thread::{self, Thread};
use crate::thread_pool::processor::Affinity;

/// A thread that sleeps, or is about to.
#[derive(Debug)]
pub(crate) struct Sleeper {
    thread: Thread,
    affinity: Affinity,
    state: AtomicU8,
}

/// Nobody has woken it.
const ASLEEP: u8 = 0;
/// Somebody wakes it, and first changes its affinity.
const STEERED: u8 = 1;
/// It may go on.
const UP: u8 = 2;

impl Sleeper {
    /// This thread, which is about to sleep.
    pub(crate) fn new() -> Arc<Self> {
        let affinity = Affinity::of_this_thread();
        Arc::new(Self { thread: thread::current(), affinity, state: AtomicU8::new(ASLEEP) })
    }

    /// Wakes it, to begin on none of these processors if it has others. To be
    /// called once, by who took it from the list. Returns whether it was steered.
    pub(crate) fn wake(&self, taken: &[usize]) -> bool {
        let steered =
            !taken.is_empty() && self.change(ASLEEP, STEERED) && self.affinity.exclude(taken);
        // `Release`: the thread sees what was excluded. From here on it may go
        // on and end at any time.
        self.state.store(UP, Ordering::Release);
        self.thread.unpark();
        steered
    }

    /// Lets it begin anywhere again, if it was steered and has not come yet.
    pub(crate) fn release(&self) {
        self.affinity.restore();
    }

    /// Has it look whether it still should sleep. Whatever says that it should
    /// not is said before.
    pub(crate) fn disturb(&self) {
        self.thread.unpark();
    }

    /// Sleeps until it is woken, or was disturbed and `enough` is true.
    pub(crate) fn sleep(&self, enough: impl Fn() -> bool) {
        // An unpark that comes before the park ends it at once.
        while self.state.load(Ordering::Acquire) != UP && !enough() {
            thread::park();
        }
    }

    /// Goes on, with the affinity that the thread had; returns whether it had
    /// been steered until now.
    pub(crate) fn get_up(&self) -> bool {
        if !self.change(ASLEEP, UP) {
            self.sleep(|| false);
        }
        let steered = self.affinity.restore();
        #[cfg(pool_loom)]
        self.affinity.goes_on();
        steered
    }

    /// `Acquire` for the thread itself, which sees what was excluded; who wakes
    /// it reads nothing that it has written.
    fn change(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::Acquire, Ordering::Acquire).is_ok()
    }
}
