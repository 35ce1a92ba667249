//! The engine: carries out what the scheduler decides.
//!
//! It decides nothing itself. What happens becomes an event, the scheduler
//! answers with actions, and here they are done: a task is put into a worker's
//! hands or taken out again, a future is settled, a value dropped.

mod actions;
mod rest;
mod seats;

use std::num::NonZero;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use nix::sys::eventfd::EventFd;
use processes::{Answer, Span};

use super::LocalCluster;
use super::entry::{Entry, Trouble};
use super::inbox::{Command, Inbox, Letters, refuse};
use super::process::Answered;
use super::recorder::Recorder;
use super::seat::Seat;
use super::thread::ThreadWorker;
use crate::backend::{Call, Input};
use crate::ids::TaskMap;
use crate::info::{Info, WorkerInfo};
use crate::scheduler::{Action, Event, Holder, Scheduler, Spec, TaskId, WorkerId};
use crate::timeline::Ended;
use crate::{Error, Placement};

/// How many tasks may lie with a worker. With fewer each message carries less;
/// more are no better, and what lies there is taken back one by one when
/// another worker has nothing to do.
const DEPTH: u32 = 256;

/// How many threads may go on with a task that is over, beside those that have taken
/// their places: there are only so many threads.
const MOST_LATE: usize = 256;

/// How long it stays awake for what comes next: about what it costs to wake it.
const LINGER: Duration = Duration::from_micros(50);

/// How long what was released may lie, while nothing else is to be done.
const NAP: Duration = Duration::from_millis(10);

pub(super) struct Engine {
    cluster: LocalCluster,
    inbox: Arc<Inbox>,
    /// What the inbox wakes it with.
    alarm: Arc<EventFd>,
    scheduler: Scheduler,
    /// What the scheduler wants, in order.
    actions: Vec<Action>,
    entries: TaskMap<Entry>,
    seats: Vec<Seat>,
    /// Threads that are at a task which is over, until they have done it.
    late: Vec<(WorkerId, ThreadWorker)>,
    next_worker: u64,
    done: u64,
    /// Blocks are dealt round the workers from here, or every task that is
    /// submitted alone would fall to the first worker.
    next_block: usize,
    /// Whoever waits for the first workers.
    started: Option<mpsc::Sender<Result<(), Error>>>,
    /// Why nothing can be done until somebody scales.
    deserted: Option<Error>,
    /// Why the last seat was given up that was.
    vain: Option<Error>,
    /// How many processors there are for this process.
    processors: usize,
    /// Emptied, and used again.
    answers: Vec<Answered>,
    /// If a timeline is asked for.
    recorder: Option<Box<Recorder>>,
}

impl Engine {
    pub(super) fn new(
        cluster: LocalCluster,
        (inbox, alarm): (Arc<Inbox>, Arc<EventFd>),
        started: mpsc::Sender<Result<(), Error>>,
    ) -> Self {
        let scheduler = cluster.policy.scheduler(cluster.allowed_failures);
        Self {
            inbox,
            alarm,
            scheduler,
            actions: Vec::new(),
            entries: TaskMap::default(),
            seats: Vec::new(),
            late: Vec::new(),
            next_worker: 0,
            done: 0,
            next_block: 0,
            started: Some(started),
            deserted: None,
            vain: None,
            processors: std::thread::available_parallelism().map_or(1, NonZero::get),
            answers: Vec::new(),
            recorder: cluster.timeline.then(Box::default),
            cluster,
        }
    }

    /// Its life.
    pub(super) fn run(mut self) {
        self.scale(self.cluster.n_workers);
        let mut letters = Letters::default();
        loop {
            self.inbox.take(&mut letters);
            if letters.closed {
                letters.commands.drain(..).for_each(refuse);
                return;
            }
            let mut something = self.read_letters(&mut letters);
            something |= self.look();
            self.act();
            something |= self.post();
            if !something {
                self.rest();
            }
        }
    }

    fn read_letters(&mut self, letters: &mut Letters) -> bool {
        let mut something = !letters.commands.is_empty() || !letters.reports.is_empty();
        for command in letters.commands.drain(..) {
            match command {
                Command::Submit(calls) => self.submit(calls),
                Command::Scatter(task, value) => {
                    let bytes = value.bytes().len() as u64;
                    self.entries.insert(task, Entry::of_value(value));
                    self.tell(Event::Scattered { task, bytes, at: Holder::Driver });
                }
                Command::Cancel { tasks, kill } => self.tell(Event::Cancelled { tasks, kill }),
                Command::Detach(task) => self.detach(task),
                Command::Scale(workers) => self.scale(workers),
                Command::Timeline(tell) => {
                    let taken = self.recorder.as_mut().map(|recorder| recorder.take());
                    let _ = tell.send(taken.unwrap_or_default());
                }
                // Who asks is told, or does not want to know any more.
                Command::Info(tell) => _ = tell.send(self.info()),
            }
        }
        for (worker, outcome) in letters.prepared.drain(..) {
            something = true;
            self.prepared(worker, outcome);
        }
        // Before the reports, which may be of the same tasks.
        for (worker, task, deadline) in letters.begun.drain(..) {
            if let Some(seat) = self.seat(worker) {
                seat.deadline = Some((task, deadline));
            }
        }
        for report in letters.reports.drain(..) {
            self.answered(report.worker, report.task, report.answer, report.span);
        }
        if !letters.released.is_empty() {
            let tasks = std::mem::take(&mut letters.released);
            self.tell(Event::Released { tasks });
        }
        something
    }

