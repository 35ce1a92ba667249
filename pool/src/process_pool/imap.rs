//! Results one by one, while items are still coming: lazily, and with only so
//! many under way, so that a slow reader slows the workers down.

use std::collections::VecDeque;
use std::fmt;
use std::iter::Enumerate;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use processes::Task;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::submit::{ProcessHandle, submission};
use super::{Core, ProcessPool};
use crate::Error;

/// How many items are under way for each worker: one at work, one to be begun
/// when that is done.
const AHEAD_PER_WORKER: usize = 2;

impl ProcessPool {
    /// Runs `task` on items as they come, and gives the results in their
    /// order, each when it is asked for.
    ///
    /// Two items for each worker are under way at a time; they are on their
    /// way when this returns. Each is a message, so items should take some ten
    /// microseconds at least. Dropping the iterator cancels what has not begun.
    ///
    /// Each result is an error of its own item.
    pub fn imap<I, In, Out>(
        &self,
        task: &Task<In, Out>,
        items: I,
    ) -> ProcessImap<I::IntoIter, In, Out>
    where
        I: IntoIterator<Item = In>,
        In: Serialize + Send + Sync + 'static,
        Out: DeserializeOwned + Send + 'static,
    {
        let mut imap = ProcessImap {
            items: items.into_iter().enumerate(),
            task: *task,
            core: Arc::clone(&self.core),
            ahead: AHEAD_PER_WORKER * self.workers(),
            under_way: VecDeque::new(),
        };
        imap.top_up();
        imap
    }

    /// [`imap`](Self::imap) with the results as they come, each with the
    /// number of its item, counted from zero.
    pub fn imap_unordered<I, In, Out>(
        &self,
        task: &Task<In, Out>,
        items: I,
    ) -> ProcessImapUnordered<I::IntoIter, In, Out>
    where
        I: IntoIterator<Item = In>,
        In: Serialize + Send + Sync + 'static,
        Out: DeserializeOwned + Send + 'static,
    {
        let (tell, results) = unbounded();
        let mut imap = ProcessImapUnordered {
            items: items.into_iter().enumerate(),
            task: *task,
            core: Arc::clone(&self.core),
            ahead: AHEAD_PER_WORKER * self.workers(),
            under_way: VecDeque::new(),
            expected: 0,
            tell,
            results,
        };
        imap.top_up();
        imap
    }
}

/// Results in the order of their items; see [`ProcessPool::imap`].
pub struct ProcessImap<I, In, Out> {
    items: Enumerate<I>,
    task: Task<In, Out>,
    core: Arc<Core>,
    ahead: usize,
    under_way: VecDeque<(usize, Result<ProcessHandle<Out>, Error>)>,
}

impl<I, In, Out> ProcessImap<I, In, Out>
where
    I: Iterator<Item = In>,
    In: Serialize + Send + Sync + 'static,
    Out: DeserializeOwned + Send + 'static,
{
    fn top_up(&mut self) {
        while self.under_way.len() < self.ahead {
            let Some((at, item)) = self.items.next() else { return };
            let (piece, handle) = submission(&self.task, item, None);
            let submitted = self.core.submit(piece);
            self.under_way.push_back((at, submitted.map(|()| handle)));
        }
    }
}

impl<I, In, Out> Iterator for ProcessImap<I, In, Out>
where
    I: Iterator<Item = In>,
    In: Serialize + Send + Sync + 'static,
    Out: DeserializeOwned + Send + 'static,
{
    type Item = Result<Out, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // The place of the result that goes out is filled first, so that the
        // workers have something to do while the result is used.
        let first = self.under_way.pop_front();
        self.top_up();
        let (at, handle) = first.or_else(|| self.under_way.pop_front())?;
        Some(handle.and_then(ProcessHandle::join).map_err(|error| error.of(at)))
    }
}

impl<I, In, Out> Drop for ProcessImap<I, In, Out> {
    fn drop(&mut self) {
        for (_, handle) in &self.under_way {
            if let Ok(handle) = handle {
                handle.cancel();
            }
        }
    }
}

impl<I, In, Out> fmt::Debug for ProcessImap<I, In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessImap")
            .field("under_way", &self.under_way.len())
            .finish_non_exhaustive()
    }
}

/// Results as they come; see [`ProcessPool::imap_unordered`].
pub struct ProcessImapUnordered<I, In, Out> {
    items: Enumerate<I>,
    task: Task<In, Out>,
    core: Arc<Core>,
    ahead: usize,
    /// What may still be cancelled, oldest first.
    under_way: VecDeque<ProcessHandle<Out>>,
    /// How many results have yet to be fetched.
    expected: usize,
    /// Never holds more than are under way, and so needs no bound of its own.
    tell: Sender<(usize, Result<Out, Error>)>,
    results: Receiver<(usize, Result<Out, Error>)>,
}

impl<I, In, Out> ProcessImapUnordered<I, In, Out>
where
    I: Iterator<Item = In>,
    In: Serialize + Send + Sync + 'static,
    Out: DeserializeOwned + Send + 'static,
{
    fn top_up(&mut self) {
        while self.expected < self.ahead {
            let Some((at, item)) = self.items.next() else { return };
            let tell = self.tell.clone();
            let told = move |outcome: Result<Out, Error>| {
                // If the iterator is gone, nobody wants to know.
                let _ = tell.send((at, outcome.map_err(|error| error.of(at))));
            };
            let (piece, handle) = submission(&self.task, item, Some(Box::new(told)));
            self.expected += 1;
            // What is refused tells it by itself.
            if self.core.submit(piece).is_ok() {
                self.under_way.push_back(handle);
            }
        }
    }
}

impl<I, In, Out> Iterator for ProcessImapUnordered<I, In, Out>
where
    I: Iterator<Item = In>,
    In: Serialize + Send + Sync + 'static,
    Out: DeserializeOwned + Send + 'static,
{
    type Item = (usize, Result<Out, Error>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.expected == 0 {
            return None;
        }
        let result = self.results.recv().expect("this end holds a sender, so it never closes");
        self.expected -= 1;
        self.under_way.retain(|handle| !handle.is_finished());
        self.top_up();
        Some(result)
    }
}

impl<I, In, Out> Drop for ProcessImapUnordered<I, In, Out> {
    fn drop(&mut self) {
        for handle in &self.under_way {
            handle.cancel();
        }
    }
}

impl<I, In, Out> fmt::Debug for ProcessImapUnordered<I, In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessImapUnordered")
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}
