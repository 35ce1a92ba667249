//! One map: how it begins, who is asked to help, and in which portions.
//!
//! To wake a sleeping thread costs the caller some twenty microseconds on a
//! virtual machine, and the sleeper comes fifty later or, after a pause, eighty
//! and more (see `processor`). A map that is done before that is better done
//! alone. How long it will take nobody knows before,
//! so the caller begins alone, with a look at the clock now and then, and asks
//! for help as soon as what is left, at the pace so far, is worth it: the
//! ski-rental rule, rent until the rent has cost as much as buying. A thread
//! that is awake and looks for work costs next to nothing to ask, so it is
//! asked much sooner.
//!
//! Once there are several, each takes a share of what is left, a smaller one
//! each time: guided self-scheduling (C. D. Polychronopoulos and D. J. Kuck,
//! "Guided self-scheduling: a practical scheduling scheme for parallel
//! supercomputers", IEEE Transactions on Computers, 1987). The first portions
//! are large, so that few are taken; the last are small, so that all end
//! together. The smallest lasts about as long as a few exchanges of the
//! counter's cache line between two processors.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::loan::{Loan, lend};
use crate::slots::Slots;
use crate::sync::{Arc, Mutex, lock};
use crate::thread_pool::crew::{Crew, LOOK};
use crate::thread_pool::processor;

/// With fewer portions than this for each worker, help is called at once: the
/// first item, done alone, could be a large part of the whole.
const PORTIONS_TO_BEGIN_ALONE: usize = 8;

/// What must be left to do before a sleeper is woken for it: with a cost of 30
/// microseconds and a helper that comes after 80, a map that takes 110 alone
/// takes as long with help. Where maps follow each other closely, what they have
/// spent alone counts too, since the next finds the helper awake (see `rent`).
const WORTH_WAKING: Duration = Duration::from_micros(120);

/// What must be left in any case, and the shortest map that counts: an awake
/// helper gains less than half of it.
const WORTH_RENT: Duration = Duration::from_micros(20);

/// So long the caller has worked before it trusts its pace enough to wake
/// somebody: the first item finds cold caches.
const TRUSTED: Duration = Duration::from_micros(3);

/// What must be left to do before a thread that is awake is asked.
const WORTH_ASKING: Duration = Duration::from_nanos(1_500);

/// What must be left to do before more threads are woken than there are
/// processors. If the items compute, that gains nothing and costs a little;
/// if they wait for something, it pays.
const WORTH_CROWDING: Duration = Duration::from_millis(20);

/// How long the caller alone works between two looks at the clock, at first
const ALONE: Duration = Duration::from_nanos(300);

/// and at last: a look costs about 40 nanoseconds.
const ALONE_AT_LAST: Duration = Duration::from_nanos(1_000);

/// The smallest portion, as long as its size is ours to choose.
const PORTION: Duration = Duration::from_nanos(400);

/// The items, what is done with them, and where the results go.
pub(crate) struct Map<'a, T, R, F> {
    pub(crate) items: &'a [T],
    pub(crate) f: &'a F,
    pub(crate) slots: &'a Slots<R>,
    /// The size of a portion, if the user has chosen one.
    pub(crate) chunk: Option<usize>,
    /// How many threads may take part, the caller among them.
    pub(crate) workers: usize,
    pub(crate) crew: &'a Crew,
    /// The invitation to help, once there is one.
    pub(crate) invitation: Invitation<'a>,
}

/// What helpers are asked with; it is withdrawn when it is dropped, which is
/// after the last of them has gone.
pub(crate) struct Invitation<'a> {
    crew: &'a Crew,
    loan: OnceLock<Arc<Loan>>,
    /// Whether helpers beyond the number of processors were asked, too.
    crowded: AtomicBool,
    /// The processors on which those began who take part.
    occupied: Mutex<Vec<usize>>,
}

impl<'a> Invitation<'a> {
    pub(crate) fn new(crew: &'a Crew) -> Self {
        Self {
            crew,
            loan: OnceLock::new(),
            crowded: AtomicBool::new(false),
            occupied: Mutex::new(Vec::new()),
        }
    }

    /// This thread begins to work on the map.
    fn take_part(&self) {
        lock(&self.occupied).extend(processor::current());
    }

    /// The processors on which a further helper would be in somebody's way.
    fn occupied(&self) -> Vec<usize> {
        // This thread may have been moved since it began.
        let mut occupied = lock(&self.occupied).clone();
        occupied.extend(processor::current());
        occupied
    }
}

impl Drop for Invitation<'_> {
    fn drop(&mut self) {
        if let Some(loan) = self.loan.get() {
            self.crew.board.withdraw(loan);
        }
    }
}

/// How fast it goes.
#[derive(Clone, Copy)]
struct Pace {
    items: usize,
    took: Duration,
}

