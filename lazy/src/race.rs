//! Threads that ask for the same values at the same moments.

use std::hint;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Lets `threads` threads go through `values` side by side, each calling
/// `force` on every value, and returns how long that took.
///
/// They meet before each value, so that every one is raced for and not only
/// the first. They spin to do so, for waking a sleeping thread takes longer
/// than most of what they race for; a meeting costs a few cache-line transfers
/// (well under a microsecond with a core for each thread), and is part of the
/// time. Starting the threads is not.
///
/// # Panics
/// If `threads` is 0, if the system refuses a thread, or if `force` panics in
/// some thread: the others then run to their end without meeting any more.
///
/// ```
/// use lazy::{LazyFactorial, race};
/// let values: Vec<_> = (0..10).map(LazyFactorial::new).collect();
/// race(&values, 2, |value| {
///     value.compute();
/// });
/// assert!(values.iter().all(LazyFactorial::is_computed));
/// ```
pub fn race<T: Sync>(values: &[T], threads: usize, force: impl Fn(&T) + Sync) -> Duration {
    assert!(threads > 0, "a race needs a thread");
    let line = StartLine { threads, arrived: AtomicUsize::new(0) };
    let run = || {
        let _open = OpenOnPanic(&line);
        line.meet(1);
        let start = Instant::now();
        for (value, round) in values.iter().zip(2..) {
            force(value);
            line.meet(round);
        }
        (start, Instant::now())
    };
    let times = thread::scope(|scope| {
        // Should the system refuse a thread, those that did start must not
        // wait for it.
        let _open = OpenOnPanic(&line);
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut times = vec![run()];
        times.extend(others.into_iter().map(|other| match other.join() {
            Ok(times) => times,
            Err(panic) => resume_unwind(panic),
        }));
        times
    });
    // The system may wake one thread late: the race is on once the first runs.
    let start = times.iter().map(|(start, _)| *start).min().expect("there is a thread");
    let end = times.iter().map(|(_, end)| *end).max().expect("there is a thread");
    end - start
}

/// Where the threads meet: nobody passes for the n-th time before all have
/// arrived n times.
struct StartLine {
    threads: usize,
    arrived: AtomicUsize,
}

impl StartLine {
    /// Enough above every count of arrivals, and too little to overflow.
    const OPEN: usize = usize::MAX / 2;

    fn meet(&self, round: usize) {
        // Release and acquire: whoever passes sees all that was done before
        // the others arrived.
        self.arrived.fetch_add(1, Ordering::AcqRel);
        let mut spins = 0_u32;
        while self.arrived.load(Ordering::Acquire) < round * self.threads {
            // With fewer cores than threads the one we wait for needs ours.
            if spins < 1_000 {
                spins += 1;
                hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
    }
}

/// A thread that panics will not come to the next meeting: it lets the others
/// pass for good, so that the panic is told and nobody hangs.
struct OpenOnPanic<'a>(&'a StartLine);

impl Drop for OpenOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.arrived.fetch_max(StartLine::OPEN, Ordering::AcqRel);
        }
    }
}
