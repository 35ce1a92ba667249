//! How sure the figure of a sample is, though its visits are not independent.
//!
//! Visits of one run drift: the clock throttles, a neighbour wakes up. The
//! textbook's standard error then is too small, so it is computed as
//! econometricians do for series: from the influence of each visit on the
//! figure, with the autocovariances of those influences under Bartlett's
//! weights (Newey and West, "A simple, positive semi-definite,
//! heteroskedasticity and autocorrelation consistent covariance matrix",
//! Econometrica 55, 1987; as many lags as Lazarus, Lewis, Stock and Watson,
//! "HAR inference: recommendations for practice", Journal of Business and
//! Economic Statistics 36, 2018, advise). In small samples a visit pulls the
//! figure towards itself; dividing its residual by one minus its leverage
//! undoes that (HC3: `MacKinnon` and White, Journal of Econometrics 29, 1985).
//!
//! Negative autocorrelation would make the figure surer than independent
//! visits could; a short sample shows it by chance, so it is never believed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use statrs::function::beta::beta_reg;

use crate::benchmark::{Sample, Statistic};
use crate::stats;

/// A figure and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precision {
    /// The figure, in the sample's unit.
    pub point: f64,
    /// Its standard error, in the same unit.
    pub error: f64,
    /// What that error is worth, in degrees of freedom: at most one less than
    /// the visits are if they are independent; at least one.
    pub freedom: f64,
    /// Variance of the figure over what independent visits would give; at
    /// least one.
    pub inflation: f64,
}

impl Precision {
    /// Of a sample's figure; `None` if the sample is too small for an interval
    /// or its figure is not a positive number, of which there is no ratio.
    ///
    /// Costs a few passes over the sample, and a sort for the median.
    ///
    /// ```
    /// use report::{benchmark::{Sample, Statistic}, stats::precision::Precision};
    /// let sample = Sample { iterations: vec![1.0; 4], times: vec![9.0, 11.0, 10.0, 10.0] };
    /// let mean = Precision::of(&sample, Statistic::Mean).unwrap();
    /// assert_eq!(mean.point, 10.0);
    /// assert!(mean.error >= (2.0_f64 / 3.0 / 4.0).sqrt());
    /// let quick = Sample { iterations: vec![1.0; 2], times: vec![9.0, 11.0] };
    /// assert_eq!(Precision::of(&quick, Statistic::Mean), None);
    /// ```
    pub fn of(sample: &Sample, statistic: Statistic) -> Option<Self> {
        let point = sample.point(statistic);
        if sample.is_too_small() || !point.is_normal() || point < 0.0 {
            return None;
        }
        let (error, inflation) = match statistic {
            Statistic::Median => median_error(&sample.per_iteration(), point),
            Statistic::Mean | Statistic::Slope => error_of(sample, statistic, point),
        };
        let freedom = freedom(sample.len(), inflation);
        error.is_finite().then_some(Self { point, error, freedom, inflation })
    }

    /// Its standard error as a share of the figure, which is that of its
    /// logarithm (the delta method).
    pub fn relative(&self) -> f64 {
        self.error / self.point
    }
}

/// What each visit adds to a mean or slope: the figure of a resample is the
/// point plus the mean influence of its visits, to first order. The influences
/// sum to zero.
pub(crate) fn influences(sample: &Sample, statistic: Statistic, point: f64) -> Vec<f64> {
    match statistic {
        Statistic::Slope => {
            let n = sample.len() as f64;
            let scale = n / sample.iterations.iter().map(|x| x * x).sum::<f64>();
            let visits = sample.iterations.iter().zip(&sample.times);
            visits.map(|(x, y)| x * (y - point * x) * scale).collect()
        }
        Statistic::Mean | Statistic::Median => {
            sample.per_iteration().iter().map(|x| x - point).collect()
        }
    }
}

