//! What callers have paid, of late, for not having a helper awake.
//!
//! To wake somebody for a short map does not pay: the helper comes when the map
//! is done. But it then looks for work for a while, and if the next map follows
//! at once it finds the helper awake, at no price. So of maps that follow each
//! other closely the price of waking is compared with what they have all spent
//! alone: the ski-rental rule (see `map`) over the whole series instead of one
//! map.

use std::time::{Duration, Instant};

use crate::sync::{Mutex, lock};

/// What a series of maps has spent alone.
#[derive(Debug, Default)]
pub(crate) struct Rent(Mutex<Option<Series>>);

#[derive(Debug)]
struct Series {
    spent: Duration,
    ended: Instant,
}

impl Rent {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// What the series has spent that a map continues which began then; nothing
    /// if none ended within `gap` before.
    pub(crate) fn spent(&self, began: Instant, gap: Duration) -> Duration {
        let series = lock(&self.0);
        let continued = series.as_ref().filter(|s| began.saturating_duration_since(s.ended) < gap);
        continued.map_or(Duration::ZERO, |series| series.spent)
    }

    /// A map was worked at alone from begin to end.
    pub(crate) fn pay(&self, began: Instant, ended: Instant, gap: Duration) {
        let spent = self.spent(began, gap) + ended.saturating_duration_since(began);
        *lock(&self.0) = Some(Series { spent, ended });
    }

    /// Somebody was woken: a new series begins.
    pub(crate) fn settle(&self) {
        *lock(&self.0) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_micros(50);

    #[test]
    fn only_what_follows_closely_counts_until_it_is_settled() {
        let rent = Rent::new();
        let start = Instant::now();
        let at = |micros| start + Duration::from_micros(micros);
        let spent = |began| rent.spent(at(began), GAP).as_micros();
        assert_eq!(spent(0), 0, "nothing was paid yet");
        rent.pay(at(0), at(30), GAP);
        assert_eq!(spent(40), 30);
        assert_eq!(spent(80), 0, "too late");
        rent.pay(at(40), at(70), GAP);
        assert_eq!(spent(75), 60);
        rent.pay(at(200), at(225), GAP);
        assert_eq!(spent(230), 25, "a new series");
        rent.settle();
        assert_eq!(spent(230), 0);
    }

    #[test]
    fn callers_that_overlap_do_not_confuse_it() {
        let rent = Rent::new();
        let start = Instant::now();
        let at = |micros| start + Duration::from_micros(micros);
        rent.pay(at(0), at(100), GAP);
        // Another thread's map, which began before that one had ended.
        assert_eq!(rent.spent(at(20), GAP).as_micros(), 100);
        rent.pay(at(20), at(60), GAP);
        assert_eq!(rent.spent(at(70), GAP).as_micros(), 140);
    }
}
