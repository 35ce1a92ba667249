//! What the scheduler wants done, and how it is done.

use std::sync::Arc;

use processes::Answer;

use super::super::entry::Trouble;
use super::super::seat::{Life, Seat};
use super::super::thread::Work;
use super::{Engine, whole};
use crate::Error;
use crate::scheduler::{Action, Event, Holder, Outcome, TaskId, WorkerId};

/// Room for so many actions is kept.
const KEPT: usize = 1 << 12;

impl Engine {
    /// Does what the scheduler wants, and what follows from that.
    pub(super) fn act(&mut self) {
        loop {
            self.act_once();
            self.clear_away();
            // If nobody is left, all that waits has been cancelled.
            if self.actions.is_empty() {
                return;
            }
        }
    }

    fn act_once(&mut self) {
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
                Action::Forget { task } => {
                    self.entries.remove(task);
                    if let Some(recorder) = &mut self.recorder {
                        recorder.forget(task);
                    }
                }
                Action::Secure { task, .. } => self.tell(Event::Secured { task }),
                Action::Dismiss { worker } => self.dismiss(worker),
            }
        }
        self.actions.clear();
        // Room for a million of them is not kept for the next ten.
        self.actions.shrink_to(KEPT);
    }

    pub(super) fn seat(&mut self, worker: WorkerId) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.worker == worker)
    }

    pub(super) fn assign(&mut self, task: TaskId, worker: WorkerId) {
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
            _ => {}
        }
    }

    pub(super) fn revoke(&mut self, task: TaskId, worker: WorkerId, kill: bool) {
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

    pub(super) fn finish(&mut self, task: TaskId, outcome: Outcome) {
        let cause = match outcome {
            Outcome::DependencyFailed { cause } => self.cause(task, cause),
            Outcome::Cancelled => self.desertion(task),
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
    pub(super) fn cause(&self, task: TaskId, cause: TaskId) -> Option<Error> {
        let of = |task| self.entries.get(task)?.cause(self.cluster.allowed_failures);
        // If that is forgotten, it stands in what depended on it.
        let between = || {
            let work = self.entries.get(task)?.work.as_ref()?;
            work.input.holes.iter().find_map(|(_, task)| of(*task))
        };
        of(cause).or_else(between)
    }

    /// Why a task is cancelled that depends on one that nobody was left to do.
    fn desertion(&self, task: TaskId) -> Option<Error> {
        let work = self.entries.get(task)?.work.as_ref()?;
        let end = |task| self.entries.get(task)?.end();
        let mut ends = work.input.holes.iter().filter_map(|(_, task)| end(*task));
        ends.find(|end| matches!(end, Error::Deserted { .. }))
    }

    pub(super) fn dismiss(&mut self, worker: WorkerId) {
        if let Some(seat) = self.seat(worker) {
            seat.let_go();
        }
        self.tell(Event::WorkerLost { worker, begun: Vec::new() });
    }

    /// Sends what workers were given; whether something came of it at once.
    pub(super) fn post(&mut self) -> bool {
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
                        self.answered(worker, task, Answer::output(echo), None);
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
    pub(super) fn refused(&mut self, worker: WorkerId, task: TaskId, error: processes::Error) {
        if let Some(entry) = self.entries.get_mut(task) {
            entry.error = Some(Box::new(Trouble::Failed(Error::from_process(error))));
        }
        self.tell(Event::Failed { worker, task });
    }
}
