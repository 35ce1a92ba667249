//! What a diff says to whoever waits for its exit code, and why it cannot say
//! more.

use serde::Serialize;

use super::decide::Runs;
use super::{Comparison, Diff, Row, Verdict};
use crate::benchmark::Sample;

/// What a diff says to whoever waits for its exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// No threshold was given, or nothing is above it.
    Fine,
    /// At least one row is above the threshold with its whole interval.
    Regression,
    /// A threshold was given and cannot be decided.
    Inconclusive,
}

impl Outcome {
    /// The command's exit code: 0, 1 or 3.
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::Fine => 0,
            Outcome::Regression => 1,
            Outcome::Inconclusive => 3,
        }
    }
}

/// Why a threshold cannot be decided.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Doubt {
    /// Most rows moved together.
    Common,
    /// No row was measured anew.
    Nothing,
    /// It lies inside the interval of so many rows.
    Inside(usize),
    /// So many rows can neither pass nor fail, for this reason.
    Undecided(usize, String),
}

impl Diff {
    /// What the whole says: without a threshold it is fine, whatever moved.
    ///
    /// With one, a comparison is a regression if a row is [`Verdict::Slower`],
    /// unless most rows moved together, which is the machine until shown
    /// otherwise. It is inconclusive if that alarm rang, if the threshold lies
    /// inside the interval of a row, or if a row can neither pass nor fail, as
    /// with criterion's `--quick`; rows that were copied, not measured, count for
    /// nothing. Of several comparisons, a regression outdoes what is
    /// inconclusive.
    pub fn outcome(&self) -> Outcome {
        let Some(threshold) = self.method.fail_above else {
            return Outcome::Fine;
        };
        let outcomes: Vec<Outcome> =
            self.comparisons.iter().map(|comparison| comparison.outcome(threshold)).collect();
        [Outcome::Regression, Outcome::Inconclusive]
            .into_iter()
            .find(|outcome| outcomes.contains(outcome))
            .unwrap_or(Outcome::Fine)
    }
}

impl Comparison {
    fn outcome(&self, threshold: f64) -> Outcome {
        let regression = self.rows.iter().any(|row| row.verdict == Verdict::Slower);
        if regression && self.common.is_none() {
            Outcome::Regression
        } else if self.doubts(threshold).is_empty() {
            Outcome::Fine
        } else {
            Outcome::Inconclusive
        }
    }

    /// All reasons why nothing can be told of this threshold, if no row is a
    /// regression.
    pub(super) fn doubts(&self, threshold: f64) -> Vec<Doubt> {
        if self.common.is_some() {
            return vec![Doubt::Common];
        }
        if self.rows.iter().all(|row| row.identical) {
            return vec![Doubt::Nothing];
        }
        let threshold = 1.0 + threshold;
        let holds = |row: &&Row| {
            !row.identical
                && row.interval.is_some_and(|x| x.lower <= threshold && threshold < x.upper)
        };
        let inside = self.rows.iter().filter(holds).count();
        let inside = (inside > 0).then_some(Doubt::Inside(inside));
        let mut undecided: Vec<(String, usize)> = Vec::new();
        for why in self.rows.iter().filter_map(|row| row.undecided(self.runs)) {
            match undecided.iter_mut().find(|(other, _)| *other == why) {
                Some((_, count)) => *count += 1,
                None => undecided.push((why, 1)),
            }
        }
        let undecided = undecided.into_iter().map(|(why, count)| Doubt::Undecided(count, why));
        inside.into_iter().chain(undecided).collect()
    }
}

impl Row {
    /// Why it can neither pass nor fail, if that is so.
    pub(super) fn undecided(&self, runs: Runs) -> Option<String> {
        if self.identical || self.interval.is_some() {
            return None;
        }
        let sides = [(runs.reference, self.reference.visits), (runs.subject, self.subject.visits)];
        let short = sides.into_iter().find(|(_, visits)| *visits < Sample::FEWEST);
        Some(match short {
            Some((true, 1)) => "the history has 1 run; three are needed".into(),
            Some((true, runs)) => format!("the history has {runs} runs; three are needed"),
            Some((false, _)) => {
                format!("fewer than {} visits, as criterion's --quick leaves", Sample::FEWEST)
            }
            None => "a time of zero or no number, of which there is no ratio".into(),
        })
    }
}
