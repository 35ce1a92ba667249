//! What a row says, from its two samples alone and the spread of all rows; or,
//! where one side is a history, from how far the runs of that history lie apart.

use super::pairing::Pair;
use super::runs::Prediction;
use super::spread::Shift;
use super::turns;
use super::{Interval, Options, Row, Side, Verdict};
use crate::benchmark::{Benchmark, Sample, Statistic};
use crate::stats::precision::{Precision, scatter};
use crate::stats::resample::{Draws, ratio_by_resampling};
use crate::stats::{Estimate, ratio_of_precisions};

/// What the visits of a pair's samples are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Runs {
    /// Whether those of the reference are whole runs.
    pub(super) reference: bool,
    /// Whether those of the other are.
    pub(super) subject: bool,
    /// The number of passes in which they were measured in turn with those of
    /// the reference; 0 if they were not.
    pub(super) passes: usize,
}

impl Runs {
    pub(super) fn any(self) -> bool {
        self.reference || self.subject
    }

    pub(super) fn in_turn(self) -> bool {
        self.passes > 0
    }
}

/// What all rows are decided by.
#[derive(Clone, Copy)]
pub(super) struct Rule<'a> {
    /// What is outside each interval on either side.
    pub(super) tail: f64,
    /// The fewest deviations of a history's runs that an interval holds on
    /// either side.
    pub(super) floor: f64,
    pub(super) fail_above: Option<f64>,
    pub(super) draws: &'a Draws,
}

/// A row before it is decided.
pub(super) struct Draft<'a> {
    pub(super) pair: Pair<'a>,
    pub(super) runs: Runs,
    /// The reference's figure.
    reference: Statistic,
    /// The other's, which is the same but where one of them is of runs.
    subject: Statistic,
    mixed: bool,
    identical: bool,
    /// The reference's and the other's; `None` where no interval can be told,
    /// and none is needed of identical samples.
    pub(super) figures: Option<[Precision; 2]>,
}

impl<'a> Draft<'a> {
    pub(super) fn of(pair: Pair<'a>, runs: Runs, options: &Options) -> Self {
        let headlines = [pair.reference.typical, pair.subject.typical];
        let mixed = !runs.any() && options.statistic.is_none() && headlines[0] != headlines[1];
        let figure_of = |of_runs: bool, headline: Statistic| {
            if of_runs {
                // A run has one figure, so of several there is the middle one.
                Statistic::Median
            } else if mixed {
                Statistic::Mean
            } else {
                options.statistic.unwrap_or(headline)
            }
        };
        let statistics =
            (figure_of(runs.reference, headlines[0]), figure_of(runs.subject, headlines[1]));
        let identical = pair.is_identical() || (runs.reference && pair.is_one_of_the_runs());
        let figures = || {
            let reference = Precision::of(&pair.reference.sample, statistics.0)?;
            let subject = Precision::of(&pair.subject.sample, statistics.1)?;
            // Two sound times may still have no ratio that a double can hold.
            (subject.point / reference.point).is_normal().then_some([reference, subject])
        };
        let figures = if identical { None } else { figures() };
        Self {
            pair,
            runs,
            reference: statistics.0,
            subject: statistics.1,
            mixed,
            identical,
            figures,
        }
    }

    /// Whether the bootstrap needs draws for it: the median's is exact, and a
    /// handful of runs are too few to resample.
    pub(super) fn needs_draws(&self) -> bool {
        self.figures.is_some() && !self.runs.any() && self.subject != Statistic::Median
    }

    /// How far it moved, for the estimate of the spread; of a history that is
    /// known better.
    pub(super) fn shift(&self) -> Option<Shift> {
        if self.runs.any() {
            return None;
        }
        let [reference, subject] = self.figures?;
        let [a, b] = [self.pair.reference, self.pair.subject].map(|x| scatter(&x.sample));
        Some(Shift {
            log_ratio: (subject.point / reference.point).ln(),
            error: subject.relative().hypot(reference.relative()),
            scatter: a.hypot(b),
        })
    }

