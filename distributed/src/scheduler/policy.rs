//! Policies: which worker a ready task would rather go to.
//!
//! A policy states a wish; the scheduler honours it as far as the rules allow
//! (see [`Scheduler`](super::Scheduler)). It sees where the inputs lie, how
//! large they are and how much each worker has in hand, and nothing else: no
//! task's duration, which nobody knows beforehand.

use std::fmt;

use super::event::WorkerId;
use crate::random::SplitMix64;

/// A worker that holds inputs of the task to be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Who holds them.
    pub worker: WorkerId,
    /// How many bytes of the task's inputs it holds.
    pub bytes: u64,
    /// How many tasks lie with it.
    pub load: u32,
}

/// Those among whom a policy chooses.
pub trait Candidates {
    /// How many workers there are, holders or not.
    fn count(&self) -> usize;
    /// One of them, in an order that changes only when workers come and go.
    ///
    /// # Panics
    /// If `nth` is not below [`count`](Self::count).
    fn nth(&self, nth: usize) -> WorkerId;
    /// Those that hold an input, each once, in the order of the inputs. Costs
    /// a step for each copy of each input.
    fn holdings(&mut self) -> &[Holding];
}

/// Which worker a ready task would rather go to.
pub trait Policy: fmt::Debug + Send {
    /// Its name in tables.
    fn name(&self) -> &'static str;

    /// Whom of the candidates the task should go to, if that matters. Anybody
    /// else's name counts as none.
    ///
    /// If that is a busy worker while others are idle, a policy that steals is
    /// asked again: then the holdings are those of the idle only, and only one
    /// of these will do.
    fn prefer(&mut self, candidates: &mut dyn Candidates) -> Option<WorkerId>;

    /// Whether a worker without work takes what would rather go, or has
    /// already been sent, to another. Without it the policy's wish is law
    /// while the preferred worker lives.
    fn steals(&self) -> bool {
        true
    }
}

/// Where most bytes of the inputs lie; of several such workers, the one with
/// the least in hand. Work that has no inputs on workers goes to whoever has
/// the least in hand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Locality;

impl Policy for Locality {
    fn name(&self) -> &'static str {
        "locality"
    }

    fn prefer(&mut self, candidates: &mut dyn Candidates) -> Option<WorkerId> {
        let better = |a: &Holding, b: &Holding| (a.bytes, b.load) > (b.bytes, a.load);
        let best = candidates.holdings().iter().reduce(|a, b| if better(b, a) { b } else { a })?;
        (best.bytes > 0).then_some(best.worker)
    }
}

/// In the order of readiness, to whoever has the least in hand: Graham's list
/// scheduling, blind to where the inputs lie.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fifo;

impl Policy for Fifo {
    fn name(&self) -> &'static str {
        "fifo"
    }

    fn prefer(&mut self, _: &mut dyn Candidates) -> Option<WorkerId> {
        None
    }
}

/// A worker drawn at random for each task, and no stealing: the baseline that
/// Beránek and Böhm (2020) found hard to beat.
///
/// The generator is its own and seeded by the caller, so a run can be
/// repeated: the scheduler stays a pure function of its events.
#[derive(Clone, Copy, Debug)]
pub struct Random(SplitMix64);

impl Random {
    /// The same seed draws the same workers.
    pub fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }
}

impl Policy for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn prefer(&mut self, candidates: &mut dyn Candidates) -> Option<WorkerId> {
        let count = candidates.count() as u64;
        (count > 0).then(|| candidates.nth(self.0.below(count) as usize))
    }

    fn steals(&self) -> bool {
        false
    }
}
