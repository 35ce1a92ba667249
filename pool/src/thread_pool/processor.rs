//! Helpers belong on other processors than the thread they help.
//!
//! Linux likes to start a thread that is woken on the processor of the one who
//! woke it, in the hope that both will talk and one will soon sleep. A helper
//! does not talk: it shares that processor with the caller while another is
//! idle, and the scheduler needs some ten milliseconds to find out. Measured on
//! two processors after 10 ms of idleness, no map of up to 10 ms ran faster
//! than its loop, with rayon's threads as with ours. So a helper that finds
//! itself there moves away: it excludes the processor for a moment, which makes
//! the scheduler choose another at once, and then takes its affinity back.

use nix::sched::{sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

/// The number of the processor that this thread runs on, if the system says.
pub(crate) fn current() -> Option<usize> {
    if cfg!(miri) {
        return None;
    }
    sched_getcpu().ok()
}

/// Moves this thread away from a processor, if it is there and may run
/// elsewhere. It may be moved back at any time.
pub(crate) fn leave(processor: usize) {
    if current() != Some(processor) {
        return;
    }
    let this_thread = Pid::from_raw(0);
    let Ok(allowed) = sched_getaffinity(this_thread) else { return };
    let mut others = allowed;
    // If no other is left, the system refuses, and the thread stays.
    if others.unset(processor).is_ok() && sched_setaffinity(this_thread, &others).is_ok() {
        // It was allowed a moment ago. If a processor has gone since, the
        // thread keeps the rest.
        let _ = sched_setaffinity(this_thread, &allowed);
    }
}

#[cfg(all(test, not(miri), not(pool_loom)))]
mod tests {
    use nix::sched::CpuSet;

    use super::*;

    #[test]
    fn a_thread_moves_and_keeps_its_affinity() {
        let before = sched_getaffinity(Pid::from_raw(0)).expect("Linux");
        let others = (0..CpuSet::count()).filter(|&p| before.is_set(p).unwrap_or(false)).count();
        let mut moved = 0;
        for _ in 0..100 {
            let here = current().expect("Linux");
            leave(here);
            moved += usize::from(current() != Some(here));
        }
        assert_eq!(sched_getaffinity(Pid::from_raw(0)).expect("Linux"), before);
        // It may be moved back, but hardly each time.
        assert!(others == 1 || moved > 0, "{moved} moves");
    }
}
