//! Simulated workers: a queue, a task that runs, a link, and a memory.

use std::collections::VecDeque;

use super::graph::Graph;
use super::setup::Setup;
use crate::hash::FastSet;

/// A task that a worker has in hand.
#[derive(Clone, Copy)]
struct Waiting {
    task: u32,
    /// When its inputs are there.
    ready: u64,
    /// Whether it is the last of those that came together.
    last: bool,
}

/// When the end of a task is reported.
pub(super) enum Report {
    Now,
    /// Then, if it has not gone before.
    At(u64),
    /// With what waits already.
    Waits,
}

/// What a worker reports: tasks that have ended, and inputs that it has fetched.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) tasks: Vec<u32>,
    pub(super) fetched: Vec<u32>,
}

/// All workers, named from 0.
pub(super) struct Workers {
    workers: Vec<Worker>,
    /// Which worker (first) has which result (second).
    held: FastSet<(u32, u32)>,
}

#[derive(Clone, Default)]
struct Worker {
    /// Tasks that have not begun.
    waiting: VecDeque<Waiting>,
    /// The task that runs, since when, and whether its order ends with it.
    running: Option<(u32, u64, bool)>,
    /// Tasks that have ended, and are not reported.
    unsent: Vec<u32>,
    /// Since when the first of them waits.
    unsent_since: u64,
    /// When its link has carried all that it was asked for.
    link_free: u64,
    /// What it has fetched, and not reported yet.
    fetched: Vec<u32>,
}

impl Workers {
    pub(super) fn new(count: u32) -> Self {
        Self { workers: vec![Worker::default(); count as usize], held: FastSet::default() }
    }

    /// A task reaches a worker, which begins to fetch what it lacks, behind
    /// what it fetches already and beside what it runs. Returns how many bytes
    /// come from other workers.
    pub(super) fn receive(
        &mut self,
        at: u64,
        worker: u32,
        (task, last): (u32, bool),
        graph: &Graph,
        setup: &Setup,
    ) -> u64 {
        let state = &mut self.workers[worker as usize];
        let (mut carried, mut fetched) = (0, 0);
        for input in graph.dependencies(task) {
            let bytes = graph.bytes(*input);
            if bytes <= setup.inline_bytes {
                // The driver has it: it came with the task.
                carried += bytes;
            } else if self.held.insert((worker, *input)) {
                fetched += bytes;
                state.fetched.push(*input);
            }
        }
        let mut ready = at;
        if carried + fetched > 0 {
            // To the holder and back, once, as all are asked at once.
            let way = if fetched > 0 { 2 * setup.latency_ns } else { 0 };
            ready = at.max(state.link_free) + way + setup.transfer_ns(carried + fetched);
            state.link_free = ready;
        }
        state.waiting.push_back(Waiting { task, ready, last });
        fetched
    }

    /// Has a worker that runs nothing begin its next task: that and its start,
    /// which is when its inputs are there.
    pub(super) fn begin(&mut self, at: u64, worker: u32) -> Option<(u32, u64)> {
        let state = &mut self.workers[worker as usize];
        if state.running.is_none() {
            let Waiting { task, ready, last } = state.waiting.pop_front()?;
            let start = ready.max(at);
            state.running = Some((task, start, last));
            return Some((task, start));
        }
        None
    }

    /// A worker ends its task: that, and its start.
    pub(super) fn end(
        &mut self,
        at: u64,
        worker: u32,
        graph: &Graph,
        setup: &Setup,
    ) -> (u32, u64, Report) {
        let state = &mut self.workers[worker as usize];
        let (task, start, last) = state.running.take().expect("a worker ends what it runs");
        if graph.bytes(task) > setup.inline_bytes {
            self.held.insert((worker, task));
        }
        state.unsent.push(task);
        let report = if last || setup.patience_ns == 0 {
            Report::Now
        } else if state.unsent.len() == 1 {
            state.unsent_since = at;
            Report::At(at + setup.patience_ns)
        } else {
            Report::Waits
        };
        (task, start, report)
    }

    /// What a worker has to report; nothing, if it went before it had waited
    /// for so long.
    pub(super) fn report(&mut self, worker: u32, since: Option<u64>) -> Option<Ended> {
        let state = &mut self.workers[worker as usize];
        if state.unsent.is_empty() || since.is_some_and(|since| state.unsent_since != since) {
            return None;
        }
        let tasks = std::mem::take(&mut state.unsent);
        Some(Ended { tasks, fetched: std::mem::take(&mut state.fetched) })
    }

    /// Takes up to so many tasks back that have not begun, the last first.
    pub(super) fn give_back(&mut self, worker: u32, count: usize) -> VecDeque<u32> {
        let waiting = &mut self.workers[worker as usize].waiting;
        let first = waiting.len().saturating_sub(count);
        let taken = waiting.drain(first..).map(|waiting| waiting.task).collect();
        // What was the last of its order is gone.
        if let Some(waiting) = waiting.back_mut() {
            waiting.last = true;
        }
        taken
    }

    pub(super) fn free(&mut self, worker: u32, task: u32) {
        self.held.remove(&(worker, task));
    }
}
