//! Workers as the scheduler knows them, and who of them has room, and who has
//! something to spare.

use std::collections::BTreeSet;

use super::event::WorkerId;
use super::lanes::Lanes;
use super::task::Queue;
use crate::hash::FastMap;

/// The number of a worker in the [`Crew`]. It is never used again: a life of a
/// worker costs 8 bytes for good, and a number that is gone stays gone.
pub(super) type Seat = u32;

/// One worker.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub(super) id: WorkerId,
    /// How many tasks may lie with it.
    pub(super) depth: u32,
    /// The tasks in its hands, in the order in which it got them; those that
    /// were revoked too, until it says what became of them.
    pub(super) hands: Queue,
    /// How many of the last that it got it has been asked to give back.
    pub(super) asked: u32,
    /// It gave back fewer than it was asked for, so it has begun, or done, all
    /// that it has in hand.
    pub(super) all_begun: bool,
    /// Of the tasks in its hands, those that belong to it and nobody else.
    pub(super) bound: u32,
    /// Ready tasks that belong to it, or would rather go to it.
    pub(super) own: Lanes<0>,
    pub(super) retiring: bool,
    pub(super) dismissed: bool,
    /// Where it stands in [`Crew::present`].
    position: u32,
    /// Under which numbers it is in [`Crew::room`] and [`Crew::spare`].
    room: Option<u32>,
    spare: Option<u32>,
}

impl Worker {
    /// How many tasks lie with it.
    pub(super) fn load(&self) -> u32 {
        self.hands.len()
    }

    pub(super) fn has_room(&self) -> bool {
        !self.retiring && self.load() < self.depth
    }

    pub(super) fn is_idle(&self) -> bool {
        !self.retiring && self.hands.is_empty()
    }

    /// How many of its tasks another might take: one it has surely begun.
    fn to_spare(&self) -> u32 {
        if self.retiring || self.all_begun || self.bound > 0 || self.asked > 0 {
            return 0;
        }
        self.load().saturating_sub(1)
    }
}

/// All workers that are there.
#[derive(Clone, Debug, Default)]
pub(super) struct Crew {
    workers: Vec<Option<Box<Worker>>>,
    seats: FastMap<WorkerId, Seat>,
    /// Those that are not retiring, in no order.
    present: Vec<Seat>,
    /// Those with room, by load.
    room: BTreeSet<(u32, Seat)>,
    /// Those with tasks to spare, by their number.
    spare: BTreeSet<(u32, Seat)>,
    idle: u32,
    /// Tasks that were asked for, and are yet to be given back.
    pub(super) asked: u32,
}

impl Crew {
    pub(super) fn find(&self, id: WorkerId) -> Option<Seat> {
        self.seats.get(&id).copied()
    }

    pub(super) fn get(&self, seat: Seat) -> Option<&Worker> {
        self.workers.get(seat as usize)?.as_deref()
    }

    /// Adds a worker, whose name is not there.
    pub(super) fn add(&mut self, id: WorkerId, depth: u32) -> Seat {
        let seat = self.workers.len() as Seat;
        self.seats.insert(id, seat);
        self.workers.push(Some(Box::new(Worker {
            id,
            depth,
            hands: Queue::default(),
            asked: 0,
            all_begun: false,
            bound: 0,
            own: Lanes::default(),
            retiring: false,
            dismissed: false,
            position: self.present.len() as u32,
            room: None,
            spare: None,
        })));
        self.present.push(seat);
        self.refile(seat);
        seat
    }

    /// Takes a worker out of the choice, though not away.
    pub(super) fn retire(&mut self, seat: Seat) {
        let position = self[seat].position as usize;
        self[seat].retiring = true;
        self.present.swap_remove(position);
        if let Some(moved) = self.present.get(position).copied() {
            self[moved].position = position as u32;
        }
        self.refile(seat);
    }

    /// Takes a worker away.
    pub(super) fn remove(&mut self, seat: Seat) -> Worker {
        if !self[seat].retiring {
            self.retire(seat);
        }
        self.asked -= self[seat].asked;
        let worker = self.workers[seat as usize].take().expect("the worker is there");
        self.seats.remove(&worker.id);
        *worker
    }

    /// Must follow each change of what a worker has in hand, before anybody
    /// asks for room or for the idle. A change that is undone costs nothing.
    pub(super) fn refile(&mut self, seat: Seat) {
        let worker = self.workers[seat as usize].as_deref_mut().expect("the worker is there");
        let room = worker.has_room().then(|| worker.load());
        let before = std::mem::replace(&mut worker.room, room);
        if before != room {
            self.idle += u32::from(room == Some(0));
            self.idle -= u32::from(before == Some(0));
            before.map(|load| self.room.remove(&(load, seat)));
            room.map(|load| self.room.insert((load, seat)));
        }
        let spare = Some(worker.to_spare()).filter(|spare| *spare > 0);
        let before = std::mem::replace(&mut worker.spare, spare);
        if before != spare {
            before.map(|number| self.spare.remove(&(number, seat)));
            spare.map(|number| self.spare.insert((number, seat)));
        }
    }

    /// Those that are not retiring.
    pub(super) fn present(&self) -> &[Seat] {
        &self.present
    }

    /// How many have nothing in hand and are not retiring.
    pub(super) fn idle(&self) -> u32 {
        self.idle
    }

    /// Of those with room, the one with the least in hand that joined first.
    pub(super) fn least_loaded(&self) -> Option<Seat> {
        self.room.first().map(|(_, seat)| *seat)
    }

    /// Of those with tasks to spare, the one with the most, and their number.
    pub(super) fn most_loaded(&self) -> Option<(Seat, u32)> {
        self.spare.last().map(|(spare, seat)| (*seat, *spare))
    }

    /// All that are there, in the order in which they joined.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Seat, &Worker)> {
        (0..).zip(&self.workers).filter_map(|(seat, worker)| Some((seat, worker.as_deref()?)))
    }

    /// Whether the sets say what the workers say, for the checks.
    pub(super) fn is_filed(&self, seat: Seat) -> bool {
        let worker = &self[seat];
        let room = worker.has_room().then(|| worker.load());
        let spare = Some(worker.to_spare()).filter(|spare| *spare > 0);
        (worker.room, worker.spare) == (room, spare)
            && room.is_none_or(|load| self.room.contains(&(load, seat)))
            && spare.is_none_or(|number| self.spare.contains(&(number, seat)))
    }
}

impl std::ops::Index<Seat> for Crew {
    type Output = Worker;

    fn index(&self, seat: Seat) -> &Worker {
        self.workers[seat as usize].as_deref().expect("only workers that are there are spoken to")
    }
}

impl std::ops::IndexMut<Seat> for Crew {
    fn index_mut(&mut self, seat: Seat) -> &mut Worker {
        self.workers[seat as usize]
            .as_deref_mut()
            .expect("only workers that are there are spoken to")
    }
}
