//! A crew of threads behind one queue, and a caller who works too.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::Error;
use crate::chunk;
use crate::loan::{Loan, lend};
use crate::slots::Slots;

/// Threads that wait for maps to work on.
///
/// What travels on the queue is not items but invitations: "there is a map
/// under way, come and take chunks of it". The caller invites as many threads
/// as could help, then takes chunks itself. Two things follow:
///
/// - A map never waits for a thread to become free. If all are busy, the
///   caller does all of the work; so a function that maps on the same pool, to
///   whatever depth, cannot deadlock.
/// - Tiny maps are over before the first thread has woken, which takes longer
///   than a hundred cubes. The invitation is then void, and the thread goes
///   back to sleep.
///
/// Dropping the pool ends its threads and waits for them.
///
/// ```
/// let pool = pool::ThreadPool::new(4)?;
/// let words = ["many".to_string(), "performers".to_string()];
/// assert_eq!(pool.map(&words, String::len)?, [4, 10]);
/// # Ok::<(), pool::Error>(())
/// ```
#[derive(Debug)]
pub struct ThreadPool {
    /// `None` only while the pool is dropped, which is how the threads learn
    /// that no invitation will come.
    invitations: Option<Sender<Arc<Loan>>>,
    threads: Vec<JoinHandle<()>>,
}

impl ThreadPool {
    /// Starts `workers` threads, named `pool-0` and so on.
    ///
    /// It costs what starting the threads costs, some tens of microseconds each.
    ///
    /// # Errors
    /// [`Error::NoWorkers`] for none, and [`Error::Thread`] if the system
    /// refuses one; those that were started end first.
    pub fn new(workers: usize) -> Result<Self, Error> {
        if workers == 0 {
            return Err(Error::NoWorkers);
        }
        let (invitations, invited) = unbounded();
        let mut pool = Self { invitations: Some(invitations), threads: Vec::new() };
        for worker in 0..workers {
            let thread = start(worker, invited.clone()).map_err(|e| Error::Thread(Arc::new(e)))?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// How many threads work on one map at most, the caller among them.
    pub fn workers(&self) -> usize {
        self.threads.len()
    }

    /// Applies `f` to each item, in any order on any of the threads, and
    /// returns the results in the order of the items.
    ///
    /// Items are borrowed, not copied, and are handed out in chunks of
    /// [`chunk::automatic`] size to whoever is free.
    ///
    /// # Errors
    /// [`Error::Panicked`] if `f` panicked, for the first item in order that
    /// did. All other items are done all the same, and the pool lives on. As
    /// with scoped threads, what `f` was changing when it panicked stays as
    /// the panic left it.
    pub fn map<T, R>(&self, items: &[T], f: impl Fn(&T) -> R + Sync) -> Result<Vec<R>, Error>
    where
        T: Sync,
        R: Send,
    {
        self.map_chunked(items, chunk::automatic(items.len(), self.workers()), f)
    }

    /// [`map`](Self::map) with a chunk size of one's own: small where some
    /// items take much longer than others, large where all are tiny.
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
        self.fill(items, chunk, f).finish()
    }

    /// [`map_chunked`](Self::map_chunked) with an outcome for each item, so
    /// that one panic does not cost the results of the others.
    ///
    /// ```
    /// let pool = pool::ThreadPool::new(2)?;
    /// let quotients = pool.map_each(&[1, 0, 4], 1, |&x| 100 / x);
    /// assert_eq!(quotients[0].as_ref().ok(), Some(&100));
    /// assert!(quotients[1].is_err(), "a division by zero panics");
    /// assert_eq!(quotients[2].as_ref().ok(), Some(&25));
    /// # Ok::<(), pool::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the chunk size is zero.
    pub fn map_each<T, R>(
        &self,
        items: &[T],
        chunk: usize,
        f: impl Fn(&T) -> R + Sync,
    ) -> Vec<Result<R, Error>>
    where
        T: Sync,
        R: Send,
    {
        self.fill(items, chunk, f).finish_each()
    }

    /// The map itself: every item is tried when this returns.
    fn fill<T, R>(&self, items: &[T], chunk: usize, f: impl Fn(&T) -> R + Sync) -> Slots<R>
    where
        T: Sync,
        R: Send,
    {
        let slots = Slots::new(items.len(), chunk);
        let work = || slots.fill(items, &f);
        // The caller is one of the workers.
        let helpers = slots.chunks().min(self.workers()).saturating_sub(1);
        lend(&work, |loan| {
            let invitations = self.invitations.as_ref().expect("taken only when dropped");
            for _ in 0..helpers {
                // It fails only if no thread listens; the caller does the work.
                let _ = invitations.send(Arc::clone(loan));
            }
            work();
        });
        slots
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        drop(self.invitations.take());
        for thread in self.threads.drain(..) {
            // A thread cannot have panicked: `Slots::fill` catches what `f` throws.
            let _ = thread.join();
        }
    }
}

fn start(worker: usize, invited: Receiver<Arc<Loan>>) -> io::Result<JoinHandle<()>> {
    let work = move || invited.iter().for_each(|loan| loan.work());
    thread::Builder::new().name(format!("pool-{worker}")).spawn(work)
}
