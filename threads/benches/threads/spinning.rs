//! What two cores can gain on an array at all: two threads that never sleep.

use std::hint::spin_loop;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use report::suite::{Routine, refused, timed};

/// `work` on both halves of an array at once, by the caller on the first core and a
/// thread on the second, which spins as long as the visit lasts: nothing is started,
/// woken or queued inside the clock. One array of each visit is checked. `work` may
/// not panic.
pub(crate) fn in_two_halves(
    input: impl Fn() -> Vec<f64> + 'static,
    work: fn(&mut [f64]),
) -> Routine<Vec<f64>> {
    let allowed = sched_getaffinity(SELF).unwrap_or_else(|error| refused(error.to_string()));
    let mut cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core) == Ok(true));
    let (Some(first), Some(second)) = (cores.next(), cores.next()) else {
        refused("two cores are needed")
    };
    timed(move |iterations| {
        keep_to(first)?;
        let handover = Handover::default();
        let measured = thread::scope(|scope| {
            let other = scope.spawn(|| {
                let kept = keep_to(second);
                (1..=iterations).for_each(|call| handover.answer(call, work));
                kept
            });
            let (mut taken, mut latest) = (Duration::ZERO, Vec::new());
            for call in 1..=iterations {
                // Before another is made: who keeps arrays has memory for the next that
                // is in no cache, and others have not.
                drop(std::mem::take(&mut latest));
                let (this, sines) = handover.call(call, input(), work);
                (taken, latest) = (taken + this, sines);
            }
            other.join().expect("`work` does not panic").map(|()| (taken, vec![latest]))
        });
        sched_setaffinity(SELF, &allowed).map_err(|error| error.to_string())?;
        measured
    })
}

/// One half after the other goes to the other thread, and comes back.
#[derive(Default)]
struct Handover {
    half: Mutex<Vec<f64>>,
    /// The latest call for which the other thread is ready, that has begun, and that
    /// it has ended.
    ready: AtomicU64,
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Handover {
    fn call(&self, call: u64, mut ours: Vec<f64>, work: fn(&mut [f64])) -> (Duration, Vec<f64>) {
        *self.half.lock().expect("`work` does not panic") = ours.split_off(ours.len().div_ceil(2));
        // At first it is on this core, for it is kept where its maker is.
        until(&self.ready, call, thread::yield_now);
        let start = Instant::now();
        self.begun.store(call, Release);
        work(&mut ours);
        until(&self.ended, call, spin_loop);
        let taken = start.elapsed();
        ours.append(&mut self.half.lock().expect("`work` does not panic"));
        (taken, ours)
    }

    fn answer(&self, call: u64, work: fn(&mut [f64])) {
        self.ready.store(call, Release);
        until(&self.begun, call, spin_loop);
        work(&mut self.half.lock().expect("the caller does not panic"));
        self.ended.store(call, Release);
    }
}

fn until(latest: &AtomicU64, call: u64, wait: fn()) {
    while latest.load(Acquire) != call {
        wait();
    }
}

/// To the system, the thread that asks.
const SELF: Pid = Pid::from_raw(0);

fn keep_to(core: usize) -> Result<(), String> {
    let mut only = CpuSet::new();
    only.set(core)
        .and_then(|()| sched_setaffinity(SELF, &only))
        .map_err(|error| format!("core {core}: {error}"))
}