impl<T, R, F> Map<'_, T, R, F>
where
    T: Sync,
    R: Send,
    F: Fn(&T) -> R + Sync,
{
    /// Tries every item.
    pub(crate) fn run(&self) {
        let portions = self.items.len().div_ceil(self.chunk.unwrap_or(1));
        let helpers = self.helpers(portions);
        if helpers == 0 {
            self.slots.filler(self.items, self.f).fill(|unclaimed| unclaimed);
            return;
        }
        let (pace, wake) = if portions < PORTIONS_TO_BEGIN_ALONE * self.workers {
            (None, false)
        } else {
            match self.alone() {
                None => return,
                Some((pace, wake)) => (Some(pace), wake),
            }
        };
        let help = || {
            self.invitation.take_part();
            self.together(pace);
        };
        self.invitation.take_part();
        lend(&help, |loan| {
            // Nobody else sets it.
            let _ = self.invitation.loan.set(Arc::clone(loan));
            let useful = self.crew.processors - 1;
            // Without a pace, all are asked at once.
            let crowded = pace.is_none() && helpers > useful;
            self.invitation.crowded.store(crowded, Ordering::Relaxed);
            let useful = if crowded { helpers } else { useful };
            self.crew.board.post(loan, useful.min(helpers));
            if wake && self.crew.board.is_open() {
                self.crew.bell.ring(|| self.invitation.occupied());
            }
            self.together(pace);
        });
    }

    /// How many could help with so many portions.
    fn helpers(&self, portions: usize) -> usize {
        (self.workers - 1).min(portions.saturating_sub(1))
    }

    /// Works alone until help is worth its price, and returns the pace until
    /// then, and whether somebody has to be woken; or `None` if nothing is left.
    fn alone(&self) -> Option<(Pace, bool)> {
        let mut filler = self.slots.filler(self.items, self.f);
        let start = Instant::now();
        let mut then = start;
        let mut portion = 1;
        let mut done = 0;
        // By the maps before this one; asked for when it matters.
        let mut spent = None;
        loop {
            let filled =
                filler.fill(|unclaimed| self.chunk.unwrap_or(1).max(portion.min(unclaimed)));
            done += filled;
            if filled == 0 || done == self.items.len() {
                if then - start > WORTH_RENT {
                    self.crew.rent.pay(start, Instant::now(), LOOK);
                }
                return None;
            }
            let now = Instant::now();
            let pace = Pace { items: done, took: now - start };
            // The first items find cold caches, and any may be interrupted: of
            // the pace so far and that of the last portion the faster is
            // nearer to what the rest will take.
            let last = Pace { items: filled, took: now - then };
            then = now;
            let rest = self.items.len() - done;
            let left = pace.for_items(rest).min(last.for_items(rest));
            let awake = self.crew.bell.looking() > 0;
            if awake && left > WORTH_ASKING {
                return Some((last, false));
            }
            if !awake && left > WORTH_RENT && pace.took > TRUSTED {
                let spent = *spent.get_or_insert_with(|| self.crew.rent.spent(start, LOOK));
                if left + spent > WORTH_WAKING {
                    self.crew.rent.settle();
                    return Some((last, true));
                }
            }
            // Never more than a part of what is left, because items that take
            // longer may come.
            let time = (pace.took / 8).clamp(ALONE, ALONE_AT_LAST);
            portion = last.items_in(time).clamp(8, (rest / 4).max(8));
        }
    }

    /// What each of several threads does: takes portions until none is left.
    fn together(&self, mut pace: Option<Pace>) {
        let mut filler = self.slots.filler(self.items, self.f);
        self.call(pace);
        let mut then = Instant::now();
        loop {
            let smallest = pace.map_or(1, |pace| pace.items_in(PORTION));
            let filled = filler.fill(|unclaimed| match self.chunk {
                Some(chunk) => chunk,
                None => portion(unclaimed, self.workers, smallest),
            });
            if filled == 0 {
                return;
            }
            let now = Instant::now();
            pace = Some(Pace { items: filled, took: now - then });
            then = now;
            self.call(pace);
        }
    }

    /// Wakes one helper, if one is wanted and enough is left for it.
    fn call(&self, pace: Option<Pace>) {
        let unclaimed = self.slots.unclaimed();
        let left = pace.map(|pace| pace.for_items(unclaimed));
        if left.is_some_and(|left| left > WORTH_CROWDING)
            && !self.invitation.crowded.swap(true, Ordering::Relaxed)
            && let Some(loan) = self.invitation.loan.get()
        {
            let more = self.helpers(unclaimed).saturating_sub(self.crew.processors - 1);
            self.crew.board.post(loan, more);
        }
        let worth = left.map_or(unclaimed > 0, |left| left > WORTH_WAKING);
        if worth && self.crew.board.is_open() {
            self.crew.bell.ring(|| self.invitation.occupied());
        }
    }
}

/// Half of one worker's share of what is left, but not fewer than `smallest`
/// unless that would leave somebody without any.
fn portion(unclaimed: usize, workers: usize, smallest: usize) -> usize {
    let share = unclaimed.div_ceil(2 * workers);
    share.max(smallest.min(unclaimed.div_ceil(workers)))
}

impl Pace {
    /// How long so many items will take.
    fn for_items(self, items: usize) -> Duration {
        let nanoseconds = self.took.as_nanos() as f64 * items as f64 / self.items as f64;
        Duration::from_nanos(nanoseconds as u64)
    }

    /// How many items take so long: at least one.
    fn items_in(self, time: Duration) -> usize {
        let took = self.took.as_nanos().max(1) as f64;
        ((time.as_nanos() as f64 * self.items as f64 / took) as usize).max(1)
    }
}
