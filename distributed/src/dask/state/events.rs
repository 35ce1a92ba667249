//! What comes of the chunks.

use std::sync::Arc;

use crate::Error;
use crate::backend::{Input, Wanted};
use crate::scheduler::TaskId;
use crate::slot::Settled;

use super::super::abi::format::{Outcome, Reply};
use super::super::bridge::Bridge;
use super::super::wire::Event;
use super::blame::Blame;
use super::{Entry, State};

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
                let error = Error::WorkerKilled { task, attempts, last };
                // A fault of what nobody needs any more is held against what needed it.
                let fault = if self.is_known(fault) { fault } else { chunk };
                self.killed(fault, &error, bridge);
                if fault != chunk {
                    self.again(chunk, Some(&error), bridge);
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
        self.running.remove(&chunk);
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

    /// All that is in a chunk has failed.
    pub(super) fn fail(
        &mut self,
        chunk: u64,
        bridge: &Bridge,
        why: impl FnOnce(&'static str) -> Error,
    ) {
        let Some(of) = self.drop_chunk(chunk, bridge) else { return };
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
        self.running.clear();
        self.blame = Blame::default();
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
