//! Who is blamed for deaths, and who goes when, without Dask: what it says is said here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Error;
use crate::backend::{Call, Input, Options, Promise, Work};
use crate::scheduler::TaskId;
use crate::slot::Slot;

use super::super::bridge::Bridge;
use super::super::wire::Event;
use super::State;
use super::blame::AT_LAST;

/// What is known of the calls, and the futures of those that were submitted.
struct Fake {
    state: State,
    bridge: Bridge,
    slots: Vec<Arc<Slot>>,
}

impl Fake {
    fn new() -> Self {
        Self { state: State::new(2), bridge: Bridge::deaf(), slots: Vec::new() }
    }

    /// Calls of a task, each of which takes the values of these.
    fn submit(&mut self, task: &'static str, count: usize, taken: &[TaskId]) -> Vec<TaskId> {
        let mut calls = Vec::new();
        for _ in 0..count {
            let (id, slot) = (TaskId(self.slots.len() as u64), Slot::new(task));
            self.slots.push(Arc::clone(&slot));
            let holes = taken.iter().map(|of| (0, *of)).collect();
            let input = Input { holes, ..Input::default() };
            let work = Work { input, options: Options::default(), here: None };
            calls.push(Call { id, slot: Promise(slot), work });
        }
        let ids = calls.iter().map(|call| call.id).collect();
        self.state.submit(calls, &self.bridge);
        ids
    }

    fn one(&mut self, task: &'static str) -> TaskId {
        self.submit(task, 1, &[])[0]
    }

    /// One that takes a value that is not there yet, and goes to Dask all the same.
    fn ahead(&mut self, taken: TaskId) -> TaskId {
        self.state.pace("next", &Default::default()).learn(1_000, 1, 8);
        self.submit("next", 1, &[taken])[0]
    }

    /// The chunk in which a call is with Dask.
    fn chunk(&self, id: TaskId) -> Option<u64> {
        self.state.entries[&id].place.map(|(chunk, _)| chunk)
    }

    fn sent(&self, id: TaskId) -> u64 {
        self.chunk(id).expect("it is with Dask")
    }

    fn hear(&mut self, event: Event) {
        self.state.hear(event, &self.bridge);
    }

    fn done(&mut self, id: TaskId) {
        let chunk = self.sent(id);
        self.hear(Event::Done(chunk));
    }

    /// Dask gives up the chunks of these, all for the same deaths.
    fn killed(&mut self, ids: &[TaskId]) {
        let chunks: Vec<u64> = ids.iter().map(|id| self.sent(*id)).collect();
        for chunk in chunks {
            self.killed_by(chunk, chunk);
        }
        self.pass(1);
    }

    fn killed_by(&mut self, chunk: u64, fault: u64) {
        let (task, worker) = (String::new(), String::new());
        self.hear(Event::Killed { chunk, fault, task, attempts: 4, worker });
    }

    fn is_pending(&self, id: TaskId) -> bool {
        self.slots[id.0 as usize].is_pending()
    }

    fn is_blamed(&self, id: TaskId) -> bool {
        let result = self.slots[id.0 as usize].result();
        matches!(result, Some(Err(Error::WorkerKilled { attempts: 4, .. })))
    }

    /// So long passes for the suspect that is with Dask, or to come.
    fn pass(&mut self, seconds: u64) {
        let before = |since: Instant| since.checked_sub(Duration::from_secs(seconds));
        let blame = &mut self.state.blame;
        blame.last = blame.last.and_then(|(chunk, since)| Some((chunk, before(since)?)));
        blame.emptying = blame.emptying.and_then(before);
        blame.given_up = blame.given_up.and_then(before);
        self.state.look(&self.bridge);
        self.hear(Event::Alive(2));
    }
}

#[test]
fn a_call_that_was_alone_is_to_blame_at_once() {
    let mut fake = Fake::new();
    let deadly = fake.one("deadly");
    fake.killed(&[deadly]);
    assert!(fake.is_blamed(deadly));
    let next = fake.one("next");
    assert!(fake.chunk(next).is_some(), "all goes on");
}

