//! Maps whose items come from an iterator and whose results are one too.
//!
//! Neither side is ever far ahead of the other. An item is taken from the
//! iterator only when a result has been taken, and at most so many are under
//! way or done and not yet fetched; so an endless iterator is as good as any,
//! and results that nobody fetches do not pile up.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use super::ThreadPool;
use super::crew::{Crew, is_inside};
use super::job::{Handle, Job};
use crate::Error;

/// For each worker, one task that runs and one that waits.
const AHEAD_PER_WORKER: usize = 2;

impl ThreadPool {
    /// Applies `f` to what `items` yields, and yields the results in the same
    /// order, as they are asked for.
    ///
    /// Two items for each worker are under way at a time; they are on their
    /// way when this returns. Each costs a task, so items should take a few
    /// microseconds at least. Dropping the iterator cancels what has not begun.
    ///
    /// ```
    /// let pool = pool::ThreadPool::new(2)?;
    /// let mut squares = pool.imap(1.., |x: u64| x * x);
    /// assert_eq!(squares.next().transpose()?, Some(1));
    /// assert_eq!(squares.next().transpose()?, Some(4));
    /// # Ok::<(), pool::Error>(())
    /// ```
    ///
    /// Each result is an error of its own item: [`Error::Panicked`], or
    /// [`Error::Closed`] if the pool takes no more, or was killed meanwhile.
    pub fn imap<I, R, F>(&self, items: I, f: F) -> Imap<I::IntoIter, R, F>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        R: Send + 'static,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
    {
        let items = items.into_iter().enumerate();
        let ahead = AHEAD_PER_WORKER * self.workers();
        let crew = Arc::clone(&self.crew);
        let mut imap = Imap { items, f: Arc::new(f), crew, ahead, under_way: VecDeque::new() };
        imap.top_up();
        imap
    }

    /// [`imap`](Self::imap) with the results as they come, each with the
    /// number of its item, counted from zero.
    ///
    /// ```
    /// let pool = pool::ThreadPool::new(2)?;
    /// let mut sum = 0;
    /// for (item, square) in pool.imap_unordered(vec![1, 2, 3], |x| x * x) {
    ///     assert!(item < 3);
    ///     sum += square?;
    /// }
    /// assert_eq!(sum, 14);
    /// # Ok::<(), pool::Error>(())
    /// ```
    pub fn imap_unordered<I, R, F>(&self, items: I, f: F) -> ImapUnordered<I::IntoIter, R, F>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        R: Send + 'static,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
    {
        let items = items.into_iter().enumerate();
        let ahead = AHEAD_PER_WORKER * self.workers();
        let (tell, results) = bounded(ahead);
        let mut imap = ImapUnordered {
            items,
            f: Arc::new(f),
            crew: Arc::clone(&self.crew),
            ahead,
            under_way: VecDeque::new(),
            tell,
            results,
            refused: VecDeque::new(),
        };
        imap.top_up();
        imap
    }
}

/// Results in the order of their items; see [`ThreadPool::imap`].
pub struct Imap<I, R, F> {
    items: std::iter::Enumerate<I>,
    f: Arc<F>,
    crew: Arc<Crew>,
    ahead: usize,
    under_way: VecDeque<(usize, Result<Handle<R>, Error>)>,
}

impl<I, R, F> Imap<I, R, F>
where
    I: Iterator,
    I::Item: Send + 'static,
    R: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
{
    fn top_up(&mut self) {
        while self.under_way.len() < self.ahead {
            let Some((at, item)) = self.items.next() else { return };
            let f = Arc::clone(&self.f);
            let (job, outcome) = Job::new(move || f(item));
            let submitted = self.crew.submit(&job);
            let handle = submitted.map(|()| Handle::new(job, outcome, Arc::clone(&self.crew)));
            self.under_way.push_back((at, handle));
        }
    }
}

