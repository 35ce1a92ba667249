//! Whom workers died of.
//!
//! Dask gives a task up when several workers have died that had it in hand, whether
//! they ran it or not, so most of those that it gives up have done nothing. Here a call
//! is to blame if nothing else can be, or at last:
//!
//! 1. What was given up goes again in groups, and each that is given up is parted
//!    until its calls go one by one. One group is with Dask at a time, beside all that
//!    nobody suspects.
//! 2. A call that is given up time and again goes alone: nothing new is sent until the
//!    cluster is empty, and for as long as it takes for workers to die.
//! 3. Whatever was given up while it was alone with Dask is to blame. So is what was given
//!    up five times beside others that take too long to wait for, innocent or not.
//!
//! Tasks of other clients are not seen here. What was done once is not suspected at all:
//! the bridge has it done again by itself.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use crate::Error;
use crate::scheduler::TaskId;

use super::super::bridge::Bridge;
use super::{Entry, State};

/// Into how many groups those are parted of whom one is to blame: with each time that
/// they are, workers die for one group.
const GROUPS: usize = 32;

/// How often a call may be given up beside others before it is to go alone.
const BESIDE: u32 = 2;

/// How often a call is given up before it is to blame, though it was never alone: others
/// may take too long to wait for.
pub(super) const AT_LAST: u32 = 5;

/// How long nobody is suspected after something was given up: what was given up for the
/// same deaths is told one by one.
const TOGETHER: Duration = Duration::from_millis(50);

/// How long a suspect holds back others at most: more than it takes a worker that dies
/// soon to do so, and Dask to start the next, time and again.
const OUTLIVED: Duration = Duration::from_secs(10);

/// How long nothing new is sent, at most, until the cluster is empty.
const EMPTYING: Duration = Duration::from_secs(60);

/// The suspects.
#[derive(Default)]
pub(super) struct Blame {
    /// Each of these makes a chunk.
    groups: VecDeque<VecDeque<TaskId>>,
    /// The last of those chunks, and when it went.
    pub(super) last: Option<(u64, Instant)>,
    /// It is to be alone.
    alone: bool,
    /// When something was given up last, for so long that others may be, too.
    pub(super) given_up: Option<Instant>,
    /// Since when the next waits until it can be.
    pub(super) emptying: Option<Instant>,
    /// Chunks for whose end one has waited in vain.
    stubborn: HashSet<u64>,
    /// Chunks that were given up.
    faults: HashSet<u64>,
}

impl State {
    /// Workers died of a chunk, again and again.
    pub(super) fn killed(&mut self, chunk: u64, error: &Error, bridge: &Bridge) {
        let Some(of) = self.chunks.get(&chunk) else { return };
        self.blame.faults.insert(chunk);
        if of.done {
            // Its calls' inputs are with Dask alone.
            self.again(chunk, Some(error), bridge);
        } else if self.is_to_blame(chunk) {
            self.fail(chunk, bridge, |_| error.clone());
        } else {
            self.part(chunk, bridge);
        }
    }

    /// Whether a chunk is there, or was until it was given up.
    pub(super) fn is_known(&self, chunk: u64) -> bool {
        self.chunks.contains_key(&chunk) || self.blame.faults.contains(&chunk)
    }

    /// Whether a chunk that was given up is one call, and was alone or has been given
    /// up too often for a chance.
    pub(super) fn is_to_blame(&mut self, chunk: u64) -> bool {
        let Some(of) = self.chunks.get(&chunk) else { return false };
        let [id] = of.items[..] else { return false };
        let was_alone = !of.beside && self.latest <= chunk;
        let Some(entry) = self.entries.get_mut(&id) else { return false };
        entry.strikes += 1;
        was_alone || entry.strikes >= AT_LAST
    }

    /// One of a chunk's calls may be to blame for deaths: they go again in groups.
    pub(super) fn part(&mut self, chunk: u64, bridge: &Bridge) {
        let Some(of) = self.drop_chunk(chunk, bridge) else { return };
        let mut calls = of.items;
        calls.retain(|id| {
            let entry = self.entries.get_mut(id).filter(|entry| entry.is_in(chunk));
            entry.is_some_and(|entry| {
                entry.place = None;
                entry.queued = entry.is_due();
                entry.queued
            })
        });
        self.blame.given_up = Some(Instant::now());
        let each = calls.len().div_ceil(GROUPS).max(1);
        self.blame.groups.extend(calls.chunks(each).map(|group| group.iter().copied().collect()));
    }

    /// Sends suspects when it is time, or says in how long that will be.
    pub(super) fn suspect(&mut self, bridge: &Bridge) -> Option<Duration> {
        let rest = TOGETHER.saturating_sub(self.blame.given_up?.elapsed());
        if rest.is_zero() {
            self.blame.given_up = None;
            self.pump(bridge);
            return None;
        }
        Some(rest)
    }

    /// Sends suspects, one chunk at a time; whether all others have to wait.
    pub(super) fn send_suspects(&mut self, bridge: &Bridge) -> bool {
        while self.is_last_over() {
            let Some(mut group) = self.blame.groups.pop_front() else { return false };
            group.retain(|id| self.entries.get(id).is_some_and(Entry::is_due));
            let Some(first) = group.front().and_then(|id| self.entries.get(id)) else {
                self.blame.emptying = None;
                continue;
            };
            let (kind, most) = (first.kind(), group.len());
            let alone = most == 1 && first.strikes >= BESIDE;
            let soon = self.blame.given_up.is_some();
            if soon || (alone && !self.is_empty()) {
                self.blame.groups.push_front(group);
                return alone;
            }
            self.blame.emptying = None;
            let chunk = self.next;
            self.send(&kind, &mut group, most, true, bridge);
            if !group.is_empty() {
                self.blame.groups.push_front(group);
            }
            let beside = self.is_beside_others(chunk);
            if let Some(of) = self.chunks.get_mut(&chunk) {
                of.beside = beside;
                (self.blame.last, self.blame.alone) = (Some((chunk, Instant::now())), alone);
            }
        }
        self.blame.alone
    }

    /// Whether nothing is with Dask, or only what takes too long to wait for.
    fn is_empty(&mut self) -> bool {
        if self.running.is_subset(&self.blame.stubborn) {
            return true;
        }
        let since = self.blame.emptying.get_or_insert_with(Instant::now);
        if since.elapsed() < EMPTYING {
            return false;
        }
        self.blame.stubborn.clone_from(&self.running);
        true
    }

    /// Of the last nothing more is to be seen: it is no more, or has long outlived what
    /// workers die of. Whoever waits for the others would wait for its end.
    fn is_last_over(&self) -> bool {
        let last = self.blame.last.filter(|(chunk, _)| self.running.contains(chunk));
        last.is_none_or(|(_, since)| since.elapsed() > OUTLIVED)
    }

    /// Whether anything is with Dask that does not wait for this chunk's values.
    fn is_beside_others(&self, chunk: u64) -> bool {
        let (mut behind, mut left) = (HashSet::from([chunk]), vec![chunk]);
        while let Some(of) = left.pop().and_then(|of| self.chunks.get(&of)) {
            let items = of.items.iter().filter_map(|id| self.entries.get(id));
            let dependants = items.flat_map(|entry| &entry.dependants);
            let places = dependants.filter_map(|id| self.entries.get(id)?.place);
            left.extend(places.map(|(chunk, _)| chunk).filter(|of| behind.insert(*of)));
        }
        self.running.iter().any(|of| !behind.contains(of))
    }
}
