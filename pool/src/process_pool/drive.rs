//! The engine: gives pieces of jobs to workers, and takes what comes of them.
//!
//! Whoever wants work done drives workers in its own thread. It writes to their
//! sockets and waits for all of them at once, so nothing is handed from thread
//! to thread; a `map` is driven by its caller, what was submitted by the pool's
//! dispatcher, both by this same engine.
//!
//! # Who gets what
//!
//! Nobody knows beforehand what an item costs. So a worker is given much at
//! once, and a second request to begin when the first is done. That is best
//! if items are tiny: few messages, and no other worker is woken for what the
//! first has soon done. If they are not, then some worker is idle while another
//! has items that it has not begun, and half of those are [taken
//! back](processes::Worker::take_back) and given to the idle one. An exact chunk
//! size forbids the halving, not the second request.
//!
//! # What a death costs
//!
//! The worker leaves behind how far it had come. The item it was in the middle
//! of fails, and those whose answers it had not sent; what it had not begun is
//! given to another. Nothing is tried twice.

use std::collections::VecDeque;
use std::hint::spin_loop;
use std::num::NonZero;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use processes::{Gone, Worker};

use super::crew::{Crew, Place};
use super::job::Job;
use crate::Error;

/// How old a request is before items are taken back from it: about as long as
/// a worker needs to wake up, do a hundred tiny items and answer.
const PATIENCE: Duration = Duration::from_micros(40);

/// How old a request is before more workers than processors are put to work.
const SLOW: Duration = Duration::from_millis(1);

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

/// What a worker is up to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Starting,
    Initializing,
    Ready,
}

