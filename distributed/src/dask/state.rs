//! What is known of the calls and of the chunks in which they went.
//!
//! A call waits here until what it takes is with Dask, and until a chunk of its task
//! may go ([`Pace`]). So the calls of a chunk take values of chunks that went before
//! it, and no chunk ever waits for itself. A value stays with the cluster until
//! somebody waits for it.
//!
//! | file | what |
//! |---|---|
//! | `state/send.rs` | which calls go, in which chunk |
//! | `state/events.rs` | what comes of the chunks |
//! | `state/fetch.rs` | when a value is asked for |
//! | `state/again.rs` | what was lost, and is brought back |
//! | `state/blame.rs` | whom workers died of |
//! | `state/hold.rs` | who needs what, and what nobody needs any more |

mod again;
mod blame;
mod events;
mod fetch;
mod hold;
mod send;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use processes::Answer;
use serde_bytes::Bytes as Raw;

use crate::backend::{Call, Input, Options, Promise, Wanted};
use crate::hash::FastMap;
use crate::resources::Resources;
use crate::scheduler::TaskId;
use crate::{Error, Info};

use super::bridge::Bridge;
use super::pace::{AIM, Pace};
use super::wire::{Command, Workers};
use blame::Blame;

/// Which calls may share a chunk; those of the highest priority first.
type Kind = (Reverse<i32>, &'static str, Resources);

/// Of which calls it is known together how long they take.
type Paced = (&'static str, Resources);

/// A call, while its future lives or its value is needed.
struct Entry {
    slot: Promise,
    /// Kept until it is done: it may have to go again. Of one that is frail it is kept
    /// until its value is here.
    input: Input,
    options: Options,
    /// Its chunk, and which item of that it is; `None` while it waits here.
    place: Option<(u64, u32)>,
    /// Those that take its value.
    dependants: Vec<TaskId>,
    /// How many of these are not done.
    needed: u32,
    /// How many of those whose values it takes are not with Dask.
    missing: u32,
    /// And how many are not done.
    undone: u32,
    /// It waits for its turn; otherwise for what it takes.
    queued: bool,
    wanted: Option<Wanted>,
    /// It shares no chunk: whoever waits behind it would have to wait for its deadline.
    alone: bool,
    /// Somebody has its future.
    held: bool,
    /// It is to be done though nobody has.
    detached: bool,
    /// Dask cannot make its value again: it was put there, or made of what was.
    frail: bool,
    /// It is done, or is not to be done: it needs nobody's value.
    finished: bool,
    /// How often it was lost before it was done.
    losses: u32,
    /// How often Dask gave it up though nothing else was in its chunk.
    strikes: u32,
    /// Why there will never be a value with Dask.
    over: Option<Error>,
}

/// A task of Dask's.
struct Chunk {
    task: &'static str,
    resources: Resources,
    items: Vec<TaskId>,
    /// How many of them anybody needs.
    live: usize,
    /// Its value is asked for, or will be along with others.
    wanted: Option<Wanted>,
    /// It is to show how long a call takes.
    pilot: bool,
    /// One of those that go only as fast as they are done.
    paced: bool,
    done: bool,
    /// Others were with Dask when it went.
    beside: bool,
    /// It was put on the cluster, where each worker was to have a copy.
    onto_each: bool,
    /// About how many bytes its value takes.
    bytes: f64,
}

/// See the module.
pub(super) struct State {
    entries: FastMap<TaskId, Entry>,
    chunks: FastMap<u64, Chunk>,
    next: u64,
    /// What they take is done: they go as fast as they are done.
    waiting: BTreeMap<Kind, VecDeque<TaskId>>,
    /// What they take is with Dask: they go at once, so that no worker waits.
    ahead: BTreeMap<Kind, VecDeque<TaskId>>,
    /// Those that are not done.
    running: HashSet<u64>,
    /// The last that went and could run at once.
    latest: u64,
    blame: Blame,
    /// Chunks that are done, whose values come along with others'.
    due: Vec<u64>,
    /// Those that are not done whose values will: some may be gone.
    along: BTreeSet<u64>,
    /// When such were last asked for.
    fetched: Option<Instant>,
    /// They could, but it is not known how many would make a chunk.
    unknown: BTreeMap<Paced, Vec<TaskId>>,
    paces: BTreeMap<Paced, Pace>,
    /// The tasks' names as this program has them.
    names: HashSet<&'static str>,
    pub(super) threads: usize,
    /// How many entries are over.
    over: usize,
    pub(super) done: u64,
    /// Tasks done by each worker, as far as their values came here.
    pub(super) by_worker: HashMap<String, u64>,
    pub(super) questions: HashMap<u64, Sender<Workers>>,
    /// Who asked for fewer workers, and is told how many there are.
    pub(super) scaling: HashMap<u64, Sender<u32>>,
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
            ahead: BTreeMap::new(),
            running: HashSet::new(),
            latest: 0,
            blame: Blame::default(),
            due: Vec::new(),
            along: BTreeSet::new(),
            fetched: None,
            unknown: BTreeMap::new(),
            paces: BTreeMap::new(),
            names: HashSet::new(),
            threads,
            over: 0,
            done: 0,
            by_worker: HashMap::new(),
            questions: HashMap::new(),
            scaling: HashMap::new(),
            lost: None,
            closed: false,
        }
    }

    pub(super) fn submit(&mut self, calls: Vec<Call>, bridge: &Bridge) {
        for Call { id, slot, work } in calls {
            let task = slot.task;
            self.names.insert(task);
            if self.closed {
                slot.settle(Err(Error::Closed { task }));
            } else if let Some(why) = &self.lost {
                slot.settle(Err(Error::Lost { task, why: why.clone() }));
            } else {
                let taken = work.input.dependencies();
                let refused = taken.iter().find_map(|of| match self.entries.get(of) {
                    None => Some(Error::Cancelled { task }),
                    Some(entry) if entry.slot.has_failed() => entry.slot.result()?.err(),
                    Some(entry) => entry.over.clone(),
                });
                match refused {
                    Some(error) => slot.settle(Err(error)),
                    None => self.take_in(id, slot, (work.input, &taken), work.options),
                }
            }
        }
        self.pump(bridge);
    }

    fn take_in(
        &mut self,
        id: TaskId,
        slot: Promise,
        (input, taken): (Input, &[TaskId]),
        options: Options,
    ) {
        let mut entry = Entry::new(slot, input, options);
        for of in taken {
            let Some(of) = self.entries.get_mut(of) else { continue };
            of.dependants.push(id);
            of.needed += 1;
            entry.frail |= of.frail;
            entry.missing += u32::from(of.place.is_none());
            let chunk = of.place.and_then(|(chunk, _)| self.chunks.get(&chunk));
            entry.undone += u32::from(!chunk.is_some_and(|of| of.done));
        }
        self.entries.insert(id, entry);
        self.advance(id);
    }

    pub(super) fn scatter(
        &mut self,
        id: TaskId,
        slot: Promise,
        value: &Answer,
        onto_each: bool,
        bridge: &Bridge,
    ) {
        self.names.insert(slot.task);
        if let Some(place) = self.put(id, slot.task, value, onto_each, bridge) {
            let mut entry = Entry::new(slot, Input::default(), Options::default());
            (entry.place, entry.frail, entry.finished) = (Some(place), true, true);
            self.entries.insert(id, entry);
        }
    }

    /// Puts a value on the cluster, as a chunk of its own that is done; its place.
    fn put(
        &mut self,
        id: TaskId,
        task: &'static str,
        value: &Answer,
        onto_each: bool,
        bridge: &Bridge,
    ) -> Option<(u64, u32)> {
        let (chunk, item) = (self.next, Raw::new(value.bytes()));
        bridge.send(&Command::Scatter { chunk, onto_each, item }).ok()?;
        self.next += 1;
        let bytes = value.bytes().len() as f64;
        let of = Chunk { done: true, onto_each, ..Chunk::new(task, vec![id], bytes) };
        self.chunks.insert(chunk, of);
        Some((chunk, 0))
    }

    /// The next chunk has gone, and is of these.
    fn placed(&mut self, items: Vec<TaskId>, paced: bool) {
        let chunk = self.next;
        self.next += 1;
        let first = &self.entries[&items[0]];
        let (task, resources) = (first.slot.task, first.options.resources.clone());
        for (number, id) in (0..).zip(&items) {
            let Some(entry) = self.entries.get_mut(id) else { continue };
            entry.place = Some((chunk, number));
            let dependants = std::mem::take(&mut entry.dependants);
            for of in &dependants {
                if let Some(entry) = self.entries.get_mut(of)
                    && entry.missing > 0
                {
                    entry.missing -= 1;
                    self.advance(*of);
                }
            }
            if let Some(entry) = self.entries.get_mut(id) {
                entry.dependants = dependants;
            }
        }
        let beside = !self.running.is_empty();
        let pace = self.pace(task, &resources);
        let (pilot, bytes) = (paced && !pace.is_known(), pace.bytes(items.len()));
        let of = Chunk { resources, pilot, paced, beside, ..Chunk::new(task, items, bytes) };
        self.chunks.insert(chunk, of);
        self.running.insert(chunk);
    }

    fn pace(&mut self, task: &'static str, resources: &Resources) -> &mut Pace {
        self.paces.entry((task, resources.clone())).or_default()
    }

    /// Does what is due though nothing has come; this is to be asked again after so long.
    pub(super) fn look(&mut self, bridge: &Bridge) -> Option<Duration> {
        let (suspects, values) = (self.suspect(bridge), self.fetch(bridge));
        suspects.into_iter().chain(values).min()
    }

    /// How many wait and run; who works is known to the cluster.
    pub(super) fn info(&self) -> Info {
        // Of each call that is not over it is known where it is: there are far more of
        // them than chunks.
        let placed: usize = self.chunks.values().map(|of| of.live).sum();
        let waiting = self.entries.len() - placed - self.over;
        let waits = |entry: &&Entry| entry.place.is_none() && entry.over.is_none();
        debug_assert_eq!(waiting, self.entries.values().filter(waits).count());
        let items = |of: &u64| self.chunks.get(of).map_or(0, |of| of.items.len());
        let with_dask = self.running.iter().map(items).sum();
        let (workers, chunk_time) = (Vec::new(), Some(Duration::from_nanos(AIM as u64)));
        Info { workers, waiting, running: with_dask, done: self.done, chunk_time }
    }
}

impl Chunk {
    fn new(task: &'static str, items: Vec<TaskId>, bytes: f64) -> Self {
        Self {
            task,
            resources: Resources::default(),
            live: items.len(),
            items,
            wanted: None,
            pilot: false,
            paced: false,
            done: false,
            beside: false,
            onto_each: false,
            bytes,
        }
    }
}

impl Entry {
    fn new(slot: Promise, input: Input, options: Options) -> Self {
        Self {
            slot,
            input,
            place: None,
            dependants: Vec::new(),
            needed: 0,
            missing: 0,
            undone: 0,
            queued: false,
            wanted: None,
            alone: options.deadline.is_some(),
            options,
            held: true,
            detached: false,
            frail: false,
            finished: false,
            losses: 0,
            strikes: 0,
            over: None,
        }
    }

    fn kind(&self) -> Kind {
        let Options { priority, resources, .. } = &self.options;
        (Reverse(*priority), self.slot.task, resources.clone())
    }

    /// It is to be sent, as soon as it can be.
    fn is_due(&self) -> bool {
        self.place.is_none() && self.over.is_none() && self.slot.is_pending()
    }
}