    /// The runs, where one side is a history and the other a single run that can
    /// be judged by it.
    pub(super) fn history(&self) -> Option<&'a Sample> {
        self.figures?;
        match self.runs {
            Runs { reference: true, subject: false, .. } => Some(&self.pair.reference.sample),
            Runs { reference: false, subject: true, .. } => Some(&self.pair.subject.sample),
            _ => None,
        }
    }

    /// The ratio's interval, from the standard errors of both or, of a history
    /// and a run, from how far runs lie apart.
    fn interval(&self, [reference, subject]: [Precision; 2], rule: &Rule<'_>) -> Estimate {
        if let Some(ratio) = turns::ratio(&self.pair, self.runs.passes, rule.tail) {
            return ratio;
        }
        let Some(history) = self.history() else {
            return ratio_of_precisions(&subject, &reference, rule.tail);
        };
        if self.runs.reference {
            return Prediction::of(history, reference, subject).interval(rule.tail, rule.floor);
        }
        // The run is the reference, so all is upside down.
        let turned = Prediction::of(history, subject, reference).interval(rule.tail, rule.floor);
        Estimate {
            point: turned.point.recip(),
            lower: turned.upper.recip(),
            upper: turned.lower.recip(),
        }
    }

    /// `spread` is by how much run-to-run spread alone may move it on the log
    /// scale.
    pub(super) fn decide(&self, spread: f64, rule: &Rule<'_>) -> Row {
        let Rule { tail, fail_above, draws, .. } = *rule;
        let side = |benchmark: &Benchmark, statistic| Side {
            time: benchmark.sample.point(statistic),
            visits: benchmark.sample.len(),
        };
        let reference = side(self.pair.reference, self.reference);
        let subject = side(self.pair.subject, self.subject);
        let ratio = subject.time / reference.time;
        let mut row = Row {
            id: self.pair.reference.id.clone(),
            place: self.pair.reference.place.clone(),
            statistic: self.subject,
            mixed: self.mixed,
            reference,
            subject,
            ratio: (ratio.is_normal() && ratio > 0.0).then_some(ratio),
            interval: None,
            resampled: false,
            identical: self.identical,
            verdict: Verdict::CannotTell,
        };
        let samples = [&self.pair.subject.sample, &self.pair.reference.sample];
        if samples.iter().any(|sample| sample.is_too_small()) {
            row.verdict = Verdict::TooSmall;
            return row;
        }
        if self.identical && row.ratio.is_some() {
            // One of a history's runs differs from their median, and says nothing.
            row.interval = self.pair.is_identical().then_some(Interval { lower: 1.0, upper: 1.0 });
            row.verdict = Verdict::Unchanged;
            return row;
        }
        let Some(figures) = self.figures else {
            return row;
        };
        let mut interval = self.interval(figures, rule);
        if self.runs.in_turn() {
            // That of the passes, not that of the middle ones.
            row.ratio = Some(interval.point);
        }
        let threshold = 1.0 + fail_above.unwrap_or(0.0);
        if !self.runs.any() && reaches_beyond(widened(interval, spread), fail_above) {
            let [subject, reference] = samples;
            let resampled = ratio_by_resampling(subject, reference, self.subject, tail, draws);
            row.resampled = resampled.is_some();
            if let Some(resampled) = resampled {
                interval.lower = interval.lower.min(resampled.lower);
                interval.upper = interval.upper.max(resampled.upper);
            }
        }
        let interval = widened(interval, spread);
        row.verdict = judge(interval, threshold, fail_above.is_some());
        row.interval = Some(interval);
        row
    }
}

fn reaches_beyond(Interval { lower, upper }: Interval, fail_above: Option<f64>) -> bool {
    match fail_above {
        Some(share) => upper > 1.0 + share || lower < 1.0 / (1.0 + share),
        None => lower > 1.0 || upper < 1.0,
    }
}

fn judge(Interval { lower, upper }: Interval, threshold: f64, given: bool) -> Verdict {
    if lower > threshold {
        Verdict::Slower
    } else if upper < 1.0 / threshold {
        Verdict::Faster
    } else if !given || (lower >= 1.0 / threshold && upper <= threshold) {
        Verdict::Unchanged
    } else {
        Verdict::CannotTell
    }
}

/// The interval of the sum of two independent errors on the log scale: their
/// half-widths add as the sides of a right angle (see
/// [`ratio_of_estimates`](crate::stats::ratio_of_estimates)).
fn widened(Estimate { point, lower, upper }: Estimate, half: f64) -> Interval {
    Interval {
        lower: point * (-(point / lower).ln().hypot(half)).exp(),
        upper: point * (upper / point).ln().hypot(half).exp(),
    }
}
