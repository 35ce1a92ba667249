//! What a pair of histories says whose runs were measured in turn.
//!
//! Each pass of [`report pair`](crate::pair) gives one figure of either side, and
//! what slowed the machine meanwhile is in both. So a row is a list of ratios, one
//! a pass, and their interval is Student's t on the log scale: the paired test
//! (W. S. Gosset, "The probable error of a mean", Biometrika 6, 1908), with the
//! pass as the unit. Nothing is assumed of how far unchanged rows move from run to
//! run, for that is what the passes show.

use super::pairing::Pair;
use crate::stats::{Estimate, mean, std_dev, student_quantile};

/// The ratio of the subject to the reference, pass by pass, with the interval
/// that misses it with the chance `tail` on each side; `None` if the row lacks
/// one of the passes on either side, or they are fewer than two: of two that each
/// lack one, nobody knows whether it is the same.
pub(super) fn ratio(pair: &Pair<'_>, passes: usize, tail: f64) -> Option<Estimate> {
    let logs = log_ratios(pair, passes)?;
    let passes = passes as f64;
    let middle = mean(&logs);
    let half = student_quantile(1.0 - tail, passes - 1.0) * std_dev(&logs) / passes.sqrt();
    Some(Estimate {
        point: middle.exp(),
        lower: (middle - half).exp(),
        upper: (middle + half).exp(),
    })
}

/// One for each pass, on the log scale.
fn log_ratios(pair: &Pair<'_>, passes: usize) -> Option<Vec<f64>> {
    let [reference, subject] =
        [&pair.reference.sample, &pair.subject.sample].map(|sample| sample.per_iteration());
    let is_paired = passes > 1 && [reference.len(), subject.len()] == [passes; 2];
    is_paired.then(|| reference.iter().zip(&subject).map(|(r, s)| (s / r).ln()).collect())
}
