//! What two cores can gain on an array at all: two threads that never sleep.

use std::hint::spin_loop;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use report::suite::{Routine, refused, timed};

/// `work` on both halves of an array at once, by the caller on the first core and a
/// thread on the second, which spins until it may begin: nothing is started, woken
/// or queued inside the clock. `work` may not panic.
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
        let measured: Result<Vec<_>, String> = (0..iterations)
            .map(|_| {
                let mut x = input();
                both_halves(&mut x, second, work).map(|taken| (taken, x))
            })
            .collect();
        let freed = sched_setaffinity(SELF, &allowed).map_err(|error| error.to_string());
        let (taken, arrays): (Vec<Duration>, _) = freed.and(measured)?.into_iter().unzip();
        Ok((taken.iter().sum(), arrays))
    })
}

fn both_halves(x: &mut [f64], second: usize, work: fn(&mut [f64])) -> Result<Duration, String> {
    let (ours, theirs) = x.split_at_mut(x.len().div_ceil(2));
    let stage = AtomicU8::new(STARTED);
    let until = |reached: u8, wait: fn()| {
        while stage.load(Acquire) != reached {
            wait();
        }
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            let kept = keep_to(second);
            let start = Instant::now();
            while start.elapsed() < WARM_UP {
                spin_loop();
            }
            stage.store(READY, Release);
            until(BEGUN, spin_loop);
            work(theirs);
            stage.store(ENDED, Release);
            kept
        });
        // It begins on this core, for it is kept where its maker is.
        until(READY, thread::yield_now);
        let start = Instant::now();
        stage.store(BEGUN, Release);
        work(ours);
        until(ENDED, spin_loop);
        let taken = start.elapsed();
        other.join().expect("`work` does not panic").map(|()| taken)
    })
}

/// A core that slept is slow for some 100 us.
const WARM_UP: Duration = Duration::from_micros(500);

const STARTED: u8 = 0;
const READY: u8 = 1;
const BEGUN: u8 = 2;
const ENDED: u8 = 3;

/// To the system, the thread that asks.
const SELF: Pid = Pid::from_raw(0);

fn keep_to(core: usize) -> Result<(), String> {
    let mut only = CpuSet::new();
    only.set(core)
        .and_then(|()| sched_setaffinity(SELF, &only))
        .map_err(|error| format!("core {core}: {error}"))
}
