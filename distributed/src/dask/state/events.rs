//! What comes of the chunks.

use std::sync::Arc;

use crate::Error;
use crate::backend::{Input, Wanted};
use crate::scheduler::TaskId;
use crate::slot::Settled;

use super::super::abi::format::{Outcome, Reply};
use super::super::bridge::Bridge;
use super::super::wire::{Command, Event};
use super::{Chunk, Entry, State};

/// Into how many groups those are parted of whom one is to blame: with each time that
/// they are, workers die for one group.
const GROUPS: usize = 32;

/// After how many times that a call's workers have died it is to blame, whoever was
/// beside it.
const OFTEN: u32 = 3;

impl State {
    /// Takes an event in.
    pub(in crate::dask) fn hear(&mut self, event: Event, bridge: &Bridge) {
        match event {
            Event::Alive(threads) => self.threads = threads as usize,
            Event::Done(chunk) => self.done(chunk, bridge),
            Event::Value { chunk, worker, reply } => self.value(chunk, &worker, &reply, bridge),
            Event::Killed { chunk, fault, task, attempts, worker } => {
                let own = self.chunks.get(&chunk).map_or("", |of| of.task);
                let task = self.named(&task).unwrap_or(own);
                let last = processes::Error::Lost { worker, task };
                self.killed(fault, &Error::WorkerKilled { task, attempts, last }, bridge);
                if fault != chunk {
                    self.again(chunk, bridge);
                }
            }
            Event::Cancelled(chunk) => self.fail(chunk, bridge, |task| Error::Cancelled { task }),
            Event::Broken(chunk, why) => {
                self.fail(chunk, bridge, |task| Error::Dask { task, why });
            }
            Event::Info(question, workers) => {
                if let Some(tell) = self.questions.remove(&question) {
                    let _ = tell.send(workers);
                }
            }
            Event::Scaled(question, workers) => {
                if let Some(tell) = self.scaling.remove(&question) {
                    let _ = tell.send(workers);
                }
            }
            Event::Gone(chunk, taken) => self.gone(chunk, &taken, bridge),
            Event::Lost(why) => self.lose(&why),
            Event::Ready(..) | Event::Refused(_) => {}
        }
        self.pump(bridge);
    }

