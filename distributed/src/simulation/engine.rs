//! The discrete-event clock: what arrives next, and what comes of it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::graph::Graph;
use super::setup::{Run, Setup};
use super::workers::{self, Ended, Workers};
use crate::hash::FastMap;
use crate::scheduler::{Action, Event, Holder, Outcome, Policy, Scheduler, Spec, TaskId, WorkerId};
use crate::timeline::{self, Bounds, Record};

/// Something that will happen.
struct Happening {
    at: u64,
    /// Of what happens at once, what was caused first comes first.
    order: u64,
    what: What,
}

enum What {
    /// A report reaches the scheduler.
    Report(Report),
    /// An order reaches a worker.
    Order(u32, Order),
    /// A worker ends its task.
    End(u32),
    /// A report of a worker, which waits since then, has waited long enough.
    Due(u32, u64),
}

enum Report {
    /// The client submits the next batch.
    Submit,
    Finished {
        worker: u32,
        ended: Ended,
    },
    Recalled {
        worker: u32,
        tasks: Vec<TaskId>,
    },
}

enum Order {
    /// A task, and whether it is the last of those that travel together.
    Assign(u32, bool),
    Recall(u32),
}

impl PartialEq for Happening {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Happening {}

impl PartialOrd for Happening {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Happening {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// One run in progress.
pub(super) struct Engine<'a, Watch> {
    graph: &'a Graph,
    setup: &'a Setup,
    watch: Watch,
    scheduler: Scheduler,
    /// When the scheduler is done with what it has begun.
    free_at: u64,
    workers: Workers,
    heap: BinaryHeap<Reverse<Happening>>,
    caused: u64,
    actions: Vec<Action>,
    /// The last task that depends on each, itself if none does.
    last_dependants: Vec<u32>,
    /// Those on which others depend, by the last of these; so many of them
    /// are released.
    inner: Vec<u32>,
    released: usize,
    /// How many tasks are submitted.
    submitted: usize,
    /// Results that the client asked for and does not have.
    awaited: usize,
    run: Run,
}

impl<'a, Watch: Fn() -> u64> Engine<'a, Watch> {
    pub(super) fn new(
        graph: &'a Graph,
        setup: &'a Setup,
        policy: impl Policy + 'static,
        watch: Watch,
    ) -> Self {
        let last_dependants = graph.last_dependants();
        let tasks = 0..graph.len() as u32;
        let is_sink = |task: &u32| last_dependants[*task as usize] == *task;
        let awaited = tasks.clone().filter(is_sink).count();
        let mut inner: Vec<u32> = tasks.filter(|task| !is_sink(task)).collect();
        inner.sort_unstable_by_key(|task| last_dependants[*task as usize]);
        let work_ns = graph.work_ns().div_ceil(u64::from(setup.workers.max(1)));
        let bounds =
            Bounds { critical_path_ns: Some(graph.critical_path_ns()), work_ns: Some(work_ns) };
        Self {
            graph,
            setup,
            watch,
            scheduler: Scheduler::new(policy, 0),
            free_at: 0,
            workers: Workers::new(setup.workers),
            heap: BinaryHeap::new(),
            caused: 0,
            actions: Vec::new(),
            last_dependants,
            inner,
            released: 0,
            submitted: 0,
            awaited,
            run: Run { bounds, ..Run::default() },
        }
    }

    /// Runs the graph to its end.
    ///
    /// # Panics
    /// If it does not come to an end, which would be the scheduler's fault.
    pub(super) fn run(mut self) -> Run {
        for worker in (0..u64::from(self.setup.workers)).map(WorkerId) {
            let depth = self.setup.depth;
            self.scheduler.handle(Event::WorkerJoined { worker, depth }, &mut self.actions);
        }
        self.at(0, What::Report(Report::Submit));
        while let Some(Reverse(Happening { at, what, .. })) = self.heap.pop() {
            match what {
                What::Report(report) => self.decide(at, report),
                What::Order(worker, Order::Assign(task, last)) => {
                    self.receive(at, worker, (task, last));
                }
                What::Order(worker, Order::Recall(count)) => self.give_back(at, worker, count),
                What::End(worker) => self.end(at, worker),
                What::Due(worker, since) => self.report(at, worker, Some(since)),
            }
        }
        assert_eq!(self.awaited, 0, "a simulated run stood still with results to come");
        self.run
    }

    fn at(&mut self, at: u64, what: What) {
        self.caused += 1;
        self.heap.push(Reverse(Happening { at, order: self.caused, what }));
    }

    /// A report reaches the scheduler, which turns to it as soon as it can.
    fn decide(&mut self, at: u64, report: Report) {
        let costs = self.setup.costs;
        let mut cost = costs.message_ns;
        let submits = matches!(report, Report::Submit);
        match report {
            Report::Submit => cost += costs.submit_ns * self.submit(),
            Report::Finished { worker, ended } => {
                self.run.messages += 1;
                cost += costs.task_ns * ended.tasks.len() as u64;
                let worker = WorkerId(u64::from(worker));
                for input in ended.fetched {
                    let task = TaskId(u64::from(input));
                    self.tell(Event::Copied { task, worker });
                }
                for task in ended.tasks {
                    let bytes = self.graph.bytes(task);
                    let kept = bytes > self.setup.inline_bytes;
                    let task = TaskId(u64::from(task));
                    self.tell(Event::Finished { worker, task, bytes, kept });
                }
            }
            Report::Recalled { worker, tasks } => {
                self.run.messages += 1;
                self.run.recalled += tasks.len() as u64;
                self.tell(Event::Recalled { worker: WorkerId(u64::from(worker)), tasks });
            }
        }
        let sent = self.release_finished();
        cost += costs.message_ns * sent;
        self.free_at = self.free_at.max(at) + cost;
        self.run.busy_ns += cost;
        self.run.messages += sent;
        self.send();
        if submits && self.submitted < self.graph.len() {
            self.at(self.free_at, What::Report(Report::Submit));
        }
    }

