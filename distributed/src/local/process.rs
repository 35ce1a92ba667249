//! A worker that is a process: many tasks in one message, each of them one.
//!
//! Tasks are batched into messages and never into each other: the worker claims
//! them one by one from memory that it shares with this process, so what it has
//! not begun can be taken back at any moment without asking it, and when it
//! dies it is known which task it was at.
//!
//! Here is what goes to it and comes back; `watch.rs` has how it gets ready and
//! whether it is well, `back.rs` what is taken back from it.

mod back;
mod watch;

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use processes::{Answer, Gone, Span, Worker, now_ns};

use super::entry::Entry;
use crate::Error;
use crate::ids::TaskMap;
use crate::scheduler::TaskId;

pub(super) use watch::{Unready, Wrong};

/// A request stops growing at so many bytes: what does not fit into the
/// socket's buffer waits for the worker anyway.
const ENOUGH: usize = 128 << 10;

/// A worker process, and what lies with it.
pub(super) struct ProcessWorker {
    worker: Worker,
    /// It is at its initializer.
    preparing: bool,
    /// What that came to.
    prepared: Result<(), Error>,
    /// What it will be sent next.
    outgoing: VecDeque<TaskId>,
    /// What it was sent: one request at work, one waiting.
    flights: VecDeque<Flight>,
    /// Its last sign of life, and when that came.
    beat: (u32, Instant),
    glanced: Instant,
    watched: Instant,
    /// Whether it says with each answer when the task ran.
    timed: bool,
    /// Tasks that it is to be killed for as soon as it is in the middle of one.
    doomed: Vec<TaskId>,
}

/// What a worker says of a task, and when it ran, if that is asked for.
pub(super) type Answered = (TaskId, Answer, Option<Span>);

/// A request under way.
struct Flight {
    /// What is not answered.
    tasks: VecDeque<TaskId>,
    /// How many were.
    answered: u32,
    posted: Instant,
    /// A worker died of its only task before it began that, or of something
    /// else.
    suspect: bool,
    /// Of the only task that there is, then.
    deadline: Option<Duration>,
    /// That task was said to be over its deadline.
    overdue: bool,
}

/// What a worker that died was at.
pub(super) enum At {
    /// In the middle of this task; or this was all that it had in hand, for
    /// the second time that a worker died before it began it.
    Task(TaskId),
    /// In the middle of none. Whether it could not take in one of these, or was
    /// ended from outside, nobody knows.
    Between(Vec<TaskId>),
}

impl Flight {
    /// Whether nothing is sent with its only task, or behind it.
    fn is_alone(&self) -> bool {
        self.suspect || self.deadline.is_some()
    }
}

