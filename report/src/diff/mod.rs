//! What moved between runs, and how sure that is.
//!
//! The first set is the reference; each later one is compared with it, row by
//! row. A row's figure is computed anew from its visits, never taken from a
//! tool that saw one of the two runs alone.
//!
//! # How a row is decided
//! 1. The ratio's interval on the log scale, from standard errors that know of
//!    drift ([`stats::precision`](crate::stats::precision)), by Student's t with
//!    Welch's degrees of freedom.
//! 2. Where that interval reaches beyond the threshold (without one: excludes
//!    1), the bootstrap's interval too
//!    ([`stats::resample`](crate::stats::resample)); what holds both decides.
//! 3. What run-to-run spread the rows themselves show widens it: see [`Spread`].
//!
//! A guess at that spread is the best that two single runs allow. Where the
//! reference is a history ([`Set::visits_are_runs`]), each row's own spread is
//! known: the new run is judged as one more of the history's runs, by a
//! prediction interval that knows how far unchanged rows jump (module `runs`),
//! and steps 2 and 3 fall away.
//!
//! Where both are the histories of one [`report pair`](crate::pair), whose passes
//! were measured in turn, a row is judged by its ratios, one a pass (module
//! `turns`); that sees what neither of the others can, because the machine's
//! moods are in both sides.
//!
//! # Correction for many rows
//! All intervals of a diff hold at once with 95 % confidence: each misses with
//! 5 % divided by the number of rows (Bonferroni; Dunn, JASA 56, 1961). It was
//! chosen over its rivals because it needs no independence (rows share a
//! machine), because the interval shown is the one that decides, which Holm's
//! and Hochberg's step-wise tests cannot offer, and because a failed build asks
//! "did anything get slower?", which is the family-wise question: the false
//! discovery rate of Benjamini and Hochberg (with intervals by Benjamini and
//! Yekutieli, JASA 100, 2005) would let one in twenty of the rows called slower
//! be wrong, and in a diff of one slower row gives the same interval. The price
//! is small: of 300 rows an interval is 1.9 times as wide as of one.
//!
//! # What the exit code may depend on
//! See [`Diff::outcome`].

use rayon::prelude::*;
use serde::Serialize;

use crate::benchmark::{Id, Set, Statistic};
use crate::error::Error;
use crate::stats::resample::{Draws, RESAMPLES};
use crate::stats::{CONFIDENCE, Estimate, geometric_mean};

mod checks;
mod common;
mod decide;
mod outcome;
mod page;
mod pairing;
mod runs;
mod sheet;
mod spread;
mod turns;

pub use common::CommonMode;
pub use outcome::Outcome;
pub use pairing::Named;
pub use spread::Spread;

use checks::{machines, refuse};
use decide::{Draft, Rule, Runs};
use spread::Shift;

/// How to compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Which figure; each benchmark's own headline if absent, or the mean where
    /// the two runs have different ones.
    pub statistic: Option<Statistic>,
    /// From which slowdown on a row is a regression: 0.05 is 5 %.
    pub fail_above: Option<f64>,
    /// Whether run-to-run spread, where the rows show any, widens the intervals.
    pub spread: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { statistic: None, fail_above: None, spread: true }
    }
}

/// What became of a row.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is above the threshold, or above 1 without one.
    Slower,
    /// The whole interval is below 1 over the threshold, or below 1.
    Faster,
    /// The whole interval is inside the threshold; without one, it holds 1, so
    /// that no change is shown, which does not prove that there is none.
    Unchanged,
    /// The interval holds the threshold; or there is no ratio, because a time
    /// is zero or no number.
    CannotTell,
    /// Fewer visits than an interval can be told from: criterion's `--quick`.
    TooSmall,
}

/// All comparisons with one reference.
#[derive(Clone, Debug, Serialize)]
pub struct Diff {
    /// What this is: `polyphony.diff`.
    pub schema: &'static str,
    /// The version of that.
    pub version: u32,
    /// How it was compared.
    pub method: Method,
    /// What the whole says.
    pub outcome: Outcome,
    /// The reference's label.
    pub reference: String,
    /// One for each later set, in the order given.
    pub comparisons: Vec<Comparison>,
    /// What a reader must know before believing a ratio, such as that the
    /// machines differ.
    pub warnings: Vec<String>,
    /// What could not be read, with the set that it belongs to.
    pub problems: Vec<Broken>,
}

