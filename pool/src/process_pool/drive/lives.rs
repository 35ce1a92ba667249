//! How workers begin, and how they end.
//!
//! A worker that ends leaves behind how far it had come. The item it was in the
//! middle of fails, and those whose answers it had not sent; what it had not
//! begun is given to another. Nothing is tried twice.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use processes::{Gone, Worker};

use super::super::crew::{Place, Stage};
use super::{Cause, Drive, GLANCE, Hand, TRIES, deliver};
use crate::Error;

impl Drive<'_> {
    /// Makes a place's worker one of ours, or starts one in its place.
    pub(super) fn enlist(&mut self, mut place: Place) {
        let now = Instant::now();
        // A death in idleness costs nothing: it is noticed here, or at the
        // latest when the worker does not begin.
        if place.worker.as_mut().is_some_and(|worker| !worker.is_alive()) {
            place.worker = None;
        }
        let start = place.worker.is_none();
        let (flights, beat) = (VecDeque::new(), (0, now));
        let hand = Hand { place, flights, since: now, backlog: 0, moved: None, beat };
        self.hands.push(hand);
        if start {
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
                self.hands[hand].place.stage = Stage::Starting;
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
        self.crew.give_back(&self.party, place);
    }

    pub(super) fn greeted(&mut self, at: usize) -> bool {
        let hand = &mut self.hands[at];
        let worker = hand.place.worker.as_mut().expect("it has been started");
        match worker.is_ready() {
            Ok(false) => return false,
            Err(e) => self.not_started(at, Error::Spawn(Arc::new(e))),
            Ok(true) => match &self.crew.config.initializer {
                None => self.ready(at),
                Some(initializer) => {
                    let request = worker.request(initializer.task(), false);
                    let asked = request.map_err(|e| e.to_string()).and_then(|mut request| {
                        initializer.encode(&mut request)?;
                        request.post();
                        Ok(())
                    });
                    hand.place.stage = Stage::Initializing;
                    let beat = hand.place.worker.as_ref().map_or(0, Worker::heartbeat);
                    hand.beat = (beat, Instant::now());
                    if let Err(message) = asked {
                        self.not_started(at, Error::Initializer { message });
                    }
                }
            },
        }
        true
    }

    pub(super) fn initialized(&mut self, at: usize) -> bool {
        let hand = &mut self.hands[at];
        let worker = hand.place.worker.as_mut().expect("it has been started");
        let Some(initializer) = &self.crew.config.initializer else { return false };
        let _ = worker.write();
        let message = match worker.replies() {
            Ok(None) => return false,
            Ok(Some(mut replies)) => initializer.decode(&mut replies).err(),
            Err(gone) => {
                self.not_initialized(at, Cause::Gone(gone));
                return true;
            }
        };
        match message {
            None => self.ready(at),
            Some(message) => self.not_started(at, Error::Initializer { message }),
        }
        true
    }

    /// A worker is given up in the middle of its initializer.
    fn not_initialized(&mut self, at: usize, cause: Cause) {
        let task = self.crew.config.initializer.as_ref().map_or("none", |first| first.task());
        let worker = self.hands[at].place.worker.as_mut();
        let message = match (cause, worker) {
            (Cause::Gone(gone), Some(worker)) => worker.bury(task, gone).to_string(),
            _ => "its process was given up".into(),
        };
        self.not_started(at, Error::Initializer { message });
    }

    fn ready(&mut self, at: usize) {
        self.hands[at].place.stage = Stage::Ready;
        self.failures = 0;
        self.failed = None;
    }

    /// Lets a worker go that has had its number of tasks.
    pub(super) fn retire(&mut self, at: usize) {
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
            self.crew.give_back(&self.party, place);
        } else {
            self.start(at);
        }
    }

    /// Gives up workers that take too long, or do not live any more.
    pub(super) fn watch(&mut self) {
        let now = Instant::now();
        let glance = now.duration_since(self.glanced) >= GLANCE;
        if glance {
            self.glanced = now;
        }
        for at in (0..self.hands.len()).rev() {
            let Some(hand) = self.hands.get_mut(at).filter(|hand| hand.is_busy()) else {
                continue;
            };
            if hand.place.stage == Stage::Starting {
                // `Worker::is_ready` watches that.
                continue;
            }
            let worker = hand.place.worker.as_mut().expect("it has something to do");
            if glance && !worker.is_alive() {
                // What it had answered has been read.
                self.lost(at, Cause::Gone(Gone::Closed));
                continue;
            }
            if let (Some(limit), Stage::Ready) = (self.crew.config.deadline, hand.place.stage)
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

    /// A worker is given up: what it was at fails, what it had not begun is
    /// queued again.
    pub(super) fn lost(&mut self, at: usize, cause: Cause) {
        let hand = &mut self.hands[at];
        if hand.place.stage == Stage::Initializing {
            return self.not_initialized(at, cause);
        }
        let mut worker = hand.place.worker.take().expect("it was there to be lost");
        let mut flights = std::mem::take(&mut hand.flights);
        let task = flights.front().map_or("none", |flight| flight.piece.job.task());
        // A killed worker stands still only when it is reaped: before that, it
        // could begin what is about to be given to another.
        let error = match cause {
            Cause::Gone(gone) => Error::of_task(task, worker.bury(task, gone)),
            Cause::Deadline(limit) => {
                worker.kill();
                Error::Timeout { item: None, task, limit }
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
}
