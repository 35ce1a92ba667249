//! How many calls of a map make one task for Dask.
//!
//! Dask takes about a millisecond to handle a task, whatever it does, so calls go
//! in chunks that take long beside that and short beside the whole map. How long a
//! call takes is found out: the first chunks are of one call, and each reply says
//! how long its chunk took.

/// How long a chunk is to take, in nanoseconds, in a map of many: on two cores that are
/// busy with the work itself, scheduler, worker and bridge take some 5 ms for each.
pub(super) const AIM: f64 = 250e6;

/// Of what is left for each thread a chunk is one of so many: those to come may take
/// far longer than those before, and in the end all threads are to be done at about
/// the same time. Half of it is what factoring gives out (Hummel, Schonberg, Flynn,
/// "Factoring: a method for scheduling parallel loops", Communications of the ACM
/// 35:8, 1992).
const SHARES: usize = 2;

/// How long it may take though it is more than its share: a few of what its handling
/// takes.
const LEAST: f64 = 15e6;

/// The most calls of a chunk.
const MOST: usize = 1 << 14;

/// How much larger a chunk may be than any before: the first call of a task may
/// take far longer than the next, and another far less.
const GROWTH: usize = 16;

/// How many chunks are at the cluster for each of its threads, so that none waits for
/// this program: one that runs and the next. More would wait behind a long one, until
/// Dask steals them, for which it looks every 100 ms.
const AHEAD: usize = 2;

/// How many bytes may be moved for the sake of a larger chunk, or to find out how
/// long one takes: that takes about as long as Dask's handling of a task.
pub(super) const LIGHT: f64 = 1e6;

/// How many bytes of inputs, and about how many of values, a chunk has at most, unless
/// one call has more: all of a chunk is in memory at once, here and at the scheduler.
pub(super) const HEAVY: usize = 8 << 20;

/// How many chunks are looked at before it is believed how long a call takes: the
/// first may take many times as long as the next, while the worker warms up.
const LOOKS: u32 = 8;

/// A call that takes longer than this, in nanoseconds, is known by the first that were
/// looked at: what those take more is little beside it, and to look costs as much as
/// another task of Dask's.
const LONG: f64 = 1e6;

/// What of the time and the calls that were seen still counts when the next chunk is
/// seen. Both are summed up, so that one long call among many short ones weighs as
/// one call, and the first call of all is soon forgotten.
const MEMORY: f64 = 0.75;

/// What is known of a task's calls.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Nanoseconds that calls took, and how many calls took them.
    seen: (f64, f64),
    /// Bytes a value.
    per_value: f64,
    looks: u32,
    largest: usize,
    /// Chunks that are not done.
    pub(super) in_flight: usize,
}

impl Pace {
    /// Whether it is known how long a call takes.
    pub(super) fn is_known(&self) -> bool {
        self.seen.1 > 0.0
    }

    /// About how many calls take so many nanoseconds.
    fn calls(&self, time: f64) -> usize {
        let (taken, calls) = self.seen;
        // To the nearest: of two that take a little longer than they should, one
        // would be far too few.
        if self.is_known() { (time * calls / taken.max(calls)).round() as usize } else { 1 }
    }

    /// Whether it is worth while to look at another chunk of so many calls.
    pub(super) fn is_open(&self, calls: usize) -> bool {
        let (taken, seen) = self.seen;
        let is_long = taken > LONG * seen;
        !self.is_known() || (self.looks < LOOKS && !is_long && self.bytes(calls) < LIGHT)
    }

    /// About how many bytes the values of so many calls take; too many to count if
    /// none has been seen.
    pub(super) fn bytes(&self, calls: usize) -> f64 {
        if self.is_known() { self.per_value * calls as f64 } else { f64::INFINITY }
    }

    /// Whether another chunk may go now.
    pub(super) fn has_room(&self, threads: usize) -> bool {
        let most = if self.is_known() { AHEAD * threads } else { threads };
        self.in_flight < most.max(1)
    }

