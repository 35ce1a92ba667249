//! What was lost with a worker and Dask cannot make again: values that were put there
//! from here, and what was made of them.
//!
//! Such a value is here anyway, for its future hands it out: that one copy is kept until
//! the future is gone and every call that takes it is done, and put on the cluster again.
//! (Dask could do that by itself if the scheduler had a copy, too: all scattered data,
//! in one process.) What was made of it is done again, as far as all that it took is
//! there or can be had in this way.

use crate::Error;
use crate::scheduler::TaskId;

use super::super::bridge::Bridge;
use super::State;

/// How many losses a call may outlive before it is looked at alone, for it may be the one
/// that kills whoever has what it takes; as many deaths as Dask lets a task outlive.
const ALLOWED: u32 = 3;

/// Why a call cannot be done again.
const UNKNOWN: &str =
    "its value was lost with its worker, and what it was made of is not here any more";

impl State {
    /// A chunk, or its value, was lost, and so were these others whose values it takes.
    pub(super) fn gone(&mut self, chunk: u64, taken: &[u64], bridge: &Bridge) {
        for of in taken {
            self.again(*of, None, bridge);
        }
        let Some(of) = self.chunks.get(&chunk) else { return };
        if of.done {
            return self.again(chunk, None, bridge);
        }
        let losses = self.count_loss(chunk);
        if losses <= ALLOWED {
            self.again(chunk, None, bridge);
        } else if self.is_to_blame(chunk) {
            let why = format!("what it takes was lost with the worker that had it, {losses} times");
            self.fail(chunk, bridge, |task| Error::Dask { task, why });
        } else {
            self.part(chunk, bridge);
        }
    }

    /// How often one of the chunk's calls was lost.
    fn count_loss(&mut self, chunk: u64) -> u32 {
        let mut most = 0;
        for id in &self.chunks[&chunk].items {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.losses += 1;
                // Whoever is to blame is found in groups, or else like this.
                entry.alone |= entry.losses > 2 * ALLOWED;
                most = most.max(entry.losses);
            }
        }
        most
    }

    /// Brings back what was in a chunk, which is no more; and if there was another reason
    /// than that its worker is gone, what cannot be brought back has that error.
    pub(super) fn again(&mut self, chunk: u64, why: Option<&Error>, bridge: &Bridge) {
        let Some(of) = self.drop_chunk(chunk, bridge) else { return };
        for id in &of.items {
            let Some(entry) = self.entries.get(id).filter(|entry| entry.is_in(chunk)) else {
                continue;
            };
            let (task, result) = (entry.slot.task, entry.slot.result());
            let error = match result {
                None => match self.redo(*id, why) {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                Some(Err(error)) => error,
                Some(Ok(value)) => {
                    let place = self.put(*id, task, &value, of.onto_each, bridge);
                    if let (Some(entry), Some(_)) = (self.entries.get_mut(id), place) {
                        (entry.place, entry.frail) = (place, true);
                        continue;
                    }
                    Error::Dask { task, why: UNKNOWN.into() }
                }
            };
            self.give_up(vec![*id], &error, bridge);
        }
    }

    /// Has a call done again, or says why that cannot be.
    fn redo(&mut self, id: TaskId, why: Option<&Error>) -> Result<(), Error> {
        let Some(entry) = self.entries.get(&id) else { return Ok(()) };
        let (task, was_done) = (entry.slot.task, entry.finished);
        let (taken, dependants) = (entry.input.dependencies(), entry.dependants.clone());
        if was_done && !(entry.frail && taken.iter().all(|of| self.entries.contains_key(of))) {
            let unknown = || Error::Dask { task, why: UNKNOWN.into() };
            return Err(why.cloned().unwrap_or_else(unknown));
        }
        if let Some(error) = taken.iter().find_map(|of| self.entries.get(of)?.over.clone()) {
            return Err(error);
        }
        if let Some(entry) = self.entries.get_mut(&id) {
            (entry.place, entry.finished) = (None, false);
        }
        if was_done {
            self.done = self.done.saturating_sub(1);
            for of in &taken {
                if let Some(of) = self.entries.get_mut(of) {
                    of.needed += 1;
                }
            }
        }
        for of in dependants {
            if let Some(of) = self.entries.get_mut(&of).filter(|of| of.is_due()) {
                of.missing += 1;
                of.undone += u32::from(was_done);
            }
        }
        let is_done = |of: &TaskId| {
            let (chunk, _) = self.entries.get(of)?.place?;
            self.chunks.get(&chunk).map(|of| of.done)
        };
        let undone = taken.iter().filter(|of| is_done(of) != Some(true)).count() as u32;
        self.count_missing(id);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.undone = undone;
        }
        self.advance(id);
        Ok(())
    }
}
