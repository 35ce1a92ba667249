//! Simulated workers: a queue, a task that runs, a link, and a memory.

use std::collections::VecDeque;

use super::graph::Graph;
use super::setup::Setup;
use crate::hash::FastSet;

/// All workers, named from 0.
pub(super) struct Workers {
    workers: Vec<Worker>,
    /// Which worker (first) has which result (second).
    held: FastSet<(u32, u32)>,
}

#[derive(Clone, Default)]
struct Worker {
    /// Tasks that have not begun, and when their inputs are there.
    waiting: VecDeque<(u32, u64)>,
    /// The task that runs, and since when.
    running: Option<(u32, u64)>,
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
        task: u32,
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
        state.waiting.push_back((task, ready));
        fetched
    }

    /// Has a worker that runs nothing begin its next task: that and its start,
    /// which is when its inputs are there.
    pub(super) fn begin(&mut self, at: u64, worker: u32) -> Option<(u32, u64)> {
        let state = &mut self.workers[worker as usize];
        if state.running.is_none() {
            let (task, ready) = state.waiting.pop_front()?;
            state.running = Some((task, ready.max(at)));
            return state.running;
        }
        None
    }

    /// A worker ends its task: that, its start, and what was fetched.
    pub(super) fn end(
        &mut self,
        worker: u32,
        graph: &Graph,
        setup: &Setup,
    ) -> (u32, u64, Vec<u32>) {
        let state = &mut self.workers[worker as usize];
        let (task, start) = state.running.take().expect("a worker ends what it runs");
        if graph.bytes(task) > setup.inline_bytes {
            self.held.insert((worker, task));
        }
        (task, start, std::mem::take(&mut state.fetched))
    }

    /// Takes up to so many tasks back that have not begun, the last first.
    pub(super) fn give_back(&mut self, worker: u32, count: usize) -> VecDeque<u32> {
        let waiting = &mut self.workers[worker as usize].waiting;
        let first = waiting.len().saturating_sub(count);
        waiting.drain(first..).map(|(task, _)| task).collect()
    }

    pub(super) fn free(&mut self, worker: u32, task: u32) {
        self.held.remove(&(worker, task));
    }
}