impl<I, R, F> Iterator for Imap<I, R, F>
where
    I: Iterator,
    I::Item: Send + 'static,
    R: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
{
    type Item = Result<R, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // The place of the result that goes out is filled first, so that the
        // threads have work while the result is used.
        let first = self.under_way.pop_front();
        self.top_up();
        let (at, handle) = first.or_else(|| self.under_way.pop_front())?;
        Some(handle.and_then(Handle::join).map_err(|error| error.of(at)))
    }
}

impl<I, R, F> Drop for Imap<I, R, F> {
    fn drop(&mut self) {
        for (_, handle) in &self.under_way {
            if let Ok(handle) = handle {
                handle.cancel();
            }
        }
    }
}

impl<I, R, F> fmt::Debug for Imap<I, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imap").field("under_way", &self.under_way.len()).finish_non_exhaustive()
    }
}

type Numbered<R> = (usize, Result<R, Error>);

/// Results as they come; see [`ThreadPool::imap_unordered`].
pub struct ImapUnordered<I, R, F> {
    items: std::iter::Enumerate<I>,
    f: Arc<F>,
    crew: Arc<Crew>,
    ahead: usize,
    /// What has not been fetched.
    under_way: VecDeque<(usize, Arc<Job>)>,
    /// There is room for all that is under way, so no thread ever waits.
    tell: Sender<Numbered<R>>,
    results: Receiver<Numbered<R>>,
    /// Items that the pool did not take.
    refused: VecDeque<(usize, Error)>,
}

impl<I, R, F> ImapUnordered<I, R, F>
where
    I: Iterator,
    I::Item: Send + 'static,
    R: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
{
    fn top_up(&mut self) {
        while self.under_way.len() + self.refused.len() < self.ahead {
            let Some((at, item)) = self.items.next() else { return };
            let f = Arc::clone(&self.f);
            let answer = Answer { at, tell: self.tell.clone(), outcome: None };
            let (job, _) = Job::new(move || {
                let result = crate::panics::catch(|| f(item));
                answer.give(result.map_err(|panic| panic.of(None)));
            });
            match self.crew.submit(&job) {
                Ok(()) => self.under_way.push_back((at, job)),
                Err(error) => self.refused.push_back((at, error)),
            }
        }
    }

    /// Waits for the next result of what is under way.
    fn receive(&mut self) -> Option<Numbered<R>> {
        match self.results.try_recv() {
            Ok(result) => return Some(result),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
        // A thread of a pool that waits for tasks runs one that has not begun.
        if is_inside() && self.crew.enter().is_ok() {
            let _ = self.under_way.iter().find(|(_, job)| job.run());
        }
        self.results.recv().ok()
    }
}

impl<I, R, F> Iterator for ImapUnordered<I, R, F>
where
    I: Iterator,
    I::Item: Send + 'static,
    R: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
{
    type Item = Numbered<R>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.under_way.is_empty() {
            self.top_up();
        }
        let (at, outcome) = if let Some((at, error)) = self.refused.pop_front() {
            (at, Err(error))
        } else if self.under_way.is_empty() {
            return None;
        } else {
            let (at, outcome) = self.receive()?;
            self.under_way.retain(|(other, _)| *other != at);
            (at, outcome)
        };
        self.top_up();
        Some((at, outcome.map_err(|error| error.of(at))))
    }
}

impl<I, R, F> Drop for ImapUnordered<I, R, F> {
    fn drop(&mut self) {
        for (_, job) in &self.under_way {
            job.cancel();
        }
    }
}

impl<I, R, F> fmt::Debug for ImapUnordered<I, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImapUnordered")
            .field("under_way", &self.under_way.len())
            .finish_non_exhaustive()
    }
}

/// Sends the outcome of a task when it is dropped: a task that never ran is
/// an outcome, too.
struct Answer<R> {
    at: usize,
    tell: Sender<Numbered<R>>,
    outcome: Option<Result<R, Error>>,
}

impl<R> Answer<R> {
    fn give(mut self, outcome: Result<R, Error>) {
        self.outcome = Some(outcome);
    }
}

impl<R> Drop for Answer<R> {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or(Err(Error::Closed));
        // There is room, or nobody asks any more.
        let _ = self.tell.try_send((self.at, outcome));
    }
}