/// A worker that is driven.
struct Hand<'j> {
    place: Place,
    stage: Stage,
    flights: VecDeque<Flight<'j>>,
    /// When it got something to do, or last answered.
    since: Instant,
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
    /// Whether it is the dispatcher's, which is woken for a place.
    dispatcher: bool,
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
            queue: VecDeque::new(),
            hands: Vec::new(),
            failures: 0,
            tries: TRIES,
            failed: None,
            glanced: Instant::now(),
        }
    }

    /// Fills the crew's first places with workers, and waits until all are
    /// ready.
    pub(crate) fn fill(&mut self, places: Vec<Place>) -> Result<(), Error> {
        // Nobody waits for work yet: the first failure is the answer.
        self.tries = 1;
        for place in places {
            self.enlist(place);
        }
        while self.failed.is_none() && self.hands.iter().any(|hand| hand.stage != Stage::Ready) {
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
        self.hand_out();
        if !sleeps && !self.hands.iter().any(Hand::is_busy) {
            return;
        }
        // With more workers at work than processors, looking takes one from them.
        let busy = self.hands.iter().filter(|hand| hand.is_busy()).count();
        if busy > 0 && busy < processors() {
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
            self.hand_out();
        }
        self.wait();
        self.look();
    }

    /// Gives back the workers that have nothing to do.
    pub(crate) fn rest(&mut self) {
        self.failed = None;
        self.failures = 0;
        let idle = |hand: &mut Hand<'j>| !hand.is_busy();
        let resting: Vec<Hand<'j>> = self.hands.extract_if(.., idle).collect();
        resting.into_iter().for_each(|hand| self.crew.give_back(hand.place));
    }

    /// Gives requests to workers until there is nobody or nothing left.
    fn hand_out(&mut self) {
        if self.crew.is_killed() {
            self.queue.drain(..).for_each(|piece| piece.job.fail(piece.items, &Error::Closed));
        }
        let wanted = self.crew.is_wanted();
        if wanted {
            // Turn by turn: who has had a worker goes to the end of the row.
            self.rest();
        }
        loop {
            if self.queue.is_empty() && !self.take_from_the_slow() {
                return;
            }
            let Some(hand) = self.choose(wanted) else {
                if self.hands.is_empty() && !self.recruit() {
                    return;
                }
                if self.hands.iter().any(Hand::is_busy) {
                    return;
                }
                continue;
            };
            self.post(hand);
        }
    }

    /// The worker that the next piece goes to.
    fn choose(&mut self, wanted: bool) -> Option<usize> {
        let Piece { ahead, automatic, .. } = *self.queue.front()?;
        let idle = |hand: &Hand<'_>| hand.stage == Stage::Ready && hand.flights.is_empty();
        if let Some(hand) = self.hands.iter().position(idle) {
            return Some(hand);
        }
        let starting = self.hands.iter().any(|hand| hand.stage != Stage::Ready);
        // More workers than processors speed nothing up, unless they wait for
        // something; if they do, their requests grow old.
        let busy = self.hands.iter().filter(|hand| hand.is_busy()).count();
        let enough = automatic && busy >= processors() && !self.is_slow();
        if !starting && !wanted && !enough && self.enlist_another() {
            return self.hands.iter().position(idle);
        }
        // Each has something to do; the one that has least may have it waiting.
        let room = |hand: &Hand<'_>| {
            hand.stage == Stage::Ready
                && hand.flights.len() == 1
                && hand.flights.iter().all(|flight| flight.piece.ahead)
        };
        let ahead = ahead && !wanted && self.crew.config.max_tasks.is_none();
        if ahead { self.hands.iter().position(room) } else { None }
    }

    /// Queues items that a worker has had for a while and not begun, if there
    /// is somebody with nothing to do.
    fn take_from_the_slow(&mut self) -> bool {
        let now = Instant::now();
        let mut most = None;
        for (at, hand) in self.hands.iter().enumerate() {
            let Some(worker) = &hand.place.worker else { continue };
            for (number, flight) in hand.flights.iter().enumerate() {
                let left = worker.unclaimed(number);
                let whole = number > 0 && left.start == 0;
                let young = now.duration_since(flight.posted) < PATIENCE;
                if (flight.piece.automatic || whole) && !young && !left.is_empty() {
                    most = most.max(Some((left.len(), at, number)));
                }
            }
        }
        let Some((_, at, number)) = most else { return false };
        let idle = |hand: &Hand<'_>| hand.stage == Stage::Ready && hand.flights.is_empty();
        let enlisted = |drive: &mut Self| {
            let starting = drive.hands.iter().any(|hand| hand.stage != Stage::Ready);
            !starting && !drive.crew.is_wanted() && drive.enlist_another()
        };
        let somebody = |drive: &Self| drive.hands.iter().any(idle);
        if !somebody(self) && (!enlisted(self) || !somebody(self)) {
            return false;
        }
        let hand = &mut self.hands[at];
        let worker = hand.place.worker.as_mut().expect("it was there above");
        let flight = &mut hand.flights[number];
        let automatic = flight.piece.automatic;
        let taken = worker.take_back(number, |left| match automatic {
            true => Some(left.end - (left.end - left.start).div_ceil(2)),
            false => (left.start == 0).then_some(0),
        });
        let Some(taken) = taken else { return false };
        let taken = flight.first + taken.start as usize..flight.first + taken.end as usize;
        flight.piece.items.end = taken.start;
        let job = Arc::clone(&flight.piece.job);
        self.queue.push_front(Piece { job, items: taken, ..flight.piece });
        true
    }

    /// Whether a request has been under way for longer than tiny items take.
    fn is_slow(&self) -> bool {
        let mut oldest = self.hands.iter().filter_map(|hand| hand.flights.front());
        oldest.any(|flight| flight.posted.elapsed() >= SLOW)
    }

    /// Takes another place, if there is one.
    fn enlist_another(&mut self) -> bool {
        if self.failed.is_some() {
            return false;
        }
        let place = self.crew.try_take(self.dispatcher);
        place.map(|place| self.enlist(place)).is_some()
    }

    /// Waits for a place; without one nothing goes on. `false` if the queue
    /// has been given up.
    fn recruit(&mut self) -> bool {
        let failed = match self.failed.take() {
            Some(error) => error,
            None => match self.crew.take() {
                Some(place) => {
                    self.enlist(place);
                    return true;
                }
                None => Error::Closed,
            },
        };
        self.queue.drain(..).for_each(|piece| piece.job.fail(piece.items, &failed));
        self.failures = 0;
        false
    }

    /// Makes a place's worker one of ours, or starts one in its place.
    fn enlist(&mut self, mut place: Place) {
        let now = Instant::now();
        // A death in idleness costs nothing: it is noticed here, or at the
        // latest when the worker does not begin.
        if place.worker.as_mut().is_some_and(|worker| !worker.is_alive()) {
            place.worker = None;
        }
        let stage = if place.worker.is_some() { Stage::Ready } else { Stage::Starting };
        let hand = Hand { place, stage, flights: VecDeque::new(), since: now, beat: (0, now) };
        self.hands.push(hand);
        if stage == Stage::Starting {
            self.start(self.hands.len() - 1);
        }
    }

    /// Starts a worker in a hand that has none.
    fn start(&mut self, hand: usize) {
        let crew = self.crew;
        let place = &mut self.hands[hand].place;
        place.tasks = 0;
        match Worker::start(crew.config.options()) {
            Ok(worker) => {
                place.worker = Some(worker);
                crew.register(place);
                self.hands[hand].stage = Stage::Starting;
            }
            Err(e) => self.not_started(hand, Error::Spawn(Arc::new(e))),
        }
    }

    /// A worker could not be started: another try, or its place is given back.
    fn not_started(&mut self, hand: usize, error: Error) {
        self.hands[hand].place.worker = None;
        self.failures += 1;
        let in_vain = matches!(error, Error::Initializer { .. });
        if self.failures < self.tries && !in_vain && !self.crew.is_killed() {
            return self.start(hand);
        }
        self.failed = Some(error);
        let Hand { place, .. } = self.hands.swap_remove(hand);
        self.crew.give_back(place);
    }

    /// Sends the next request to this worker.
    fn post(&mut self, at: usize) {
        let Some(mut piece) = self.queue.pop_front() else { return };
        let hand = &mut self.hands[at];
        let most = self.crew.config.max_tasks.map_or(usize::MAX, |most| {
            usize::try_from(most.saturating_sub(hand.place.tasks)).unwrap_or(usize::MAX)
        });
        let worker = hand.place.worker.as_mut().expect("a hand that is ready has a worker");
        if !piece.job.begin(&worker.killer()) {
            return;
        }
        let each = self.crew.config.deadline.is_some();
        let request = worker.request(piece.job.task(), each);
        let end = piece.items.end.min(piece.items.start.saturating_add(piece.chunk.min(most)));
        let (items, failed) = match request {
            Ok(mut request) => {
                let encoded = piece.job.encode(piece.items.start..end, &mut request);
                if encoded.items > 0 {
                    request.post();
                }
                (encoded.items, encoded.failed)
            }
            Err(e) => (0, Some(Error::of_task(piece.items.start, e))),
        };
        let sent = piece.items.start..piece.items.start + items;
        piece.items.start = sent.end;
        if let Some(error) = failed {
            piece.job.fail(sent.end..sent.end + 1, &error);
            piece.items.start += 1;
        }
        if !sent.is_empty() {
            let now = Instant::now();
            if hand.flights.is_empty() {
                hand.since = now;
                hand.beat = (hand.place.worker.as_ref().map_or(0, Worker::heartbeat), now);
            }
            let sent = Piece { items: sent.clone(), job: Arc::clone(&piece.job), ..piece };
            let first = sent.items.start;
            hand.flights.push_back(Flight { piece: sent, first, posted: now });
        }
        if !piece.items.is_empty() {
            self.queue.push_front(piece);
        }
    }

    /// Reads what has come; whether anything has.
    fn look(&mut self) -> bool {
        let mut something = false;
        // From the end: a hand that leaves is replaced by one that was looked at.
        for at in (0..self.hands.len()).rev() {
            if self.hands[at].is_busy() {
                something |= match self.hands[at].stage {
                    Stage::Starting => self.greeted(at),
                    Stage::Initializing => self.initialized(at),
                    Stage::Ready => self.answered(at),
                };
            }
        }
        something
    }

    fn greeted(&mut self, at: usize) -> bool {
        let hand = &mut self.hands[at];
        let worker = hand.place.worker.as_mut().expect("it has been started");
        match worker.is_ready() {
            Ok(false) => return false,
            Err(e) => self.not_started(at, Error::Spawn(Arc::new(e))),
            Ok(true) => match &self.crew.config.initializer {
                None => self.ready(at),
                Some(initializer) => {
                    let asked =
                        worker.request(initializer.task(), false).and_then(|mut request| {
                            initializer.encode(&mut request)?;
                            request.post();
                            Ok(())
                        });
                    hand.stage = Stage::Initializing;
                    if let Err(e) = asked {
                        self.not_started(at, Error::Initializer { message: e.to_string() });
                    }
                }
            },
        }
        true
    }

    fn initialized(&mut self, at: usize) -> bool {
        let hand = &mut self.hands[at];
        let worker = hand.place.worker.as_mut().expect("it has been started");
        let Some(initializer) = &self.crew.config.initializer else { return false };
        let _ = worker.write();
        let message = match worker.replies() {
            Ok(None) => return false,
            Ok(Some(mut replies)) => initializer.decode(&mut replies).err(),
            Err(gone) => Some(worker.bury(initializer.task(), gone).to_string()),
        };
        match message {
            None => self.ready(at),
            Some(message) => self.not_started(at, Error::Initializer { message }),
        }
        true
    }

    fn ready(&mut self, at: usize) {
        self.hands[at].stage = Stage::Ready;
        self.failures = 0;
        self.failed = None;
    }

    fn answered(&mut self, at: usize) -> bool {
        let hand = &mut self.hands[at];
        let worker = hand.place.worker.as_mut().expect("a hand that is ready has a worker");
        // If nobody reads, the end of what it wrote is about to be read.
        let _ = worker.write();
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

    /// Lets a worker go that has had its number of tasks.
    fn retire(&mut self, at: usize) {
        let place = &mut self.hands[at].place;
        if self.crew.config.max_tasks.is_some_and(|most| place.tasks >= most) {
            // Dropping it waits until it has left.
            place.worker = None;
            self.replace(at);
        }
    }

    /// A hand has no worker any more: starts one if there is something to do.
    fn replace(&mut self, at: usize) {
        if self.queue.is_empty() || self.crew.is_killed() {
            let Hand { place, .. } = self.hands.swap_remove(at);
            self.crew.give_back(place);
        } else {
            self.start(at);
        }
    }

    /// A worker is given up: what it was at fails, what it had not begun is
    /// queued again.
    fn lost(&mut self, at: usize, cause: Cause) {
        let hand = &mut self.hands[at];
        let mut worker = hand.place.worker.take().expect("it was there to be lost");
        let mut flights = std::mem::take(&mut hand.flights);
        let task = flights.front().map_or("none", |flight| flight.piece.job.task());
        // A killed worker stands still only when it is reaped: before that, it
        // could begin what is about to be given to another.
        let error = match cause {
            Cause::Gone(gone) => Error::of_task(0, worker.bury(task, gone)),
            Cause::Deadline(limit) => {
                worker.kill();
                Error::Timeout { item: 0, limit }
            }
        };
        // What it said last is still there to be read.
        deliver(&mut worker, &mut flights);
        let killed = self.crew.is_killed();
        for (number, flight) in flights.into_iter().enumerate().rev() {
            let progress = worker.progress(number);
            let mut piece = flight.piece;
            let begun = progress.done as usize + usize::from(progress.in_the_middle);
            let begun = piece.items.start..(flight.first + begun).max(piece.items.start);
            piece.items.start = begun.end;
            piece.deaths = if begun.is_empty() { piece.deaths + 1 } else { 0 };
            let error = if killed { Error::Closed } else { error.clone() };
            if !begun.is_empty() {
                piece.job.fail(begun, &piece.job.cancelled().unwrap_or(error.clone()));
            }
            if piece.items.is_empty() {
                continue;
            }
            if killed || piece.deaths >= TRIES || piece.job.cancelled().is_some() {
                let error = piece.job.cancelled().unwrap_or(error);
                piece.job.fail(piece.items, &error);
            } else {
                self.queue.push_front(piece);
            }
        }
        self.replace(at);
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
            if let (Some(limit), Stage::Ready) = (config.deadline, hand.stage) {
                no_later(hand.since + limit);
            }
            if let Some(limit) = config.time_to_live {
                no_later(now + limit / 4);
            }
            for flight in &hand.flights {
                if flight.piece.automatic && now.duration_since(flight.posted) < PATIENCE {
                    no_later(flight.posted + PATIENCE);
                }
            }
        }
        if self.dispatcher {
            sockets.push(PollFd::new(self.crew.wake.as_fd(), PollFlags::POLLIN));
        }
        let timeout = until.map(|until| TimeSpec::from(until.saturating_duration_since(now)));
        // An interruption is a reason to look, like any other.
        let _ = ppoll(&mut sockets, timeout, None);
        if self.dispatcher {
            let _ = self.crew.wake.read();
        }
    }

    /// Gives up workers that take too long, or do not live any more.
    fn watch(&mut self) {
        let now = Instant::now();
        let glance = now.duration_since(self.glanced) >= GLANCE;
        if glance {
            self.glanced = now;
        }
        for at in (0..self.hands.len()).rev() {
            let Some(hand) = self.hands.get_mut(at).filter(|hand| !hand.flights.is_empty()) else {
                continue;
            };
            let worker = hand.place.worker.as_mut().expect("it has something to do");
            if glance && !worker.is_alive() {
                // What it had answered has been read.
                self.lost(at, Cause::Gone(Gone::Closed));
                continue;
            }
            if let Some(limit) = self.crew.config.deadline
                && now.duration_since(hand.since) >= limit
            {
                self.lost(at, Cause::Deadline(limit));
                continue;
            }
            if let Some(limit) = self.crew.config.time_to_live {
                let beat = worker.heartbeat();
                if beat != hand.beat.0 {
                    hand.beat = (beat, now);
                } else if now.duration_since(hand.beat.1) >= limit {
                    self.lost(at, Cause::Gone(Gone::Silent(limit)));
                }
            }
        }
    }
}

impl Hand<'_> {
    /// Whether something is expected of it.
    fn is_busy(&self) -> bool {
        self.stage != Stage::Ready || !self.flights.is_empty()
    }
}

impl Drop for Drive<'_> {
    fn drop(&mut self) {
        for mut hand in self.hands.drain(..) {
            if hand.is_busy() {
                // Its answers would be taken for those of another request.
                hand.place.worker = None;
            }
            self.crew.give_back(hand.place);
        }
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
