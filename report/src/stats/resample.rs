//! The interval of a ratio by resampling, for rows on which a decision hangs.
//!
//! Means and slopes are resampled in blocks of neighbouring visits, so that
//! drift inside a block stays in the resample (the moving-block bootstrap:
//! Künsch, Annals of Statistics 17, 1989; blocks of about n^(1/3), the order
//! that Hall, Horowitz and Jing, Biometrika 82, 1995, show to be best for a
//! variance). What is resampled is the influence of each visit, which of a
//! mean is its deviation and of a slope x(y - bx) / Σx² (the score bootstrap:
//! Hu and Zidek, Biometrika 82, 1995), so that a resample costs one addition a
//! block, whatever the figure. Medians need no resampling: the distribution of
//! a resample's median is known exactly (see `median_weights` in
//! [`precision`](super::precision)), and so is that of the ratio of two.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use fastrand::Rng;

use super::Estimate;
use super::precision::{Precision, influences, median_weights};
use crate::benchmark::{Sample, Statistic};
use crate::stats::student_quantile;

/// Resamples behind each interval.
pub const RESAMPLES: usize = 10_000;

/// Resamples that must lie outside a bound for it to be read off; a bound
/// further out is extrapolated.
const OUTSIDE: usize = 20;

/// Fixed, so that the same data give the same figures.
const SEED: u64 = 0x0C5E_1202_0102_9002;

/// Which blocks make up each resample, drawn once for each length of sample, when
/// a row first needs them: most diffs have none that does.
///
/// Rows of one length share their draws: the interval of each row alone is what
/// it would be with draws of its own, but rows are not independent given the
/// data, so nothing may be summed over rows from them.
pub struct Draws {
    by_length: BTreeMap<usize, OnceLock<[Vec<u32>; 2]>>,
}

impl Draws {
    /// Draws for samples of these lengths. Costs nothing yet; once used, 80 kB for
    /// each block of a length.
    pub fn for_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        let lengths = lengths.into_iter().filter(|n| *n > 0);
        Self { by_length: lengths.map(|n| (n, OnceLock::new())).collect() }
    }

    /// Those of a length, for the subject and for the reference.
    fn of(&self, n: usize) -> Option<&[Vec<u32>; 2]> {
        let drawn = self.by_length.get(&n)?;
        Some(drawn.get_or_init(|| {
            let mut rng = Rng::with_seed(SEED ^ n as u64);
            let plan = Plan::of(n);
            let draws = plan.blocks * RESAMPLES;
            // Subject and reference are drawn apart: they are independent.
            [(); 2].map(|()| (0..draws).map(|_| rng.u32(..plan.starts as u32)).collect())
        }))
    }
}

/// How a sample is cut.
struct Plan {
    /// Visits a block.
    length: usize,
    /// Places where a block can start.
    starts: usize,
    /// Blocks a resample.
    blocks: usize,
}

impl Plan {
    fn of(n: usize) -> Self {
        let length = (n as f64).cbrt().ceil() as usize;
        Self { length, starts: n - length + 1, blocks: n.div_ceil(length) }
    }
}

/// The ratio of two samples' figures with its percentile interval, outside of
/// which is `tail` on each side.
///
/// Where fewer than 20 of the 10,000 resamples would lie outside, as when a
/// thousand rows share an error rate, the bound is that of the twentieth
/// resample, moved out as a normal distribution's would be.
///
/// `None` where a figure has no [`Precision`], or `draws` were not made for a
/// sample of this length. Costs an addition for each block of each resample, and
/// two selections from the resamples; of medians, a sort and fifty passes.
pub fn ratio_by_resampling(
    subject: &Sample,
    reference: &Sample,
    statistic: Statistic,
    tail: f64,
    draws: &Draws,
) -> Option<Estimate> {
    let figures = [Precision::of(subject, statistic)?, Precision::of(reference, statistic)?];
    let point = figures[0].point / figures[1].point;
    let (down, up) = if statistic == Statistic::Median {
        ratio_of_medians(subject, reference, &figures, tail)
    } else {
        let [above, below] = [(subject, 0), (reference, 1)].map(|(sample, side)| {
            let draws = &draws.of(sample.len())?[side];
            Some(resampled(sample, statistic, figures[side].point, draws))
        });
        let mut ratios = above?;
        for (ratio, below) in ratios.iter_mut().zip(below?) {
            *ratio /= below;
        }
        bounds(&mut ratios, point, tail)
    };
    Some(Estimate { point, lower: point * down.exp(), upper: point * up.exp() })
}