    /// How many of so many calls make the next chunk.
    pub(super) fn chunk(&mut self, left: usize, threads: usize) -> usize {
        let by_share = left.div_ceil(SHARES * threads.max(1)).max(self.calls(LEAST));
        let by_growth = GROWTH * self.largest.max(1);
        let by_weight = HEAVY / (self.per_value as usize).max(1);
        let by_time = self.calls(AIM);
        let chunk = by_time.min(by_weight).min(by_share).min(by_growth).min(left).clamp(1, MOST);
        self.largest = self.largest.max(chunk);
        chunk
    }

    /// A chunk of so many calls took so long, and its reply so many bytes.
    pub(super) fn learn(&mut self, nanoseconds: u64, calls: usize, bytes: usize) {
        if calls > 0 {
            let value = bytes as f64 / calls as f64;
            self.per_value = if self.is_known() { self.per_value.max(value) } else { value };
            let (taken, seen) = self.seen;
            self.seen = (taken * MEMORY + nanoseconds as f64, seen * MEMORY + calls as f64);
            self.looks += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of which it is known that a call takes so many nanoseconds.
    fn known(nanoseconds: u64) -> Pace {
        let mut pace = Pace { largest: MOST, ..Pace::default() };
        pace.learn(nanoseconds * 1_000, 1_000, 8);
        pace
    }

    #[test]
    fn chunks_grow_to_their_time_and_shrink_to_their_share() {
        let mut pace = Pace::default();
        assert_eq!(pace.chunk(10_000, 2), 1);
        assert!(pace.has_room(2));
        pace.in_flight = 2;
        assert!(!pace.has_room(2), "one for each thread, while nothing is known");
        pace.learn(1_000, 1, 8);
        assert!(pace.has_room(2));
        assert_eq!(pace.chunk(10_000, 2), 16);
        assert_eq!(pace.chunk(10_000, 2), 256);
        assert_eq!(pace.chunk(10_000, 2), 4_096);
        assert_eq!(pace.chunk(100, 2), 100, "what takes no time is not shared");
        assert_eq!(pace.chunk(1, 2), 1);
        assert_eq!(known(100_000).chunk(1_600, 2), 400, "100 us each: half of what each has left");
        assert_eq!(known(4_000_000).chunk(10, 2), 4, "or a little more, to be worth its handling");
        assert_eq!(known(10_000_000).chunk(400, 2), 25, "10 ms each: as many as fill the time");
        assert_eq!(known(17_000_000).chunk(400, 2), 15, "the nearest");
        assert_eq!(known(200_000_000).chunk(1_600, 2), 1, "what takes longer goes alone");
    }

    #[test]
    fn one_long_call_among_many_counts_as_one() {
        let mut pace = known(1_000_000);
        pace.learn(100_000_000, 1, 8);
        assert_eq!(pace.chunk(16_000, 2), 221, "1.13 ms each");
        let mut warming_up = Pace { largest: MOST, ..Pace::default() };
        warming_up.learn(10_000_000, 1, 8);
        for _ in 0..4 {
            let calls = warming_up.chunk(100_000, 2);
            warming_up.learn(1_000 * calls as u64, calls, 8);
        }
        assert!(warming_up.chunk(100_000, 2) > 5_000, "the first call is forgotten");
    }

    #[test]
    fn it_is_looked_at_some_chunks_unless_they_are_heavy() {
        let mut light = Pace::default();
        assert!(light.is_open(1) && light.bytes(1).is_infinite());
        for _ in 0..LOOKS {
            assert!(light.is_open(1_000));
            light.learn(1_000, 10, 80);
        }
        assert!(!light.is_open(1_000));
        assert_eq!(light.bytes(100), 800.0);
        let mut long = Pace::default();
        long.learn(2_000_000, 1, 8);
        assert!(!long.is_open(1));
        let mut heavy = Pace::default();
        heavy.learn(1_000, 1, 1 << 20);
        assert!(!heavy.is_open(1));
    }
}
