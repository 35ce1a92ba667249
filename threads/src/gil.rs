//! A stand-in for CPython's global interpreter lock, to see what it costs.
//!
//! One lock around all work: threads start, but only one at a time gets on.
//! Which is why threads do not speed Python up, except where the lock is given
//! up: in sleep, in input and output, and inside NumPy ([`Held::released`]).
//!
//! It is the protocol of CPython's `Python/ceval_gil.c` (A. Pitrou, 2009; in
//! CPython since 3.2) in small. The lock is a boolean under a mutex. A thread
//! that has waited for the switch interval, 5 ms, asks the holder to give way;
//! the holder sees that at its next [`Held::checkpoint`] (in CPython: between
//! bytecodes), lets go, *and waits until another has taken it*. Without that
//! last step the running thread would have the lock back before the other had
//! woken up; a plain mutex, unlocked and locked again, shows just that.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::scoped;

/// How long CPython lets a thread run on while others wait
/// (`sys.getswitchinterval()`).
pub const SWITCH_INTERVAL: Duration = Duration::from_millis(5);

/// Applies `work` to each item in a thread of its own, each holding one lock
/// while it works; the results come in the order of the items.
///
/// So it takes as long as the serial model, and a little more: threads are
/// started and the lock goes from hand to hand. It changes hands only between
/// items, for this function knows no point within `work` at which to give way:
/// to take turns as CPython's threads do, take a [`Gil`] and call
/// [`Held::checkpoint`].
///
/// ```
/// let squares = threads::gil::map(&[1, 2, 3], |x| x * x);
/// assert_eq!(squares, [1, 4, 9]);
/// ```
///
/// # Panics
/// As [`scoped::map`] does.
pub fn map<T, R, F>(items: &[T], work: F) -> Vec<R>
where
    T: Sync,
    R: Send,
    F: Fn(&T) -> R + Sync,
{
    let gil = Gil::new();
    scoped::map(items, |item| {
        let _held = gil.take();
        work(item)
    })
}

/// An interpreter lock: whoever holds it may work.
///
/// ```
/// use threads::gil::Gil;
///
/// let gil = Gil::new();
/// std::thread::scope(|scope| {
///     for _ in 0..2 {
///         scope.spawn(|| {
///             let mut held = gil.take();
///             for _step in 0..1_000 {
///                 // ... work, one step of one thread at a time ...
///                 held.checkpoint();
///             }
///         });
///     }
/// });
/// ```
#[derive(Debug)]
pub struct Gil {
    state: Mutex<State>,
    /// Signalled when the lock is let go.
    free: Condvar,
    /// Signalled when somebody has taken the lock.
    switched: Condvar,
    /// Somebody has waited for the switch interval. It is written only under
    /// `state`, and read without it at each checkpoint, which must be cheap. It
    /// is set by a thread that waits and cleared by the next to take the lock,
    /// so while it is set, whoever set it is still waiting.
    asked: AtomicBool,
    interval: Duration,
}

#[derive(Debug, Default)]
struct State {
    taken: bool,
    /// How often the lock was taken.
    switches: u64,
}

impl Gil {
    /// A lock with CPython's switch interval.
    pub fn new() -> Self {
        Self::with_interval(SWITCH_INTERVAL)
    }

    /// A lock whose holder is asked to give way after this long.
    pub fn with_interval(interval: Duration) -> Self {
        Self {
            state: Mutex::default(),
            free: Condvar::new(),
            switched: Condvar::new(),
            asked: AtomicBool::new(false),
            interval,
        }
    }

    /// Waits for the lock and holds it until the guard is dropped.
    ///
    /// A thread that takes it twice waits for itself for ever.
    #[must_use = "the lock is let go as soon as the guard is dropped"]
    pub fn take(&self) -> Held<'_> {
        self.acquire();
        Held { gil: self }
    }

    fn acquire(&self) {
        let mut state = self.state();
        while state.taken {
            let seen = state.switches;
            let (woken, waited) = self
                .free
                .wait_timeout(state, self.interval)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            // If the lock changed hands meanwhile, the new holder has not had
            // its interval yet.
            if waited.timed_out() && state.taken && state.switches == seen {
                self.asked.store(true, Relaxed);
            }
        }
        state.taken = true;
        state.switches += 1;
        self.asked.store(false, Relaxed);
        self.switched.notify_all();
    }

    fn release(&self) {
        self.state().taken = false;
        self.free.notify_one();
    }

    /// Lets go and waits until somebody else has taken the lock.
    fn give_way(&self) {
        let mut state = self.state();
        let seen = state.switches;
        state.taken = false;
        self.free.notify_one();
        // This ends, because whoever asked is still waiting for the lock.
        while state.switches == seen {
            state = self.switched.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nothing panics while it holds the mutex, and what it guards is one
    /// assignment from being right: poison would mean nothing.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Gil {
    fn default() -> Self {
        Self::new()
    }
}

/// The right to work, until dropped; a panic drops it too.
#[derive(Debug)]
pub struct Held<'a> {
    gil: &'a Gil,
}

impl Held<'_> {
    /// Lets another thread work if one has waited for the switch interval.
    ///
    /// Cost: one relaxed load, if none has.
    pub fn checkpoint(&mut self) {
        if self.gil.asked.load(Relaxed) {
            self.gil.give_way();
            self.gil.acquire();
        }
    }

    /// Runs `work` without the lock, and takes it again: what Python does around
    /// sleeping, reading and writing, and NumPy around its loops.
    ///
    /// # Panics
    /// If `work` panics; the lock is taken again first, as the guard expects.
    pub fn released<R>(&mut self, work: impl FnOnce() -> R) -> R {
        struct TakeAgain<'a>(&'a Gil);
        impl Drop for TakeAgain<'_> {
            fn drop(&mut self) {
                self.0.acquire();
            }
        }
        self.gil.release();
        let _take_again = TakeAgain(self.gil);
        work()
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.gil.release();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;

    #[test]
    fn one_checkpoint_lets_in_who_asked() {
        let gil = Gil::with_interval(Duration::from_millis(1));
        let second_has_run = AtomicBool::new(false);
        thread::scope(|scope| {
            let mut held = gil.take();
            scope.spawn(|| {
                let _held = gil.take();
                second_has_run.store(true, Relaxed);
            });
            let start = Instant::now();
            while !gil.asked.load(Relaxed) {
                assert!(start.elapsed() < Duration::from_secs(60), "nobody asks");
                thread::yield_now();
            }
            assert!(!second_has_run.load(Relaxed), "the lock was held");
            // A lock let go and taken again at once would still be ours.
            held.checkpoint();
            assert!(second_has_run.load(Relaxed), "the checkpoint let nobody in");
        });
    }
}