/// The figure in each resample.
fn resampled(sample: &Sample, statistic: Statistic, point: f64, draws: &[u32]) -> Vec<f64> {
    /// Resamples summed at a time, so that they stay in the nearest cache.
    const TOGETHER: usize = 1_000;
    let n = sample.len();
    let plan = Plan::of(n);
    let influences = influences(sample, statistic, point);
    let mut sums: Vec<f64> =
        influences.windows(plan.length).map(|block| block.iter().sum()).collect();
    // The blocks hold visits at the ends less often, so their mean is off the
    // point (Lahiri, 1992), and blocks of independent visits vary too little by
    // the share of a block in the sample.
    let centre = super::mean(&sums);
    let (resample, n) = ((plan.blocks * plan.length) as f64, n as f64);
    let scale = (resample / n / (1.0 - plan.length as f64 / n)).sqrt() / resample;
    for sum in &mut sums {
        *sum = (*sum - centre) * scale;
    }
    let mut figures = vec![point; RESAMPLES];
    for (part, figures) in figures.chunks_mut(TOGETHER).enumerate() {
        for block in draws.chunks_exact(RESAMPLES) {
            for (figure, start) in figures.iter_mut().zip(&block[part * TOGETHER..]) {
                *figure += sums[*start as usize];
            }
        }
        for figure in figures {
            // A resample of wild outliers may come out negative; it is then as
            // low as a number can be, and the bound with it.
            *figure = figure.max(f64::MIN_POSITIVE);
        }
    }
    figures
}

/// How far the ratios with `tail` outside on each side deviate from the point
/// on the log scale.
fn bounds(ratios: &mut [f64], point: f64, tail: f64) -> (f64, f64) {
    let count = ratios.len();
    let wanted = tail * count as f64;
    let rank = (wanted as usize).max(OUTSIDE).min(count / 2 - 1);
    let (_, lower, rest) = ratios.select_nth_unstable_by(rank, f64::total_cmp);
    let lower = *lower;
    let upper = *rest.select_nth_unstable_by(count - 2 * rank - 2, f64::total_cmp).1;
    let (lower, upper) = ((lower / point).ln(), (upper / point).ln());
    if wanted >= OUTSIDE as f64 {
        return (lower, upper);
    }
    let normal = |tail: f64| student_quantile(1.0 - tail, f64::INFINITY);
    let further = normal(tail) / normal((rank as f64 + 0.5) / count as f64);
    (lower * further, upper * further)
}

