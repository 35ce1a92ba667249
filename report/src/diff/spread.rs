//! How far rows move from one run to the next though nothing changed.
//!
//! Two runs of one program differ by more than their visits explain: where the
//! loader puts code and stack, which pages the allocator gets, on which core a
//! thread wakes. No visit of one run can show it, but the other rows can: most
//! of them did not change, so how far they moved is how far rows move (Efron,
//! "Large-scale simultaneous hypothesis testing: the choice of a null
//! hypothesis", JASA 99, 2004). The shift beyond the samples' errors is a random
//! effect, of which only the middle is used, where real changes have no say.
//!
//! - It is in proportion to a row's own scatter, by a factor that is taken half
//!   from all rows and half from the 61 whose scatter is nearest: rows with calm
//!   visits move less, but not by one law.
//! - It is about the median shift, so that all rows moving together is no
//!   spread; [`CommonMode`](super::CommonMode) is for that.
//! - Its tails are heavy: most rows stay, and a few jump by a fifth. It is taken
//!   to follow Student's t with two degrees of freedom. Three let unchanged
//!   runs of this workspace's own benches fail at 5 %, two did not.
//! - It is used only if the rows show it beyond chance, else a suite without
//!   any would be judged by noise: more rows than one time in a hundred would
//!   move further than their samples' errors let half of them move.
//!
//! With few rows it cannot be known, and a diff then says so. Nothing here can
//! tell a row that changed by 10 % from one that jumped by 10 %: where unchanged
//! rows jump, more runs are the only remedy.

use serde::Serialize;

use crate::stats::{median, student_quantile};

/// The fewest rows that can show it.
pub(super) const FEWEST: usize = 8;

/// Rows that a row's own factor is taken from.
const NEIGHBOURS: usize = 61;

/// Degrees of freedom of its tails.
const FREEDOM: f64 = 2.0;

/// The least scatter that is believed: visits timed in few clock ticks may all
/// be equal.
const LEAST_SCATTER: f64 = 1e-6;

/// Run-to-run spread that the rows of a comparison show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// How many rows it was taken from.
    pub rows: usize,
    /// By how much half of the rows moved at least, as a share, apart from what
    /// all did: 0.02 is 2 %.
    pub typical: f64,
    /// By how much they would have if runs differed by their visits alone.
    pub explained: f64,
}

/// How far a row moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift {
    /// The logarithm of its ratio.
    pub(super) log_ratio: f64,
    /// The standard error of that by its visits.
    pub(super) error: f64,
    /// How far single visits scatter, relative, over both runs.
    pub(super) scatter: f64,
}

/// The spread, and its scale for each row in standard units of its
/// distribution on the log scale; `None` if the rows are too few or show none.
pub(super) fn between_runs(shifts: &[Shift]) -> Option<(Spread, Vec<f64>)> {
    let rows = shifts.len();
    if rows < FEWEST {
        return None;
    }
    let centre = median(&shifts.iter().map(|shift| shift.log_ratio).collect::<Vec<_>>());
    let moved: Vec<f64> = shifts.iter().map(|x| (x.log_ratio - centre).abs()).collect();
    // Half of a normal distribution lies within so many of its deviations.
    let quartile = student_quantile(0.75, f64::INFINITY);
    let explained: Vec<f64> = shifts.iter().map(|x| quartile * x.error).collect();
    let further = moved.iter().zip(&explained).filter(|(moved, explained)| moved > explained);
    let by_chance =
        rows as f64 / 2.0 + student_quantile(0.99, f64::INFINITY) * (rows as f64).sqrt() / 2.0;
    if further.count() as f64 <= by_chance {
        return None;
    }
    let spread = Spread { rows, typical: median(&moved), explained: median(&explained) };
    let scatter = |row: usize| shifts[row].scatter.max(LEAST_SCATTER);
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by(|a, b| scatter(*a).total_cmp(&scatter(*b)));
    // The square of the shift beyond what visits explain, in units of scatter,
    // of the middle one of some rows.
    let beyond = |some: &[usize]| {
        let middle = |of: &[f64]| {
            median(&some.iter().map(|row| of[*row] / scatter(*row)).collect::<Vec<_>>()).powi(2)
        };
        middle(&moved) - middle(&explained)
    };
    let everywhere = beyond(&order);
    let neighbours = NEIGHBOURS.min(rows);
    let mut scales = vec![0.0; rows];
    for (place, row) in order.iter().enumerate() {
        let first = place.saturating_sub(neighbours / 2).min(rows - neighbours);
        let nearby = beyond(&order[first..first + neighbours]);
        // Some neighbourhoods show none by chance; all rows together steady them.
        let factor = f64::midpoint(nearby, everywhere).max(0.0).sqrt();
        scales[*row] = scatter(*row) * factor / student_quantile(0.75, FREEDOM);
    }
    Some((spread, scales))
}

/// How far a row of this scale moves with the chance `tail` on each side, on
/// the log scale.
pub(super) fn half_width(scale: f64, tail: f64) -> f64 {
    if scale > 0.0 { scale * student_quantile(1.0 - tail, FREEDOM) } else { 0.0 }
}
