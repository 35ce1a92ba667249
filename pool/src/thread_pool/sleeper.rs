//! One thread that sleeps, as those see it who can wake it.
//!
//! A sleeper is made when its thread lies down, and is over when it has got up.
//! Who wakes it has taken it from the bell's list first, so nobody else does;
//! and a thread that was taken does not go on before it is woken, even if it is
//! awake already. So what wakes it may change the thread's affinity in peace.

use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::{self, Thread};
use crate::thread_pool::processor::Affinity;

/// A thread that sleeps, or is about to.
#[derive(Debug)]
pub(crate) struct Sleeper {
    thread: Thread,
    affinity: Affinity,
    woken: AtomicBool,
}

impl Sleeper {
    /// This thread, which is about to sleep.
    pub(crate) fn new() -> Arc<Self> {
        let affinity = Affinity::of_this_thread();
        Arc::new(Self { thread: thread::current(), affinity, woken: AtomicBool::new(false) })
    }

    /// Wakes it, to begin on none of these processors if it has others. To be
    /// called once, by who took it from the list.
    pub(crate) fn wake(&self, taken: &[usize]) {
        self.affinity.exclude(taken);
        // `Release`: the thread sees what was excluded. From here on it may go
        // on and end at any time.
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// Has it look whether it still should sleep. Whatever says that it should
    /// not is said before.
    pub(crate) fn disturb(&self) {
        self.thread.unpark();
    }

    /// Sleeps until it is woken, or was disturbed and `enough` is true.
    pub(crate) fn sleep(&self, enough: impl Fn() -> bool) {
        // An unpark that comes before the park ends it at once.
        while !self.woken.load(Ordering::Acquire) && !enough() {
            thread::park();
        }
    }

    /// Goes on, with the affinity that the thread had. By then it was woken, or
    /// nobody can wake it any more.
    pub(crate) fn get_up(&self) {
        self.affinity.restore();
    }
}