/// How rows were compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Method {
    /// How often all intervals hold at once.
    pub confidence: f64,
    /// How they were made to.
    pub correction: &'static str,
    /// The number of intervals that share the error, over all comparisons.
    pub intervals: usize,
    /// What is outside each interval on either side.
    pub tail: f64,
    /// Resamples behind each bootstrap interval of a mean or slope; a median's
    /// is exact.
    pub resamples: usize,
    /// The figure that was asked for, if one was.
    pub statistic: Option<Statistic>,
    /// The threshold, if one was given.
    pub fail_above: Option<f64>,
}

/// One set against the reference.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Its label.
    pub subject: String,
    /// The benchmarks that both have, the largest slowdown first; those without
    /// a ratio last.
    pub rows: Vec<Row>,
    /// Benchmarks that only the reference has.
    pub only_reference: Vec<Named>,
    /// Benchmarks that only this set has.
    pub only_subject: Vec<Named>,
    /// The geometric mean of the ratios with its own 95 % interval, over rows
    /// that can be decided by.
    pub geometric_mean: Option<Estimate>,
    /// Whether the two were measured in turn, so that each pass has a ratio.
    pub in_turn: bool,
    /// Whether one of the two is a history, so that how far runs lie apart was
    /// measured row by row.
    pub against_runs: bool,
    /// Which of the two is.
    #[serde(skip)]
    runs: Runs,
    /// Of a history whose rows jump: how many deviations of its runs a row's
    /// interval holds on either side, at least.
    pub jumps: Option<f64>,
    /// In how many rows the runs of the history fall into two levels, as after a
    /// change some runs ago: their intervals hold both.
    pub two_levels: usize,
    /// Run-to-run spread, if the rows of two single runs show any.
    pub spread: Option<Spread>,
    /// Whether most rows moved together.
    pub common: Option<CommonMode>,
}

/// One benchmark in both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its names.
    pub id: Id,
    /// Its place in the reference, which tells namesakes apart.
    pub place: String,
    /// The figure that was compared.
    pub statistic: Statistic,
    /// Whether the two have different headlines, so that the mean had to do.
    pub mixed: bool,
    /// The reference's figure.
    pub reference: Side,
    /// The other's.
    pub subject: Side,
    /// The other's time over the reference's; above one is slower. Absent if a
    /// time is zero or no number.
    pub ratio: Option<f64>,
    /// The interval that decides; absent where nothing can be decided.
    pub interval: Option<Interval>,
    /// Whether the bootstrap had its say.
    pub resampled: bool,
    /// Whether both hold the very same sample: it was copied, not measured.
    pub identical: bool,
    /// What became of it.
    pub verdict: Verdict,
}

/// One run's figure of a row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Side {
    /// Nanoseconds an iteration.
    pub time: f64,
    /// How many visits it is taken from.
    pub visits: usize,
}

/// What a ratio lies in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
}

/// Something that could not be read.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Broken {
    /// The set's label.
    pub set: String,
    /// The file, and what is wrong with it.
    pub what: String,
}

