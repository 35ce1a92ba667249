//! A diff as a page.

mod grid;

use std::collections::HashSet;

use super::outcome::Doubt;
use super::{Comparison, Diff, Named, Outcome, Row, Verdict, spread};
use crate::benchmark::Id;
use crate::document::{Block, Document, Span, Text};
use crate::stats::Estimate;
use crate::units;

impl Diff {
    /// The page: how it was compared, what the whole says, a grid with a group
    /// of columns for each later set, and what is not in the grid.
    pub fn document(&self) -> Document {
        let mut page = Document::default();
        let subjects: Vec<&str> = self.comparisons.iter().map(|x| x.subject.as_str()).collect();
        let title = Text::from("From ").then(Text::code(self.reference.as_str()));
        page.heading(1, title.then(" to ").then(list(&subjects)));
        page.paragraph(self.how());
        for warning in &self.warnings {
            page.paragraph(Text::strong("Warning: ").then(warning.clone()));
        }
        let single = self.comparisons.len() == 1;
        for comparison in &self.comparisons {
            for line in self.summary(comparison) {
                let whose = Text::code(comparison.subject.as_str()).then(": ");
                page.paragraph(if single { line } else { whose.then(line) });
            }
        }
        if let Some(line) = self.ending() {
            page.paragraph(line);
        }
        let namesakes = self.namesakes();
        page.blocks.push(Block::Grid(self.grid(&namesakes)));
        for comparison in &self.comparisons {
            let sides = [
                (&comparison.only_reference, &self.reference, &comparison.subject),
                (&comparison.only_subject, &comparison.subject, &self.reference),
            ];
            for (rows, here, there) in sides.into_iter().filter(|(rows, ..)| !rows.is_empty()) {
                let head = Text::from(format!("{} only in ", benchmarks(rows.len())));
                let head = head.then(Text::code(here.as_str())).then(", not in ");
                page.paragraph(head.then(Text::code(there.as_str())).then(":"));
                let named = |x: &Named| name((&x.id, &x.place), &namesakes);
                page.list(rows.iter().map(named).collect());
            }
        }
        page.list(self.footnotes());
        page
    }

    fn how(&self) -> Text {
        let rows = self.comparisons.iter().flat_map(|comparison| &comparison.rows);
        let visits: Vec<usize> =
            rows.flat_map(|row| [row.reference.visits, row.subject.visits]).collect();
        let visits = match (visits.iter().min(), visits.iter().max()) {
            (Some(least), Some(most)) if least != most => format!("{least} to {most}"),
            (Some(each), _) => each.to_string(),
            _ => "no".into(),
        };
        let figure = match self.method.statistic {
            Some(statistic) => format!("{statistic} times"),
            None => "typical times".into(),
        };
        let threshold = match self.method.fail_above {
            Some(share) => format!(
                " Slower is what is above ×{} with its whole interval, faster what is below ×{}; \
                 of an interval that holds either, nothing can be told.",
                trimmed(1.0 + share),
                units::digits(1.0 / (1.0 + share))
            ),
            None => String::new(),
        };
        Text::from(format!(
            "Ratios of {figure} to those of the first, above 1 is slower; {visits} visits a row. \
             Intervals hold at {:.0} % all at once, over {} of them ({}).{threshold}",
            100.0 * self.method.confidence,
            self.method.intervals,
            self.method.correction,
        ))
    }