/// How far a visit pulls the figure towards itself, from 0 to 1.
fn leverages(sample: &Sample, statistic: Statistic) -> Vec<f64> {
    match statistic {
        Statistic::Slope => {
            let squares: f64 = sample.iterations.iter().map(|x| x * x).sum();
            sample.iterations.iter().map(|x| x * x / squares).collect()
        }
        Statistic::Mean | Statistic::Median => vec![1.0 / sample.len() as f64; sample.len()],
    }
}

/// Standard error and inflation of a mean or slope.
fn error_of(sample: &Sample, statistic: Statistic, point: f64) -> (f64, f64) {
    let n = sample.len() as f64;
    let mut influences = influences(sample, statistic, point);
    let plain = influences.iter().map(|x| x * x).sum::<f64>() / (n * (n - 1.0));
    for (influence, leverage) in influences.iter_mut().zip(leverages(sample, statistic)) {
        // A single visit that is the whole figure has no residual to scale.
        *influence /= (1.0 - leverage).max(f64::EPSILON);
    }
    let robust = influences.iter().map(|x| x * x).sum::<f64>() / (n * n);
    let inflation = inflation(&influences);
    ((plain.max(robust) * inflation).sqrt(), inflation)
}

/// The median's standard error: that of its ideal bootstrap, inflated as the
/// signs of the visits' deviations are correlated, which are the median's
/// influences but for a factor.
fn median_error(values: &[f64], median: f64) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let weights = median_weights(sorted.len());
    let centre: f64 = sorted.iter().zip(&*weights).map(|(x, w)| x * w).sum();
    let variance: f64 = sorted.iter().zip(&*weights).map(|(x, w)| w * (x - centre).powi(2)).sum();
    let signs: Vec<f64> =
        values.iter().map(|x| (x - median).total_cmp(&0.0) as i8).map(f64::from).collect();
    let inflation = inflation(&signs);
    ((variance * inflation).sqrt(), inflation)
}

/// The chance of each order statistic, from the smallest, to be the median of
/// a resample (Maritz and Jarrett, JASA 73, 1978; Efron, The Jackknife, the
/// Bootstrap and Other Resampling Plans, 1982, section 10.3): no resampling is
/// needed, so there is no resampling error. They sum to one.
///
/// Of an even number of visits, where the median lies between two, this is the
/// smooth form that Maritz and Jarrett give.
///
/// A hundred incomplete beta functions take longer than the rest of a row, and
/// most samples of a suite are of one length: each thread keeps what it has.
pub(crate) fn median_weights(n: usize) -> Rc<[f64]> {
    thread_local! {
        static KNOWN: RefCell<HashMap<usize, Rc<[f64]>>> = RefCell::default();
    }
    let compute = || {
        let shape = (n as f64 + 1.0) / 2.0;
        let below = |k: usize| match k {
            0 => 0.0,
            k if k == n => 1.0,
            k => beta_reg(shape, shape, k as f64 / n as f64),
        };
        let ends: Vec<f64> = (0..=n).map(below).collect();
        ends.windows(2).map(|end| end[1] - end[0]).collect()
    };
    KNOWN.with_borrow_mut(|known| Rc::clone(known.entry(n).or_insert_with(compute)))
}

/// How many times the variance of independent visits the mean of a series has:
/// one plus twice its autocorrelations under Bartlett's weights; at least one.
fn inflation(series: &[f64]) -> f64 {
    let n = series.len();
    let squares: f64 = series.iter().map(|x| x * x).sum();
    if squares <= 0.0 {
        return 1.0;
    }
    let lags = lags(n);
    let factor = (1..=lags).fold(1.0, |sum, lag| {
        let products: f64 = series.iter().zip(&series[lag..]).map(|(a, b)| a * b).sum();
        let weight = 1.0 - lag as f64 / (lags + 1) as f64;
        sum + 2.0 * weight * products / squares
    });
    factor.max(1.0)
}

/// ⌈1.3 √n⌉, more than Newey and West had in mind and what is advised since:
/// slow drift needs long lags.
fn lags(n: usize) -> usize {
    ((1.3 * (n as f64).sqrt()).ceil() as usize).min(n.saturating_sub(1))
}

