//! How far rows move from one run to the next though nothing changed.
//!
//! Two runs of one program differ by more than their visits explain: where the
//! loader puts code and stack, which pages the allocator gets, on which core a
//! thread wakes, how warm the machine is. No visit of one run can show it, but
//! the other rows can: most of them did not change, so how far they moved is how
//! far rows move (Efron, "Large-scale simultaneous hypothesis testing: the
//! choice of a null hypothesis", JASA 99, 2004). Only the middle of the rows is
//! used, where real changes have little say while they are few, and only their shifts about the median
//! shift, so that all rows moving together is no spread;
//! [`CommonMode`](super::CommonMode) is for that.
//!
//! Where the middle row moved further than its visits explain, standard errors
//! are scaled up to explain it (Devlin and Roeder's genomic control, Biometrics
//! 55, 1999). That is enough for slow drift, which no row shows alone. What is
//! added follows Student's t with six degrees of freedom, because a few dozen
//! rows tell the scale no better; with normal tails, generated suites whose rows
//! move by 2 % from run to run had false alarms in one diff of five.
//!
//! Where the rows show it beyond doubt (further than their visits let half of
//! them move have moved more rows than by a chance in a thousand), it is a
//! spread of its own, with a law of its own:
//! - It is in proportion to a row's own scatter, by a factor that is taken half
//!   from all rows and half from the 61 whose scatter is nearest: rows with calm
//!   visits move less, but not by one law.
//! - Its tails are heavy: most rows stay, and a few jump by a fifth or more. It
//!   is taken to follow Student's t with two degrees of freedom. With three, or
//!   two and a half, unchanged full runs of this workspace's own benches failed
//!   at 5 %; with two none of twelve pairs did.
//!
//! Where 40 % of the rows or more did change, the middle is theirs: what they
//! moved is then taken for spread, the intervals widen, and changes are missed,
//! but none is made up.
//!
//! With few rows none of this can be known, and a diff then says so. Nothing
//! here can tell a row that changed by 10 % from one that jumped by 10 %: where
//! unchanged rows jump, only more runs can, or a question about fewer rows,
//! chosen before looking.

use serde::Serialize;

use crate::stats::{median, student_quantile};

/// The fewest rows that can show it.
pub(super) const FEWEST: usize = 8;

/// Rows that a row's own factor is taken from.
const NEIGHBOURS: usize = 61;

/// Degrees of freedom of its tails, where it has a law of its own.
const HEAVY: f64 = 2.0;

/// Degrees of freedom of its tails, where it only scales standard errors up.
const LIGHT: f64 = 6.0;

/// The least and the most scatter that is believed: visits timed in few clock
/// ticks may all be equal, and wild ones far beyond all numbers.
const BELIEVED: (f64, f64) = (1e-6, 1e3);

/// Run-to-run spread that the rows of a comparison show.
///
/// Two runs of an unchanged program differ by more than their visits explain.
/// Most rows of a diff did not change, so the middle of them shows by how much
/// (Efron, JASA 99, 2004), of eight rows or more. A little is taken for drift,
/// and standard errors are scaled up by `inflation` to explain it (Devlin and
/// Roeder, Biometrics 55, 1999). Beyond doubt, it is in proportion to a row's
/// own scatter and `heavy` in its tails: Student's t with two degrees of
/// freedom, because most unchanged rows stay and a few jump by a fifth. A
/// change as large as such jumps cannot be told from one by two runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// How many rows it was taken from.
    pub rows: usize,
    /// By how much half of the rows moved at least, as a share, apart from what
    /// all did: 0.02 is 2 %.
    pub typical: f64,
    /// By how much they would have if runs differed by their visits alone.
    pub explained: f64,
    /// How many times as far as its visits explain the middle row moved.
    pub inflation: f64,
    /// Whether it is beyond doubt, and so has a law of its own with heavy tails.
    pub heavy: bool,
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

