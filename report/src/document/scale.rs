//! The scale of an axis: where a value stands on it, and which values are
//! marked.

/// An axis from a lowest to a highest value, logarithmic where values permit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Scale {
    /// A scale that holds all values, and a little room on either side;
    /// logarithmic if all are above nothing. `None` without a value that is
    /// finite, and far enough from overflow to reckon with.
    pub(super) fn holding(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let finite = values.filter(|x| x.abs() <= 1e300);
        let low = finite.clone().min_by(f64::total_cmp)?;
        let high = finite.max_by(f64::total_cmp)?;
        let logarithmic = low > 0.0;
        Some(if logarithmic {
            // Never so little that noise fills the picture. Logarithms are
            // subtracted, for the quotient of two extremes is infinite.
            let room = ((high.ln() - low.ln()) * 0.06).exp().max(1.05);
            Self {
                low: (low / room).max(f64::MIN_POSITIVE),
                high: (high * room).min(f64::MAX),
                logarithmic,
            }
        } else {
            let room = ((high - low) * 0.06).max(high.abs() * 0.05);
            let room = if room > 0.0 { room } else { 1.0 };
            Self { low: low - room, high: high + room, logarithmic }
        })
    }

    /// Where a value stands: 0 at the low end, 1 at the high end; what lies
    /// outside stands at the end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = if self.logarithmic {
            let value = value.max(f64::MIN_POSITIVE);
            (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        place.clamp(0.0, 1.0)
    }

    /// Round values to mark, rising, at most about `most` of them and at least
    /// two.
    pub(super) fn ticks(&self, most: usize) -> Vec<f64> {
        if self.logarithmic {
            for ladder in [&[1.0, 2.0, 5.0][..], &[1.0, 3.0], &[1.0]] {
                let ticks = self.rungs(ladder, 1);
                if ticks.len() <= most && ticks.len() > 2 {
                    return ticks;
                }
            }
            let decades = self.high.log10() - self.low.log10();
            if decades > 2.0 {
                let every = (decades / most.max(1) as f64).ceil().max(1.0);
                return self.rungs(&[1.0], every as i32);
            }
        }
        self.steps(most)
    }

    /// Each rung of a ladder in every so many powers of ten.
    fn rungs(&self, ladder: &[f64], every: i32) -> Vec<f64> {
        let powers = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let rungs = powers
            .filter(|power| power.rem_euclid(every) == 0)
            .flat_map(|power| ladder.iter().map(move |rung| rung * 10_f64.powi(power)));
        rungs.filter(|rung| self.holds(*rung)).collect()
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    fn steps(&self, most: usize) -> Vec<f64> {
        let span = self.high - self.low;
        let rough = span / most.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|x| x * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power);
        let (first, last) = ((self.low / step).ceil(), (self.high / step).floor());
        // Counted, not added up: sums of steps would gather rounding errors.
        (0..=(last - first).max(0.0) as usize).map(|n| (first + n as f64) * step).collect()
    }

    fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ticks(values: &[f64], most: usize) -> Vec<f64> {
        Scale::holding(values.iter().copied()).expect("there are values").ticks(most)
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(&[1.0, 100.0], 8), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(ticks(&[1.0, 1e6], 8), [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6]);
        assert_eq!(ticks(&[1.0, 1e12], 5), [1.0, 1e3, 1e6, 1e9, 1e12]);
        assert_eq!(ticks(&[98.0, 104.0], 5), [95.0, 100.0, 105.0]);
        assert_eq!(ticks(&[0.0, 100.0], 5), [0.0, 50.0, 100.0]);
    }

    #[test]
    fn what_is_no_number_has_no_place_of_its_own() {
        assert_eq!(Scale::holding([f64::NAN, f64::INFINITY].into_iter()), None);
        let scale = Scale::holding([1.0, 100.0].into_iter()).expect("there are values");
        assert_eq!((scale.place(-1.0), scale.place(1e9)), (0.0, 1.0));
        assert!((scale.place(10.0) - 0.5).abs() < 1e-9, "a logarithm halves it there");
    }

    proptest! {
        #[test]
        fn there_are_a_few_ticks_and_they_rise(a in -1e3..1e12_f64, power in -300..300) {
            let ticks = ticks(&[a, 1.7 * 10_f64.powi(power)], 8);
            prop_assert!((2..=12).contains(&ticks.len()), "{ticks:?}");
            prop_assert!(ticks.is_sorted_by(|x, y| x < y), "{ticks:?}");
        }
    }
}