    /// What a comparison says as a whole, a line each.
    fn summary(&self, comparison: &Comparison) -> Vec<Text> {
        let mut lines = Vec::new();
        let verdicts = [
            Verdict::Slower,
            Verdict::Faster,
            Verdict::Unchanged,
            Verdict::CannotTell,
            Verdict::TooSmall,
        ];
        let counts = verdicts.iter().filter_map(|verdict| {
            let count = comparison.rows.iter().filter(|row| row.verdict == *verdict).count();
            (count > 0).then(|| format!("{count} {}", self.word(*verdict)))
        });
        let counts = counts.collect::<Vec<_>>().join(", ");
        let mean = comparison.geometric_mean.map_or_else(String::new, |mean| {
            format!(" Geometric mean {}, its interval being of the mean alone.", ratio(mean))
        });
        lines.push(format!("{counts} of {}.{mean}", benchmarks(comparison.rows.len())).into());
        if let Some(common) = comparison.common {
            let direction = if common.ratio > 1.0 { "slower" } else { "faster" };
            let percent = 100.0 * (common.ratio - 1.0).abs();
            lines.push(
                Text::strong(format!(
                    "{} of {} rows moved by about {} %, all {direction}: suspect the machine.",
                    common.moved,
                    common.rows,
                    units::digits(percent)
                ))
                .then(" Measure both again, in turn, before believing a row."),
            );
        }
        match comparison.spread {
            Some(spread) if spread.heavy => lines.push(
                format!(
                    "Between these two runs half of the rows moved by {} % or more, where their \
                     visits explain {} %: every interval is widened by what unchanged rows move \
                     from run to run. More runs, not more visits, would narrow them.",
                    units::digits(100.0 * spread.typical),
                    units::digits(100.0 * spread.explained)
                )
                .into(),
            ),
            Some(spread) => lines.push(
                format!(
                    "Rows moved between these two runs {} times as far as their visits explain; \
                     every interval is wider by as much.",
                    units::digits(spread.inflation)
                )
                .into(),
            ),
            None if comparison.in_turn => lines.push(
                "The two were measured in turn, round by round, by two fresh processes in each \
                 pass: a row's visits are those passes, its ratio is the geometric mean of theirs, \
                 and its interval is how far they lie apart."
                    .into(),
            ),
            None if comparison.against_runs => lines.push(
                "Each row is judged by how far the runs of the history lie apart in that row: \
                 its visits are those runs, and the new run is taken as one more."
                    .into(),
            ),
            None if comparison.rows.len() < spread::FEWEST => lines.push(
                format!(
                    "So few rows ({}) cannot tell how far unchanged ones move from run to run: a \
                     second pair of runs shows whether a change stays.",
                    comparison.rows.len()
                )
                .into(),
            ),
            None => {}
        }
        if let Some(jumps) = comparison.jumps {
            lines.push(
                format!(
                    "Unchanged rows of this history jump: each interval holds {} deviations of \
                     its runs on either side, or more.",
                    units::digits(jumps)
                )
                .into(),
            );
        }
        if comparison.two_levels > 0 {
            lines.push(
                Text::strong(format!(
                    "The runs of the history fall into two levels in {}",
                    rows(comparison.two_levels)
                ))
                .then(
                    ", as after a change some runs ago: an interval there holds both, and smaller \
                     changes cannot be seen. Fewer runs (--last), from that change on, narrow it.",
                ),
            );
        }
        lines
    }

    /// What the outcome is and why, where a threshold was given.
    fn ending(&self) -> Option<Text> {
        let threshold = self.method.fail_above?;
        let percent = trimmed(100.0 * threshold);
        Some(match self.outcome {
            Outcome::Fine => format!("Fine: no row is slower by more than {percent} %.").into(),
            Outcome::Regression => Text::strong("Regression")
                .then(format!(": a row is slower by more than {percent} %.")),
            Outcome::Inconclusive => {
                let single = self.comparisons.len() == 1;
                let mut line = Text::strong("Inconclusive");
                let mut joint = ": ";
                for comparison in &self.comparisons {
                    for doubt in comparison.doubts(threshold) {
                        line = line.then(joint);
                        if !single {
                            line = line.then(Text::code(comparison.subject.as_str())).then(", ");
                        }
                        line = line.then(told(&doubt, &percent));
                        joint = "; ";
                    }
                }
                line.then(".")
            }
        })
    }

