//! The engine: gives pieces of jobs to workers, and takes what comes of them.
//!
//! Whoever wants work done drives workers in its own thread. It writes to their
//! sockets and waits for all of them at once, so nothing is handed from thread
//! to thread; a `map` is driven by its caller, what was submitted by the pool's
//! dispatcher, both by this same engine.
//!
//! Who gets what is decided in [`share`]; how a worker begins and ends, and what
//! its end costs, is in [`lives`].

mod lives;
mod share;

use std::collections::VecDeque;
use std::hint::spin_loop;
use std::iter;
use std::num::NonZero;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use processes::{Gone, Worker};

use super::crew::{Crew, Party, Place, Stage};
use super::job::Job;
use crate::Error;

/// How old a request is before items are taken back from it: about as long as
/// a worker needs to wake up, do a hundred tiny items and answer.
const PATIENCE: Duration = Duration::from_micros(40);

/// The same for one that did not fit into the worker's socket: how long none of
/// it moves. To send it to another worker costs as much again, so that has to be
/// a sign that this one does not read; it may be at getting memory for so many
/// bytes, which a virtual machine under pressure was seen to give at 200 MB/s.
fn standstill(bytes: usize) -> Duration {
    Duration::from_millis(10) + Duration::from_nanos(20 * bytes as u64)
}

/// How long the engine looks at the sockets before it goes to sleep: an answer
/// that comes within this time costs no wake-up.
const SPIN: Duration = Duration::from_micros(40);

/// How often it looks whether a silent worker still lives; see `processes`.
const GLANCE: Duration = Duration::from_millis(250);

/// How often in a row a worker is started in vain before that is an error, and
/// how many workers may die with a piece that none of them has begun.
const TRIES: u32 = 3;

/// Items of a job that nobody has been given yet.
pub(crate) struct Piece<'j> {
    pub(crate) job: Arc<dyn Job + 'j>,
    pub(crate) items: Range<usize>,
    /// How many are given to a worker at once.
    pub(crate) chunk: usize,
    /// Whether it may be fewer, and some be taken back.
    pub(crate) automatic: bool,
    /// Whether a worker may have it waiting while it is at work on another.
    pub(crate) ahead: bool,
    /// How many workers have died with it before they began.
    pub(crate) deaths: u32,
}

/// A request under way.
struct Flight<'j> {
    /// The items that are still to be answered.
    piece: Piece<'j>,
    /// The first item of the request.
    first: usize,
    posted: Instant,
}

/// A worker that is driven.
struct Hand<'j> {
    place: Place,
    flights: VecDeque<Flight<'j>>,
    /// When it got something to do, or last answered.
    since: Instant,
    /// How many bytes wait for room in its socket, when it last took any of them,
    /// and how long it need not.
    backlog: usize,
    moved: Option<(Instant, Duration)>,
    /// Its last sign of life, and when it was seen.
    beat: (u32, Instant),
}

/// Why a worker is given up.
enum Cause {
    Gone(Gone),
    Deadline(Duration),
}

/// The engine, with the workers that it has at the moment.
pub(crate) struct Drive<'j> {
    crew: &'j Crew,
    /// Whether it is the dispatcher's, which waits for work.
    dispatcher: bool,
    /// What it is to the crew.
    party: Party,
    /// Whether the crew knows that it would take another worker.
    hungry: bool,
    pub(crate) queue: VecDeque<Piece<'j>>,
    hands: Vec<Hand<'j>>,
    /// How many workers in a row could not be started, and why the last.
    failures: u32,
    tries: u32,
    failed: Option<Error>,
    glanced: Instant,
}

impl<'j> Drive<'j> {
    pub(crate) fn new(crew: &'j Crew, dispatcher: bool) -> Self {
        Self {
            crew,
            dispatcher,
            party: crew.enter(dispatcher),
            hungry: false,
            queue: VecDeque::new(),
            hands: Vec::new(),
            failures: 0,
            tries: TRIES,
            failed: None,
            glanced: Instant::now(),
        }
    }

