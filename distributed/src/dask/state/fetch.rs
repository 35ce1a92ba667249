//! When a value is asked for.
//!
//! To bring one takes a conversation of bridge, scheduler and worker, which costs each
//! of them about as much as the task itself: what is waited for together is brought
//! together. Only the thread that reads events holds values back, and it looks again
//! in time.

use std::time::{Duration, Instant};

use crate::backend::Wanted;
use crate::scheduler::TaskId;

use super::super::bridge::Bridge;
use super::super::wire::Command;
use super::State;

/// How long values wait for others while more are to come: so long may pass before
/// whoever waits for all of them hears that one has failed.
const TOGETHER: Duration = Duration::from_millis(100);

impl State {
    pub(in crate::dask) fn want(&mut self, id: TaskId, how: Wanted, bridge: &Bridge) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if !entry.slot.is_pending() {
            return;
        }
        entry.wanted = entry.wanted.max(Some(how));
        if let Some((chunk, _)) = entry.place {
            self.ask(chunk, how, bridge);
        }
    }

    /// Has the value of a chunk brought, as soon as it is done or along with others.
    pub(super) fn ask(&mut self, chunk: u64, how: Wanted, bridge: &Bridge) {
        let Some(of) = self.chunks.get_mut(&chunk) else { return };
        if of.wanted >= Some(how) {
            return;
        }
        of.wanted = Some(how);
        if how == Wanted::Now || of.done {
            of.wanted = Some(Wanted::Now);
            let _ = bridge.send(&Command::Want(vec![chunk]));
        } else {
            self.along.insert(chunk);
        }
    }

    /// Whether a chunk whose value comes along with others' is not done.
    fn more_will_come(&mut self) -> bool {
        while let Some(first) = self.along.first().copied() {
            let of = self.chunks.get(&first);
            if of.is_some_and(|of| of.wanted == Some(Wanted::Along) && !of.done) {
                return true;
            }
            self.along.remove(&first);
        }
        false
    }

    /// Asks for what is due, unless more will be soon: then this is to be asked again
    /// after so long.
    pub(super) fn fetch(&mut self, bridge: &Bridge) -> Option<Duration> {
        if self.due.is_empty() {
            return None;
        }
        let since = self.fetched.map_or(TOGETHER, |last| last.elapsed());
        if since < TOGETHER && self.more_will_come() {
            return Some(TOGETHER - since);
        }
        let mut chunks = std::mem::take(&mut self.due);
        chunks.retain(|chunk| {
            // Meanwhile some are gone, or somebody has asked for one by itself.
            let of = self.chunks.get_mut(chunk).filter(|of| of.wanted == Some(Wanted::Along));
            of.is_some_and(|of| of.wanted.replace(Wanted::Now).is_some())
        });
        if !chunks.is_empty() {
            let _ = bridge.send(&Command::Want(chunks));
            self.fetched = Some(Instant::now());
        }
        None
    }
}
