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
//! that one of them sees the other (Dekker 1965). The loom model at the end of
//! the file tries all orders.

use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use crate::sync::{Condvar, Mutex, lock};

/// What sleeping threads wait for.
#[derive(Debug)]
pub(crate) struct Bell {
    /// Threads that look for work, and those that were woken to look.
    looking: AtomicUsize,
    /// Threads that sleep and were not rung for. Changes only under `door`.
    asleep: AtomicUsize,
    door: Mutex<Door>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct Door {
    /// How many sleepers may get up.
    calls: usize,
    /// Nobody sleeps any more.
    open: bool,
}

impl Bell {
    pub(crate) fn new() -> Self {
        Self {
            looking: AtomicUsize::new(0),
            asleep: AtomicUsize::new(0),
            door: Mutex::new(Door::default()),
            rung: Condvar::new(),
        }
    }

    /// Wakes one sleeper, unless somebody looks for work anyway. To be called
    /// after the work was published.
    pub(crate) fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.looking.load(Ordering::Relaxed) > 0 || self.asleep.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut door = lock(&self.door);
        if self.asleep.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.asleep.fetch_sub(1, Ordering::Relaxed);
        // On behalf of the sleeper, who needs a while to get up.
        self.looking.fetch_add(1, Ordering::Relaxed);
        door.calls += 1;
        drop(door);
        self.rung.notify_one();
    }

    /// How many threads look for work, or will in a moment.
    pub(crate) fn looking(&self) -> usize {
        self.looking.load(Ordering::Relaxed)
    }

    /// Says that this thread looks for work, and returns how many do now.
    pub(crate) fn look(&self) -> usize {
        self.looking.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Says that this thread has found work. If there may be more, it should
    /// [`ring`](Self::ring) for the next.
    pub(crate) fn found(&self) {
        self.looking.fetch_sub(1, Ordering::Relaxed);
    }

    /// Sleeps until somebody rings, unless there is work. The thread was
    /// looking before and looks again afterwards.
    pub(crate) fn sleep(&self, is_work: impl Fn() -> bool) {
        let mut door = lock(&self.door);
        self.asleep.fetch_add(1, Ordering::Relaxed);
        self.looking.fetch_sub(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if is_work() && door.calls == 0 {
            // Nobody was rung for in vain: this thread gets up by itself.
            self.asleep.fetch_sub(1, Ordering::Relaxed);
            self.looking.fetch_add(1, Ordering::Relaxed);
            return;
        }
        while door.calls == 0 && !door.open {
            door = self.rung.wait(door).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        if door.calls > 0 {
            // Who rang has counted for this thread.
            door.calls -= 1;
        } else {
            self.asleep.fetch_sub(1, Ordering::Relaxed);
            self.looking.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Wakes all, for good: from now on nobody sleeps.
    pub(crate) fn open(&self) {
        lock(&self.door).open = true;
        self.rung.notify_all();
    }
}
