//! What comes of the chunks.

use std::cmp::Reverse;
use std::sync::Arc;

use processes::Answer;

use crate::Error;
use crate::backend::Bytes;
use crate::slot::Settled;

use super::super::abi;
use super::super::bridge::Bridge;
use super::super::wire::{Command, Event};
use super::State;

impl State {
    /// Takes an event in.
    pub(in crate::dask) fn hear(&mut self, event: Event, bridge: &Bridge) {
        match event {
            Event::Alive(threads) => self.threads = threads as usize,
            Event::Done(chunk) => self.done(chunk, bridge),
            Event::Value { chunk, worker, origin, reply } => {
                self.value(chunk, (&worker, &origin, &reply), bridge);
            }
            Event::Killed { chunk, task, attempts, worker } => {
                let task = self.named(&task);
                if !self.again(chunk, bridge) {
                    self.fail(chunk, bridge, |own| {
                        let task = task.unwrap_or(own);
                        let last = processes::Error::Lost { worker: worker.clone(), task };
                        Error::WorkerKilled { task, attempts, last }
                    });
                }
            }
            Event::Cancelled(chunk) => self.fail(chunk, bridge, |task| Error::Cancelled { task }),
            Event::Broken(chunk, why) => {
                self.fail(chunk, bridge, |task| Error::Dask { task, why: why.clone() });
            }
            Event::Info(question, workers) => {
                if let Some(tell) = self.questions.remove(&question) {
                    let _ = tell.send(workers);
                }
            }
            Event::Lost(why) => self.lose(&why),
            Event::Ready(..) | Event::Refused(_) => {}
        }
        self.pump(bridge);
    }

    fn done(&mut self, chunk: u64, bridge: &Bridge) {
        let Some(mut of) = self.chunks.remove(&chunk) else { return };
        if of.done {
            return;
        }
        self.done += of.items.len() as u64;
        if !of.pilot {
            self.landed(&of);
        }
        of.done = true;
        let items = of.items.clone();
        self.chunks.insert(chunk, of);
        for id in items {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            entry.input = Bytes::default();
            if entry.let_go {
                self.forget(id, bridge);
            }
        }
    }

    fn value(&mut self, chunk: u64, (worker, origin, reply): (&str, &str, &[u8]), bridge: &Bridge) {
        let Some((nanoseconds, answers)) = abi::answers(reply) else {
            return self
                .fail(chunk, bridge, |task| Error::Dask { task, why: "that is no reply".into() });
        };
        let origin = self.named(origin);
        *self.by_worker.entry(worker.to_owned()).or_default() += answers.len() as u64;
        let Some(of) = self.chunks.get_mut(&chunk) else { return };
        let (task, pilot, paced) = (of.task, std::mem::take(&mut of.pilot), of.paced);
        let items = of.items.clone();
        let pace = self.pace(task);
        if paced {
            pace.learn(nanoseconds, answers.len());
        }
        if pilot {
            pace.in_flight = pace.in_flight.saturating_sub(1);
        }
        for (id, answer) in items.into_iter().zip(answers) {
            if let Some(entry) = self.entries.get(&id) {
                entry.slot.settle(settled(answer, origin.unwrap_or(task)));
            }
        }
    }

    /// Calls that shared a chunk which killed its workers go again, each alone: only
    /// one of them need be to blame. Whether they do.
    fn again(&mut self, chunk: u64, bridge: &Bridge) -> bool {
        if self.chunks.get(&chunk).is_none_or(|of| of.items.len() < 2) {
            return false;
        }
        let Some(of) = self.chunks.remove(&chunk) else { return false };
        self.landed(&of);
        let _ = bridge.send(&Command::Release(vec![chunk]));
        for id in of.items {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let kind = (Reverse(entry.options.priority), of.task, entry.options.retries);
            (entry.place, entry.alone, entry.wanted) = (None, true, of.wanted && !of.pilot);
            self.waiting.entry(kind).or_default().push_back(id);
        }
        true
    }

    /// All that is in a chunk has failed.
    pub(super) fn fail(
        &mut self,
        chunk: u64,
        bridge: &Bridge,
        why: impl Fn(&'static str) -> Error,
    ) {
        let Some(of) = self.chunks.remove(&chunk) else { return };
        self.landed(&of);
        let _ = bridge.send(&Command::Release(vec![chunk]));
        for id in of.items {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            entry.slot.settle(Err(why(of.task)));
            entry.place = None;
            if entry.let_go {
                self.entries.remove(&id);
            }
        }
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
        self.chunks.clear();
        self.waiting.clear();
        self.questions.clear();
    }

    /// A task's name as this program has it.
    pub(super) fn named(&self, name: &str) -> Option<&'static str> {
        self.paces.get_key_value(name).map(|(name, _)| *name)
    }
}

/// What a slot is told of an answer.
fn settled(answer: Answer, task: &'static str) -> Settled {
    match answer.failure(task) {
        Some(failure) => Err(Error::from_process(failure)),
        None => Ok(Arc::new(answer)),
    }
}
