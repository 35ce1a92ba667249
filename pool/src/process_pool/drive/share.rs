//! Who gets what.
//!
//! Nobody knows beforehand what an item costs. So a worker is given much at
//! once, and a second request to begin when the first is done. That is best
//! if items are tiny: few messages, and no other worker is woken for what the
//! first has soon done. If they are not, then some worker is idle while another
//! has items that it has not begun, and half of those are [taken
//! back](processes::Worker::take_back) and given to the idle one. An exact chunk
//! size forbids the halving, not the second request.
//!
//! If somebody else waits for a worker, or has at least two fewer and would take
//! another, one of ours gives back all that it has not begun, and is handed over
//! as soon as it has done the rest; see [`parties`](super::super::crew).

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use processes::Worker;

use super::super::crew::{Demand, Stage};
use super::{Drive, Flight, Hand, Piece, processors, standstill};
use crate::Error;

/// How old a request is before more workers than processors are put to work.
const SLOW: Duration = Duration::from_millis(1);

impl Drive<'_> {
    /// Gives requests to workers until there is nobody or nothing left. `bored`
    /// says that this thread has waited in vain, or is about to sleep.
    pub(super) fn hand_out(&mut self, bored: bool) {
        let demand = self.crew.demand(&self.party).unwrap_or_else(|| {
            self.queue.drain(..).for_each(|piece| piece.job.fail(piece.items, &Error::Closed));
            Demand::default()
        });
        let mut owed = demand.owed;
        if owed > 0 {
            // Turn by turn: who gives its last one goes to the end of the row.
            owed -= self.give_back_idle(owed);
            if owed == demand.owed {
                self.make_way();
            }
        }
        let asked = self.hungry;
        self.hungry = false;
        self.occupy(owed > 0, bored);
        if demand.anybody && self.queue.is_empty() {
            self.give_back_idle(usize::MAX);
        }
        if asked && !self.hungry {
            self.crew.is_sated(&self.party);
        }
    }

    /// Hands out what is queued, and what slow workers have not begun; no more
    /// ahead of time, and to no other worker, if one is `wanted` elsewhere.
    fn occupy(&mut self, wanted: bool, bored: bool) {
        loop {
            if self.queue.is_empty() && !(bored && self.take_from_the_slow(wanted)) {
                return;
            }
            let Some(hand) = self.choose(wanted, bored) else {
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
    fn choose(&mut self, wanted: bool, bored: bool) -> Option<usize> {
        let Piece { ahead, automatic, .. } = *self.queue.front()?;
        let idle = |hand: &Hand<'_>| hand.place.stage == Stage::Ready && hand.flights.is_empty();
        if let Some(hand) = self.hands.iter().position(idle) {
            return Some(hand);
        }
        let starting = self.hands.iter().any(|hand| hand.place.stage != Stage::Ready);
        let enough = automatic && self.are_enough(bored);
        if !starting && !wanted && !enough && self.enlist_another() {
            return self.hands.iter().position(idle);
        }
        // Each has something to do; the one that has least may have it waiting.
        let room = |hand: &Hand<'_>| {
            hand.place.stage == Stage::Ready
                && hand.flights.len() == 1
                && hand.flights.iter().all(|flight| flight.piece.ahead)
        };
        let ahead = ahead && !wanted && self.crew.config.max_tasks.is_none();
        if ahead { self.hands.iter().position(room) } else { None }
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
            Err(e) => (0, Some(Error::of_task(piece.job.task(), e).of(piece.items.start))),
        };
        let sent = piece.items.start..piece.items.start + items;
        piece.items.start = sent.end;
        if let Some(error) = failed {
            piece.job.fail(sent.end..sent.end + 1, &error);
            piece.items.start += 1;
        }
        if !sent.is_empty() {
            let now = Instant::now();
            hand.backlog = worker.unwritten();
            hand.moved = (hand.backlog > 0).then_some((now, standstill(hand.backlog)));
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

    /// Queues items that a worker has had for a while and not begun, if there
    /// is somebody with nothing to do.
    fn take_from_the_slow(&mut self, wanted: bool) -> bool {
        let now = Instant::now();
        let mut most = None;
        for (at, hand) in self.hands.iter().enumerate() {
            let Some(worker) = &hand.place.worker else { continue };
            for (number, flight) in hand.flights.iter().enumerate() {
                let left = worker.unclaimed(number);
                let whole = number > 0 && left.start == 0;
                let young = now < hand.due(flight);
                if (flight.piece.automatic || whole) && !young && !left.is_empty() {
                    most = most.max(Some((left.len(), at, number)));
                }
            }
        }
        let Some((_, at, number)) = most else { return false };
        let idle = |hand: &Hand<'_>| hand.place.stage == Stage::Ready && hand.flights.is_empty();
        let enlisted = |drive: &mut Self| {
            let starting = drive.hands.iter().any(|hand| hand.place.stage != Stage::Ready);
            let more = !starting && !wanted && !drive.are_enough(true);
            more && drive.enlist_another()
        };
        let somebody = |drive: &Self| drive.hands.iter().any(idle);
        if !somebody(self) && (!enlisted(self) || !somebody(self)) {
            return false;
        }
        self.take_back(at, number, |left| left.end - (left.end - left.start).div_ceil(2))
    }

    /// Somebody waits for a worker: one of ours has to become free, after what
    /// it has claimed and no more.
    fn make_way(&mut self) {
        let now = Instant::now();
        let mut least: Option<(usize, usize)> = None;
        for (at, hand) in self.hands.iter().enumerate() {
            let Some(worker) = &hand.place.worker else { continue };
            let (mut left, mut young) = (0, false);
            for (number, flight) in hand.flights.iter().enumerate() {
                let unclaimed = worker.unclaimed(number);
                let whole = number > 0 && unclaimed.start == 0;
                if flight.piece.automatic || whole {
                    left += unclaimed.len();
                    young |= now < hand.due(flight);
                }
            }
            if left == 0 {
                // It, or one that is about to be ready, is free soon.
                return;
            }
            if !young && least.is_none_or(|(fewest, _)| left < fewest) {
                least = Some((left, at));
            }
        }
        let Some((_, at)) = least else { return };
        // What comes first is to be queued first.
        for number in (0..self.hands[at].flights.len()).rev() {
            self.take_back(at, number, |left| left.start);
        }
    }

    /// Queues items again that a worker has not begun, those from the one that
    /// is chosen of them; all or none if the size of the request is exact.
    fn take_back(&mut self, at: usize, number: usize, from: impl Fn(Range<u32>) -> u32) -> bool {
        let hand = &mut self.hands[at];
        let Some(worker) = &mut hand.place.worker else { return false };
        let flight = &mut hand.flights[number];
        let automatic = flight.piece.automatic;
        let taken = worker.take_back(number, |left| match automatic {
            true => Some(from(left)),
            false => (number > 0 && left.start == 0).then_some(0),
        });
        let Some(taken) = taken else { return false };
        let taken = flight.first + taken.start as usize..flight.first + taken.end as usize;
        flight.piece.items.end = taken.start;
        let job = Arc::clone(&flight.piece.job);
        self.queue.push_front(Piece { job, items: taken, ..flight.piece });
        true
    }

    /// Whether as many workers are at work as pays. As long as this thread has
    /// something to do it needs a processor itself: it encodes and decodes about
    /// as fast as a worker does the tiniest of items. More workers than there
    /// are processors speed nothing up, unless they wait for something; if they
    /// do, their requests grow old.
    fn are_enough(&self, bored: bool) -> bool {
        let processors = if bored { processors() } else { processors().saturating_sub(1).max(1) };
        self.busy() >= processors && !self.is_slow()
    }

    /// Whether a request has been under way for longer than tiny items take.
    fn is_slow(&self) -> bool {
        let mut oldest = self.hands.iter().filter_map(|hand| hand.flights.front());
        oldest.any(|flight| flight.posted.elapsed() >= SLOW)
    }

    /// Takes another place, if there is one.
    fn enlist_another(&mut self) -> bool {
        if self.failed.is_some() || self.hands.len() == self.crew.config.workers {
            return false;
        }
        let place = self.crew.try_take(&self.party);
        self.hungry |= place.is_none();
        place.map(|place| self.enlist(place)).is_some()
    }

    /// Waits for a place; without one nothing goes on. `false` if the queue
    /// has been given up.
    fn recruit(&mut self) -> bool {
        let failed = match self.failed.take() {
            Some(error) => error,
            None => match self.crew.take(&self.party) {
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
}
