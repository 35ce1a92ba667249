//! What is known of the calls and of the chunks in which they went.
//!
//! A call that takes no other's value waits here until a chunk of its task may go
//! ([`Pace`]); others go at once, and what they take goes before them. A value
//! stays with the cluster until somebody waits for it.

mod events;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::mpsc::Sender;

use processes::Answer;
use serde_bytes::Bytes as Raw;

use crate::backend::{Bytes, Call, Input, Options, Promise};
use crate::hash::FastMap;
use crate::scheduler::TaskId;
use crate::{Error, Info};

use super::abi::Item;
use super::bridge::Bridge;
use super::pace::Pace;
use super::wire::{Command, Workers};

/// Which calls may share a chunk; those of the highest priority first.
type Kind = (Reverse<i32>, &'static str, u32);

/// A call, while its future lives or it is to be done.
struct Entry {
    slot: Promise,
    /// Kept until it is done: it may have to go again.
    input: Bytes,
    options: Options,
    /// Its chunk, and which item of that it is; `None` while it waits here.
    place: Option<(u64, u32)>,
    dependants: Vec<TaskId>,
    wanted: bool,
    /// It shares no chunk: workers died of one that it was in.
    alone: bool,
    /// Nobody holds its future; it goes when its end is known.
    let_go: bool,
}

/// A task of Dask's.
struct Chunk {
    task: &'static str,
    items: Vec<TaskId>,
    /// How many of them anybody holds.
    live: usize,
    /// Its value is asked for.
    wanted: bool,
    /// It is to show how long a call takes.
    pilot: bool,
    /// Of calls that waited here.
    paced: bool,
    done: bool,
}

/// See the module.
pub(super) struct State {
    entries: FastMap<TaskId, Entry>,
    chunks: FastMap<u64, Chunk>,
    next: u64,
    waiting: BTreeMap<Kind, VecDeque<TaskId>>,
    paces: HashMap<&'static str, Pace>,
    pub(super) threads: usize,
    pub(super) done: u64,
    /// Tasks done by each worker, as far as their values came here.
    pub(super) by_worker: HashMap<String, u64>,
    pub(super) questions: HashMap<u64, Sender<Workers>>,
    /// Why nothing can come any more.
    pub(super) lost: Option<String>,
    /// The client is closed.
    pub(super) closed: bool,
}

impl State {
    pub(super) fn new(threads: usize) -> Self {
        Self {
            entries: FastMap::default(),
            chunks: FastMap::default(),
            next: 0,
            waiting: BTreeMap::new(),
            paces: HashMap::new(),
            threads,
            done: 0,
            by_worker: HashMap::new(),
            questions: HashMap::new(),
            lost: None,
            closed: false,
        }
    }

    pub(super) fn submit(&mut self, calls: Vec<Call>, bridge: &Bridge) {
        for Call { id, slot, work } in calls {
            let task = slot.task;
            self.pace(task);
            if self.closed {
                slot.settle(Err(Error::Closed { task }));
            } else if let Some(why) = &self.lost {
                slot.settle(Err(Error::Lost { task, why: why.clone() }));
            } else if work.options.deadline.is_some() {
                let what = "end a task that is over its deadline";
                slot.settle(Err(Error::Unsupported { what }));
            } else if work.input.holes.is_empty() {
                let kind = (Reverse(work.options.priority), task, work.options.retries);
                self.waiting.entry(kind).or_default().push_back(id);
                self.insert(id, slot, work.input.bytes, work.options);
            } else if let Err(e) = self.call(id, &slot, &work.input, work.options, bridge) {
                slot.settle(Err(e));
            } else {
                let chunk = self.next;
                self.insert(id, slot, Bytes::default(), work.options);
                self.placed(chunk, vec![id], false);
            }
        }
        self.pump(bridge);
    }

    fn insert(&mut self, id: TaskId, slot: Promise, input: Bytes, options: Options) {
        let (place, dependants) = (None, Vec::new());
        let (wanted, alone, let_go) = (false, false, false);
        let entry = Entry { slot, input, options, place, dependants, wanted, alone, let_go };
        self.entries.insert(id, entry);
    }

    /// Sends a call that takes others' values, as the next chunk.
    fn call(
        &mut self,
        id: TaskId,
        slot: &Promise,
        input: &Input,
        options: Options,
        bridge: &Bridge,
    ) -> Result<(), Error> {
        let task = slot.task;
        for (_, of) in &input.holes {
            let entry = self.entries.get(of).ok_or(Error::Cancelled { task })?;
            if entry.slot.has_failed() {
                return entry.slot.result().unwrap_or(Err(Error::Cancelled { task })).map(drop);
            }
            if entry.place.is_none() {
                let entry = &self.entries[of];
                let kind =
                    (Reverse(entry.options.priority), entry.slot.task, entry.options.retries);
                self.flush(kind, bridge);
            }
        }
        let (mut pieces, mut holes, mut from) = (Vec::new(), Vec::new(), 0);
        for (at, of) in &input.holes {
            let entry = self.entries.get_mut(of).ok_or(Error::Cancelled { task })?;
            let (chunk, item) = entry.place.ok_or(Error::Cancelled { task })?;
            entry.dependants.push(id);
            holes.push((chunk, item, entry.slot.task));
            pieces.push(Raw::new(&input.bytes[from..*at]));
            from = *at;
        }
        pieces.push(Raw::new(&input.bytes[from..]));
        let Options { priority, retries, .. } = options;
        let command = Command::Call { chunk: self.next, task, priority, retries, pieces, holes };
        bridge.send(&command).map_err(Error::from_process)
    }

    /// The next chunk has gone, and is of these.
    fn placed(&mut self, chunk: u64, items: Vec<TaskId>, paced: bool) {
        let task = self.entries[&items[0]].slot.task;
        for (number, id) in (0..).zip(&items) {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.place = Some((chunk, number));
            }
        }
        let live = items.len();
        let pilot = paced && !self.pace(task).is_known();
        let of = Chunk { task, items, live, wanted: false, pilot, paced, done: false };
        self.chunks.insert(chunk, of);
        self.next += 1;
    }

    fn pace(&mut self, task: &'static str) -> &mut Pace {
        self.paces.entry(task).or_default()
    }

    /// Sends chunks as long as there may be more of them.
    fn pump(&mut self, bridge: &Bridge) {
        let kinds: Vec<Kind> = self.waiting.keys().copied().collect();
        for kind in kinds {
            let threads = self.threads;
            while let Some(left) = self.waiting.get(&kind).map(VecDeque::len) {
                if !self.pace(kind.1).has_room(threads) {
                    break;
                }
                let most = self.pace(kind.1).chunk(left, threads);
                self.send(kind, most, bridge);
            }
        }
    }

    /// Sends all of a kind, however much is there already.
    fn flush(&mut self, kind: Kind, bridge: &Bridge) {
        let threads = self.threads;
        let left = |state: &Self| state.waiting.get(&kind).map(VecDeque::len);
        let Some(all) = left(self) else { return };
        let most = self.pace(kind.1).share(all, threads);
        while left(self).is_some() {
            self.send(kind, most, bridge);
        }
    }

    /// Sends the first of a kind, at most so many; the last takes its queue along.
    fn send(&mut self, kind: Kind, most: usize, bridge: &Bridge) {
        let (Reverse(priority), task, retries) = kind;
        let Some(queue) = self.waiting.get_mut(&kind) else { return };
        let mut items = Vec::with_capacity(most);
        let (mut request, mut wanted) = (vec![0; 4], false);
        while items.len() < most
            && let Some(id) = queue.pop_front()
        {
            // Others were cancelled or let go meanwhile.
            let Some(entry) = self.entries.get(&id).filter(|entry| entry.slot.is_pending()) else {
                continue;
            };
            if entry.alone && !items.is_empty() {
                queue.push_front(id);
                break;
            }
            Item { retries, task, input: &entry.input }.append(&mut request);
            wanted |= entry.wanted;
            items.push(id);
            if entry.alone {
                break;
            }
        }
        if queue.is_empty() {
            self.waiting.remove(&kind);
        }
        if items.is_empty() {
            return;
        }
        request[..4].copy_from_slice(&(items.len() as u32).to_le_bytes());
        let (chunk, request) = (self.next, Raw::new(&request));
        self.placed(chunk, items, true);
        self.pace(task).in_flight += 1;
        let sent = bridge.send(&Command::Chunk { chunk, task, priority, request });
        if let Err(e) = sent {
            return self.fail(chunk, bridge, |_| Error::from_process(e.clone()));
        }
        if wanted || self.chunks[&chunk].pilot {
            self.ask(chunk, bridge);
        }
    }

    pub(super) fn scatter(&mut self, id: TaskId, slot: Promise, value: &Answer, bridge: &Bridge) {
        let (chunk, item) = (self.next, Raw::new(value.bytes()));
        if bridge.send(&Command::Scatter { chunk, item }).is_ok() {
            self.insert(id, slot, Bytes::default(), Options::default());
            self.placed(chunk, vec![id], false);
            if let Some(of) = self.chunks.get_mut(&chunk) {
                of.done = true;
            }
        }
    }

    pub(super) fn want(&mut self, id: TaskId, bridge: &Bridge) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if !entry.slot.is_pending() {
            return;
        }
        match entry.place {
            Some((chunk, _)) => self.ask(chunk, bridge),
            None => entry.wanted = true,
        }
    }

    fn ask(&mut self, chunk: u64, bridge: &Bridge) {
        if let Some(of) = self.chunks.get_mut(&chunk)
            && !of.wanted
        {
            of.wanted = true;
            let _ = bridge.send(&Command::Want(vec![chunk]));
        }
    }

    pub(super) fn release(&mut self, id: TaskId, bridge: &Bridge) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if let Some((chunk, _)) = entry.place
            && !self.chunks.get(&chunk).is_none_or(|of| of.done)
            && !entry.dependants.is_empty()
        {
            // Others take its value: it is to be done.
            entry.let_go = true;
            return;
        }
        self.forget(id, bridge);
        self.pump(bridge);
    }

    pub(super) fn detach(&mut self, id: TaskId, bridge: &Bridge) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let chunk = entry.place.and_then(|(chunk, _)| self.chunks.get(&chunk));
        if !entry.slot.is_pending() || chunk.is_some_and(|of| of.done) {
            return self.forget(id, bridge);
        }
        entry.let_go = true;
    }

    /// Nobody needs it, nor its chunk if it was the last of it.
    fn forget(&mut self, id: TaskId, bridge: &Bridge) {
        if let Some(entry) = self.entries.remove(&id)
            && let Some((chunk, _)) = entry.place
        {
            self.leave(chunk, bridge);
        }
    }

    /// One of the chunk's items is needed no more.
    fn leave(&mut self, chunk: u64, bridge: &Bridge) {
        let Some(of) = self.chunks.get_mut(&chunk) else { return };
        of.live -= 1;
        if of.live == 0
            && let Some(of) = self.chunks.remove(&chunk)
        {
            self.landed(&of);
            let _ = bridge.send(&Command::Release(vec![chunk]));
        }
    }

    /// A chunk is at its end; it counts as in flight until it shows what it was
    /// sent for.
    fn landed(&mut self, of: &Chunk) {
        if of.paced && (of.pilot || !of.done) {
            let pace = self.pace(of.task);
            pace.in_flight = pace.in_flight.saturating_sub(1);
        }
    }

    pub(super) fn cancel(&mut self, tasks: Vec<TaskId>, bridge: &Bridge) {
        let mut left = tasks;
        while let Some(id) = left.pop() {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let chunk = entry.place.map(|(chunk, _)| chunk);
            let is_over = chunk.and_then(|c| self.chunks.get(&c)).is_some_and(|of| of.done);
            if is_over || !entry.slot.is_pending() {
                continue;
            }
            let task = entry.slot.task;
            entry.slot.settle(Err(Error::Cancelled { task }));
            left.append(&mut entry.dependants);
            entry.place = None;
            if let Some(chunk) = chunk {
                self.leave(chunk, bridge);
            }
        }
        self.pump(bridge);
    }

    /// How many wait and run; who works is known to the cluster.
    pub(super) fn info(&self) -> Info {
        let waiting = self.waiting.values().map(VecDeque::len).sum();
        let with_dask = self.chunks.values().filter(|of| !of.done).map(|of| of.items.len()).sum();
        Info { workers: Vec::new(), waiting, running: with_dask, done: self.done }
    }
}