/// What an inflated standard error is worth. The plain part of the variance has
/// n - 1 degrees of freedom; what autocorrelation adds to it is known as well as
/// Bartlett's weights let it be, which is 1.5 n / lags (Priestley, Spectral
/// Analysis and Time Series, 1981, table 6.1), and Satterthwaite's rule combines
/// the two. Nor can it be worth more than the visits that it stands for.
fn freedom(n: usize, inflation: f64) -> f64 {
    let excess = (inflation - 1.0).powi(2) * lags(n) as f64 / (1.5 * n as f64);
    let combined = inflation.powi(2) / (1.0 / (n as f64 - 1.0) + excess);
    combined.min(n as f64 / inflation - 1.0).max(1.0)
}

/// The spread of single visits as a share of their median: from the first
/// decile to the ninth, scaled to be a standard deviation if the visits are
/// normal. One wild visit in ten does not drag it; two speeds do, as they must.
pub fn scatter(sample: &Sample) -> f64 {
    const NORMAL: f64 = 2.563_103_131_089_201;
    let mut values = sample.per_iteration();
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_unstable_by(f64::total_cmp);
    let decile = |share: f64| {
        let place = share * (values.len() - 1) as f64;
        let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
        below + (above - below) * place.fract()
    };
    (decile(0.9) - decile(0.1)) / NORMAL / stats::median_of_sorted(&values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(times: Vec<f64>) -> Sample {
        Sample { iterations: vec![1.0; times.len()], times }
    }

    #[test]
    fn drift_makes_a_mean_less_sure() {
        let calm: Vec<f64> = (0..40).map(|i| 100.0 + f64::from(i % 2)).collect();
        let mut drifting = calm.clone();
        drifting.sort_unstable_by(f64::total_cmp);
        for statistic in [Statistic::Mean, Statistic::Median] {
            let calm = Precision::of(&flat(calm.clone()), statistic).unwrap();
            let drifting = Precision::of(&flat(drifting.clone()), statistic).unwrap();
            assert_eq!(calm.inflation, 1.0, "alternation is not believed");
            assert!(drifting.inflation > 3.0, "{drifting:?}");
            assert!(drifting.error > 1.7 * calm.error && drifting.freedom < calm.freedom / 3.0);
        }
    }

    #[test]
    fn a_mean_is_as_sure_as_the_textbook_says() {
        // Deviations 1 and -1 in turn: s² = 10/9, s²/n = 1/9; HC3 gives (10/9)² / 10.
        let sample = flat((0..10).map(|i| 5.0 + f64::from(1 - 2 * (i % 2))).collect());
        let mean = Precision::of(&sample, Statistic::Mean).unwrap();
        assert!((mean.error.powi(2) - 100.0 / 81.0 / 10.0).abs() < 1e-12);
        assert_eq!((mean.point, mean.freedom), (5.0, 9.0));
    }

    #[test]
    fn an_exact_slope_is_sure() {
        let iterations: Vec<f64> = (1..=10).map(f64::from).collect();
        let times = iterations.iter().map(|x| 7.0 * x).collect();
        let slope = Precision::of(&Sample { iterations, times }, Statistic::Slope).unwrap();
        assert_eq!((slope.point, slope.error), (7.0, 0.0));
    }

    /// For an odd sample the ideal bootstrap has a closed form by binomials;
    /// of three, the middle one is the median of 13 in 27 resamples.
    #[test]
    fn the_median_of_three() {
        let weights = median_weights(3);
        for (weight, truth) in weights.iter().zip([7.0, 13.0, 7.0]) {
            assert!((weight - truth / 27.0).abs() < 1e-12, "{weights:?}");
        }
        let sum: f64 = median_weights(100).iter().sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_has_no_ratio_has_no_precision() {
        for times in
            [vec![0.0; 9], vec![f64::NAN; 9], vec![f64::INFINITY; 9], vec![-1.0; 9], vec![]]
        {
            for statistic in [Statistic::Mean, Statistic::Median, Statistic::Slope] {
                assert_eq!(Precision::of(&flat(times.clone()), statistic), None, "{times:?}");
            }
        }
    }
}