#[test]
fn who_lay_beside_a_call_that_is_to_blame_is_not() {
    for deadly_is_first in [true, false] {
        let mut fake = Fake::new();
        let (deadly, other) = (fake.one("deadly"), fake.one("other"));
        let order = if deadly_is_first { [deadly, other] } else { [other, deadly] };
        fake.killed(&order);
        // One at a time.
        let (first, second) = (order[0], order[1]);
        assert!(fake.chunk(first).is_some() && fake.chunk(second).is_none());
        for id in order {
            if id == deadly { fake.killed(&[id]) } else { fake.done(id) }
        }
        assert!(fake.is_blamed(deadly) && fake.is_pending(other), "{deadly_is_first}");
    }
}

#[test]
fn the_last_of_those_that_were_given_up_together_is_not_to_blame() {
    let mut fake = Fake::new();
    let (deadly, other) = (fake.one("deadly"), fake.one("other"));
    fake.killed(&[deadly]);
    // Now it is the suspect, and the other lies beside it until both are given up.
    fake.killed(&[deadly, other]);
    fake.killed(&[deadly]);
    assert!(fake.is_blamed(deadly), "the other waited");
    assert!(fake.chunk(other).is_some() && fake.is_pending(other));
    fake.done(other);
}

#[test]
fn a_suspect_that_is_always_beside_others_goes_alone() {
    let mut fake = Fake::new();
    let (deadly, other) = (fake.one("deadly"), fake.one("other"));
    fake.killed(&[deadly]);
    let newcomer = fake.one("newcomer");
    assert!(fake.chunk(newcomer).is_some(), "a suspect goes beside others");
    fake.killed(&[deadly]);
    // Nothing goes until nothing is there.
    let later = fake.one("later");
    assert!(fake.chunk(deadly).is_none() && fake.chunk(later).is_none());
    fake.done(other);
    assert!(fake.chunk(deadly).is_none());
    fake.done(newcomer);
    assert!(fake.chunk(deadly).is_some() && fake.chunk(later).is_none());
    fake.killed(&[deadly]);
    assert!(fake.is_blamed(deadly));
    assert!(fake.chunk(later).is_some() && fake.is_pending(later));
}

#[test]
fn a_newcomer_that_kills_is_not_held_against_a_suspect() {
    let mut fake = Fake::new();
    let (deadly, innocent) = (fake.one("deadly"), fake.one("innocent"));
    fake.killed(&[innocent, deadly]);
    for round in 0.. {
        // Another comes, and its deaths are held against all that is there.
        let newcomer = fake.one("newcomer");
        if fake.chunk(newcomer).is_none() && fake.chunk(innocent).is_some() {
            break;
        }
        for chunk in fake.state.running.clone() {
            fake.killed_by(chunk, chunk);
        }
        fake.pass(1);
        assert!(round < 20 && fake.is_pending(innocent));
    }
    // It is alone, with a chance to be done.
    assert_eq!(fake.state.running.len(), 1);
    fake.done(innocent);
    assert!(fake.is_pending(innocent));
}

#[test]
fn nobody_waits_for_ever_for_a_suspect() {
    let mut fake = Fake::new();
    let (long, deadly) = (fake.one("long"), fake.one("deadly"));
    fake.killed(&[long, deadly]);
    assert!(fake.chunk(deadly).is_none(), "one at a time");
    fake.pass(11);
    assert!(fake.chunk(deadly).is_some(), "the first has outlived what kills");
    fake.killed(&[deadly]);
    let later = fake.one("later");
    assert!(fake.chunk(deadly).is_none() && fake.chunk(later).is_none(), "it is to be alone");
    fake.pass(61);
    assert!(fake.chunk(deadly).is_some(), "the long one takes too long");
    assert!(fake.chunk(later).is_none());
    fake.pass(11);
    assert!(fake.chunk(later).is_some());
    let mut deaths = 2;
    while fake.is_pending(deadly) {
        fake.pass(61);
        fake.killed(&[deadly]);
        deaths += 1;
        assert!(deaths < 10);
    }
    assert!(fake.is_blamed(deadly) && fake.is_pending(long) && fake.is_pending(later));
}

