//! The interval of a ratio of two figures that were measured apart.
//!
//! A ratio is skewed, its logarithm much less so, and the standard error of a
//! logarithm is the relative one (the delta method). Where both figures are
//! many standard errors from zero, as times are, this agrees with Fieller's
//! exact interval (Fieller, Journal of the Royal Statistical Society B 16,
//! 1954; compared by Franz, "Ratios: a short guide to confidence limits and
//! proper use", 2007, arXiv:0710.2024), and it is never unbounded or negative.

use super::Estimate;

#[cfg(feature = "cli")]
pub(crate) use of_precisions::student_tail;
#[cfg(feature = "cli")]
pub use of_precisions::{geometric_mean, ratio_of_precisions, student_quantile};

/// The ratio of two estimates with its interval, from nothing but their own
/// intervals: the method of variance estimates recovery, on the log scale (Zou
/// and Donner, Statistics in Medicine 27, 2008; for ratios, Newcombe,
/// Statistical Methods in Medical Research 25, 2016). Each side keeps the
/// width that the two intervals have there, so skewed ones stay skewed.
///
/// The two must be independent: of models that were visited in the same
/// rounds, [`ratio_estimate`](super::ratio_estimate) knows more.
///
/// A bound that is not positive is at zero for this: as a lower bound of
/// `subject` it makes the ratio's lower bound zero, as one of `reference` its
/// upper bound infinite. Where a point itself is not a positive number, or a
/// bound is NaN, nothing is known: the interval is [0, ∞], and the point is
/// what the division gives, NaN of 0 / 0.
///
/// ```
/// use report::stats::{Estimate, ratio_of_estimates};
/// let subject = Estimate { point: 20.0, lower: 18.0, upper: 23.0 };
/// let sure = Estimate { point: 10.0, lower: 10.0, upper: 10.0 };
/// let ratio = ratio_of_estimates(subject, sure);
/// assert!((ratio.lower - 1.8).abs() < 1e-12 && (ratio.upper - 2.3).abs() < 1e-12);
/// ```
pub fn ratio_of_estimates(subject: Estimate, reference: Estimate) -> Estimate {
    let point = subject.point / reference.point;
    let known = |x: Estimate| {
        x.point > 0.0 && x.point.is_finite() && !x.lower.is_nan() && !x.upper.is_nan()
    };
    if !known(subject) || !known(reference) {
        return Estimate { point, lower: 0.0, upper: f64::INFINITY };
    }
    // How far a bound lies from its point on the log scale; infinitely, if it
    // is at zero, and not at all, if it lies on the wrong side of the point.
    let down = |x: Estimate| (x.point / x.lower.max(0.0)).ln().max(0.0);
    let up = |x: Estimate| (x.upper / x.point).max(1.0).ln();
    Estimate {
        point,
        lower: point * (-down(subject).hypot(up(reference))).exp(),
        upper: point * up(subject).hypot(down(reference)).exp(),
    }
}

#[cfg(feature = "cli")]
mod of_precisions {
    use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

    use crate::stats::Estimate;
    use crate::stats::precision::Precision;

    /// The ratio of two independent figures with its interval, outside of which
    /// is `tail` on each side: on the log scale, Student's t with the degrees
    /// of freedom of Welch and Satterthwaite (Biometrika 34, 1947; Biometrics
    /// Bulletin 2, 1946).
    pub fn ratio_of_precisions(subject: &Precision, reference: &Precision, tail: f64) -> Estimate {
        let (a, b) = (subject.relative().powi(2), reference.relative().powi(2));
        let point = subject.point / reference.point;
        let variance = a + b;
        if variance <= 0.0 {
            return Estimate { point, lower: point, upper: point };
        }
        let freedom =
            variance.powi(2) / (a.powi(2) / subject.freedom + b.powi(2) / reference.freedom);
        let half = student_quantile(1.0 - tail, freedom) * variance.sqrt();
        Estimate { point, lower: point * (-half).exp(), upper: point * half.exp() }
    }

