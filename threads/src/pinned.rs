//! Threads that are kept, each on a core of its own.
//!
//! The system places a thread that has just been started wherever it likes. On a
//! small machine two of them may share a core for as long as the work lasts, and
//! then two threads take as long as one. A thread that may run on one core only
//! is always there, and so is its cache: where the chunks of an array go to the
//! same threads each time, each finds its own chunk near.
//!
//! The price: while another program has that core, nobody takes its work over.
//!
//! The caller does the first chunk itself, for a caller that waits would have to
//! be woken. The others must be woken if they sleep, which takes some 40 to 80 us
//! where their core sleeps too (virtual machine, 2 cores, 2026-11-29); so they can
//! be told to stay [awake](Pinned::awake_for) for a while, as the threads of OpenMP
//! do. Handing over to a thread that is awake takes some 5 us.

use std::hint::spin_loop;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Why threads are not pinned.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// A core each was asked for, and there are fewer.
    #[error("{threads} pinned threads need as many cores, and this thread may use {cores}")]
    TooFewCores {
        /// How many threads were asked for.
        threads: usize,
        /// How many cores the calling thread may use.
        cores: usize,
    },
    /// The system will not say which cores there are, or not keep a thread there.
    #[error("the system will not pin thread {thread}: {source}")]
    Refused {
        /// The thread's number, from 0.
        thread: usize,
        /// What the system said.
        source: Errno,
    },
    /// The threads could not be started.
    #[error(transparent)]
    NotStarted(#[from] ThreadPoolBuildError),
}

/// Threads that each keep to a core of their own, the caller's for the length of a
/// call. They end soon after it is dropped.
#[derive(Debug)]
pub struct Pinned {
    /// The first is the caller's.
    cores: Vec<usize>,
    /// A thread for each of the other cores.
    others: Option<ThreadPool>,
    awake: Duration,
    /// How many calls have begun. Who waits for the next looks at it.
    calls: Arc<AtomicU64>,
}

impl Pinned {
    /// Starts threads for so many cores: one on the second core that the calling
    /// thread may use, one on the third, and so on. The first core is the caller's.
    ///
    /// Two crews take the same first cores, and get in each other's way if both work.
    /// During a call of [`for_each_chunk`](Self::for_each_chunk) a thread may use one
    /// core, so that `work` can start no crew of two.
    ///
    /// # Errors
    /// If there are fewer cores than that, or the system refuses.
    ///
    /// # Panics
    /// If `threads` is 0.
    pub fn start(threads: usize) -> Result<Self, PinError> {
        assert!(threads > 0, "no work can be done by 0 threads");
        let refused = |thread| move |source| PinError::Refused { thread, source };
        let cores = cores_of(&sched_getaffinity(SELF).map_err(refused(0))?);
        if cores.len() < threads {
            return Err(PinError::TooFewCores { threads, cores: cores.len() });
        }
        let mut this = Self {
            cores: cores[..threads].to_vec(),
            others: None,
            awake: Duration::ZERO,
            calls: Arc::default(),
        };
        if threads > 1 {
            let others = ThreadPoolBuilder::new().num_threads(threads - 1).build()?;
            let pinned = others.broadcast(|context| {
                let thread = context.index() + 1;
                keep_to(this.cores[thread]).map_err(refused(thread))
            });
            pinned.into_iter().collect::<Result<(), _>>()?;
            this.others = Some(others);
        }
        Ok(this)
    }

    /// Has the threads wait for the next call without sleeping, for so long after
    /// each: then that call need not wake them. Without this they sleep at once.
    ///
    /// The price is that their cores are busy meanwhile. A thread whose core is
    /// wanted by another program goes to sleep before its time.
    #[must_use]
    pub fn awake_for(mut self, awake: Duration) -> Self {
        self.awake = awake;
        self
    }

    /// Cuts `data` into as many chunks as there are threads, and has each thread
    /// change its own in place: the first chunk the caller, each time.
    ///
    /// Chunks are rounded up, as
    /// [`scoped::for_each_chunk`](crate::scoped::for_each_chunk) rounds them.
    ///
    /// ```
    /// use threads::Pinned;
    ///
    /// let mut pinned = Pinned::start(1)?;
    /// let mut x = [1, 2, 3];
    /// pinned.for_each_chunk(&mut x, |chunk| chunk.iter_mut().for_each(|x| *x *= 10));
    /// assert_eq!(x, [10, 20, 30]);
    /// # Ok::<(), threads::PinError>(())
    /// ```
    ///
    /// # Threads that `work` starts
    /// They may run on one core only, that of the thread which started them, and that
    /// for good: the system has each thread inherit its place. If `work` is the first
    /// to use rayon's global pool, from the caller's chunk, that pool has one thread on
    /// one core until the program ends. Start pools and other threads that are to last
    /// before the call.
    ///
    /// # Panics
    /// If `work` panics for any chunk, with one of the panics, after all have
    /// ended.
    pub fn for_each_chunk<T, F>(&mut self, data: &mut [T], work: F)
    where
        T: Send,
        F: Fn(&mut [T]) + Sync,
    {
        let length = data.len().div_ceil(self.cores.len()).max(1);
        let mut chunks = data.chunks_mut(length);
        let first = chunks.next();
        // A chunk is handed over by a lock, which nobody else ever wants.
        let others: Vec<_> = chunks.map(Mutex::new).collect();
        self.with_others(
            |thread| {
                if let Some(chunk) = others.get(thread) {
                    work(&mut chunk.lock().unwrap_or_else(PoisonError::into_inner));
                }
            },
            || {
                let _here = Visit::to(self.cores[0]);
                if let Some(chunk) = first {
                    work(chunk);
                }
            },
        );
    }