    fn done(&mut self, chunk: u64, bridge: &Bridge) {
        if self.chunks.get(&chunk).is_none_or(|of| of.done) {
            return;
        }
        let Some(mut of) = self.chunks.remove(&chunk) else { return };
        self.done += of.items.len() as u64;
        if !of.pilot {
            self.landed(&of);
        }
        of.done = true;
        if of.wanted == Some(Wanted::Along) {
            self.due.push(chunk);
        }
        let items = of.items.clone();
        self.chunks.insert(chunk, of);
        for id in items {
            // Cancelled ones have no place there any more.
            let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.is_in(chunk)) else {
                continue;
            };
            let dependants = std::mem::take(&mut entry.dependants);
            for of in &dependants {
                if let Some(entry) = self.entries.get_mut(of) {
                    entry.undone = entry.undone.saturating_sub(1);
                    self.advance(*of);
                }
            }
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.dependants = dependants;
            }
            self.finish(id, bridge);
        }
    }

    fn value(&mut self, chunk: u64, worker: &str, reply: &[u8], bridge: &Bridge) {
        let Some(Reply { nanoseconds, outcomes }) = Reply::read(reply) else {
            let why = "that is no reply".into();
            return self.fail(chunk, bridge, |task| Error::Dask { task, why });
        };
        *self.by_worker.entry(worker.to_owned()).or_default() += outcomes.len() as u64;
        let Some(of) = self.chunks.get_mut(&chunk) else { return };
        of.bytes = reply.len() as f64;
        let (task, pilot) = (of.task, std::mem::take(&mut of.pilot));
        let (paced, items) = ((task, of.resources.clone()), of.items.clone());
        let ran = outcomes.iter().filter(|outcome| outcome.origin().0.is_none()).count();
        let pace = self.pace(paced.0, &paced.1);
        if pilot {
            pace.in_flight = pace.in_flight.saturating_sub(1);
        }
        if !pace.is_known() && ran > 0 {
            pace.learn(nanoseconds, ran, reply.len());
            self.known(&paced);
        } else {
            pace.learn(nanoseconds, ran, reply.len());
        }
        for (id, outcome) in items.into_iter().zip(outcomes) {
            if let Some(entry) = self.entries.get_mut(&id) {
                if entry.finished {
                    // Its value is here now.
                    entry.input = Input::default();
                }
                let settled = self.settled(outcome, task);
                self.entries[&id].slot.settle(settled);
            }
        }
    }

    /// What a slot is told of an outcome.
    fn settled(&self, outcome: Outcome<'_>, task: &'static str) -> Settled {
        let (origin, outcome) = outcome.origin();
        let task = origin.and_then(|name| self.named(name)).unwrap_or(task);
        if let Some(limit) = outcome.limit() {
            return Err(Error::Timeout { task, limit });
        }
        let answer = outcome.answer();
        match answer.failure(task) {
            Some(failure) => Err(Error::from_process(failure)),
            None => Ok(Arc::new(answer)),
        }
    }

    /// Workers died of a chunk, again and again. If calls shared it they go again, in
    /// small groups or alone: only one of them need be to blame. So does one that was in
    /// a worker's hands beside others, who may be to blame in its place.
    fn killed(&mut self, chunk: u64, error: &Error, bridge: &Bridge) {
        for id in self.chunks.get(&chunk).map_or(&[][..], |of| &of.items) {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.killed += 1;
            }
        }
        match self.chunks.get(&chunk) {
            // Of one that was done nobody has the inputs any more.
            Some(of) if !of.done && (of.items.len() > 1 || !self.is_to_blame(chunk)) => {
                self.part(chunk, bridge);
            }
            _ => self.fail(chunk, bridge, |_| error.clone()),
        }
    }

    /// Whether a chunk of one call was the suspect, nothing else is with Dask, or
    /// workers have died of it too often for a chance.
    fn is_to_blame(&self, chunk: u64) -> bool {
        let is_other = |(id, of): (&u64, &Chunk)| *id != chunk && !of.done;
        let is_deadly = |id| self.entries.get(id).is_some_and(|entry| entry.killed >= OFTEN);
        self.suspect == Some(chunk)
            || !self.chunks.iter().any(is_other)
            || self.chunks.get(&chunk).is_some_and(|of| of.items.iter().any(is_deadly))
    }

    /// One of a chunk's calls may be to blame for deaths: they go again in groups.
    pub(super) fn part(&mut self, chunk: u64, bridge: &Bridge) {
        let calls = self.taken_back(chunk, bridge);
        for id in &calls {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.queued = true;
            }
        }
        let each = calls.len().div_ceil(GROUPS).max(1);
        self.suspects.extend(calls.chunks(each).map(|group| group.iter().copied().collect()));
    }

    /// The calls of a chunk that are to be done all the same; it is no more.
    fn taken_back(&mut self, chunk: u64, bridge: &Bridge) -> Vec<TaskId> {
        let Some(of) = self.chunks.remove(&chunk) else { return Vec::new() };
        self.landed(&of);
        let _ = bridge.send(&Command::Release(vec![chunk]));
        let mut items = of.items;
        items.retain(|id| {
            let entry = self.entries.get_mut(id).filter(|entry| entry.is_in(chunk));
            entry.is_some_and(|entry| {
                entry.place = None;
                entry.is_due()
            })
        });
        items
    }

    /// All that is in a chunk has failed.
    pub(super) fn fail(
        &mut self,
        chunk: u64,
        bridge: &Bridge,
        why: impl FnOnce(&'static str) -> Error,
    ) {
        let Some(of) = self.chunks.remove(&chunk) else { return };
        self.landed(&of);
        let _ = bridge.send(&Command::Release(vec![chunk]));
        let is_in = |id: &TaskId| self.entries.get(id).is_some_and(|entry| entry.is_in(chunk));
        let items = of.items.iter().copied().filter(is_in).collect();
        self.give_up(items, &why(of.task), bridge);
    }

    /// Nothing can come any more.
    pub(in crate::dask) fn lose(&mut self, why: &str) {
        for entry in self.entries.values() {
            let task = entry.slot.task;
            entry.slot.settle(Err(Error::Lost { task, why: why.to_owned() }));
        }
        self.lost.get_or_insert_with(|| why.to_owned());
        self.clear();
    }

    /// Forgets everything; what is not settled is closed.
    pub(in crate::dask) fn clear(&mut self) {
        self.entries.clear();
        self.over = 0;
        self.chunks.clear();
        self.waiting.clear();
        self.due.clear();
        self.along.clear();
        self.suspects.clear();
        self.unknown.clear();
        self.questions.clear();
        self.scaling.clear();
    }

    /// A task's name as this program has it.
    fn named(&self, name: &str) -> Option<&'static str> {
        self.names.get(name).copied()
    }
}

impl Entry {
    pub(super) fn is_in(&self, chunk: u64) -> bool {
        self.place.is_some_and(|(its, _)| its == chunk)
    }
}
