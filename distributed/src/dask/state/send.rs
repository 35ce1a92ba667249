//! Which calls go to Dask, when, and in which chunk.
//!
//! A chunk is one task for Dask: it begins when everything is there that any of its
//! calls takes, and all of that is brought to one worker. So calls share a chunk if
//! they take values of the very same chunks: then none waits for anything, or brings
//! anything along, that it would not have if it went alone. If everything is there,
//! those of others join in as long as all that is light.

use std::collections::{HashMap, VecDeque};

use serde_bytes::Bytes as Raw;

use crate::Error;
use crate::backend::Wanted;
use crate::scheduler::TaskId;

use super::super::abi::format::{Hole, Item, Request};
use super::super::bridge::Bridge;
use super::super::pace::{HEAVY, LIGHT};
use super::super::wire::Command;
use super::{Kind, Paced, State};

impl State {
    /// Puts a call where it waits next.
    pub(super) fn advance(&mut self, id: TaskId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.missing > 0 || entry.queued || !entry.is_due() {
            return;
        }
        let kind = entry.kind();
        if entry.undone == 0 {
            entry.queued = true;
            self.waiting.entry(kind).or_default().push_back(id);
            return;
        }
        let paced = (kind.1, kind.2.clone());
        if self.paces.get(&paced).is_some_and(|pace| pace.is_known()) {
            entry.queued = true;
            self.ahead.entry(kind).or_default().push_back(id);
        } else {
            // What is done sooner, or fails, shows how long a call takes.
            self.unknown.entry(paced).or_default().push(id);
        }
    }

    /// It is known now how long such calls take.
    pub(super) fn known(&mut self, paced: &Paced) {
        for id in self.unknown.remove(paced).unwrap_or_default() {
            self.advance(id);
        }
    }

    /// Sends chunks as long as there may be more of them.
    pub(super) fn pump(&mut self, bridge: &Bridge) {
        loop {
            if self.send_suspects(bridge) {
                // One of them is to be alone.
                return;
            }
            self.send_ahead(bridge);
            let before = self.next;
            let kinds: Vec<Kind> = self.waiting.keys().cloned().collect();
            for kind in kinds {
                self.send_waiting(&kind, bridge);
            }
            // What went may be what others were waiting for.
            if before == self.next && self.ahead.is_empty() {
                return;
            }
        }
    }

    fn send_waiting(&mut self, kind: &Kind, bridge: &Bridge) {
        let threads = self.threads;
        while self.pace(kind.1, &kind.2).has_room(threads)
            && let Some(mut queue) = self.waiting.remove(kind)
        {
            let most = self.pace(kind.1, &kind.2).chunk(queue.len(), threads);
            self.send(kind, &mut queue, most, true, bridge);
            if !queue.is_empty() {
                // Some may have come meanwhile.
                let later = self.waiting.remove(kind).unwrap_or_default();
                queue.extend(later);
                self.waiting.insert(kind.clone(), queue);
            }
        }
    }

    fn send_ahead(&mut self, bridge: &Bridge) {
        let threads = self.threads;
        while let Some((kind, queue)) = self.ahead.pop_first() {
            let left = queue.len();
            // They come in any order; those that may share a chunk are brought together.
            let mut homes: HashMap<Vec<u64>, usize> = HashMap::new();
            let mut groups: Vec<VecDeque<TaskId>> = Vec::new();
            for id in queue {
                let group = *homes.entry(self.home(id)).or_insert(groups.len());
                if group == groups.len() {
                    groups.push(VecDeque::new());
                }
                groups[group].push_back(id);
            }
            for mut group in groups {
                // Alike, and of about the right size: a rest of a few would cost a task
                // of its own, here and wherever its values are taken.
                let most = self.pace(kind.1, &kind.2).chunk(left, threads);
                let parts = ((group.len() + most / 2) / most).max(1);
                let each = group.len().div_ceil(parts);
                while !group.is_empty() {
                    self.send(&kind, &mut group, each, false, bridge);
                }
            }
        }
    }

    /// The chunks whose values it takes, each once and in order.
    fn home(&self, id: TaskId) -> Vec<u64> {
        let holes = self.entries.get(&id).map_or(&[][..], |entry| &entry.input.holes);
        let place = |(_, of): &(usize, TaskId)| self.entries.get(of)?.place;
        let mut home: Vec<u64> = holes.iter().filter_map(place).map(|(chunk, _)| chunk).collect();
        home.sort_unstable();
        home.dedup();
        home
    }