impl ProcessWorker {
    pub(super) fn new(worker: Worker, timed: bool) -> Self {
        let now = Instant::now();
        let (outgoing, flights, doomed) = (VecDeque::new(), VecDeque::new(), Vec::new());
        let (preparing, prepared) = (false, Ok(()));
        let (beat, glanced, watched) = ((0, now), now, now);
        Self {
            worker,
            preparing,
            prepared,
            outgoing,
            flights,
            beat,
            glanced,
            watched,
            timed,
            doomed,
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.worker.pid()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.preparing || !self.flights.is_empty()
    }

    /// Puts a task behind what lies there.
    pub(super) fn hand(&mut self, task: TaskId) {
        self.outgoing.push_back(task);
    }

    /// Sends what waits to be sent, as far as it goes. Tasks that cannot be
    /// sent are returned with the reason.
    pub(super) fn post(&mut self, entries: &TaskMap<Entry>) -> Vec<(TaskId, processes::Error)> {
        let mut refused = Vec::new();
        while !self.outgoing.is_empty() && self.has_room() {
            let refusals = refused.len();
            let mut request = match self.timed {
                false => self.worker.mixed_request(false),
                true => self.worker.timed_request(false),
            };
            let (mut tasks, mut deadline, mut suspect) = (VecDeque::new(), None, false);
            while let Some(&task) = self.outgoing.front() {
                let entry = entries.get(task);
                let Some((entry, work)) = entry.and_then(|e| Some((e, e.work.as_ref()?))) else {
                    // It is over, and was taken out of the worker's hands.
                    self.outgoing.pop_front();
                    continue;
                };
                let limit = work.options.deadline;
                let by_itself = limit.is_some() || entry.suspect;
                if by_itself && !(tasks.is_empty() && self.flights.is_empty()) {
                    break;
                }
                let input = work.input.parts(|dependency| {
                    let value = entries.get(dependency).and_then(|entry| entry.value.as_ref());
                    value.expect("the inputs of a task in hand are here").bytes()
                });
                match request.push_call(entry.task(), input) {
                    Ok(true) => {
                        self.outgoing.pop_front();
                        tasks.push_back(task);
                    }
                    Ok(false) => break,
                    Err(e) => {
                        self.outgoing.pop_front();
                        refused.push((task, e));
                        if tasks.is_empty() {
                            // The request has lost its header with the item.
                            break;
                        }
                    }
                }
                if by_itself || request.bytes() >= ENOUGH {
                    (deadline, suspect) = (limit, entry.suspect);
                    break;
                }
            }
            if tasks.is_empty() {
                if refused.len() > refusals {
                    continue;
                }
                break;
            }
            request.post();
            let posted = Instant::now();
            if self.flights.is_empty() {
                self.beat = (self.worker.heartbeat(), posted);
            }
            let (answered, overdue) = (0, false);
            self.flights.push_back(Flight { tasks, answered, posted, suspect, deadline, overdue });
        }
        refused
    }

    /// Whether another request may be sent: two at most, and a task with a
    /// deadline is alone, so that it is known when it began. So is one that its
    /// worker may have died of before it began.
    fn has_room(&self) -> bool {
        self.worker.requests_under_way() < 2
            && self.flights.back().is_none_or(|last| !last.is_alone())
    }

    /// Reads what it has answered; whether there was anything.
    ///
    /// # Errors
    /// If there will be no more.
    pub(super) fn read(&mut self, answers: &mut Vec<Answered>) -> Result<bool, Gone> {
        // If nobody reads, the end of what it wrote is about to be read.
        let _ = self.worker.write();
        let mut something = false;
        while let Some(mut replies) = self.worker.replies()? {
            something = true;
            let last = replies.last;
            let flight = self.flights.front_mut().expect("replies are the answer to a request");
            let timed = self.timed;
            let mut next = || match timed {
                false => Some((replies.next_answer()?, None)),
                true => replies.next_timed_answer(),
            };
            while let Some((answer, span)) = next() {
                let task = flight.tasks.pop_front().expect("an answer is one to a task");
                flight.answered += 1;
                answers.push((task, answer, span));
            }
            if last {
                self.flights.pop_front();
                if let Some(next) = self.flights.front_mut() {
                    next.posted = Instant::now();
                }
            }
        }
        Ok(something)
    }

    /// The task that it is in the middle of.
    pub(super) fn begun(&self) -> Option<TaskId> {
        let flight = self.flights.front()?;
        if self.worker.requests_under_way() == 0 {
            return None;
        }
        let progress = self.worker.progress(0);
        let done = progress.done.saturating_sub(flight.answered) as usize;
        flight.tasks.get(done).filter(|_| progress.in_the_middle).copied()
    }

    /// Whether it is to be killed for this task at once: it is in the middle of
    /// it. Otherwise it will be when it begins it, for another may be running
    /// now that shall go on.
    pub(super) fn dies_for(&mut self, task: TaskId) -> bool {
        let now = self.begun() == Some(task);
        if !now {
            self.doomed.push(task);
        }
        now
    }

    /// Ends it in the middle of whatever it does.
    pub(super) fn kill(&mut self) {
        self.worker.kill();
    }

    /// It is gone: how it died, what it had answered before, and what it was at.
    pub(super) fn bury(
        &mut self,
        gone: Gone,
        name: impl Fn(TaskId) -> &'static str,
        answers: &mut Vec<Answered>,
    ) -> (processes::Error, At) {
        let at = self.flights.front().and_then(|flight| flight.tasks.front());
        let mut error = self.worker.bury(at.map_or("none", |at| name(*at)), gone);
        // What it said last is still there to be read.
        let _ = self.read(answers);
        let suspect = self.flights.front().filter(|flight| flight.suspect);
        let suspect = suspect.and_then(|flight| flight.tasks.front().copied());
        let Some(task) = self.begun().or(suspect) else {
            let flights = self.flights.iter();
            return (error, At::Between(flights.flat_map(|f| f.tasks.iter().copied()).collect()));
        };
        if let processes::Error::Died { task: its, .. }
        | processes::Error::Unresponsive { task: its, .. }
        | processes::Error::Memory { task: its, .. } = &mut error
        {
            *its = name(task);
        }
        (error, At::Task(task))
    }

    /// Since when it has had what it is at, on the clock of [`now_ns`].
    pub(super) fn at_it_since_ns(&self) -> u64 {
        let since = self.flights.front().map(|flight| flight.posted.elapsed().as_nanos());
        now_ns().saturating_sub(since.and_then(|since| since.try_into().ok()).unwrap_or(0))
    }

    /// Lets it go.
    pub(super) fn dismiss(&mut self) {
        self.worker.dismiss();
    }

    /// Whether one that was let go has left: it says nothing any more.
    pub(super) fn has_left(&mut self) -> bool {
        self.worker.replies().is_err()
    }

    pub(super) fn has_unwritten(&self) -> bool {
        self.worker.has_unwritten()
    }
}

impl AsFd for ProcessWorker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.worker.as_fd()
    }
}