    /// A verdict in words: without a threshold, nothing is proved unchanged.
    fn word(&self, verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Slower => "slower",
            Verdict::Faster => "faster",
            Verdict::Unchanged if self.method.fail_above.is_none() => "no change shown",
            Verdict::Unchanged => "unchanged",
            Verdict::CannotTell => "cannot tell",
            Verdict::TooSmall => "too few visits",
        }
    }

    fn footnotes(&self) -> Vec<Text> {
        let all = || self.comparisons.iter().flat_map(|comparison| &comparison.rows);
        let count = |which: fn(&Row) -> bool| all().filter(|row| which(row)).count();
        let notes = [
            (
                count(|row| row.mixed),
                "with different headlines in the two runs, compared by the means".to_owned(),
            ),
            (
                count(|row| row.ratio.is_none()),
                "with a time of zero or none at all, of which there is no ratio".into(),
            ),
            (
                count(|row| row.identical),
                "with the very same data in both: copied, not measured again".into(),
            ),
        ];
        let undecided = self.comparisons.iter().flat_map(|comparison| {
            let too_small = comparison.rows.iter().filter(|row| row.verdict == Verdict::TooSmall);
            too_small.filter_map(|row| row.undecided(comparison.runs))
        });
        let mut reasons: Vec<(usize, String)> = Vec::new();
        for why in undecided {
            match reasons.iter_mut().find(|(_, other)| *other == why) {
                Some((count, _)) => *count += 1,
                None => reasons.push((1, why)),
            }
        }
        let reasons = reasons
            .into_iter()
            .map(|(count, why)| (count, format!("that can neither pass nor fail: {why}")));
        let notes = notes.into_iter().chain(reasons).filter(|(count, _)| *count > 0);
        let notes = notes.map(|(count, what)| Text::from(format!("{} {what}.", rows(count))));
        let problems = self.problems.iter().map(|problem| {
            Text::from("Not read, of ")
                .then(Text::code(problem.set.as_str()))
                .then(": ")
                .then(problem.what.as_str())
        });
        notes.chain(problems).collect()
    }
}

/// What tells rows apart.
type Key<'a> = (&'a Id, &'a str);

/// The name of a benchmark, with its place where others have the same name.
fn name((id, place): Key<'_>, namesakes: &HashSet<String>) -> Text {
    let shown = id.to_string();
    let is_shared = namesakes.contains(&shown);
    let name = Text::code(shown);
    if is_shared { name.then(" in ").then(Text::code(place)) } else { name }
}

/// Why a threshold cannot be decided, in words.
fn told(doubt: &Doubt, percent: &str) -> String {
    match doubt {
        Doubt::Common => "most rows moved together".into(),
        Doubt::Nothing => "no row was measured anew".into(),
        Doubt::Inside(count) => {
            format!("{percent} % lies inside the interval of {}", benchmarks(*count))
        }
        Doubt::Undecided(count, why) => {
            format!("{} can neither pass nor fail ({why})", benchmarks(*count))
        }
    }
}

fn list(names: &[&str]) -> Text {
    let mut text = Text::default();
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            text.0.push(Span::Plain(", ".into()));
        }
        text.0.push(Span::Code((*name).to_owned()));
    }
    text
}

/// A ratio with its interval, to a tenth of a percent: three digits cannot tell
/// 1.004 from 1.
fn ratio(Estimate { point, lower, upper }: Estimate) -> String {
    let text =
        |x: f64| if (0.1..9.9995).contains(&x) { format!("{x:.3}") } else { units::digits(x) };
    format!("×{} [{}, {}]", text(point), text(lower), text(upper))
}

/// A figure without the digits that only floating point put there.
fn trimmed(x: f64) -> String {
    let text = format!("{x:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn rows(count: usize) -> String {
    if count == 1 { "1 row".into() } else { format!("{count} rows") }
}

fn benchmarks(count: usize) -> String {
    if count == 1 { "1 benchmark".into() } else { format!("{count} benchmarks") }
}