    fn tell(&mut self, event: Event) {
        let before = (self.watch)();
        self.scheduler.handle(event, &mut self.actions);
        self.run.decided_ns += (self.watch)() - before;
    }

    /// Submits the next batch, and releases what no later task depends on.
    /// Returns the number of tasks.
    fn submit(&mut self) -> u64 {
        let first = self.submitted;
        let last = first.saturating_add(self.setup.batch.max(1)).min(self.graph.len());
        let spec = |task: usize| {
            let inputs = self.graph.dependencies(task as u32).iter();
            let inputs: Box<[TaskId]> = inputs.map(|input| TaskId(u64::from(*input))).collect();
            Spec::new(TaskId(task as u64)).after(inputs)
        };
        let specs = (first..last).map(spec).collect();
        self.submitted = last;
        self.tell(Event::Submitted { specs });
        let rest = &self.inner[self.released..];
        let done =
            rest.partition_point(|task| (self.last_dependants[*task as usize] as usize) < last);
        let tasks = rest[..done].iter().map(|task| TaskId(u64::from(*task))).collect();
        self.released += done;
        self.tell(Event::Released { tasks });
        (last - first) as u64
    }

    /// Takes results to the client, which lets go of them. Returns the number
    /// of messages that the rest of the actions are: those in a row for one
    /// worker travel together, and values are freed in passing.
    fn release_finished(&mut self) -> u64 {
        let mut tasks = Vec::new();
        let mut sent = 0;
        let mut addressee = None;
        for action in &self.actions {
            match action {
                Action::Finish { task, outcome } => {
                    assert_eq!(*outcome, Outcome::Returned, "nothing fails in a simulation");
                    if self.last_dependants[task.0 as usize] == task.0 as u32 {
                        tasks.push(*task);
                    }
                }
                Action::Assign { worker, .. } | Action::Recall { worker, .. } => {
                    sent += u64::from(addressee.replace(*worker) != Some(*worker));
                }
                _ => {}
            }
        }
        self.awaited -= tasks.len();
        if !tasks.is_empty() {
            self.tell(Event::Released { tasks });
        }
        sent
    }

    /// What the scheduler has decided leaves it when it is done.
    fn send(&mut self) {
        let arrival = self.free_at + self.setup.latency_ns;
        let mut actions = std::mem::take(&mut self.actions);
        let mut last_of = FastMap::default();
        // Where each report goes by itself it does not matter.
        for (at, action) in actions.iter().enumerate().filter(|_| self.setup.patience_ns > 0) {
            if let Action::Assign { worker, .. } = action {
                last_of.insert(*worker, at);
            }
        }
        for (at, action) in actions.drain(..).enumerate() {
            match action {
                Action::Assign { task, worker } => {
                    let order = Order::Assign(
                        task.0 as u32,
                        last_of.get(&worker).is_none_or(|last| *last == at),
                    );
                    self.at(arrival, What::Order(worker.0 as u32, order));
                }
                Action::Recall { worker, count } => {
                    self.at(arrival, What::Order(worker.0 as u32, Order::Recall(count)));
                }
                Action::Free { task, holder: Holder::Worker(worker) } => {
                    self.workers.free(worker.0 as u32, task.0 as u32);
                }
                Action::Finish { .. } => self.run.makespan_ns = self.free_at,
                _ => {}
            }
        }
        self.actions = actions;
    }

    /// A task reaches a worker, which fetches its inputs at once.
    fn receive(&mut self, at: u64, worker: u32, task: (u32, bool)) {
        self.run.moved_bytes += self.workers.receive(at, worker, task, self.graph, self.setup);
        self.begin(at, worker);
    }

    fn begin(&mut self, at: u64, worker: u32) {
        if let Some((task, start)) = self.workers.begin(at, worker) {
            let took = self.graph.duration_ns(task) + self.setup.worker_ns;
            self.at(start + took, What::End(worker));
        }
    }

    fn end(&mut self, at: u64, worker: u32) {
        let (task, start_ns, report) = self.workers.end(at, worker, self.graph, self.setup);
        if self.setup.record {
            self.run.records.push(Record {
                worker: WorkerId(u64::from(worker)),
                id: TaskId(u64::from(task)),
                task: self.graph.name(task).into(),
                start_ns,
                end_ns: at,
                attempt: 1,
                ended: timeline::Ended::Returned,
            });
        }
        match report {
            workers::Report::Now => self.report(at, worker, None),
            workers::Report::At(due) => self.at(due, What::Due(worker, at)),
            workers::Report::Waits => {}
        }
        self.begin(at, worker);
    }

    /// What a worker has to say goes; all of it, or what waits since then.
    fn report(&mut self, at: u64, worker: u32, since: Option<u64>) {
        if let Some(ended) = self.workers.report(worker, since) {
            let report = Report::Finished { worker, ended };
            self.at(at + self.setup.latency_ns, What::Report(report));
        }
    }

    fn give_back(&mut self, at: u64, worker: u32, count: u32) {
        let tasks = self.workers.give_back(worker, count as usize);
        let tasks = tasks.into_iter().map(|task| TaskId(u64::from(task))).collect();
        let report = Report::Recalled { worker, tasks };
        self.at(at + self.setup.latency_ns, What::Report(report));
    }
}
