//! The trusted rival: rayon, with as many threads.
//!
//! rayon splits the items in two until the pieces are small enough, and lets
//! idle threads steal pieces from busy ones, so it needs no chunk size. Its
//! pool does the work in its own threads; the caller only waits.
//!
//! rayon's own pool tells its threads to end when it is dropped and does not
//! wait for them. Ours keeps their handles and does, so that closing means the
//! same for every pool here.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rayon::prelude::*;

use crate::{Error, panics};

/// A rayon pool with the vocabulary of this crate.
///
/// ```
/// let pool = pool::RayonPool::new(4)?;
/// assert_eq!(pool.map(&[1_u64, 2, 3], |x| x * x * x)?, [1, 8, 27]);
/// # Ok::<(), pool::Error>(())
/// ```
#[derive(Debug)]
pub struct RayonPool {
    /// `None` only while it is dropped, which is what ends its threads.
    pool: Option<rayon::ThreadPool>,
    threads: Vec<JoinHandle<()>>,
}

impl RayonPool {
    /// Starts `workers` threads, named `rayon-0` and so on.
    ///
    /// # Errors
    /// [`Error::NoWorkers`] for none (which rayon takes as "one for each
    /// core"), and [`Error::Thread`] if the system refuses one.
    pub fn new(workers: usize) -> Result<Self, Error> {
        if workers == 0 {
            return Err(Error::NoWorkers);
        }
        let mut threads = Vec::with_capacity(workers);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(workers)
            .spawn_handler(|worker| {
                let name = format!("rayon-{}", worker.index());
                threads.push(thread::Builder::new().name(name).spawn(|| worker.run())?);
                Ok(())
            })
            .build()
            .map_err(|e| Error::Thread(Arc::new(io::Error::other(e))))?;
        Ok(Self { pool: Some(pool), threads })
    }

    /// How many threads the pool has.
    pub fn workers(&self) -> usize {
        self.threads.len()
    }

    /// Applies `f` to each item and returns the results in the order of the
    /// items, split as rayon sees fit.
    ///
    /// # Errors
    /// [`Error::Panicked`] if `f` panicked. rayon keeps one of the panics,
    /// does not say which item it came from, and need not do the other items.
    pub fn map<T, R>(&self, items: &[T], f: impl Fn(&T) -> R + Sync) -> Result<Vec<R>, Error>
    where
        T: Sync,
        R: Send,
    {
        self.catch(|| items.par_iter().map(&f).collect())
    }

    /// [`map`](Self::map) in pieces of at least `chunk` items and fewer than
    /// twice as many, which is as near as halving comes to a chunk size. Fewer
    /// items than `chunk` are one piece.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    ///
    /// # Panics
    /// If the chunk size is zero.
    pub fn map_chunked<T, R>(
        &self,
        items: &[T],
        chunk: usize,
        f: impl Fn(&T) -> R + Sync,
    ) -> Result<Vec<R>, Error>
    where
        T: Sync,
        R: Send,
    {
        assert!(chunk > 0, "a chunk holds at least one item");
        self.catch(|| items.par_iter().with_min_len(chunk).with_max_len(chunk).map(&f).collect())
    }

    /// Runs `work` in the pool; a panic becomes an error.
    fn catch<R: Send>(&self, work: impl FnOnce() -> R + Send) -> Result<R, Error> {
        let pool = self.pool.as_ref().expect("taken only when dropped");
        // rayon's threads panic, so where is not known here.
        panics::catch(|| pool.install(work)).map_err(|panic| panic.of(None))
    }
}

impl Drop for RayonPool {
    fn drop(&mut self) {
        drop(self.pool.take());
        for thread in self.threads.drain(..) {
            // rayon aborts the process rather than let one of its threads panic.
            let _ = thread.join();
        }
    }
}
