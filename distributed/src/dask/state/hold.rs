//! Who needs what, and what nobody needs any more.
//!
//! A call is kept while somebody has its future, while one that takes its value is
//! not done, or until it is done if it was detached.

use crate::Error;
use crate::backend::Input;
use crate::scheduler::TaskId;

use super::super::bridge::Bridge;
use super::super::wire::Command;
use super::{Chunk, Entry, State};

impl State {
    pub(in crate::dask) fn release(&mut self, id: TaskId, bridge: &Bridge) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.held = false;
            self.forget_unneeded(id, bridge);
            self.pump(bridge);
        }
    }

    pub(in crate::dask) fn detach(&mut self, id: TaskId, bridge: &Bridge) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.detached = true;
            self.release(id, bridge);
        }
    }

    pub(in crate::dask) fn cancel(&mut self, tasks: Vec<TaskId>, bridge: &Bridge) {
        let mut left = tasks;
        while let Some(id) = left.pop() {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let chunk = entry.place.map(|(chunk, _)| chunk);
            let is_over = chunk.and_then(|c| self.chunks.get(&c)).is_some_and(|of| of.done);
            if is_over || !entry.slot.is_pending() {
                continue;
            }
            left.append(&mut entry.dependants);
            let task = entry.slot.task;
            self.end(id, &Error::Cancelled { task });
            if let Some(chunk) = chunk {
                self.leave(chunk, bridge);
            }
            self.finish(id, bridge);
        }
        self.pump(bridge);
    }

    /// There will be no value of these, nor of those that have not gone and take one:
    /// Dask does not know them. What has gone and takes one hears of it from Dask.
    pub(super) fn give_up(&mut self, ids: Vec<TaskId>, error: &Error, bridge: &Bridge) {
        let mut left = ids;
        while let Some(id) = left.pop() {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let dependants = std::mem::take(&mut entry.dependants);
            self.end(id, error);
            self.finish(id, bridge);
            let waits = |of: &TaskId| self.entries.get(of).is_some_and(Entry::is_due);
            left.extend(dependants.into_iter().filter(waits));
        }
    }

    fn end(&mut self, id: TaskId, error: &Error) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.slot.settle(Err(error.clone()));
            self.over += usize::from(entry.over.is_none());
            entry.over = Some(error.clone());
            entry.place = None;
        }
    }

    /// It is at its end, and needs nobody's value any more.
    pub(super) fn finish(&mut self, id: TaskId, bridge: &Bridge) {
        let mut left = vec![id];
        while let Some(id) = left.pop() {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let taken = entry.finish();
            self.let_go(&taken, &mut left);
            if !self.is_needed(id) {
                self.remove(id, &mut left, bridge);
            }
        }
    }

    fn forget_unneeded(&mut self, id: TaskId, bridge: &Bridge) {
        if !self.is_needed(id) {
            let mut left = Vec::new();
            self.remove(id, &mut left, bridge);
            left.into_iter().for_each(|id| self.finish(id, bridge));
        }
    }

    fn is_needed(&self, id: TaskId) -> bool {
        let Some(entry) = self.entries.get(&id) else { return false };
        let chunk = entry.place.and_then(|(chunk, _)| self.chunks.get(&chunk));
        let is_over =
            entry.over.is_some() || !entry.slot.is_pending() || chunk.is_some_and(|of| of.done);
        entry.held || entry.needed > 0 || (entry.detached && !is_over)
    }

    /// Whoever takes these values does so no more; `unneeded` are those that were kept
    /// for that alone.
    fn let_go(&mut self, taken: &[TaskId], unneeded: &mut Vec<TaskId>) {
        for of in taken {
            let Some(entry) = self.entries.get_mut(of) else { continue };
            entry.needed = entry.needed.saturating_sub(1);
            if !self.is_needed(*of) {
                unneeded.push(*of);
            }
        }
    }

    /// Nobody needs it, nor its chunk if it was the last of it.
    fn remove(&mut self, id: TaskId, unneeded: &mut Vec<TaskId>, bridge: &Bridge) {
        if let Some(mut entry) = self.entries.remove(&id) {
            self.over -= usize::from(entry.over.is_some());
            if let Some((chunk, _)) = entry.place {
                self.leave(chunk, bridge);
            }
            self.let_go(&entry.finish(), unneeded);
        }
    }

    /// One of the chunk's items is needed no more.
    fn leave(&mut self, chunk: u64, bridge: &Bridge) {
        let Some(of) = self.chunks.get_mut(&chunk) else { return };
        of.live -= 1;
        if of.live == 0 {
            self.drop_chunk(chunk, bridge);
        }
    }

    /// It is no more, neither here nor for Dask.
    pub(super) fn drop_chunk(&mut self, chunk: u64, bridge: &Bridge) -> Option<Chunk> {
        let of = self.chunks.remove(&chunk)?;
        self.running.remove(&chunk);
        self.landed(&of);
        let _ = bridge.send(&Command::Release(vec![chunk]));
        Some(of)
    }

    /// A chunk is at its end; it counts as in flight until it shows what it was
    /// sent for.
    pub(super) fn landed(&mut self, of: &Chunk) {
        if of.paced && (of.pilot || !of.done) {
            let pace = self.pace(of.task, &of.resources);
            pace.in_flight = pace.in_flight.saturating_sub(1);
        }
    }
}

impl Entry {
    /// It needs nobody's value any more: whose it has needed so far.
    fn finish(&mut self) -> Box<[TaskId]> {
        if std::mem::replace(&mut self.finished, true) {
            return Box::default();
        }
        let taken = self.input.dependencies();
        if !self.frail || self.over.is_some() || !self.slot.is_pending() {
            self.input = Input::default();
        }
        taken
    }
}