    fn submit(&mut self, calls: Vec<Call>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.submitted(self.seats.len());
        }
        let tasks = self.deserted.as_ref().map(|_| calls.iter().map(|call| call.id).collect());
        let homes = self.homes(calls.len());
        let mut specs = Vec::with_capacity(calls.len());
        for (n, call) in calls.into_iter().enumerate() {
            let (priority, retries) = (call.work.options.priority, call.work.options.retries);
            let dependencies = call.work.input.dependencies();
            let home = homes.get(n).copied().flatten();
            specs.push(Spec { task: call.id, dependencies, priority, retries, home });
            self.entries.insert(call.id, Entry::of_call(call));
        }
        self.tell(Event::Submitted { specs });
        if let Some(tasks) = tasks {
            // Those that cannot be done anyway have their own errors first.
            self.act();
            self.desert(tasks);
        }
    }

    /// Nobody holds the future any more, and the task is to be done all the same.
    fn detach(&mut self, task: TaskId) {
        match self.entries.get_mut(task) {
            Some(entry) if entry.is_pending() => entry.detached = true,
            _ => self.tell(Event::Released { tasks: vec![task] }),
        }
    }

    /// To whom static placement deals the tasks of a batch; nobody, if tasks
    /// go to whoever is free.
    fn homes(&mut self, batch: usize) -> Vec<Option<WorkerId>> {
        if self.cluster.placement == Placement::Dynamic {
            return Vec::new();
        }
        let there = self.seats.iter().filter(|seat| seat.is_there());
        let workers: Vec<WorkerId> = there.map(|seat| seat.worker).collect();
        let mut homes = Vec::with_capacity(batch);
        let mut blocks = 0;
        for (block, positions) in self.cluster.placement.blocks(batch, workers.len()) {
            let home = block.map(|block| workers[(self.next_block + block) % workers.len()]);
            blocks += usize::from(block.is_some());
            homes.extend(positions.map(|_| home));
        }
        self.next_block = (self.next_block + blocks) % workers.len().max(1);
        homes
    }

    /// A worker has answered a task.
    fn answered(&mut self, worker: WorkerId, task: TaskId, answer: Answer, span: Option<Span>) {
        if let Some(recorder) = &mut self.recorder {
            let entry = self.entries.get(task);
            let ended = match entry.is_some_and(Entry::is_pending) {
                false => Ended::Cancelled,
                true if answer.is_failure() => Ended::Failed,
                true => Ended::Returned,
            };
            recorder.ended((worker, task), entry, span, ended);
        }
        if let Some(seat) = self.seat(worker) {
            seat.answered();
            seat.deadline.take_if(|(late, _)| *late == task);
        } else {
            self.late.retain(|(late, _)| *late != worker);
        }
        self.done += 1;
        let Some(entry) = self.entries.get_mut(task) else { return };
        entry.suspect = false;
        if let Some(failure) = answer.failure(entry.task()) {
            let failed = Trouble::Failed(Error::from_process(failure));
            if entry.end().is_none() {
                entry.error = Some(Box::new(failed));
            }
            self.tell(Event::Failed { worker, task });
        } else {
            let bytes = answer.bytes().len() as u64;
            // A value that came twice is the same value, and one that comes
            // after the end is nobody's.
            if entry.end().is_none() {
                entry.value.get_or_insert_with(|| Arc::new(answer));
            }
            self.tell(Event::Finished { worker, task, bytes, kept: false });
        }
    }

    fn tell(&mut self, event: Event) {
        self.scheduler.handle(event, &mut self.actions);
    }

    fn info(&self) -> Info {
        let worker = |seat: &Seat| {
            Some(WorkerInfo { id: seat.worker, place: seat.place()?, done: seat.done })
        };
        let counts = self.scheduler.counts();
        // One a worker: what else lies with it has not begun.
        let running = self.seats.iter().filter(|seat| seat.has_begun()).count();
        let unfinished = counts.waiting + counts.ready + counts.assigned;
        Info {
            workers: self.seats.iter().filter_map(worker).collect(),
            waiting: unfinished.saturating_sub(running),
            running,
            done: self.done,
            chunk_time: None,
        }
    }
}

/// An input in one piece.
fn whole(entries: &TaskMap<Entry>, input: &Input) -> Vec<u8> {
    if input.holes.is_empty() {
        return input.bytes.to_vec();
    }
    let value = |task| {
        let value = entries.get(task).and_then(|entry| entry.value.as_ref());
        value.expect("the inputs of a task in hand are here").bytes()
    };
    input.parts(value).collect::<Vec<_>>().concat()
}

impl Drop for Engine {
    /// Whatever ends it, nobody waits for ever.
    fn drop(&mut self) {
        self.inbox.close();
        let mut letters = Letters::default();
        self.inbox.take(&mut letters);
        letters.commands.into_iter().for_each(refuse);
        self.see_off();
        self.seats.clear();
        self.late.clear();
        for entry in self.entries.values() {
            if let Some(slot) = &entry.slot {
                slot.settle(Err(Error::Closed { task: entry.task() }));
            }
        }
    }
}