    /// The geometric mean of ratios with its 95 % interval, by Student's t over
    /// their logarithms: what the whole suite gained or lost, each row counting
    /// alike (Fleming and Wallace, Communications of the ACM 29, 1986). Ratios
    /// that are no positive numbers are passed over; `None` of fewer than two.
    ///
    /// ```
    /// let mean = report::stats::geometric_mean(&[2.0, 0.5, 1.0]).unwrap();
    /// assert!((mean.point - 1.0).abs() < 1e-12 && mean.lower < 0.6 && mean.upper > 1.7);
    /// ```
    pub fn geometric_mean(ratios: &[f64]) -> Option<Estimate> {
        let logs: Vec<f64> =
            ratios.iter().filter(|x| x.is_normal() && **x > 0.0).map(|x| x.ln()).collect();
        if logs.len() < 2 {
            return None;
        }
        let n = logs.len() as f64;
        let centre = crate::stats::mean(&logs);
        let tail = (1.0 - crate::stats::CONFIDENCE) / 2.0;
        let half = student_quantile(1.0 - tail, n - 1.0) * crate::stats::std_dev(&logs) / n.sqrt();
        Some(Estimate {
            point: centre.exp(),
            lower: (centre - half).exp(),
            upper: (centre + half).exp(),
        })
    }

    /// The chance of Student's t to lie above `x`; NaN of NaN, and of degrees of
    /// freedom that are not positive.
    pub(crate) fn student_tail(x: f64, freedom: f64) -> f64 {
        StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| student.sf(x))
    }

    /// The quantile of Student's t; the normal one beyond 1,000 degrees of
    /// freedom, from which it differs by less than 0.2 % at any tail in use.
    ///
    /// # Panics
    /// If `share` is not between 0 and 1, or `freedom` is not positive.
    pub fn student_quantile(share: f64, freedom: f64) -> f64 {
        if freedom > 1_000.0 {
            return Normal::standard().inverse_cdf(share);
        }
        StudentsT::new(0.0, 1.0, freedom)
            .expect("degrees of freedom are positive")
            .inverse_cdf(share)
    }
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;
    use crate::stats::precision::Precision;

    /// Tables of the t distribution, and of the normal one in the limit.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        let table = [
            (0.975, 1.0, 12.706_205),
            (0.975, 2.0, 4.302_653),
            (0.975, 10.0, 2.228_139),
            (0.995, 5.0, 4.032_143),
            (0.9995, 30.0, 3.645_959),
            (0.999_95, 2.0, 99.992_500),
            (0.999_95, 10.0, 6.211_051),
            (0.975, 1e9, 1.959_964),
        ];
        for (share, freedom, truth) in table {
            let quantile = student_quantile(share, freedom);
            assert!((quantile / truth - 1.0).abs() < 1e-5, "{share} {freedom}: {quantile}");
            let mirrored = student_quantile(1.0 - share, freedom);
            assert!((quantile + mirrored).abs() < 1e-6 * quantile);
        }
    }

    #[test]
    fn a_ratio_of_equals_is_one_and_symmetric() {
        let figure = Precision { point: 50.0, error: 1.0, freedom: 10.0, inflation: 1.0 };
        let ratio = ratio_of_precisions(&figure, &figure, 0.025);
        // t of 20 degrees of freedom is 2.085963; the error of the log is 0.02 √2.
        let half = 2.085_963 * 0.02 * 2.0_f64.sqrt();
        assert!((ratio.upper.ln() - half).abs() < 1e-6 && (ratio.lower.ln() + half).abs() < 1e-6);
        assert_eq!(ratio.point, 1.0);
    }

    #[test]
    fn bounds_that_are_not_positive_are_at_zero() {
        let good = Estimate { point: 2.0, lower: 1.0, upper: 3.0 };
        let to_zero = Estimate { point: 2.0, lower: -1.0, upper: 3.0 };
        let lower = ratio_of_estimates(to_zero, good);
        assert!(lower.lower == 0.0 && lower.upper.is_finite() && lower.point == 1.0);
        let upper = ratio_of_estimates(good, to_zero);
        assert!(upper.lower > 0.0 && upper.upper == f64::INFINITY);
        let nothing = Estimate { point: 0.0, lower: 0.0, upper: 0.0 };
        let none = ratio_of_estimates(nothing, nothing);
        assert!(none.point.is_nan() && none.lower == 0.0 && none.upper == f64::INFINITY);
        for bad in [f64::NAN, f64::INFINITY] {
            let odd = Estimate { point: 1.0, lower: bad, upper: bad };
            let ratio = ratio_of_estimates(odd, good);
            assert!(!ratio.lower.is_nan() && !ratio.upper.is_nan(), "{ratio:?}");
        }
    }
}
