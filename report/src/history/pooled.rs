//! The last runs of a history as one set: what a new run is compared with.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::{History, Point, Run};
use crate::benchmark::{Benchmark, Estimates, Id, Problem, Sample, Set, Statistic};
use crate::stats::precision::median_weights;
use crate::stats::{self, CONFIDENCE, Estimate, mean, std_dev, student_quantile};

/// How much of the chance lies outside an interval on either side.
const TAIL: f64 = (1.0 - CONFIDENCE) / 2.0;

/// The last runs as one set, whose samples are the runs: a visit for each, of
/// one iteration, that took what the run's headline says. Its median is the
/// reference, and its interval is how much runs differ. Only runs on the
/// hardware of the newest count, and of those only what is a run of its own and
/// the same figure:
///
/// - a figure that is that of the run before to the last bit is the same
///   measurement once more, and would make runs seem to agree that nobody made;
/// - two visits (criterion's `--quick`) are too few for a figure to stand on;
/// - a slope and a median of one sample differ, so only the figures that are
///   what the newest of the row is count.
///
/// How many do not count is told in notes. A benchmark that some of the runs
/// lack has fewer visits.
///
/// `last` below one counts as one. A history without runs gives an empty set.
///
/// Nothing is resampled: the median's interval are order statistics, by the
/// exact chances of each to be a resample's median, and the mean's is Student's
/// on the scale of logarithms. That costs a sort of `last` values a benchmark.
pub fn reference(history: &History, last: usize) -> Set {
    let History { path, runs, problems } = history;
    let mut set = Set { problems: problems.clone(), ..Set::default() };
    let newest = runs.last().and_then(|run| run.machine.as_ref());
    let is_alike = |run: &&Run| match (&run.machine, newest) {
        (Some(machine), Some(newest)) => machine.is_same_hardware(newest),
        (machine, newest) => machine.is_none() && newest.is_none(),
    };
    let alike: Vec<&Run> = runs.iter().filter(is_alike).collect();
    let others = runs.len() - alike.len();
    if others > 0 {
        let what = format!(
            "holds {others} of {} runs that are not of the newest one's machine and do not count",
            runs.len()
        );
        set.problems.push(Problem::note(path, None, what));
    }
    let latest = &alike[alike.len().saturating_sub(last.max(1))..];
    let Pooled { rows, runs, passed } = pool(latest);
    // Sides of a pair correspond run by run, which a figure left out would shift.
    if passed.is_none() {
        let passes = latest.iter().map(|run| run.pair.clone()).collect::<Option<_>>();
        set.passes = passes.unwrap_or_default();
    }
    set.problems.extend(passed.notes(path));
    let mut quantiles = HashMap::new();
    for row in rows {
        let Some(benchmark) = benchmark(&row, &mut quantiles) else { continue };
        match benchmark.flaw() {
            None => set.benchmarks.push(benchmark),
            // A history may also be put together by hand.
            Some(what) => set.problems.push(Problem::lost(path, Some(benchmark.id), what)),
        }
    }
    set.visits_are_runs = true;
    set.machine = newest.cloned();
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let machine = newest.map(|machine| format!(", {}", machine.short())).unwrap_or_default();
    set.label = match runs {
        // What differs between the sides of a pair is the commit, not the machine.
        n if !set.passes.is_empty() => {
            let commit = newest.map(|machine| format!(" of {}", machine.commit));
            format!("{file} (median of {n} passes{})", commit.unwrap_or_default())
        }
        0 | 1 => format!("{file} (the last run{machine})"),
        n => format!("{file} (median of {n} runs{machine})"),
    };
    set.sort();
    set
}

/// The points that count, row by row.
struct Pooled<'a> {
    /// Those of each benchmark, in the order of the runs.
    rows: Vec<Vec<&'a Point>>,
    /// How many runs they are of.
    runs: usize,
    passed: PassedOver,
}

/// How many points do not count, and why.
#[derive(Default)]
struct PassedOver {
    repeated: usize,
    small: usize,
    different: usize,
}

impl PassedOver {
    fn is_none(&self) -> bool {
        self.repeated + self.small + self.different == 0
    }

    fn notes(&self, path: &Path) -> Vec<Problem> {
        let Self { repeated, small, different } = *self;
        let told = [
            (repeated, "of the run before once more: what was appended twice counts once".into()),
            (small, format!("of fewer than {} visits, which do not count", Sample::FEWEST)),
            (different, "of another statistic than the newest, which do not count".into()),
        ];
        let note = |(count, why): (usize, String)| {
            let s = if count == 1 { "" } else { "s" };
            Problem::note(path, None, format!("holds {count} figure{s} {why}"))
        };
        told.into_iter().filter(|(count, _)| *count > 0).map(note).collect()
    }
}

