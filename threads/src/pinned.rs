//! Threads that are kept, each on a core of its own.
//!
//! The system places a thread that has just been started wherever it likes. On a
//! small machine two of them may share a core for as long as the work lasts, and
//! then two threads take as long as one. A thread that may run on one core only
//! is always there, and so is its cache: where the chunks of an array go to the
//! same threads each time, each finds its own chunk near.
//!
//! The price: while another program has that core, nobody takes its work over.
//! And threads that sleep must be woken, one after the other, at some 40 us each
//! where the other core sleeps too (virtual machine, 2 cores, 2026-11-28). That
//! the caller does a chunk itself, on the core where it is, came out no faster.

use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Why threads are not pinned.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// A core each was asked for, and there are fewer.
    #[error("{threads} pinned threads need as many cores, and this process has {cores}")]
    TooFewCores {
        /// How many threads were asked for.
        threads: usize,
        /// How many cores this process may use.
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

/// Threads that each keep to a core of their own. They end when it is dropped.
#[derive(Debug)]
pub struct Pinned(ThreadPool);

impl Pinned {
    /// Starts so many threads: one on the first core that this process may use,
    /// one on the second, and so on.
    ///
    /// # Errors
    /// If there are fewer cores than that, or the system refuses.
    ///
    /// # Panics
    /// If `threads` is 0.
    pub fn start(threads: usize) -> Result<Self, PinError> {
        assert!(threads > 0, "no work can be done by 0 threads");
        let this = Pid::from_raw(0);
        let refused = |thread| move |source| PinError::Refused { thread, source };
        let allowed = sched_getaffinity(this).map_err(refused(0))?;
        let cores: Vec<usize> =
            (0..CpuSet::count()).filter(|core| allowed.is_set(*core) == Ok(true)).collect();
        if cores.len() < threads {
            return Err(PinError::TooFewCores { threads, cores: cores.len() });
        }
        let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
        let pinned = pool.broadcast(|context| {
            let thread = context.index();
            let mut only = CpuSet::new();
            only.set(cores[thread])
                .and_then(|()| sched_setaffinity(this, &only))
                .map_err(refused(thread))
        });
        pinned.into_iter().collect::<Result<(), _>>()?;
        Ok(Self(pool))
    }

    /// Cuts `data` into as many chunks as there are threads, and has each thread
    /// change its own in place: the first the first chunk, each time.
    ///
    /// Chunks are rounded up, as
    /// [`scoped::for_each_chunk`](crate::scoped::for_each_chunk) rounds them.
    ///
    /// ```
    /// use threads::Pinned;
    ///
    /// let pinned = Pinned::start(1)?;
    /// let mut x = [1, 2, 3];
    /// pinned.for_each_chunk(&mut x, |chunk| chunk.iter_mut().for_each(|x| *x *= 10));
    /// assert_eq!(x, [10, 20, 30]);
    /// # Ok::<(), threads::PinError>(())
    /// ```
    ///
    /// # Panics
    /// If `work` panics for any chunk, with one of the panics, after all have
    /// ended.
    pub fn for_each_chunk<T, F>(&self, data: &mut [T], work: F)
    where
        T: Send,
        F: Fn(&mut [T]) + Sync,
    {
        let length = data.len().div_ceil(self.0.current_num_threads()).max(1);
        // A chunk is handed over by a lock, which nobody else ever wants.
        let chunks: Vec<_> = data.chunks_mut(length).map(Mutex::new).collect();
        self.0.broadcast(|context| {
            if let Some(chunk) = chunks.get(context.index()) {
                work(&mut chunk.lock().unwrap_or_else(PoisonError::into_inner));
            }
        });
    }
}
