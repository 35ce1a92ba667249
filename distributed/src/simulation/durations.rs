//! How long tasks take: distributions with a given mean.

use crate::random::SplitMix64;

/// The distribution of the durations of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durations {
    /// All alike.
    Constant,
    /// Between 0 and twice the mean: Task Bench's imbalance of 2.
    Uniform,
    /// Pareto with shape 1.5: a few take most of the time. Its variance is
    /// infinite, so the mean of a sample may be far from the mean asked for.
    Pareto,
}

impl Durations {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Constant, Self::Uniform, Self::Pareto];

    /// Its name in tables and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Uniform => "uniform",
            Self::Pareto => "pareto",
        }
    }

    /// One duration.
    pub(super) fn draw(self, mean_ns: u64, random: &mut SplitMix64) -> u64 {
        match self {
            Self::Constant => mean_ns,
            Self::Uniform => random.below(2 * mean_ns + 1),
            // The mean is shape / (shape - 1) = 3 times the least, and the
            // quantile function is least / u^(1 / shape).
            Self::Pareto => (mean_ns as f64 / 3.0 * random.unit().powf(-1.0 / 1.5)) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_the_mean_and_the_quantiles_of_their_distribution() {
        let mean = 3_000_000_u64;
        for durations in Durations::ALL {
            let mut random = SplitMix64::new(1);
            let mut sample: Vec<u64> =
                (0..100_001).map(|_| durations.draw(mean, &mut random)).collect();
            sample.sort_unstable();
            // Medians: the mean; the mean; least * 2^(2/3).
            let median = match durations {
                Durations::Constant | Durations::Uniform => mean as f64,
                Durations::Pareto => mean as f64 / 3.0 * 2_f64.powf(2.0 / 3.0),
            };
            let ratio = sample[50_000] as f64 / median;
            assert!((0.99..1.01).contains(&ratio), "{}: {ratio}", durations.name());
            let ratio = sample.iter().sum::<u64>() as f64 / sample.len() as f64 / mean as f64;
            assert!((0.95..1.05).contains(&ratio), "{}: {ratio}", durations.name());
        }
    }
}
