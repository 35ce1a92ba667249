//! Who sits where: workers that come, are looked at, die and go.

use std::time::Instant;

use processes::Gone;

use super::super::entry::{Entry, Trouble};
use super::super::process::{At, Unready, Wrong};
use super::super::seat::{Life, Seat};
use super::{DEPTH, Engine, MOST_LATE};
use crate::Error;
use crate::scheduler::{Event, TaskId, WorkerId};
use crate::timeline::Ended;

impl Engine {
    /// Brings the number of workers to this. Whoever asks for it may have mended
    /// what hindered them, so those that were given up are tried again, and
    /// those that are about to be have all their tries before them.
    pub(super) fn scale(&mut self, workers: usize) {
        (self.deserted, self.vain) = (None, None);
        self.seats.retain(|seat| !matches!(seat.life, Life::Empty));
        self.seats.iter_mut().for_each(Seat::forgive);
        let staying = self.seats.iter().filter(|seat| !seat.retires).count();
        for _ in staying..workers {
            self.seats.push(Seat::empty());
            self.fill(self.seats.len() - 1);
        }
        let surplus = staying.saturating_sub(workers);
        let there = (0..self.seats.len()).rev().filter(|at| !self.seats[*at].retires);
        let mut there: Vec<usize> = there.collect();
        // First those that are not ready: whether they ever are, nobody knows.
        there.sort_by_key(|at| self.seats[*at].is_there());
        for at in there.into_iter().take(surplus) {
            let seat = &mut self.seats[at];
            seat.retires = true;
            if seat.is_there() {
                let worker = seat.worker;
                self.tell(Event::WorkerRetiring { worker });
            } else if !matches!(seat.life, Life::Preparing(_)) {
                // A thread cannot be ended, and is not waited for here.
                seat.end();
            }
        }
    }

    /// Takes away the seats of those that have retired, and looks whether
    /// anybody is left. Not while seats are being counted through.
    pub(super) fn clear_away(&mut self) {
        let before = self.seats.len();
        self.seats.retain(|seat| !(seat.retires && matches!(seat.life, Life::Empty)));
        let one_less = self.seats.len() < before;
        // Those that retire get nothing more to do.
        let mut staying = self.seats.iter().filter(|seat| !seat.retires).peekable();
        if staying.peek().is_none() || !staying.all(|seat| matches!(seat.life, Life::Empty)) {
            return;
        }
        if let Some(error) = self.vain.take() {
            self.deserted = Some(Error::Deserted { source: Box::new(error) });
        } else if !one_less {
            // It has been told: all seats stay empty until somebody scales.
            return;
        }
        let pending = self.entries.iter().filter(|(_, entry)| entry.is_pending());
        let tasks = pending.map(|(task, _)| task);
        // What one that retires has in hand may yet be done.
        self.desert(tasks.filter(|task| !self.scheduler.is_in_hand(*task)).collect());
    }

    /// Nobody is there who could do these, and nobody is to come.
    pub(super) fn desert(&mut self, mut tasks: Vec<TaskId>) {
        let Self { deserted: Some(error), entries, .. } = self else { return };
        tasks.retain(|task| {
            let entry = entries.get_mut(*task).filter(|entry| entry.is_pending());
            entry.map(|entry| entry.deserted(error)).is_some()
        });
        self.tell(Event::Cancelled { tasks, kill: false });
    }

    /// Puts a new life into a seat.
    pub(super) fn fill(&mut self, at: usize) {
        let worker = WorkerId(self.next_worker);
        self.next_worker += 1;
        match self.seats[at].start(worker, &self.cluster, &self.inbox) {
            Ok(true) => self.joined(at),
            Ok(false) => {}
            Err(e) => self.given_up(e),
        }
    }

    pub(super) fn joined(&mut self, at: usize) {
        let worker = self.seats[at].worker;
        self.tell(Event::WorkerJoined { worker, depth: DEPTH });
        if self.seats.iter().filter(|seat| seat.is_there()).count() >= self.cluster.n_workers
            && let Some(started) = self.started.take()
        {
            let _ = started.send(Ok(()));
        }
    }

    /// A thread has come to the end of its initializer.
    pub(super) fn prepared(&mut self, worker: WorkerId, outcome: Result<(), Error>) {
        let Some(at) = self.seats.iter().position(|seat| seat.worker == worker) else { return };
        let seat = &mut self.seats[at];
        match outcome {
            _ if seat.retires => seat.end(),
            Ok(()) => {
                seat.ready();
                self.joined(at);
            }
            Err(e) => self.unready(at, Unready::Failed(e)),
        }
    }

    fn unready(&mut self, at: usize, unready: Unready) {
        let seat = &mut self.seats[at];
        let outcome = match unready {
            Unready::Died(error) => seat.failed(error),
            Unready::Failed(error) => {
                seat.end();
                Err(error)
            }
        };
        if let Err(e) = outcome {
            self.given_up(e);
        }
    }

