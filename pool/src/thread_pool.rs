//! A crew of threads behind one queue, and a caller who works too.

mod bell;
mod board;
mod builder;
mod crew;
mod imap;
mod job;
mod map;
#[cfg(all(test, pool_loom))]
mod models;
mod processor;
mod rent;
mod sleeper;

use std::sync::Arc;

pub use builder::ThreadPoolBuilder;
use crew::{Crew, go_inside};
pub use imap::{Imap, ImapUnordered};
pub use job::Handle;
use job::Job;
use map::{Invitation, Map};

use crate::Error;
use crate::slots::Slots;

/// Threads that wait for work.
///
/// Two kinds of work come to them. A *task* is submitted to a queue, and each
/// is run by one thread. A *map* is not queued at all: the caller does it, and
/// the threads help. Three things follow:
///
/// - A map never waits for a thread to become free. If all are busy, the
///   caller does all of the work; so a function that maps on the same pool, to
///   whatever depth, cannot deadlock.
/// - Tiny maps are over before the first thread has been woken, which takes
///   longer than a thousand cubes. So a map asks for help only when what is left
///   to do is worth a wake-up.
/// - Items of a map must not wait for each other: the caller may do them all,
///   one after the other. (Where the chunks of a map are fewer than 8 for each
///   worker, all workers are asked at once.)
///
/// An idle thread looks for work for 50 microseconds, then it sleeps; a pool
/// without work uses no processor time. Who wakes it for a map takes, on Linux,
/// the processors that are at work on the map out of its affinity, so that it
/// begins on another. It has its affinity back before it runs any task or item.
///
/// Dropping the pool [kills](Self::kill) it: it drops the tasks that wait, finishes
/// those that run, ends its threads and waits for them.
/// [`shutdown`](Self::shutdown) also runs what waits.
///
/// ```
/// let pool = pool::ThreadPool::new(4)?;
/// let words = ["many".to_string(), "performers".to_string()];
/// assert_eq!(pool.map(&words, String::len)?, [4, 10]);
/// assert_eq!(pool.submit(|| 6 * 7)?.join()?, 42);
/// # Ok::<(), pool::Error>(())
/// ```
#[derive(Debug)]
pub struct ThreadPool {
    crew: Arc<Crew>,
    workers: usize,
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
        Self::builder().workers(workers).build()
    }

    /// A pool with other properties than [`new`](Self::new) gives it.
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::new()
    }

    /// How many threads work on one map at most, the caller among them; and
    /// how many tasks run at a time.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Applies `f` to each item, in any order on any of the threads, and
    /// returns the results in the order of the items.
    ///
    /// Items are borrowed, not copied, and are handed out in portions that
    /// shrink towards the end (guided self-scheduling).
    ///
    /// # Errors
    /// [`Error::Panicked`] if `f` panicked, for the first item in order that
    /// did. All other items are done all the same, and the pool lives on. As
    /// with scoped threads, what `f` was changing when it panicked stays as
    /// the panic left it. [`Error::Closed`] after a shutdown, and
    /// [`Error::Initializer`] if the caller, who works too, cannot be initialized.
    pub fn map<T, R>(&self, items: &[T], f: impl Fn(&T) -> R + Sync) -> Result<Vec<R>, Error>
    where
        T: Sync,
        R: Send,
    {
        self.fill(items, None, f)?.finish()
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
        self.fill(items, Some(chunk), f)?.finish()
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
        match self.fill(items, Some(chunk), f) {
            Ok(slots) => slots.finish_each(),
            Err(error) => items.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Puts a task into the queue. The first thread that is free runs it.
    ///
    /// It costs some hundred nanoseconds, and a wake-up if all threads sleep.
    ///
    /// # Errors
    /// [`Error::Closed`] after a shutdown.
    pub fn submit<R: Send + 'static>(
        &self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> Result<Handle<R>, Error> {
        let (job, outcome) = Job::new(task);
        self.crew.submit(&job)?;
        Ok(Handle::new(job, outcome, Arc::clone(&self.crew)))
    }

    /// Takes no more work, runs all tasks that wait, and ends the threads. It
    /// returns when they have ended. A second shutdown does nothing.
    ///
    /// A task that shuts down its own pool does not wait: it would wait for
    /// itself.
    ///
    /// ```
    /// let pool = pool::ThreadPool::new(2)?;
    /// let task = pool.submit(|| 1)?;
    /// pool.shutdown();
    /// assert_eq!(task.join()?, 1);
    /// assert!(matches!(pool.submit(|| 2), Err(pool::Error::Closed)));
    /// # Ok::<(), pool::Error>(())
    /// ```
    pub fn shutdown(&self) {
        self.crew.close(false);
        self.crew.join();
    }

    /// Takes no more work, drops the tasks that wait ([`Error::Closed`]), and ends
    /// the threads. It returns when those that run have ended.
    ///
    /// A thread cannot be killed: it shares its memory and its locks with the
    /// whole program, and would leave both as they were at that moment. So what
    /// runs is waited for. A task that may never return needs a process of its
    /// own ([`ProcessPool`](crate::ProcessPool)).
    pub fn kill(&self) {
        self.crew.close(true);
        self.crew.join();
    }

    /// The map itself: every item is tried when this returns.
    fn fill<T, R>(
        &self,
        items: &[T],
        chunk: Option<usize>,
        f: impl Fn(&T) -> R + Sync,
    ) -> Result<Slots<R>, Error>
    where
        T: Sync,
        R: Send,
    {
        assert!(chunk != Some(0), "a chunk holds at least one item");
        if self.crew.is_closed() {
            return Err(Error::Closed);
        }
        self.crew.enter()?;
        let _inside = go_inside();
        let slots = Slots::new(items.len());
        let (crew, workers) = (&*self.crew, self.workers);
        let invitation = Invitation::new(crew);
        let map = Map { items, f: &f, slots: &slots, chunk, workers, crew, invitation };
        map.run();
        drop(map);
        Ok(slots)
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.kill();
    }
}