/// The deviations of the logarithm of the ratio of two medians, exactly: each
/// order statistic of one sample meets each of the other with the product of
/// their chances. Drift is brought in by stretching the deviations as it
/// inflates the standard errors.
fn ratio_of_medians(
    subject: &Sample,
    reference: &Sample,
    figures: &[Precision; 2],
    tail: f64,
) -> (f64, f64) {
    let [subject, reference] = [(subject, 0), (reference, 1)].map(|(sample, side)| {
        let mut times = sample.per_iteration();
        times.sort_unstable_by(f64::total_cmp);
        let figure = &figures[side];
        let stretch = figure.inflation.sqrt();
        let deviation =
            |time: f64| stretch * (time.max(f64::MIN_POSITIVE).ln() - figure.point.ln());
        let weights = median_weights(times.len());
        times.into_iter().map(deviation).zip(weights.iter().copied()).collect::<Vec<_>>()
    });
    let share_below = |bound: f64| {
        // Both are sorted, so one pass over each, from the top, finds all pairs
        // whose difference is at most the bound.
        let (mut share, mut next, mut above) = (0.0, reference.len(), 0.0);
        for (deviation, weight) in subject.iter().rev() {
            while next > 0 && deviation - reference[next - 1].0 <= bound {
                next -= 1;
                above += reference[next].1;
            }
            share += weight * above;
        }
        share
    };
    let ends = |x: &[(f64, f64)]| (x[0].0, x[x.len() - 1].0);
    let ((first, last), (low, high)) = (ends(&subject), ends(&reference));
    let quantile = |wanted: f64| {
        let (mut below, mut above) = (first - high, last - low);
        // Fifty halvings leave nothing that a double could tell apart.
        for _ in 0..50 {
            let middle = f64::midpoint(below, above);
            if share_below(middle) < wanted { below = middle } else { above = middle }
        }
        above
    };
    (quantile(tail), quantile(1.0 - tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::ratio_of_precisions;

    fn noisy(n: usize, seed: u64) -> Sample {
        let mut rng = Rng::with_seed(seed);
        let iterations: Vec<f64> = (1..=n).map(|x| x as f64).collect();
        let times = iterations.iter().map(|x| x * (95.0 + 10.0 * rng.f64())).collect();
        Sample { iterations, times }
    }

    /// Of calm data the two ways agree, near the middle and far out.
    #[test]
    fn resampling_agrees_with_the_formula() {
        let (a, b) = (noisy(100, 1), noisy(90, 2));
        let draws = Draws::for_lengths([100, 90]);
        for statistic in [Statistic::Mean, Statistic::Median, Statistic::Slope] {
            for tail in [0.025, 0.000_01] {
                let [p, q] = [&a, &b].map(|x| Precision::of(x, statistic).unwrap());
                let formula = ratio_of_precisions(&p, &q, tail);
                let resampled = ratio_by_resampling(&a, &b, statistic, tail, &draws).unwrap();
                let width = |x: Estimate| (x.upper / x.lower).ln();
                let relative = width(resampled) / width(formula);
                assert!((0.6..1.4).contains(&relative), "{statistic} {tail}: {relative}");
                assert!(resampled.lower < resampled.point && resampled.point < resampled.upper);
            }
        }
    }

    #[test]
    fn same_data_same_figures() {
        let (a, b) = (noisy(30, 3), noisy(30, 4));
        let once = || {
            let draws = Draws::for_lengths([30]);
            ratio_by_resampling(&a, &b, Statistic::Mean, 0.01, &draws)
        };
        assert_eq!(once(), once());
    }

    /// Thousands of lengths cost nothing until a row asks for one.
    #[test]
    fn nothing_is_drawn_before_it_is_needed() {
        let draws = Draws::for_lengths([30, 40]);
        let drawn = || draws.by_length.values().filter(|x| x.get().is_some()).count();
        assert_eq!(drawn(), 0);
        let (a, b) = (noisy(30, 3), noisy(30, 4));
        assert!(ratio_by_resampling(&a, &b, Statistic::Mean, 0.01, &draws).is_some());
        assert_eq!(drawn(), 1);
    }

    /// Of two samples of three, the ratio of medians has nine values; the
    /// smallest has the chance (7 / 27)², which is 0.0672.
    #[test]
    fn medians_are_exact() {
        let sample = |times: [f64; 3]| Sample { iterations: vec![1.0; 3], times: times.into() };
        let (a, b) = (sample([2.0, 4.0, 8.0]), sample([1.0, 1.5, 5.0]));
        let draws = Draws::for_lengths([]);
        let bound =
            |tail: f64| ratio_by_resampling(&a, &b, Statistic::Median, tail, &draws).unwrap().lower;
        assert!((bound(0.067) - 2.0 / 5.0).abs() < 1e-9, "{}", bound(0.067));
        assert!((bound(0.068) - 4.0 / 5.0).abs() < 1e-9, "{}", bound(0.068));
    }

    #[test]
    fn an_outlier_beyond_all_reason_gives_no_nan() {
        let mut wild = noisy(12, 5);
        wild.times[11] = 1e100;
        let draws = Draws::for_lengths([12]);
        for statistic in [Statistic::Mean, Statistic::Median, Statistic::Slope] {
            for (a, b) in [(&wild, &noisy(12, 6)), (&noisy(12, 6), &wild)] {
                let ratio = ratio_by_resampling(a, b, statistic, 1e-4, &draws).unwrap();
                assert!(!ratio.lower.is_nan() && !ratio.upper.is_nan(), "{statistic}: {ratio:?}");
            }
        }
    }
}
