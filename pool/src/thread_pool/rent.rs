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

    /// A map that began then has just ended, alone.
    pub(crate) fn pay(&self, began: Instant, gap: Duration) {
        let before = self.spent(began, gap);
        let ended = Instant::now();
        *lock(&self.0) = Some(Series { spent: before + (ended - began), ended });
    }

    /// Somebody was woken: a new series begins.
    pub(crate) fn settle(&self) {
        *lock(&self.0) = None;
    }
}