/// Compares each later set with the first.
///
/// Costs a few passes over all visits, and ten times that for each row that
/// needs the bootstrap, on as many threads as there are cores.
///
/// # Errors
/// [`Error::Usage`] for fewer than two sets, a threshold that is no share, sets
/// that have no benchmark in common, and sets that hold the same samples.
pub fn compare(sets: &[Set], options: &Options) -> Result<Diff, Error> {
    let [reference, subjects @ ..] = sets else {
        return Err(Error::Usage("a diff takes two sets of results or more".into()));
    };
    if subjects.is_empty() {
        return Err(Error::Usage(format!(
            "a diff takes two sets of results or more, and there is only {:?}",
            reference.label
        )));
    }
    if let Some(share) = options.fail_above.filter(|x| !x.is_finite() || *x < 0.0) {
        return Err(Error::Usage(format!("{share} is no threshold: 0.05 stands for 5 %")));
    }
    let matched: Vec<pairing::Matched<'_>> =
        subjects.iter().map(|subject| pairing::pair(reference, subject)).collect();
    for (subject, matched) in subjects.iter().zip(&matched) {
        refuse(reference, subject, matched)?;
    }
    let drafts: Vec<Vec<Draft<'_>>> = subjects
        .iter()
        .zip(&matched)
        .map(|(subject, matched)| {
            let runs = Runs {
                reference: reference.visits_are_runs,
                subject: subject.visits_are_runs,
                passes: if reference.passes == subject.passes { reference.passes.len() } else { 0 },
            };
            matched.pairs.par_iter().map(|pair| Draft::of(*pair, runs, options)).collect()
        })
        .collect();
    let intervals = drafts.iter().flatten().filter(|draft| draft.figures.is_some()).count();
    let tail = (1.0 - CONFIDENCE) / 2.0 / intervals.max(1) as f64;
    let lengths = |draft: &Draft<'_>| {
        [draft.pair.reference, draft.pair.subject].map(|benchmark| benchmark.sample.len())
    };
    let resampled = drafts.iter().flatten().filter(|draft| draft.needs_draws());
    let draws = Draws::for_lengths(resampled.flat_map(lengths));
    let comparisons = subjects
        .iter()
        .zip(matched)
        .zip(drafts)
        .map(|((subject, matched), drafts)| {
            let floor = runs::floor(drafts.iter().filter_map(Draft::history), tail);
            let rule = Rule { tail, floor, fail_above: options.fail_above, draws: &draws };
            Comparison::of(subject, matched, &drafts, &rule, options)
        })
        .collect();
    let problems = sets.iter().flat_map(|set| {
        let broken = |problem: &crate::benchmark::Problem| Broken {
            set: set.label.clone(),
            what: problem.to_string(),
        };
        set.problems.iter().map(broken)
    });
    let mut diff = Diff {
        schema: "polyphony.diff",
        version: 1,
        method: Method {
            confidence: CONFIDENCE,
            correction: "Bonferroni",
            intervals,
            tail,
            resamples: RESAMPLES,
            statistic: options.statistic,
            fail_above: options.fail_above,
        },
        outcome: Outcome::Fine,
        reference: reference.label.clone(),
        comparisons,
        warnings: subjects.iter().filter_map(|subject| machines(reference, subject)).collect(),
        problems: problems.collect(),
    };
    diff.outcome = diff.outcome();
    Ok(diff)
}

impl Comparison {
    fn of(
        subject: &Set,
        matched: pairing::Matched<'_>,
        drafts: &[Draft<'_>],
        rule: &Rule<'_>,
        options: &Options,
    ) -> Self {
        let shifts: Vec<Shift> = drafts.iter().filter_map(Draft::shift).collect();
        let spread = options.spread.then(|| spread::between_runs(&shifts)).flatten();
        // How far spread alone may move each draft that has figures, in order.
        let mut halves = match &spread {
            Some((spread, scales)) => scales.iter().map(|x| x * spread.units(rule.tail)).collect(),
            None => vec![0.0; shifts.len()],
        }
        .into_iter();
        let halves: Vec<f64> = drafts
            .iter()
            .map(|draft| draft.figures.and_then(|_| halves.next()).unwrap_or(0.0))
            .collect();
        let mut rows: Vec<Row> =
            drafts.par_iter().zip(halves).map(|(draft, half)| draft.decide(half, rule)).collect();
        let runs = drafts.first().map(|draft| draft.runs).unwrap_or_default();
        // Of two that were measured in turn the machine moves neither.
        let common = if runs.in_turn() { None } else { common::alarm(&rows, rule.fail_above) };
        // What was copied is no evidence that nothing moved.
        let decided = rows.iter().filter(|row| row.interval.is_some() && !row.identical);
        let decided = decided.filter_map(|row| row.ratio);
        let geometric_mean = geometric_mean(&decided.collect::<Vec<_>>());
        let histories = drafts.iter().filter_map(Draft::history);
        let two_levels = histories.filter(|history| runs::has_two_levels(history)).count();
        let effect = |row: &Row| row.ratio.unwrap_or(f64::NEG_INFINITY);
        rows.sort_by(|a, b| effect(b).total_cmp(&effect(a)));
        Self {
            subject: subject.label.clone(),
            rows,
            only_reference: matched.only_reference,
            only_subject: matched.only_subject,
            geometric_mean,
            in_turn: runs.in_turn(),
            against_runs: runs.any(),
            runs,
            jumps: (rule.floor > 0.0).then_some(rule.floor),
            two_levels,
            spread: spread.map(|(spread, _)| spread),
            common,
        }
    }
}