    /// Fills all of the crew's places with workers, and waits until they are
    /// ready.
    pub(crate) fn fill(&mut self) -> Result<(), Error> {
        // Nobody waits for work yet: the first failure is the answer.
        self.tries = 1;
        let places: Vec<Place> = iter::from_fn(|| self.crew.try_take(&self.party)).collect();
        places.into_iter().for_each(|place| self.enlist(place));
        while self.failed.is_none()
            && self.hands.iter().any(|hand| hand.place.stage != Stage::Ready)
        {
            self.step();
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Does all that is queued.
    pub(crate) fn finish(&mut self) {
        while !self.is_done() {
            self.step();
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.queue.is_empty() && self.hands.iter().all(|hand| hand.flights.is_empty())
    }

    /// Hands out what can be, and waits until something has happened.
    pub(crate) fn step(&mut self) {
        // The dispatcher sleeps here while there is nothing to do. But if
        // handing out is what leaves nothing, because all of it has failed,
        // then that is what has happened.
        let sleeps = self.dispatcher && self.is_done();
        self.watch();
        // With as many workers at work as processors, looking takes one from
        // them, and so it sleeps instead.
        let crowded = self.busy() >= processors();
        self.hand_out(crowded);
        if !sleeps && self.busy() == 0 {
            return;
        }
        if self.busy() > 0 && self.busy() < processors() {
            let until = Instant::now() + SPIN;
            loop {
                if self.look() {
                    return;
                }
                if Instant::now() >= until {
                    break;
                }
                spin_loop();
            }
            self.hand_out(true);
        }
        self.wait();
        self.look();
    }

    /// How many workers have something to do.
    fn busy(&self) -> usize {
        self.hands.iter().filter(|hand| hand.is_busy()).count()
    }

    /// Forgets what has failed, and gives back the workers that have nothing
    /// to do.
    pub(crate) fn rest(&mut self) {
        self.failed = None;
        self.failures = 0;
        self.give_back_idle(usize::MAX);
    }

    /// Gives back workers that have nothing to do, at most so many: how many.
    fn give_back_idle(&mut self, most: usize) -> usize {
        let idle = |hand: &mut Hand<'j>| !hand.is_busy();
        let resting: Vec<Hand<'j>> = self.hands.extract_if(.., idle).take(most).collect();
        let given = resting.len();
        resting.into_iter().for_each(|hand| self.crew.give_back(&self.party, hand.place));
        given
    }

    /// Reads what has come; whether anything has.
    fn look(&mut self) -> bool {
        let mut something = false;
        // From the end: a hand that leaves is replaced by one that was looked at.
        for at in (0..self.hands.len()).rev() {
            if self.hands[at].is_busy() {
                something |= match self.hands[at].place.stage {
                    Stage::Starting => self.greeted(at),
                    Stage::Initializing => self.initialized(at),
                    Stage::Ready => self.answered(at),
                };
            }
        }
        something
    }

    fn answered(&mut self, at: usize) -> bool {
        let hand = &mut self.hands[at];
        let worker = hand.place.worker.as_mut().expect("a hand that is ready has a worker");
        // If nobody reads, the end of what it wrote is about to be read.
        let _ = worker.write();
        let backlog = worker.unwritten();
        if backlog != hand.backlog {
            hand.backlog = backlog;
            if let Some((moved, _)) = &mut hand.moved {
                *moved = Instant::now();
            }
        }
        let (answers, gone) = deliver(worker, &mut hand.flights);
        let something = answers.is_some();
        if let Some(answers) = answers {
            hand.since = Instant::now();
            hand.place.tasks += answers;
        }
        if let Some(gone) = gone {
            self.lost(at, Cause::Gone(gone));
            return true;
        }
        if something && hand.flights.is_empty() {
            self.retire(at);
        }
        something
    }

    /// Sleeps until a worker has something to say, or it is time to look
    /// after one.
    fn wait(&mut self) {
        let now = Instant::now();
        let mut until = None;
        let mut no_later =
            |time: Instant| until = Some(until.map_or(time, |u: Instant| u.min(time)));
        let config = &self.crew.config;
        let mut sockets = Vec::with_capacity(self.hands.len() + 1);
        for hand in self.hands.iter().filter(|hand| hand.is_busy()) {
            let Some(worker) = &hand.place.worker else { continue };
            let mut events = PollFlags::POLLIN;
            events.set(PollFlags::POLLOUT, worker.has_unwritten());
            sockets.push(PollFd::new(worker.as_fd(), events));
            no_later(self.glanced.max(now) + GLANCE);
            if let (Some(limit), Stage::Ready) = (config.deadline, hand.place.stage) {
                no_later(hand.since + limit);
            }
            if let Some(limit) = config.time_to_live {
                no_later(now + limit / 4);
            }
            for flight in hand.flights.iter().filter(|flight| flight.piece.automatic) {
                let due = hand.due(flight);
                if now < due {
                    no_later(due);
                }
            }
        }
        let alarm = self.party.alarm.as_deref();
        sockets.extend(alarm.map(|alarm| PollFd::new(alarm.as_fd(), PollFlags::POLLIN)));
        let timeout = until.map(|until| TimeSpec::from(until.saturating_duration_since(now)));
        // An interruption is a reason to look, like any other.
        let _ = ppoll(&mut sockets, timeout, None);
        if let (Some(alarm), Some(Some(true))) = (alarm, sockets.last().map(PollFd::any)) {
            let _ = alarm.read();
        }
    }
}

impl Hand<'_> {
    /// Whether something is expected of it.
    fn is_busy(&self) -> bool {
        self.place.stage != Stage::Ready || !self.flights.is_empty()
    }

    /// From when on items are taken back that it has not begun.
    fn due(&self, flight: &Flight<'_>) -> Instant {
        let due = flight.posted + PATIENCE;
        self.moved.map_or(due, |(moved, standstill)| due.max(moved + standstill))
    }
}

impl Drop for Drive<'_> {
    fn drop(&mut self) {
        for mut hand in self.hands.drain(..) {
            // One that gets ready may go on with that.
            if !hand.flights.is_empty() {
                // Its answers would be taken for those of another request.
                hand.place.worker = None;
            }
            self.crew.give_back(&self.party, hand.place);
        }
        self.crew.leave(&self.party);
    }
}

/// Delivers what a worker has answered: how many answers, if there was a
/// message at all, and whether there will be no more of them.
fn deliver(worker: &mut Worker, flights: &mut VecDeque<Flight<'_>>) -> (Option<u64>, Option<Gone>) {
    let mut answers = None;
    loop {
        let mut replies = match worker.replies() {
            Ok(Some(replies)) => replies,
            Ok(None) => return (answers, None),
            Err(gone) => return (answers, Some(gone)),
        };
        let (count, last) = (replies.left(), replies.last);
        let flight = flights.front_mut().expect("`replies` are the answer to a request");
        if count > 0 {
            flight.piece.job.deliver(flight.piece.items.start, &mut replies);
            flight.piece.items.start += count;
        }
        answers = Some(answers.unwrap_or(0) + count as u64);
        if last {
            flights.pop_front();
        }
    }
}

/// How many processors there are for this process. To ask is not cheap.
fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZero::get))
}
