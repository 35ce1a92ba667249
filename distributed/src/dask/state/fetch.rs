//! When a value is asked for.
//!
//! To bring one takes a conversation of bridge, scheduler and worker, which costs each
//! of them about as much as the task itself: what is waited for together is brought
//! together.

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
            self.fetch(bridge);
        }
    }

    /// Has the value of a chunk brought, as soon as it is done or along with others.
    pub(super) fn ask(&mut self, chunk: u64, how: Wanted, bridge: &Bridge) {
        let Some(of) = self.chunks.get_mut(&chunk) else { return };
        if of.wanted >= Some(how) {
            return;
        }
        of.wanted = Some(how);
        if how == Wanted::Now {
            let _ = bridge.send(&Command::Want(vec![chunk]));
        } else if of.done {
            self.due.push(chunk);
        }
    }

    /// Asks for what is due, unless more will be soon.
    ///
    /// Nothing wakes this up but events, one of which comes every second: then the
    /// last of them is still heard of while a long chunk runs.
    pub(super) fn fetch(&mut self, bridge: &Bridge) {
        if self.due.is_empty() {
            return;
        }
        let rests = self.waiting.is_empty() && self.paces.values().all(|of| of.in_flight == 0);
        if !rests && self.fetched.is_some_and(|last| last.elapsed() < TOGETHER) {
            return;
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
    }
}
