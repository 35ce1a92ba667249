//! Whether most rows moved together.

use serde::Serialize;

use super::Row;
use crate::stats::median;

/// The fewest rows that can ring it.
const FEWEST: usize = 8;

/// The share of rows that must have moved one way with their whole interval.
const MOST: f64 = 0.6;

/// The share of rows that must agree in direction if intervals do not tell.
const AGREEING: f64 = 0.8;

/// By how much the median ratio must be off 1 if they do: a share of the
/// threshold, or without one a share of the time.
const FLOOR: f64 = 0.2;
const FLOOR_ALONE: f64 = 0.01;

/// By how much the median ratio must then be off 1, on the log scale: 5 %.
const FAR: f64 = 0.048_790_164_169_432;

/// Most rows moved together, which a machine does more often than a program.
///
/// The rule: of at least 8 rows, at least 60 % moved one way with their whole
/// interval off 1, and the median ratio is off 1 by more than a fifth of the
/// threshold, or than 1 % without one, since less would not sway a verdict; or the median ratio is off 1 by more than 5 % and at least
/// 80 % of the rows moved the same way, however sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CommonMode {
    /// How many rows moved that way: with their whole interval where that made it
    /// ring, else by their ratio.
    pub moved: usize,
    /// Of how many.
    pub rows: usize,
    /// The median ratio.
    pub ratio: f64,
}

/// The alarm, if it rings.
pub(super) fn alarm(rows: &[Row], fail_above: Option<f64>) -> Option<CommonMode> {
    let measured: Vec<(f64, f64, f64)> = rows
        .iter()
        .filter(|row| !row.identical)
        .filter_map(|row| Some((row.ratio?, row.interval?.lower, row.interval?.upper)))
        .collect();
    if measured.len() < FEWEST {
        return None;
    }
    let share = |count: usize| count as f64 / measured.len() as f64;
    let ratio = median(&measured.iter().map(|(ratio, ..)| *ratio).collect::<Vec<_>>());
    let (surely, agreeing) = if ratio > 1.0 {
        let surely = measured.iter().filter(|(_, lower, _)| *lower > 1.0).count();
        (surely, measured.iter().filter(|(ratio, ..)| *ratio > 1.0).count())
    } else {
        let surely = measured.iter().filter(|(.., upper)| *upper < 1.0).count();
        (surely, measured.iter().filter(|(ratio, ..)| *ratio < 1.0).count())
    };
    let moved = ratio.ln().abs();
    let floor = fail_above.map_or(FLOOR_ALONE, |threshold| FLOOR * threshold).ln_1p();
    let by_intervals = share(surely) >= MOST && moved > floor;
    let by_ratios = moved > FAR && share(agreeing) >= AGREEING;
    let moved = if by_intervals { surely } else { agreeing };
    (by_intervals || by_ratios).then_some(CommonMode { moved, rows: measured.len(), ratio })
}
