//! What a row says, from its two samples alone and the spread of all rows.

use super::pairing::Pair;
use super::spread::Shift;
use super::{Interval, Options, Row, Side, Verdict};
use crate::benchmark::{Benchmark, Statistic};
use crate::stats::precision::{Precision, scatter};
use crate::stats::resample::{Draws, ratio_by_resampling};
use crate::stats::{Estimate, ratio_of_precisions};

/// A row before it is decided.
pub(super) struct Draft<'a> {
    pub(super) pair: Pair<'a>,
    pub(super) statistic: Statistic,
    mixed: bool,
    identical: bool,
    /// The reference's and the other's; `None` where no interval can be told,
    /// and none is needed of identical samples.
    pub(super) figures: Option<[Precision; 2]>,
}

impl<'a> Draft<'a> {
    pub(super) fn of(pair: Pair<'a>, options: &Options) -> Self {
        let headlines = [pair.reference.typical, pair.subject.typical];
        let mixed = options.statistic.is_none() && headlines[0] != headlines[1];
        let typical = if mixed { Statistic::Mean } else { headlines[0] };
        let statistic = options.statistic.unwrap_or(typical);
        let identical = pair.is_identical();
        let figures = || {
            let reference = Precision::of(&pair.reference.sample, statistic)?;
            let subject = Precision::of(&pair.subject.sample, statistic)?;
            // Two sound times may still have no ratio that a double can hold.
            (subject.point / reference.point).is_normal().then_some([reference, subject])
        };
        let figures = if identical { None } else { figures() };
        Self { pair, statistic, mixed, identical, figures }
    }

    /// How far it moved, for the estimate of the spread.
    pub(super) fn shift(&self) -> Option<Shift> {
        let [reference, subject] = self.figures?;
        let [a, b] = [self.pair.reference, self.pair.subject].map(|x| scatter(&x.sample));
        Some(Shift {
            log_ratio: (subject.point / reference.point).ln(),
            error: subject.relative().hypot(reference.relative()),
            scatter: a.hypot(b),
        })
    }

    /// `spread` is by how much run-to-run spread alone may move it on the log
    /// scale.
    pub(super) fn decide(
        &self,
        spread: f64,
        tail: f64,
        draws: &Draws,
        fail_above: Option<f64>,
    ) -> Row {
        let side = |benchmark: &Benchmark| Side {
            time: benchmark.sample.point(self.statistic),
            visits: benchmark.sample.len(),
        };
        let (reference, subject) = (side(self.pair.reference), side(self.pair.subject));
        let ratio = subject.time / reference.time;
        let mut row = Row {
            id: self.pair.reference.id.clone(),
            place: self.pair.reference.place.clone(),
            statistic: self.statistic,
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
            row.interval = Some(Interval { lower: 1.0, upper: 1.0 });
            row.verdict = Verdict::Unchanged;
            return row;
        }
        let Some([reference, subject]) = self.figures else {
            return row;
        };
        let mut interval = ratio_of_precisions(&subject, &reference, tail);
        let threshold = 1.0 + fail_above.unwrap_or(0.0);
        if reaches_beyond(widened(interval, spread), fail_above) {
            let [subject, reference] = samples;
            let resampled = ratio_by_resampling(subject, reference, self.statistic, tail, draws);
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
