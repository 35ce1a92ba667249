//! Helpers belong on other processors than those they help.
//!
//! Where a thread that is woken begins, the scheduler decides, before the thread
//! itself can say anything: often on the processor of the one who woke it. For
//! two that talk to each other this is right. A helper does not talk: it waits
//! there until the caller has used up its share of the time, while another
//! processor is idle. Measured on 2026-11-28 (Intel Xeon, virtual, 2 cores,
//! Linux 6.18), a caller that wakes a helper and goes on computing, after both
//! have slept for so long; how many helpers began on the caller's processor, and
//! when they had begun, as median and 90th percentile in microseconds:
//!
//! | slept | there | begun | steered | caller pays more |
//! |---:|---:|---:|---:|---:|
//! | 0 ms | 1 % | 35, 42 | 38, 43 | 3 |
//! | 1 ms | 6 % | 55, 110 | 59, 93 | 4 |
//! | 4 ms | 35 % | 57, 3,791 | 64, 177 | 8 |
//! | 10 ms | 71 % | 1,654, 1,814 | 78, 249 | 10 |
//! | 50 ms | 80 % | 1,602, 1,712 | 202, 462 | 24 |
//!
//! What counts is not how long the helper has slept: if the caller computes
//! meanwhile, none begins there, even after 50 ms. It is how little the
//! caller's processor has had to do of late. That kernel was booted with
//! `sched_vcpu_pack=15`, which seems to mean this: fill processors that have
//! room. Others do the same for other reasons.
//!
//! That the helper itself moves away comes too late: it must run first (3,131
//! and 3,486 after 10 ms). So who wakes it *steers*: it excludes, while the
//! thread still sleeps, the processors that are taken, from those that the
//! thread may run on, and the first thing that the thread does is to take them
//! back. No code of the user's runs in between. Where no other is left the
//! scheduler decides alone, as it does if the system refuses.
//!
//! Only maps steer, and threads that wake another for what they leave in the
//! queue: they go on computing. Who submits a task often waits for it, and then
//! its own processor is the best: a task that is submitted and waited for
//! takes 9 microseconds there after 10 ms, and 108 elsewhere.
//!
//! The processors that are left may be busy with somebody else's work, and the
//! thread then comes late, while others rely on its coming. So whoever brings a
//! task, and a map that still lacks a helper after a millisecond, takes back what
//! was excluded, if the thread has not done so itself (`bell`).
//!
//! What this cannot know: who changes the affinity of a pool's thread from
//! outside, by its number, while it is being woken may find its change undone,
//! or, if it comes between the exclusion and the taking back, kept. A change of
//! the program's cpuset just then counts as such a change. And a thread that was
//! steered holds what it was allowed then for its user's wish: processors that
//! are added to the cpuset later are not for it.

use nix::sched::{CpuSet, sched_getcpu};

use crate::sync::{Mutex, lock};
use system::Thread;

/// The number of the processor that this thread runs on, if the system says.
pub(crate) fn current() -> Option<usize> {
    if cfg!(pool_loom) {
        // Every run of a model must be the same.
        return Some(0);
    }
    if cfg!(miri) {
        return None;
    }
    sched_getcpu().ok()
}

/// The processors that a sleeping thread may begin on.
#[derive(Debug)]
pub(crate) struct Affinity {
    thread: Thread,
    /// What it is for a moment, and what it was before.
    narrowed: Mutex<Option<(CpuSet, CpuSet)>>,
}

impl Affinity {
    pub(crate) fn of_this_thread() -> Self {
        Self { thread: Thread::this(), narrowed: Mutex::new(None) }
    }

    /// Excludes these processors, unless that leaves none, and returns whether it
    /// did. The thread sleeps, and does not go on before this returns.
    ///
    /// It costs about three microseconds, after a pause ten and more.
    pub(crate) fn exclude(&self, taken: &[usize]) -> bool {
        let Some(allowed) = self.thread.affinity() else { return false };
        let mut rest = allowed;
        for &processor in taken {
            // It fails for a number that no set holds.
            let _ = rest.unset(processor);
        }
        let changes = rest != allowed && rest != CpuSet::new();
        let excluded = changes && self.thread.set_affinity(&rest);
        if excluded {
            *lock(&self.narrowed) = Some((rest, allowed));
        }
        excluded
    }

    /// Takes back what was excluded, and returns whether that was still to do. The
    /// thread itself does it before anything else; anybody may do it earlier, whom
    /// it keeps waiting.
    pub(crate) fn restore(&self) -> bool {
        // Locked to the end: until then the thread does not go on.
        let mut narrowed = lock(&self.narrowed);
        let Some((rest, allowed)) = narrowed.take() else { return false };
        // Otherwise somebody else has changed it, and means it.
        if self.thread.affinity() == Some(rest) {
            self.thread.set_affinity(&allowed);
        }
        true
    }

    /// The thread goes on, and nobody may change its affinity any more.
    #[cfg(pool_loom)]
    pub(crate) fn goes_on(&self) {
        self.thread.goes_on();
    }
}