    /// A seat is empty for good.
    pub(super) fn given_up(&mut self, error: Error) {
        if let Some(started) = self.started.take() {
            // The client is not there yet, and will close the inbox.
            let _ = started.send(Err(error));
            return;
        }
        self.vain = Some(error);
    }

    /// Looks at every worker; whether one had anything to say.
    pub(super) fn look(&mut self) -> bool {
        let mut something = false;
        for at in 0..self.seats.len() {
            let seat = &mut self.seats[at];
            match &mut seat.life {
                Life::Starting(process) => match process.is_ready(&self.cluster) {
                    Ok(false) => {}
                    Ok(true) => {
                        something = true;
                        seat.ready();
                        self.joined(at);
                    }
                    Err(unready) => {
                        something = true;
                        self.unready(at, unready);
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
                        self.let_go_on(at, task);
                    }
                }
                Life::Leaving(process, until) => {
                    if process.has_left() || Instant::now() >= *until {
                        something = true;
                        seat.end();
                    }
                }
                Life::Preparing(_) | Life::Echo(_) | Life::Empty => {}
            }
        }
        something
    }

    pub(super) fn look_at_process(&mut self, at: usize) -> bool {
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
            Ok(false) => process.watch(cluster),
        };
        let something = came || wrong.is_some();
        for (task, answer, span) in answers.drain(..) {
            self.answered(worker, task, answer, span);
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
    pub(super) fn expired(&mut self, task: TaskId) {
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

    /// A thread is at a task that is over, and cannot be ended. Another takes its place,
    /// or what lies there and what is dealt to it would wait for its end.
    fn let_go_on(&mut self, at: usize, task: TaskId) {
        let seat = &mut self.seats[at];
        let Life::Thread(thread, _) = &seat.life else { return };
        if self.late.len() >= MOST_LATE || !thread.dismiss_from(task) {
            // It is at its end, or the others wait for that.
            return;
        }
        let (worker, retires) = (seat.worker, seat.retires);
        if let Life::Thread(thread, _) = std::mem::replace(&mut seat.life, Life::Empty) {
            self.late.push((worker, thread));
        }
        self.tell(Event::WorkerLost { worker, begun: Vec::new() });
        if !retires {
            self.fill(at);
        }
    }

    /// Ends a worker for a task that is over.
    pub(super) fn kill(&mut self, at: usize) {
        if let Life::Process(process) = &mut self.seats[at].life {
            process.kill();
            self.lost(at, Gone::Closed, true);
        }
    }

    /// A worker process is gone. If we have killed it, that is for a task that
    /// is over already, and held against none.
    pub(super) fn lost(&mut self, seat_at: usize, gone: Gone, by_us: bool) {
        let Self { seats, answers, entries, .. } = self;
        let seat = &mut seats[seat_at];
        let Life::Process(process) = &mut seat.life else { return };
        let (worker, retires) = (seat.worker, seat.retires);
        let mut answers = std::mem::take(answers);
        let name = |task| entries.get(task).map_or("unknown", Entry::task);
        let since_ns = process.at_it_since_ns();
        let (error, at_what) = process.bury(gone, name, &mut answers);
        // The dead one is buried before another is born.
        seat.life = Life::Empty;
        for (task, answer, span) in answers.drain(..) {
            self.answered(worker, task, answer, span);
        }
        self.answers = answers;
        let mut begun = None;
        if let (Some(recorder), At::Task(task)) = (&mut self.recorder, &at_what) {
            let ended = if by_us { Ended::Cancelled } else { Ended::Killed };
            recorder.died((worker, *task), self.entries.get(*task), since_ns, ended);
        }
        match at_what {
            _ if by_us => {}
            At::Task(task) => {
                begun = Some(task);
                if let Some(entry) = self.entries.get_mut(task).filter(|e| e.end().is_none()) {
                    entry.error = Some(Box::new(Trouble::Died(error.clone())));
                }
            }
            At::Between(tasks) => {
                for task in tasks {
                    if let Some(entry) = self.entries.get_mut(task) {
                        entry.suspect = true;
                    }
                }
            }
        }
        self.tell(Event::WorkerLost { worker, begun: begun.into_iter().collect() });
        let seat = &mut self.seats[seat_at];
        if retires {
            // The empty seat is taken away later, for others are looked at now.
            return;
        }
        if by_us || begun.is_some() || !seat.died_in_infancy() {
            return self.fill(seat_at);
        }
        if self.started.is_some() && seat.has_no_luck() {
            // Or who waits for the first workers would wait for ever.
            return self.given_up(Error::Start(error));
        }
        seat.pause();
    }
}