#[test]
fn a_chunk_of_many_is_parted_until_it_is_one() {
    let mut fake = Fake::new();
    let pilots = fake.submit("some", 2, &[]);
    pilots.iter().for_each(|id| fake.done(*id));
    fake.state.pace("some", &Default::default()).learn(1_000, 1_000, 8);
    fake.state.pace("some", &Default::default()).chunk(1 << 14, 2);
    fake.state.pace("some", &Default::default()).in_flight = 0;
    let ids = fake.submit("some", 100, &[]);
    let deadly = ids[50];
    assert!(fake.state.chunks[&fake.sent(deadly)].items.len() > 1);
    let mut rounds = 0;
    while fake.is_pending(deadly) {
        if fake.chunk(deadly).is_some() {
            fake.killed(&[deadly]);
            rounds += 1;
        } else {
            let other = fake.state.running.iter().next().copied().expect("some are there");
            fake.hear(Event::Done(other));
        }
        assert!(rounds < 8, "{rounds}");
    }
    let blamed: Vec<_> = ids.into_iter().filter(|id| fake.is_blamed(*id)).collect();
    assert_eq!(blamed, [deadly]);
}

#[test]
fn what_waits_for_a_call_is_not_beside_it() {
    let mut fake = Fake::new();
    let deadly = fake.one("deadly");
    let next = fake.ahead(deadly);
    let (first, second) = (fake.sent(deadly), fake.sent(next));
    // It takes its value: it can have killed nobody.
    fake.killed_by(first, first);
    fake.killed_by(second, first);
    fake.pass(1);
    assert!(fake.is_blamed(deadly) && fake.is_blamed(next));
}

#[test]
fn what_waits_for_a_suspect_is_none_and_not_beside_it() {
    let mut fake = Fake::new();
    let (other, deadly) = (fake.one("other"), fake.one("deadly"));
    let next = fake.ahead(deadly);
    let (first, second) = (fake.sent(deadly), fake.sent(next));
    fake.killed_by(first, first);
    fake.done(other);
    fake.pass(1);
    // The suspect has gone again before it is told that what took its value is given up.
    assert_ne!(fake.sent(deadly), first);
    fake.killed_by(second, first);
    assert_eq!(fake.state.entries[&next].strikes, 0);
    let (first, second) = (fake.sent(deadly), fake.sent(next));
    fake.killed_by(first, first);
    fake.killed_by(second, first);
    assert!(fake.is_blamed(deadly) && fake.is_blamed(next) && fake.is_pending(other));
}

#[test]
fn what_could_run_beside_a_suspect_may_be_to_blame_for_its_deaths() {
    let mut fake = Fake::new();
    let (first, suspect) = (fake.one("first"), fake.one("suspect"));
    fake.killed(&[suspect]);
    fake.killed(&[suspect]);
    // It is to be alone; meanwhile one comes that takes what is not done yet.
    let next = fake.ahead(first);
    assert!(fake.chunk(suspect).is_none() && fake.chunk(next).is_none());
    fake.done(first);
    assert!(fake.chunk(suspect).is_some() && fake.chunk(next).is_none());
    fake.pass(11);
    fake.killed(&[next, suspect]);
    assert!(fake.is_pending(suspect));
}

#[test]
fn a_fault_that_nobody_knows_is_held_against_what_needed_it() {
    let mut fake = Fake::new();
    let deadly = fake.one("deadly");
    for _ in 0..2 * AT_LAST {
        if let Some(chunk) = fake.chunk(deadly) {
            fake.killed_by(chunk, 999);
            fake.pass(1);
        }
    }
    assert!(fake.is_blamed(deadly));
}

#[test]
fn a_long_call_is_waited_for_once() {
    let mut fake = Fake::new();
    let long = fake.one("long");
    for round in 0..3 {
        let deadly = fake.one("deadly");
        fake.killed(&[deadly]);
        fake.killed(&[deadly]);
        assert_eq!(fake.chunk(deadly).is_some(), round > 0);
        fake.pass(61);
        fake.killed(&[deadly]);
        fake.killed(&[deadly]);
        fake.killed(&[deadly]);
        assert!(fake.is_blamed(deadly) && fake.is_pending(long));
    }
}

#[test]
fn a_suspect_that_is_cancelled_holds_nobody() {
    let mut fake = Fake::new();
    let (other, deadly) = (fake.one("other"), fake.one("deadly"));
    fake.killed(&[deadly]);
    fake.killed(&[deadly]);
    let later = fake.one("later");
    assert!(fake.chunk(later).is_none());
    fake.state.cancel(vec![deadly], &fake.bridge);
    assert!(fake.chunk(later).is_some() && fake.state.blame.emptying.is_none());
    fake.done(other);
}
