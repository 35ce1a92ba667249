//! How far the runs of a history lie apart, and what that says of the next one.
//!
//! A new run is judged as one more of a row's runs, by a prediction interval
//! (Hahn and Meeker, Statistical Intervals, 1991): Student's t, with as many
//! degrees of freedom as the deviation of the runs has, times that deviation
//! and the error of their median. The two errors come from the same runs, so
//! their freedom does not add up.
//!
//! # Rows that jump
//! Ten runs in which a row did not jump say nothing of how far it jumps. The
//! other rows do: leave out each run of each row in turn and see how far it lies
//! from the others, in their deviations. If one of all these residuals lies
//! further out than Student's t lets any with 95 % confidence, their tail is
//! measured (Hill, Annals of Statistics 3, 1975) and carried on to the error rate
//! of a row (Weissman, JASA 73, 1978); intervals are at least as wide as that.
//! The upper 95 % bound of Hill's index is used, because it is itself an
//! estimate, from jumps that come several to a run.
//!
//! Seen in eleven unchanged runs of 127 benches of this workspace on a shared
//! virtual machine: one residual of 20 deviations, five beyond 5, and an index
//! of 0.3, so that an interval holds 11 to 17 deviations where Student's t alone
//! holds 5.5; with that alone one unchanged run in eleven failed at 5 %, with the
//! tail none. The rows of calibrated work that were 10 % slower cannot be found
//! there at 5 %, whatever the rule: the middle one of them deviates by 4 % from
//! run to run, so that even the interval of a single row, without correction for
//! the others, reaches 9 % to either side. Where rows are calm, or few enough to
//! be measured for longer, they can.

use crate::benchmark::Sample;
use crate::stats::precision::Precision;
use crate::stats::{CONFIDENCE, Estimate, mean, std_dev, student_quantile, student_tail};

/// The fewest residuals whose tail can be measured.
const FEWEST: usize = 100;

/// The share of residuals that counts as their tail.
const TAIL: f64 = 0.05;

/// The fewest runs on either side of a step.
const LEVEL: usize = 3;

/// A row's run beside its history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prediction {
    /// The run's figure over the median of the history's.
    ratio: f64,
    /// How far single runs lie apart, on the log scale, or the run's own error
    /// where that is larger; and its degrees of freedom.
    deviation: f64,
    freedom: f64,
    /// Whether it is the deviation of the runs.
    is_of_runs: bool,
    /// The error of the history's median.
    error: f64,
}

impl Prediction {
    /// Of a run with this figure, beside runs whose median has that one.
    pub(super) fn of(runs: &Sample, middle: Precision, run: Precision) -> Self {
        let (among, own) = (std_dev(&logs(runs)), run.relative());
        let is_of_runs = among >= own;
        let freedom = if is_of_runs { runs.len() as f64 - 1.0 } else { run.freedom };
        Self {
            ratio: run.point / middle.point,
            deviation: among.max(own),
            freedom: freedom.max(1.0),
            is_of_runs,
            error: middle.relative(),
        }
    }

    /// What the ratio lies in but for the chance `tail` on each side; no
    /// narrower than `floor` deviations of the runs.
    pub(super) fn interval(&self, tail: f64, floor: f64) -> Estimate {
        let quantile = student_quantile(1.0 - tail, self.freedom);
        let units = if self.is_of_runs { quantile.max(floor) } else { quantile };
        let half = units * self.deviation.hypot(self.error);
        let Self { ratio, .. } = *self;
        Estimate { point: ratio, lower: ratio * (-half).exp(), upper: ratio * half.exp() }
    }
}

/// How many deviations of its runs a row moves with the chance `tail` on each
/// side, as far as the jumps of all rows show it; 0 if they show none.
pub(super) fn floor<'a>(histories: impl Iterator<Item = &'a Sample>, tail: f64) -> f64 {
    let mut residuals: Vec<(f64, usize)> = histories.flat_map(residuals).collect();
    let count = residuals.len();
    if count < FEWEST {
        return 0.0;
    }
    residuals.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    // Bonferroni's bound for the least likely of them.
    if residuals[0].0 * count as f64 >= 1.0 - CONFIDENCE {
        return 0.0;
    }
    let furthest = (TAIL * count as f64).ceil() as usize;
    // What a residual would be of as many degrees as the interval has.
    let deviations = |&(chance, runs): &(f64, usize)| {
        student_quantile(1.0 - (chance / 2.0).max(f64::EPSILON), runs as f64 - 1.0)
    };
    let nearest = deviations(&residuals[furthest]);
    let beyond: Vec<f64> =
        residuals[..furthest].iter().map(|x| (deviations(x) / nearest).ln()).collect();
    let surest = 1.0 + student_quantile(0.95, f64::INFINITY) / (furthest as f64).sqrt();
    let index = mean(&beyond) * surest;
    let rarer = furthest as f64 / count as f64 / (2.0 * tail);
    nearest * rarer.max(1.0).powf(index)
}

/// Of each run, the chance to lie as far from the others as it does, and how
/// many runs there are.
fn residuals(runs: &Sample) -> Vec<(f64, usize)> {
    let logs = logs(runs);
    let count = logs.len();
    if count < Sample::FEWEST {
        return Vec::new();
    }
    let residual = |place: usize| {
        let mut others = logs.clone();
        let left_out = others.swap_remove(place);
        let left = others.len() as f64;
        let deviation = std_dev(&others) * (1.0 + 1.0 / left).sqrt();
        // Runs that are all equal, to the last bit, have no scale.
        let distance = (left_out - mean(&others)).abs() / deviation;
        distance.is_finite().then(|| (2.0 * student_tail(distance, left - 1.0), count))
    };
    (0..count).filter_map(residual).collect()
}

/// Whether the runs fall into two levels, as if the program had changed between
/// two of them: about their own levels they deviate less than a third as much as
/// about one, with three runs or more on either side (the likelihood ratio for a
/// shift at an unknown place: Worsley, JASA 74, 1979). Of ten runs without a
/// step one row in some thousands looks like it. Von Neumann's successive
/// differences would miss it: of ten runs, the step itself is a ninth of them.
pub(super) fn has_two_levels(runs: &Sample) -> bool {
    let logs = logs(runs);
    let count = logs.len();
    let squares = |part: &[f64]| std_dev(part).powi(2) * (part.len() as f64 - 1.0);
    let plain = std_dev(&logs).powi(2);
    (LEVEL..=count.saturating_sub(LEVEL)).any(|step| {
        let (before, after) = logs.split_at(step);
        let within = (squares(before) + squares(after)) / (count as f64 - 2.0);
        within * 9.0 < plain
    })
}

fn logs(runs: &Sample) -> Vec<f64> {
    runs.per_iteration().into_iter().map(f64::ln).collect()
}