/// The threads of the system.
#[cfg(not(pool_loom))]
mod system {
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::{Pid, gettid};

    /// A thread by its number, which is its own for as long as it lives.
    #[derive(Debug)]
    pub(super) struct Thread(Pid);

    impl Thread {
        pub(super) fn this() -> Self {
            Self(gettid())
        }

        pub(super) fn affinity(&self) -> Option<CpuSet> {
            sched_getaffinity(self.0).ok()
        }

        pub(super) fn set_affinity(&self, affinity: &CpuSet) -> bool {
            sched_setaffinity(self.0, affinity).is_ok()
        }
    }
}

/// A thread of a model, on a machine of two processors.
#[cfg(pool_loom)]
mod system {
    use nix::sched::CpuSet;

    use crate::sync::{Mutex, lock};

    /// Its affinity, until it goes on: from then on nobody may change it.
    #[derive(Debug)]
    pub(super) struct Thread(Mutex<Option<CpuSet>>);

    fn both() -> CpuSet {
        let mut both = CpuSet::new();
        for processor in 0..2 {
            both.set(processor).expect("a set holds two");
        }
        both
    }

    impl Thread {
        pub(super) fn this() -> Self {
            Self(Mutex::new(Some(both())))
        }

        pub(super) fn affinity(&self) -> Option<CpuSet> {
            Some(lock(&self.0).expect("nobody looks at a thread that has gone on"))
        }

        pub(super) fn set_affinity(&self, affinity: &CpuSet) -> bool {
            let mut own = lock(&self.0);
            assert!(own.is_some(), "a thread is steered that has gone on");
            *own = Some(*affinity);
            true
        }

        pub(super) fn goes_on(&self) {
            let own = lock(&self.0).take();
            assert!(own == Some(both()), "a thread goes on with a part of its processors");
        }
    }
}

#[cfg(all(test, not(miri), not(pool_loom)))]
mod tests {
    use nix::sched::{sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    use super::*;
    use crate::thread_pool::sleeper::Sleeper;

    const THIS_THREAD: Pid = Pid::from_raw(0);

    fn allowed() -> CpuSet {
        sched_getaffinity(THIS_THREAD).expect("Linux")
    }

    fn numbers(set: &CpuSet) -> Vec<usize> {
        (0..CpuSet::count()).filter(|&p| set.is_set(p).unwrap_or(false)).collect()
    }

    #[test]
    fn who_is_woken_begins_elsewhere_and_has_its_affinity_back() {
        let before = allowed();
        if numbers(&before).len() == 1 {
            return println!("not tried: there is one processor only");
        }
        for taken in [numbers(&before)[0], numbers(&before)[1]] {
            let (tell, told) = std::sync::mpsc::channel();
            let thread = std::thread::spawn(move || {
                let sleeper = Sleeper::new();
                tell.send(std::sync::Arc::clone(&sleeper)).expect("it is waited for");
                sleeper.sleep(|| false);
                let began = current();
                sleeper.get_up();
                (began, allowed())
            });
            let sleeper = told.recv().expect("it tells");
            // It sleeps or is about to: both are right.
            sleeper.wake(&[taken]);
            let (began, after) = thread.join().expect("no panic");
            assert_ne!(began, Some(taken));
            assert_eq!(after, before);
        }
    }

    #[test]
    fn who_was_steered_may_be_released_by_anybody_once() {
        let before = allowed();
        let [first, _, ..] = numbers(&before)[..] else {
            return println!("not tried: there is one processor only");
        };
        let affinity = Affinity::of_this_thread();
        assert!(!affinity.restore(), "nothing is excluded yet");
        assert!(affinity.exclude(&[first]));
        std::thread::scope(|scope| {
            let other = scope.spawn(|| affinity.restore());
            assert!(other.join().expect("no panic"));
        });
        assert_eq!(allowed(), before);
        assert!(!affinity.restore(), "another has done it");
    }

    #[test]
    fn where_no_processor_is_left_none_is_excluded() {
        let affinity = Affinity::of_this_thread();
        let before = allowed();
        for taken in [numbers(&before), Vec::new(), vec![CpuSet::count() + 1]] {
            assert!(!affinity.exclude(&taken));
            assert_eq!(allowed(), before);
            affinity.restore();
            assert_eq!(allowed(), before);
        }
    }

    #[test]
    fn what_others_change_meanwhile_is_left_alone() {
        let before = allowed();
        let [first, .., last] = numbers(&before)[..] else {
            return println!("not tried: there is one processor only");
        };
        let affinity = Affinity::of_this_thread();
        assert!(affinity.exclude(&[first]));
        assert!(!numbers(&allowed()).contains(&first));
        let mut chosen = CpuSet::new();
        chosen.set(first).expect("it is one of them");
        sched_setaffinity(THIS_THREAD, &chosen).expect("it is allowed");
        affinity.restore();
        assert_eq!(allowed(), chosen, "it is not {last} again");
        sched_setaffinity(THIS_THREAD, &before).expect("it was so before");
    }
}
