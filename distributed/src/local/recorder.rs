//! What ran where and when, for who asked for a timeline.

use processes::{Span, now_ns};

use super::entry::Entry;
use crate::hash::FastMap;
use crate::ids::TaskMap;
use crate::scheduler::{TaskId, WorkerId};
use crate::timeline::{Bounds, Ended, Record, Timeline};

/// The attempts since the last timeline was taken. Times are those of
/// [`now_ns`], which threads and processes of this machine share.
#[derive(Default)]
pub(super) struct Recorder {
    records: Vec<Record>,
    tasks: TaskMap<Known>,
    /// When each worker ended what it did last.
    idle_since: FastMap<WorkerId, u64>,
    /// When the first task was submitted.
    origin: Option<u64>,
    /// The most places for workers that there were.
    places: usize,
    /// The longest chain of tasks, and all that has brought a value.
    critical_path_ns: u64,
    work_ns: u64,
}

/// What is known of a task that is not forgotten.
#[derive(Clone, Copy, Default)]
struct Known {
    attempts: u32,
    /// The longest chain that ends with it.
    path_ns: u64,
}

impl Recorder {
    /// Tasks were submitted to so many places: with the first, time begins.
    pub(super) fn submitted(&mut self, places: usize) {
        self.places = self.places.max(places);
        self.origin.get_or_insert_with(now_ns);
    }

    /// An attempt has ended. One without times, whose output was too large to be
    /// sent, stands where the one before it ended.
    pub(super) fn ended(
        &mut self,
        (worker, task): (WorkerId, TaskId),
        entry: Option<&Entry>,
        span: Option<Span>,
        ended: Ended,
    ) {
        let idle_since = self.idle_since.get(&worker).copied().unwrap_or_else(now_ns);
        let span = span.unwrap_or(Span { begin_ns: idle_since, end_ns: idle_since });
        self.idle_since.insert(worker, span.end_ns);
        let mut known = self.tasks.get(task).copied().unwrap_or_default();
        known.attempts += 1;
        if ended == Ended::Returned {
            let took = span.end_ns.saturating_sub(span.begin_ns);
            let inputs = entry.and_then(|entry| entry.work.as_ref());
            let inputs = inputs.into_iter().flat_map(|work| &work.input.holes);
            let before = inputs.filter_map(|(_, input)| Some(self.tasks.get(*input)?.path_ns));
            known.path_ns = before.max().unwrap_or(0) + took;
            self.critical_path_ns = self.critical_path_ns.max(known.path_ns);
            self.work_ns += took;
        }
        if entry.is_some() {
            self.tasks.insert(task, known);
        }
        self.records.push(Record {
            worker,
            id: task,
            task: entry.map_or("unknown", Entry::task).into(),
            start_ns: span.begin_ns,
            end_ns: span.end_ns,
            attempt: known.attempts,
            ended,
        });
    }

    /// A worker has died in the middle of a task, some time after it had got it
    /// and had ended the one before.
    pub(super) fn died(
        &mut self,
        (worker, task): (WorkerId, TaskId),
        entry: Option<&Entry>,
        got_ns: u64,
        ended: Ended,
    ) {
        let end_ns = now_ns();
        let begin_ns = self.idle_since.get(&worker).map_or(got_ns, |ended| got_ns.max(*ended));
        let span = Span { begin_ns: begin_ns.min(end_ns), end_ns };
        self.ended((worker, task), entry, Some(span), ended);
    }

    pub(super) fn forget(&mut self, task: TaskId) {
        self.tasks.remove(task);
    }

    /// What was recorded, by begin; time is counted anew from the next task on.
    pub(super) fn take(&mut self) -> Timeline {
        let Self { mut records, origin, places, critical_path_ns, work_ns, .. } =
            std::mem::take(self);
        records.sort_by_key(|record| (record.start_ns, record.end_ns));
        let first = records.first().map(|record| record.start_ns);
        let origin = origin.or(first).unwrap_or(0);
        for record in &mut records {
            record.start_ns = record.start_ns.saturating_sub(origin);
            record.end_ns = record.end_ns.saturating_sub(origin);
        }
        let work_ns = work_ns.div_ceil(places.max(1) as u64);
        let bounds = Bounds { critical_path_ns: Some(critical_path_ns), work_ns: Some(work_ns) };
        Timeline { records, bounds }
    }
}
