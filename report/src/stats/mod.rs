//! Medians, and how far they can be trusted.
//!
//! Machines are shared and noisy: a few rounds are far off and the rest agree,
//! so the centre is the median, which they cannot drag. Its interval is the
//! percentile bootstrap (Efron and Tibshirani, An Introduction to the
//! Bootstrap, 1993, chapter 13): resample the rounds with replacement, take
//! the median each time, and cut off 2.5 % at either end.
//!
//! A ratio of two models is taken round by round, from visits a few
//! milliseconds apart, and then its median over rounds: what slows a whole
//! round cancels before it can reach the interval.
//!
//! Two runs that were not visited in the same rounds are compared by other
//! means, which the modules below hold:
//!
//! | module | holds |
//! |---|---|
//! | `precision` | how sure a mean, median or slope is, though visits drift together |
//! | `ratio` | the interval of a ratio from two standard errors, or from two intervals |
//! | `resample` | the same by resampling, for those who trust no formula |

use fastrand::Rng;
use serde::{Deserialize, Serialize};

#[cfg(feature = "cli")]
pub mod precision;
mod ratio;
#[cfg(feature = "cli")]
pub mod resample;

pub use ratio::ratio_of_estimates;
#[cfg(feature = "cli")]
pub(crate) use ratio::student_tail;
#[cfg(feature = "cli")]
pub use ratio::{geometric_mean, ratio_of_precisions, student_quantile};

/// Resamples behind each interval.
const RESAMPLES: usize = 10_000;

/// Fixed, so that the same data give the same report.
const SEED: u64 = 0x0C5E_1202_0102_9001;

/// How much of the resamples an interval holds.
pub const CONFIDENCE: f64 = 0.95;

/// A value and the 95 % interval around it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Estimate {
    /// The value itself.
    pub point: f64,
    /// The lower end of its interval.
    pub lower: f64,
    /// The upper end of its interval.
    pub upper: f64,
}

/// The middle value, or the mean of the two in the middle; NaN of nothing.
///
/// ```
/// use report::stats::median;
/// assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
/// assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
/// ```
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    median_of_sorted(&sorted)
}

fn median_of_sorted(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// The arithmetic mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample standard deviation (n - 1); zero of fewer than two values.
pub fn std_dev(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// The median absolute deviation from the median, unscaled, as criterion has it.
pub fn median_abs_dev(values: &[f64]) -> f64 {
    let centre = median(values);
    median(&values.iter().map(|x| (x - centre).abs()).collect::<Vec<_>>())
}

/// The median of one value a round, with its interval.
pub fn median_estimate(rounds: &[f64]) -> Estimate {
    bootstrap(rounds, median)
}

/// The ratio of two models that were visited in the same rounds: the median of
/// the round-by-round ratios, with its interval.
///
/// ```
/// use report::stats::ratio_estimate;
/// // The machine slowed down threefold after the first round; the ratio did not move.
/// let ratio = ratio_estimate(&[2.0, 6.0, 6.0], &[1.0, 3.0, 3.0]);
/// assert_eq!((ratio.lower, ratio.point, ratio.upper), (2.0, 2.0, 2.0));
/// ```
///
/// # Panics
/// If the two were not visited equally often.
pub fn ratio_estimate(subject: &[f64], reference: &[f64]) -> Estimate {
    assert_eq!(subject.len(), reference.len(), "a ratio is taken round by round");
    let ratios: Vec<f64> = subject.iter().zip(reference).map(|(s, r)| s / r).collect();
    median_estimate(&ratios)
}

/// Any statistic of `values` with its percentile-bootstrap interval.
///
/// Costs 10,000 evaluations of `statistic`: about 2 ms for a median of 11.
pub fn bootstrap(values: &[f64], statistic: impl Fn(&[f64]) -> f64) -> Estimate {
    let point = statistic(values);
    if values.len() < 2 {
        return Estimate { point, lower: point, upper: point };
    }
    let mut rng = Rng::with_seed(SEED);
    let mut resample = vec![0.0; values.len()];
    let mut statistics: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            resample.fill_with(|| values[rng.usize(..values.len())]);
            statistic(&resample)
        })
        .collect();
    statistics.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let at = |share: f64| statistics[((RESAMPLES - 1) as f64 * share).round() as usize];
    Estimate { point, lower: at(tail), upper: at(1.0 - tail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_of_a_known_sample() {
        let sample = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert!((std_dev(&sample) - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(mean(&sample), 5.0);
        assert_eq!(median_abs_dev(&sample), 0.5);
    }

    #[test]
    fn one_value_has_no_width() {
        assert_eq!(median_estimate(&[7.0]), Estimate { point: 7.0, lower: 7.0, upper: 7.0 });
    }

    #[test]
    fn same_data_same_interval() {
        let sample = [1.0, 5.0, 2.0, 8.0, 3.0, 9.0, 4.0];
        assert_eq!(median_estimate(&sample), median_estimate(&sample));
    }

    /// The interval of two equal models holds 1 about as often as it says:
    /// skewed noise, as timings have it, that differs from visit to visit.
    #[test]
    fn intervals_cover_the_truth() {
        const RUNS: u32 = 400;
        let mut rng = Rng::with_seed(1);
        let noisy = |rng: &mut Rng| (0..11).map(|_| 1.0 + rng.f64().powi(4)).collect::<Vec<_>>();
        let covered = (0..RUNS)
            .filter(|_| {
                let ratio = ratio_estimate(&noisy(&mut rng), &noisy(&mut rng));
                (ratio.lower..=ratio.upper).contains(&1.0)
            })
            .count();
        let share = covered as f64 / f64::from(RUNS);
        assert!((0.91..=0.99).contains(&share), "covered {share}");
    }
}