    /// Runs `theirs` on each of the other threads, with its number from 0, and
    /// `ours` here.
    fn with_others(&self, theirs: impl Fn(usize) + Sync, ours: impl FnOnce()) {
        let Some(others) = &self.others else { return ours() };
        let left = AtomicUsize::new(others.current_num_threads());
        let call = self.calls.load(Relaxed) + 1;
        others.in_place_scope(|scope| {
            scope.spawn_broadcast(|_, context| {
                let _ended = CountDown(&left);
                theirs(context.index());
                // After a panic they sleep.
                self.stay_awake(call);
            });
            self.calls.store(call, Release);
            ours();
            // The scope would sleep until they have ended, and be woken.
            wait_awake(LONGEST_END, || left.load(Acquire) == 0);
        });
    }

    /// Has one of the other threads wait for the next call, as soon as it has nothing
    /// else to do. It asks for that itself, while the caller is still at work.
    fn stay_awake(&self, call: u64) {
        if self.awake.is_zero() {
            return;
        }
        let (calls, awake) = (Arc::clone(&self.calls), self.awake);
        rayon::spawn(move || wait_awake(awake, || calls.load(Acquire) != call));
    }
}

impl Drop for Pinned {
    /// Whoever waits for a call need not: there is none.
    fn drop(&mut self) {
        self.calls.fetch_add(1, Release);
    }
}

/// So long a caller waits for the last chunk without sleeping.
const LONGEST_END: Duration = Duration::from_millis(1);

/// Who was not let back to its core for so long shares it with somebody.
const TAKEN_AWAY: Duration = Duration::from_micros(100);

/// Waits until something has happened, but no longer than that, and no longer than
/// nobody else wants this core: the system prefers who was woken to who spun.
fn wait_awake(longest: Duration, happened: impl Fn() -> bool) {
    let start = Instant::now();
    let mut last = start;
    while !happened() {
        (0..32).for_each(|_| spin_loop());
        thread::yield_now();
        let now = Instant::now();
        if now - start >= longest || now - last >= TAKEN_AWAY {
            return;
        }
        last = now;
    }
}

/// One less when it is dropped, by the end of the work or by its panic.
struct CountDown<'a>(&'a AtomicUsize);

impl Drop for CountDown<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Release);
    }
}

/// The calling thread's stay on one core; afterwards it is as free as before.
struct Visit(Option<CpuSet>);

impl Visit {
    /// Where the system does not allow it, the thread stays where it is.
    fn to(core: usize) -> Self {
        let free = sched_getaffinity(SELF).ok();
        Self(free.filter(|_| keep_to(core).is_ok()))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some(free) = &self.0 {
            // What was allowed before is allowed again, or the system has changed.
            let _ = sched_setaffinity(SELF, free);
        }
    }
}

/// To the system, the thread that asks.
const SELF: Pid = Pid::from_raw(0);

/// Keeps the calling thread to one core.
fn keep_to(core: usize) -> nix::Result<()> {
    let mut only = CpuSet::new();
    only.set(core)?;
    sched_setaffinity(SELF, &only)
}

fn cores_of(set: &CpuSet) -> Vec<usize> {
    (0..CpuSet::count()).filter(|core| set.is_set(*core) == Ok(true)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_thread_waits_for_the_next_call() {
        if cores_of(&sched_getaffinity(SELF).expect("a thread may ask")).len() < 2 {
            return; // There is nobody but the caller.
        }
        let pinned = Pinned::start(2).expect("there are as many cores");
        let mut pinned = pinned.awake_for(Duration::from_millis(100));
        let start = Instant::now();
        // Whoever waits holds the counter. Who lost its core has given up waiting.
        while Arc::strong_count(&pinned.calls) == 1 {
            assert!(start.elapsed() < Duration::from_secs(5), "it does not wait");
            pinned.for_each_chunk(&mut [0; 2], |_| ());
            thread::sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn whoever_waits_for_a_call_is_told_that_there_is_none() {
        let pinned = Pinned::start(1).expect("there is a core");
        let calls = Arc::clone(&pinned.calls);
        let last = calls.load(Acquire);
        drop(pinned);
        assert_ne!(calls.load(Acquire), last, "who waits for another number still waits");
    }
}