/// The spread, and its scale for each row on the log scale, in standard units
/// of its distribution; `None` if the rows are too few or show none.
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
    let times = moved.iter().zip(&explained).filter(|(_, explained)| **explained > 0.0);
    let inflation = median(&times.map(|(x, y)| x / y).collect::<Vec<_>>());
    // NaN, of rows whose visits are all equal, is none either.
    if inflation.is_nan() || inflation <= 1.0 {
        return None;
    }
    let further = moved.iter().zip(&explained).filter(|(moved, explained)| moved > explained);
    let by_chance =
        rows as f64 / 2.0 + student_quantile(0.999, f64::INFINITY) * (rows as f64).sqrt() / 2.0;
    let heavy = further.count() as f64 > by_chance;
    let spread =
        Spread { rows, typical: median(&moved), explained: median(&explained), inflation, heavy };
    let scales = if heavy {
        heavy_scales(shifts, &moved, &explained)
    } else {
        let beyond = (inflation.powi(2) - 1.0).sqrt();
        shifts.iter().map(|shift| beyond * shift.error).collect()
    };
    Some((spread, scales))
}

fn heavy_scales(shifts: &[Shift], moved: &[f64], explained: &[f64]) -> Vec<f64> {
    let rows = shifts.len();
    let scatter = |row: usize| shifts[row].scatter.max(BELIEVED.0).min(BELIEVED.1);
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by(|a, b| scatter(*a).total_cmp(&scatter(*b)));
    // The square of the shift beyond what visits explain, in units of scatter,
    // of the middle one of some rows.
    let beyond = |some: &[usize]| {
        let middle = |of: &[f64]| {
            median(&some.iter().map(|row| of[*row] / scatter(*row)).collect::<Vec<_>>()).powi(2)
        };
        middle(moved) - middle(explained)
    };
    let everywhere = beyond(&order);
    let neighbours = NEIGHBOURS.min(rows);
    let mut scales = vec![0.0; rows];
    for (place, row) in order.iter().enumerate() {
        let first = place.saturating_sub(neighbours / 2).min(rows - neighbours);
        let nearby = beyond(&order[first..first + neighbours]);
        // Some neighbourhoods show none by chance; all rows together steady them.
        let factor = f64::midpoint(nearby, everywhere).max(0.0).sqrt();
        scales[*row] = scatter(*row) * factor / student_quantile(0.75, HEAVY);
    }
    scales
}

impl Spread {
    /// How many of its standard units a row moves with the chance `tail` on
    /// each side.
    pub(super) fn units(&self, tail: f64) -> f64 {
        student_quantile(1.0 - tail, if self.heavy { HEAVY } else { LIGHT })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shifts of rows whose visits explain errors of 1 %, in a fixed pattern of
    /// both signs that fills a normal distribution `wide` times as wide.
    fn shifts(rows: usize, wide: f64) -> Vec<Shift> {
        (0..rows)
            .map(|row| {
                let share = (row as f64 + 0.5) / rows as f64;
                let log_ratio = 0.03 + wide * 0.01 * student_quantile(share, f64::INFINITY);
                Shift { log_ratio, error: 0.01, scatter: 0.1 }
            })
            .collect()
    }

    #[test]
    fn what_visits_explain_is_no_spread() {
        assert_eq!(between_runs(&shifts(40, 0.9)), None);
        assert_eq!(between_runs(&shifts(FEWEST - 1, 9.0)), None, "too few to tell");
    }

    #[test]
    fn a_little_more_scales_the_errors() {
        let (spread, scales) = between_runs(&shifts(40, 1.2)).unwrap();
        assert!(!spread.heavy && (spread.inflation - 1.2).abs() < 0.05, "{spread:?}");
        let total = scales[0].hypot(0.01);
        assert!((total / 0.012 - 1.0).abs() < 0.05, "{total}");
    }

    #[test]
    fn much_more_has_heavy_tails() {
        let (spread, scales) = between_runs(&shifts(40, 5.0)).unwrap();
        assert!(spread.heavy && spread.units(1e-3) > 20.0);
        // The quartile of the law is that of the rows: √(5² - 1) % at 0.6745.
        let quartile = scales[0] * student_quantile(0.75, 2.0);
        assert!((quartile / (0.6745 * 0.048_99) - 1.0).abs() < 0.05, "{quartile}");
    }

    /// A quarter of the rows changing by half is no run-to-run spread.
    #[test]
    fn real_changes_have_little_say() {
        let mut some = shifts(40, 0.8);
        for shift in some.iter_mut().step_by(8) {
            shift.log_ratio += 0.5;
        }
        assert!(between_runs(&some).is_none_or(|(spread, _)| !spread.heavy));
    }
}