    /// The chunks of two homes, if calls of both may share one.
    fn joint(&self, home: &[u64], mut other: Vec<u64>, done: bool) -> Option<Vec<u64>> {
        if other == home {
            return Some(other);
        }
        other.extend(home);
        other.sort_unstable();
        other.dedup();
        let bytes = other.iter().filter_map(|of| self.chunks.get(of)).map(|of| of.bytes);
        (done && bytes.sum::<f64>() < LIGHT).then_some(other)
    }

    /// How many of those whose values it takes are not with Dask any more.
    pub(super) fn count_missing(&mut self, id: TaskId) -> u32 {
        let Some(entry) = self.entries.get(&id) else { return 0 };
        let is_missing = |of: &&TaskId| self.entries.get(of).is_none_or(|of| of.place.is_none());
        let missing = entry.input.dependencies().iter().filter(is_missing).count() as u32;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.missing = missing;
        }
        missing
    }

    /// Sends the first of a queue, at most so many, as the next chunk.
    pub(super) fn send(
        &mut self,
        kind: &Kind,
        queue: &mut VecDeque<TaskId>,
        most: usize,
        paced: bool,
        bridge: &Bridge,
    ) {
        let (mut items, mut home, mut wanted) = (Vec::new(), Vec::new(), None);
        let mut frail = false;
        let mut bytes = 0;
        while items.len() < most
            && let Some(id) = queue.pop_front()
        {
            // Others were cancelled or let go meanwhile.
            let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.is_due()) else {
                continue;
            };
            // What Dask cannot make again is done again from here, and the rest by Dask.
            let alone = entry.alone || (!items.is_empty() && entry.frail != frail);
            if items.is_empty() {
                frail = entry.frail;
            }
            entry.queued = false;
            if self.count_missing(id) > 0 {
                continue;
            }
            let its_home = self.home(id);
            let joint = match items.is_empty() {
                true => Some(its_home),
                false if alone => None,
                false => self.joint(&home, its_home, paced),
            };
            let Some(joint) = joint else {
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.queued = true;
                }
                queue.push_front(id);
                break;
            };
            home = joint;
            let entry = &self.entries[&id];
            wanted = wanted.max(entry.wanted);
            bytes += entry.input.bytes.len();
            items.push(id);
            if entry.alone || bytes > HEAVY {
                break;
            }
        }
        if items.is_empty() {
            return;
        }
        let (chunk, task) = (self.next, kind.1);
        let mut request = Request::default();
        items.iter().for_each(|id| self.append(*id, &home, &mut request));
        let request = request.finish(home.iter().map(|of| self.chunks[of].task));
        let resources = kind.2.iter().map(|(name, amount)| (&name[..], *amount)).collect();
        let request = Raw::new(&request);
        let at_once = home.iter().all(|of| self.chunks.get(of).is_some_and(|of| of.done));
        let command =
            Command::Chunk { chunk, task, priority: kind.0.0, resources, of: home, request };
        let sent = bridge.send(&command);
        let open = paced && self.pace(task, &kind.2).is_open(items.len());
        self.placed(items, paced);
        if at_once {
            self.latest = chunk;
        }
        if paced {
            self.pace(task, &kind.2).in_flight += 1;
        }
        if let Err(e) = sent {
            return self.fail(chunk, bridge, |_| Error::from_process(e));
        }
        // What shows how long a call takes is needed at once.
        if let Some(how) = wanted.max(open.then_some(Wanted::Now)) {
            self.ask(chunk, how, bridge);
        }
    }

    /// Adds a call to a request.
    fn append(&self, id: TaskId, home: &[u64], request: &mut Request) {
        let entry = &self.entries[&id];
        let hole = |(at, of): &(usize, TaskId)| {
            let (chunk, item) = self.entries.get(of)?.place?;
            let value = home.binary_search(&chunk).ok()? as u32;
            Some(Hole { at: *at as u64, value, item })
        };
        request.push(&Item {
            retries: entry.options.retries,
            limit: entry.options.deadline,
            task: entry.slot.task,
            holes: entry.input.holes.iter().filter_map(hole).collect(),
            input: &entry.input.bytes,
        });
    }
}