fn pool<'a>(runs: &[&'a Run]) -> Pooled<'a> {
    let mut places: HashMap<(&Id, &str), usize> = HashMap::new();
    let mut rows: Vec<Vec<(usize, &Point)>> = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        for point in &run.benchmarks {
            let place = *places.entry((&point.id, &point.place)).or_insert_with(|| {
                rows.push(Vec::new());
                rows.len() - 1
            });
            rows[place].push((number, point));
        }
    }
    let mut passed = PassedOver::default();
    let mut counted = BTreeSet::new();
    let points = |row: Vec<(usize, &'a Point)>| {
        let row = that_count(&row, &mut passed);
        counted.extend(row.iter().map(|(number, _)| *number));
        row.into_iter().map(|(_, point)| point).collect()
    };
    let rows = rows.into_iter().map(points).collect();
    Pooled { rows, runs: counted.len(), passed }
}

/// Those of a row that count.
fn that_count<'a>(row: &[(usize, &'a Point)], passed: &mut PassedOver) -> Vec<(usize, &'a Point)> {
    let mut counted = Vec::with_capacity(row.len());
    let mut before: Option<&Point> = None;
    for (number, point) in row {
        if before.is_some_and(|before| point.repeats(before)) {
            passed.repeated += 1;
        } else if point.visits < Sample::FEWEST {
            passed.small += 1;
        } else {
            counted.push((*number, *point));
        }
        before = Some(point);
    }
    let newest = counted.last().map(|(_, point)| point.typical);
    let fit = counted.len();
    counted.retain(|(_, point)| Some(point.typical) == newest);
    passed.different += fit - counted.len();
    counted
}

/// A row of the reference; rows are mostly of one length, and their quantiles of
/// Student's t are kept.
fn benchmark(points: &[&Point], quantiles: &mut HashMap<usize, f64>) -> Option<Benchmark> {
    let newest = points.last()?;
    let times: Vec<f64> = points.iter().map(|point| point.estimate.point).collect();
    let quantile = *quantiles.entry(times.len()).or_insert_with(|| match times.len() {
        1 => 0.0,
        n => student_quantile(1.0 - TAIL, n as f64 - 1.0),
    });
    Some(Benchmark {
        id: newest.id.clone(),
        place: newest.place.clone(),
        work: newest.work,
        estimates: Estimates {
            mean: mean_estimate(&times, quantile),
            median: median_estimate(&times),
            slope: None,
        },
        sample: Sample { iterations: vec![1.0; times.len()], times },
        typical: Statistic::Median,
        run: None,
    })
}

/// On the scale of logarithms, so that no bound of a time is negative.
fn mean_estimate(times: &[f64], quantile: f64) -> Estimate {
    let point = mean(times);
    let half = quantile * std_dev(times) / (times.len() as f64).sqrt() / point;
    Estimate { point, lower: point * (-half).exp(), upper: point * half.exp() }
}

/// The median, between the outermost values that are a resample's median often
/// enough.
fn median_estimate(times: &[f64]) -> Estimate {
    let point = stats::median(times);
    let mut sorted = times.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let weights = median_weights(sorted.len());
    let chances = || sorted.iter().copied().zip(weights.iter().copied());
    Estimate {
        point,
        lower: bound(chances()).unwrap_or(point),
        upper: bound(chances().rev()).unwrap_or(point),
    }
}

/// The value at which the chances of it and those before reach the tail.
fn bound(mut chances: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let mut sum = 0.0;
    let reached = chances.find(|(_, chance)| {
        sum += chance;
        sum >= TAIL
    });
    reached.map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::median_estimate as resampled;

    /// Runs that differ by a percent or so, in no order.
    fn runs(n: u32) -> Vec<f64> {
        (0..n).map(|i| 100.0 + f64::from(i * 7 % 11) / 4.0 + f64::from(i) / 64.0).collect()
    }

    /// The intervals of resampling, without its error.
    #[test]
    fn the_medians_interval_is_that_of_its_resamples() {
        for n in [1, 2, 3, 5, 7, 9, 11, 25] {
            let (exact, drawn) = (median_estimate(&runs(n)), resampled(&runs(n)));
            assert_eq!(
                (exact.point, exact.lower, exact.upper),
                (drawn.point, drawn.lower, drawn.upper),
                "{n}"
            );
        }
        let ten = median_estimate(&runs(10));
        let mut sorted = runs(10);
        sorted.sort_unstable_by(f64::total_cmp);
        assert_eq!((ten.lower, ten.upper), (sorted[2], sorted[7]));
    }

    #[test]
    fn the_means_interval_is_students() {
        let times = runs(5);
        let quantile = student_quantile(0.975, 4.0);
        let Estimate { point, lower, upper } = mean_estimate(&times, quantile);
        let half = 2.776_445 * std_dev(&times) / 5.0_f64.sqrt();
        assert_eq!(point, mean(&times));
        assert!(((upper - point) / half - 1.0).abs() < 0.02 && upper > point + half);
        assert!(((point - lower) / half - 1.0).abs() < 0.02 && lower > point - half);
        // However far two runs are apart, no bound is below zero.
        let apart = mean_estimate(&[1.0, 1e9], student_quantile(0.975, 1.0));
        assert!(apart.lower > 0.0 && apart.upper.is_finite());
        assert_eq!(mean_estimate(&[7.0], 0.0), Estimate { point: 7.0, lower: 7.0, upper: 7.0 });
    }
}
