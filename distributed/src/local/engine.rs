//! The engine: carries out what the scheduler decides.
//!
//! It decides nothing itself. What happens becomes an event, the scheduler
//! answers with actions, and here they are done: a task is put into a worker's
//! hands or taken out again, a future is settled, a value dropped.

use std::collections::VecDeque;
use std::num::NonZero;
use std::os::fd::AsFd;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use processes::{Answer, Gone};

use super::LocalCluster;
use super::entry::{Entry, Trouble};
use super::inbox::{Command, Doze, Inbox, Letters, refuse};
use super::process::Wrong;
use super::seat::{Life, Seat};
use super::thread::Work;
use crate::backend::{Call, Input};
use crate::ids::TaskMap;
use crate::info::{Info, WorkerInfo};
use crate::scheduler::{Action, Event, Holder, Outcome, Scheduler, Spec, TaskId, WorkerId};
use crate::{Error, Placement};

/// How many tasks may lie with a worker. With fewer each message carries less;
/// more are no better, and what lies there is taken back one by one when
/// another worker has nothing to do.
const DEPTH: u32 = 256;

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
    next_worker: u64,
    done: u64,
    /// Blocks are dealt round the workers from here, or every task that is
    /// submitted alone would fall to the first worker.
    next_block: usize,
    /// Whoever waits for the first workers.
    started: Option<mpsc::Sender<Result<(), Error>>>,
    /// Why nothing more can be done.
    deserted: Option<Error>,
    /// Why the last seat was given up that was.
    vain: Option<Error>,
    /// How many processors there are for this process.
    processors: usize,
    /// Emptied, and used again.
    answers: Vec<(TaskId, Answer)>,
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
            next_worker: 0,
            done: 0,
            next_block: 0,
            started: Some(started),
            deserted: None,
            vain: None,
            processors: std::thread::available_parallelism().map_or(1, NonZero::get),
            answers: Vec::new(),
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
        let something = !letters.commands.is_empty() || !letters.reports.is_empty();
        for command in letters.commands.drain(..) {
            match command {
                Command::Submit(calls) => self.submit(calls),
                // Nobody is left who would take it, or let go of it.
                Command::Scatter(..) if self.deserted.is_some() => {}
                Command::Scatter(task, value) => {
                    let bytes = value.bytes().len() as u64;
                    self.entries.insert(task, Entry::of_value(value));
                    self.tell(Event::Scattered { task, bytes, at: Holder::Driver });
                }
                Command::Cancel { tasks, kill } => self.tell(Event::Cancelled { tasks, kill }),
                Command::Detach(task) => self.detach(task),
                Command::Scale(workers) => self.scale(workers),
                // Who asks is told, or does not want to know any more.
                Command::Info(tell) => _ = tell.send(self.info()),
            }
        }
        // Before the reports, which may be of the same tasks.
        for (worker, task, deadline) in letters.begun.drain(..) {
            if let Some(seat) = self.seat(worker) {
                seat.deadline = Some((task, deadline));
            }
        }
        for report in letters.reports.drain(..) {
            self.answered(report.worker, report.task, report.answer);
        }
        if !letters.released.is_empty() {
            let tasks = std::mem::take(&mut letters.released);
            self.tell(Event::Released { tasks });
        }
        something
    }

    fn submit(&mut self, calls: Vec<Call>) {
        if let Some(error) = &self.deserted {
            calls.iter().for_each(|call| call.slot.settle(Err(error.clone())));
            return;
        }
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

    /// Brings the number of workers to this. A cluster that all workers have
    /// deserted stays so: its futures have been told.
    fn scale(&mut self, workers: usize) {
        if self.deserted.is_some() {
            return;
        }
        // Those that were given up do not count, and may be tried again.
        self.seats.retain(|seat| !matches!(seat.life, Life::Empty));
        let staying = self.seats.iter().filter(|seat| !seat.retires).count();
        for _ in staying..workers {
            self.seats.push(Seat::empty());
            self.fill(self.seats.len() - 1);
        }
        let mut surplus = staying.saturating_sub(workers);
        for at in (0..self.seats.len()).rev() {
            if surplus == 0 {
                break;
            }
            let seat = &mut self.seats[at];
            if seat.retires {
                continue;
            }
            surplus -= 1;
            seat.retires = true;
            if seat.is_there() {
                let worker = seat.worker;
                self.tell(Event::WorkerRetiring { worker });
            } else {
                seat.life = Life::Empty;
            }
        }
        self.clear_away();
    }

    /// Takes away the seats of those that have retired, and looks whether
    /// anybody is left. Not while seats are being counted through.
    fn clear_away(&mut self) {
        self.seats.retain(|seat| !(seat.retires && matches!(seat.life, Life::Empty)));
        if self.deserted.is_some() || self.seats.iter().any(|s| !matches!(s.life, Life::Empty)) {
            return;
        }
        // Without an error none was given up, and some are about to come.
        let Some(error) = self.vain.take() else { return };
        let error = Error::Deserted { source: Box::new(error) };
        for entry in self.entries.values_mut() {
            if let Some(slot) = &entry.slot {
                slot.settle(Err(error.clone()));
            }
        }
        self.entries = TaskMap::default();
        self.deserted = Some(error);
    }

    /// Puts a new life into a seat.
    fn fill(&mut self, at: usize) {
        let worker = WorkerId(self.next_worker);
        self.next_worker += 1;
        match self.seats[at].start(worker, &self.cluster, &self.inbox) {
            Ok(true) => self.joined(at),
            Ok(false) => {}
            Err(e) => self.given_up(e),
        }
    }

    fn joined(&mut self, at: usize) {
        let worker = self.seats[at].worker;
        self.tell(Event::WorkerJoined { worker, depth: DEPTH });
        if self.seats.iter().filter(|seat| seat.is_there()).count() >= self.cluster.n_workers
            && let Some(started) = self.started.take()
        {
            let _ = started.send(Ok(()));
        }
    }

    /// A seat is empty for good.
    fn given_up(&mut self, error: Error) {
        if let Some(started) = self.started.take() {
            // The client is not there yet, and will close the inbox.
            let _ = started.send(Err(error));
            return;
        }
        self.vain = Some(error);
    }

    /// Looks at every worker; whether one had anything to say.
    fn look(&mut self) -> bool {
        let mut something = false;
        for at in 0..self.seats.len() {
            let seat = &mut self.seats[at];
            match &mut seat.life {
                Life::Starting(process) => match process.is_ready() {
                    Ok(false) => {}
                    Ok(true) => {
                        something = true;
                        seat.ready();
                        self.joined(at);
                    }
                    Err(e) => {
                        something = true;
                        if let Err(e) = seat.failed(Error::Start(e)) {
                            self.given_up(e);
                        }
                    }
                },
                Life::Process(_) => something |= self.look_at_process(at),
                Life::Pause(until) => {
                    if Instant::now() >= *until {
                        something = true;
                        self.fill(at);
                    }
                }
                Life::Thread(..) => {
                    let late = seat.deadline.take_if(|(_, limit)| Instant::now() >= *limit);
                    if let Some((task, _)) = late {
                        something = true;
                        self.expired(task);
                    }
                }
                Life::Echo(_) | Life::Empty => {}
            }
        }
        self.clear_away();
        something
    }

    fn look_at_process(&mut self, at: usize) -> bool {
        let Self { seats, answers, cluster, .. } = self;
        let Seat { life: Life::Process(process), worker, .. } = &mut seats[at] else {
            return false;
        };
        let worker = *worker;
        let mut answers = std::mem::take(answers);
        let read = process.read(&mut answers);
        // An answer, or no more than the end of a request: then there is room.
        let came = matches!(read, Ok(true));
        let wrong = match read {
            Err(gone) => Some(Wrong::Gone(gone)),
            Ok(true) => None,
            Ok(false) => process.watch(cluster.time_to_live),
        };
        let something = came || wrong.is_some();
        for (task, answer) in answers.drain(..) {
            self.answered(worker, task, answer);
        }
        self.answers = answers;
        match wrong {
            None => {}
            Some(Wrong::Gone(gone)) => self.lost(at, gone, false),
            Some(Wrong::Expired(task)) => self.expired(task),
            Some(Wrong::Futile) => self.kill(at),
        }
        something
    }

    /// A task is over its deadline, which is news only if it is still wanted.
    fn expired(&mut self, task: TaskId) {
        if let Some(entry) = self.entries.get_mut(task)
            && entry.is_pending()
            && let Some(limit) = entry.work.as_ref().and_then(|work| work.options.deadline)
        {
            // For those that depend on it.
            let late = Error::Timeout { task: entry.task(), limit };
            entry.error = Some(Box::new(Trouble::Failed(late)));
        }
        self.tell(Event::Expired { task });
    }

    /// Ends a worker for a task that is over.
    fn kill(&mut self, at: usize) {
        if let Life::Process(process) = &mut self.seats[at].life {
            process.kill();
            self.lost(at, Gone::Closed, true);
        }
    }

    /// A worker has answered a task.
    fn answered(&mut self, worker: WorkerId, task: TaskId, answer: Answer) {
        if let Some(seat) = self.seat(worker) {
            seat.answered();
            seat.deadline.take_if(|(late, _)| *late == task);
        }
        self.done += 1;
        let Some(entry) = self.entries.get_mut(task) else { return };
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

    /// A worker process is gone. If we have killed it, that is for a task that
    /// is over already, and held against none.
    fn lost(&mut self, at: usize, gone: Gone, by_us: bool) {
        let Self { seats, answers, entries, .. } = self;
        let seat = &mut seats[at];
        let Life::Process(process) = &mut seat.life else { return };
        let (worker, retires) = (seat.worker, seat.retires);
        let mut answers = std::mem::take(answers);
        let name = |task| entries.get(task).map_or("unknown", Entry::task);
        let (error, begun) = process.bury(gone, name, &mut answers);
        let begun = begun.filter(|_| !by_us);
        // The dead one is buried before another is born.
        seat.life = Life::Empty;
        for (task, answer) in answers.drain(..) {
            self.answered(worker, task, answer);
        }
        self.answers = answers;
        if let Some(entry) = begun.and_then(|begun| self.entries.get_mut(begun))
            && entry.end().is_none()
        {
            entry.error = Some(Box::new(Trouble::Died(error.clone())));
        }
        self.tell(Event::WorkerLost { worker, begun: begun.into_iter().collect() });
        if retires {
            // The empty seat is taken away later, for others are looked at now.
            return;
        }
        let seat = &mut self.seats[at];
        if !by_us && begun.is_none() && seat.was_in_vain() {
            if let Err(e) = seat.failed(Error::Start(error)) {
                self.given_up(e);
            }
        } else {
            self.fill(at);
        }
    }

    fn tell(&mut self, event: Event) {
        if self.deserted.is_none() {
            self.scheduler.handle(event, &mut self.actions);
        }
    }

    /// Does what the scheduler wants, and what follows from that.
    fn act(&mut self) {
        let mut next = 0;
        while let Some(action) = self.actions.get(next).copied() {
            next += 1;
            match action {
                Action::Assign { task, worker } => self.assign(task, worker),
                Action::Recall { worker, count } => {
                    let seat = self.seat(worker);
                    let tasks = seat.map(|seat| seat.take_back(count as usize));
                    self.tell(Event::Recalled { worker, tasks: tasks.unwrap_or_default() });
                }
                Action::Revoke { task, worker, kill } => self.revoke(task, worker, kill),
                Action::Finish { task, outcome } | Action::Gone { task, outcome } => {
                    self.finish(task, outcome);
                }
                // Values are here, so workers hold none.
                Action::Free { holder: Holder::Worker(_), .. } => {}
                Action::Free { task, holder: Holder::Driver } => {
                    if let Some(entry) = self.entries.get_mut(task) {
                        entry.value = None;
                    }
                }
                Action::Forget { task } => _ = self.entries.remove(task),
                Action::Secure { task, .. } => self.tell(Event::Secured { task }),
                Action::Dismiss { worker } => self.dismiss(worker),
            }
        }
        self.actions.clear();
        self.clear_away();
    }

    fn seat(&mut self, worker: WorkerId) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.worker == worker)
    }

    fn assign(&mut self, task: TaskId, worker: WorkerId) {
        let Self { seats, entries, .. } = self;
        let Some(seat) = seats.iter_mut().find(|seat| seat.worker == worker) else { return };
        match &mut seat.life {
            Life::Process(process) => process.hand(task),
            Life::Echo(tasks) => tasks.push_back(task),
            Life::Thread(_, outgoing) => {
                let work = entries.get(task).and_then(|entry| entry.work.as_ref());
                let work = work.expect("a task that is assigned can be run");
                let value = |(_, task): &(usize, TaskId)| {
                    let value = entries.get(*task).and_then(|entry| entry.value.as_ref());
                    Arc::clone(value.expect("the inputs of a task in hand are here"))
                };
                let values = work.input.holes.iter().map(value).collect();
                let input = work.input.clone();
                let here = work.here.as_ref().expect("calls for threads can be run here");
                let deadline = work.options.deadline;
                outgoing.push(Work { task, here: Arc::clone(here), input, values, deadline });
            }
            Life::Starting(_) | Life::Pause(_) | Life::Empty => {}
        }
    }

    fn revoke(&mut self, task: TaskId, worker: WorkerId, kill: bool) {
        let Some(at) = self.seats.iter().position(|seat| seat.worker == worker) else { return };
        if self.seats[at].take_this_back(task) {
            self.tell(Event::Declined { worker, task });
        } else if kill
            && let Life::Process(process) = &mut self.seats[at].life
            && process.dies_for(task)
        {
            self.kill(at);
        }
    }

    fn finish(&mut self, task: TaskId, outcome: Outcome) {
        let cause = match outcome {
            Outcome::DependencyFailed { cause } => self.cause(task, cause),
            _ => None,
        };
        let Some(entry) = self.entries.get_mut(task) else { return };
        match outcome {
            Outcome::Returned => entry.returned(),
            _ => entry.over(outcome, cause),
        }
        if entry.detached {
            self.tell(Event::Released { tasks: vec![task] });
        }
    }

    /// Why a task has no value that depends on one that has none.
    fn cause(&self, task: TaskId, cause: TaskId) -> Option<Error> {
        let of = |task| self.entries.get(task)?.cause(self.cluster.allowed_failures);
        // If that is forgotten, it stands in what depended on it.
        let between = || {
            let work = self.entries.get(task)?.work.as_ref()?;
            work.input.holes.iter().find_map(|(_, task)| of(*task))
        };
        of(cause).or_else(between)
    }

    fn dismiss(&mut self, worker: WorkerId) {
        let Some(at) = self.seats.iter().position(|seat| seat.worker == worker) else { return };
        let mut seat = self.seats.remove(at);
        if let Life::Process(process) = &mut seat.life {
            process.dismiss();
        }
        self.tell(Event::WorkerLost { worker, begun: Vec::new() });
    }

    /// Sends what workers were given; whether something came of it at once.
    fn post(&mut self) -> bool {
        let mut something = false;
        for at in 0..self.seats.len() {
            let Self { seats, entries, .. } = self;
            let seat = &mut seats[at];
            let worker = seat.worker;
            match &mut seat.life {
                Life::Process(process) => {
                    for (task, error) in process.post(entries) {
                        something = true;
                        self.refused(worker, task, error);
                    }
                }
                Life::Thread(thread, outgoing) if !outgoing.is_empty() => {
                    thread.hand(std::mem::take(outgoing));
                }
                Life::Echo(tasks) if !tasks.is_empty() => {
                    something = true;
                    for task in std::mem::take(tasks) {
                        let work = self.entries.get(task).and_then(|entry| entry.work.as_ref());
                        let echo = work.map(|work| whole(&self.entries, &work.input));
                        let echo = echo.unwrap_or_default();
                        self.answered(worker, task, Answer::output(echo));
                    }
                }
                _ => {}
            }
        }
        if something {
            self.act();
        }
        something
    }

    /// A task could not be sent.
    fn refused(&mut self, worker: WorkerId, task: TaskId, error: processes::Error) {
        if let Some(entry) = self.entries.get_mut(task) {
            entry.error = Some(Box::new(Trouble::Failed(Error::from_process(error))));
        }
        self.tell(Event::Failed { worker, task });
    }

    /// Sleeps until there is something to do.
    fn rest(&mut self) {
        if self.linger() {
            return;
        }
        let Some(mut doze) = self.inbox.doze() else { return };
        let mut until: Option<Instant> = None;
        let mut no_later = |time: Instant| until = Some(until.map_or(time, |u| u.min(time)));
        let mut ends = VecDeque::with_capacity(self.seats.len() + 1);
        ends.push_back(PollFd::new(self.alarm.as_fd(), PollFlags::POLLIN));
        for seat in &self.seats {
            match &seat.life {
                Life::Process(process) | Life::Starting(process) => {
                    let mut events = PollFlags::POLLIN;
                    events.set(PollFlags::POLLOUT, process.has_unwritten());
                    ends.push_back(PollFd::new(process.as_fd(), events));
                    let starting = matches!(seat.life, Life::Starting(_));
                    if process.is_busy() || starting || self.cluster.time_to_live.is_some() {
                        no_later(process.next_watch(self.cluster.time_to_live));
                    }
                }
                Life::Pause(until) => no_later(*until),
                Life::Thread(..) => {
                    if let Some((_, limit)) = seat.deadline {
                        no_later(limit);
                    }
                }
                Life::Echo(_) | Life::Empty => {}
            }
        }
        loop {
            let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
            let nap = (doze == Doze::Nap).then_some(NAP);
            let timeout = timeout.into_iter().chain(nap).min().map(TimeSpec::from);
            // An interruption is a reason to look, like any other.
            let woken = ppoll(ends.make_contiguous(), timeout, None);
            let rung = ends[0].any() == Some(true);
            if doze == Doze::Nap || woken != Ok(1) || !rung {
                break;
            }
            let _ = self.alarm.read();
            // If something was released, and that is all, more is to come.
            match self.inbox.doze() {
                Some(Doze::Nap) => doze = Doze::Nap,
                _ => break,
            }
        }
        self.inbox.awake();
        let _ = self.alarm.read();
    }

    /// Stays awake for a moment, if it takes no processor from a worker: whether
    /// something has come. What comes within this time costs no wake-up.
    fn linger(&mut self) -> bool {
        let busy = self.seats.iter().filter(|seat| seat.is_busy()).count();
        if busy >= self.processors {
            return false;
        }
        let until = Instant::now() + LINGER;
        loop {
            if self.inbox.is_full() {
                return true;
            }
            for at in 0..self.seats.len() {
                if self.seats[at].is_busy() && self.look_at_process(at) {
                    self.act();
                    self.post();
                    return true;
                }
            }
            if Instant::now() >= until {
                return false;
            }
            // A worker may be waiting for this very core.
            std::thread::yield_now();
        }
    }

    fn info(&self) -> Info {
        let worker = |seat: &Seat| {
            Some(WorkerInfo { id: seat.worker, place: seat.place()?, done: seat.done })
        };
        let counts = self.scheduler.counts();
        // One a worker: what else lies with it has not begun.
        let running = self.seats.iter().filter(|seat| seat.is_busy()).count();
        let unfinished = counts.waiting + counts.ready + counts.assigned;
        Info {
            workers: self.seats.iter().filter_map(worker).collect(),
            waiting: unfinished.saturating_sub(running),
            running,
            done: self.done,
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
        // All are told to end before one is waited for.
        for seat in &mut self.seats {
            match &mut seat.life {
                Life::Process(process) | Life::Starting(process) if process.is_busy() => {
                    process.kill();
                }
                Life::Process(process) | Life::Starting(process) => process.dismiss(),
                Life::Thread(thread, _) => thread.dismiss(),
                Life::Echo(_) | Life::Pause(_) | Life::Empty => {}
            }
        }
        self.seats.clear();
        for entry in self.entries.values() {
            if let Some(slot) = &entry.slot {
                slot.settle(Err(Error::Closed { task: entry.task() }));
            }
        }
    }
}
