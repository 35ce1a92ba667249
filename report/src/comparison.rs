//! What a report says, apart from how it is written.
//!
//! Times are read from criterion's layout, ratios are taken round by round
//! against each workload's baseline, and claims are judged by the rules that
//! stand beside them in the benches. Nothing here knows markdown.

use std::io;
use std::path::Path;

use crate::claim::Claim;
use crate::description::{Description, Failure, Work};
use crate::layout::{self, INTERLEAVED, Id, Measured, NEW};
use crate::record::{Mark, Outcome, Run, WorkloadRecord};
use crate::stats::{Estimate, median_estimate, ratio_estimate};

/// Everything that was measured, topic by topic.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The runs that the tables come from, the latest first.
    pub runs: Vec<Run>,
    /// The topics that have a table, in the workspace's order.
    pub topics: Vec<Topic>,
    /// Data that could not be read, with the file.
    pub unreadable: Vec<String>,
}

/// One topic's tables.
#[derive(Clone, Debug)]
pub struct Topic {
    /// The crate.
    pub name: String,
    /// A table for each workload.
    pub tables: Vec<Table>,
}

/// Who measured a table, which decides what its ratios are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The interleaved sampler, in the run of this id: ratios carry intervals.
    Interleaved(String),
    /// criterion, one model after the other: ratios carry the machine's drift.
    Criterion,
}

/// One workload: models as rows, parameters as columns.
#[derive(Clone, Debug)]
pub struct Table {
    /// The criterion group, `topic/workload`.
    pub group: String,
    /// What the suite says of it.
    pub description: Description,
    /// Who measured it.
    pub source: Source,
    /// The columns.
    pub parameters: Vec<u64>,
    /// The models that were tried, the baseline first.
    pub rows: Vec<Row>,
    /// What became of its claims.
    pub verdicts: Vec<Verdict>,
}

/// One model, a cell for each parameter.
#[derive(Clone, Debug)]
pub struct Row {
    /// The model.
    pub model: String,
    /// Its cells, as many as the table has parameters.
    pub cells: Vec<Cell>,
}

/// How a model did at a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// It was measured.
    Time {
        /// Nanoseconds an iteration: median with interval.
        time: Estimate,
        /// Times the baseline's time; below one is faster than the baseline.
        /// No width if the two were not visited in the same rounds.
        ratio: Option<Estimate>,
        /// What an iteration does.
        work: Option<Work>,
    },
    /// It came back wrong or not at all.
    Failure(Failure),
    /// It was too slow, at this parameter already, for so many seconds.
    Stopped {
        /// The parameter at which it was too slow.
        at: u64,
        /// Seconds that one iteration took there.
        seconds: f64,
    },
    /// It was not measured.
    Absent,
}

impl Cell {
    /// Its ratio to the baseline, if it has one.
    pub fn ratio(&self) -> Option<Estimate> {
        if let Cell::Time { ratio, .. } = self { *ratio } else { None }
    }

    /// Its time, if it has one.
    pub fn time(&self) -> Option<Estimate> {
        if let Cell::Time { time, .. } = self { Some(*time) } else { None }
    }
}

/// A claim and what became of it.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The claim, with its rule and prediction.
    pub claim: Claim,
    /// The ratio it was judged by and the parameter it was taken at; of
    /// several, the largest.
    pub ratio: Option<(u64, Estimate)>,
    /// What became of it.
    pub ruling: Ruling,
}

/// What a measurement says of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The whole interval keeps the rule.
    Confirmed,
    /// The whole interval breaks it.
    Refuted,
    /// It flips: what it is at each parameter.
    Depends(Vec<(u64, Ruling)>),
    /// It cannot be told here, for this reason.
    CannotTell(String),
}

/// Reads what the topics measured.
///
/// Data that cannot be read is listed and left out; the rest is compared.
///
/// # Errors
/// A directory that cannot be read at all.
pub fn read(root: &Path, runs: Vec<Run>, topics: &[String]) -> io::Result<Comparison> {
    let mut comparison = Comparison { runs, topics: Vec::new(), unreadable: Vec::new() };
    for name in topics {
        let mut records: Vec<(WorkloadRecord, &str)> = Vec::new();
        for baseline in [INTERLEAVED, NEW] {
            // The sampler's data comes first: only its ratios can be trusted.
            for record in WorkloadRecord::all(root, name, baseline)? {
                if records.iter().all(|(other, _)| other.group() != record.group()) {
                    records.push((record, baseline));
                }
            }
        }
        records.sort_by_key(|(record, _)| record.place);
        let mut tables = Vec::new();
        for (record, baseline) in records {
            let table = read_table(root, record, baseline, &mut comparison.unreadable);
            tables.extend(table.map(|raw| raw.compare(&comparison.runs)));
        }
        if !tables.is_empty() {
            comparison.topics.push(Topic { name: name.clone(), tables });
        }
    }
    let used = |run: &Run| {
        let mut tables = comparison.topics.iter().flat_map(|topic| &topic.tables);
        tables.any(|table| table.source == Source::Interleaved(run.id.clone()))
    };
    let runs = comparison.runs.iter().filter(|run| used(run)).cloned().collect();
    Ok(Comparison { runs, ..comparison })
}

/// A workload's data before it is compared.
struct Raw {
    record: WorkloadRecord,
    source: Source,
    rows: Vec<(String, Vec<RawCell>)>,
}

enum RawCell {
    Measured(Measured),
    Outcome(Outcome),
    Absent,
}

/// Reads a workload's cells; `None` if not one of them was tried.
fn read_table(
    root: &Path,
    record: WorkloadRecord,
    baseline: &str,
    unreadable: &mut Vec<String>,
) -> Option<Raw> {
    let mut marks = Vec::new();
    let mut rows = Vec::new();
    for model in &record.description.models {
        let cells = record.description.parameters.iter().map(|parameter| {
            let id =
                Id { group: record.group(), function: model.clone(), value: parameter.to_string() };
            match read_cell(root, &id, baseline) {
                Ok((mark, cell)) => (mark.map(|mark| mark.run), cell),
                Err(e) => {
                    unreadable.push(e.to_string());
                    (None, RawCell::Absent)
                }
            }
        });
        let (runs, cells): (Vec<_>, Vec<_>) = cells.unzip();
        marks.push(runs);
        rows.push((model.clone(), cells));
    }
    let latest = marks.iter().flatten().flatten().max().cloned();
    // Cells that a later, interrupted run has not come to are not of this table.
    for (runs, (_, cells)) in marks.iter().zip(&mut rows) {
        for (run, cell) in runs.iter().zip(cells) {
            if *run != latest {
                *cell = RawCell::Absent;
            }
        }
    }
    rows.retain(|(_, cells)| cells.iter().any(|cell| !matches!(cell, RawCell::Absent)));
    let source = latest.map_or(Source::Criterion, Source::Interleaved);
    (!rows.is_empty()).then_some(Raw { record, source, rows })
}

fn read_cell(root: &Path, id: &Id, baseline: &str) -> io::Result<(Option<Mark>, RawCell)> {
    let mark = if baseline == INTERLEAVED { Mark::read(root, id)? } else { None };
    let cell = match &mark {
        Some(Mark { outcome, .. }) if *outcome != Outcome::Measured => {
            RawCell::Outcome(outcome.clone())
        }
        None if baseline == INTERLEAVED => RawCell::Absent,
        _ => layout::read(root, id, baseline)?.map_or(RawCell::Absent, RawCell::Measured),
    };
    Ok((mark, cell))
}

impl Raw {
    fn compare(self, runs: &[Run]) -> Table {
        let paired = matches!(self.source, Source::Interleaved(_));
        let (_, reference) = &self.rows[0];
        let reference: Vec<Option<Vec<f64>>> = reference.iter().map(per_iteration).collect();
        let rows = self.rows.iter().map(|(model, cells)| {
            let cells = cells.iter().zip(&reference);
            let cells = cells.map(|(cell, reference)| compare(cell, reference.as_deref(), paired));
            Row { model: model.clone(), cells: cells.collect() }
        });
        let rows = rows.collect();
        let cores = runs
            .iter()
            .find(|run| self.source == Source::Interleaved(run.id.clone()))
            .map_or_else(crate::machine::cores, |run| run.machine.cores);
        let claims = &self.record.description.claims;
        let verdicts = claims.iter().map(|claim| self.judge(claim, paired, cores)).collect();
        Table {
            group: self.record.group(),
            parameters: self.record.description.parameters.clone(),
            description: self.record.description,
            source: self.source,
            rows,
            verdicts,
        }
    }

    fn judge(&self, claim: &Claim, paired: bool, cores: usize) -> Verdict {
        let cannot = |why: String| Verdict {
            claim: claim.clone(),
            ratio: None,
            ruling: Ruling::CannotTell(why),
        };
        if !paired {
            return cannot("criterion measured the models one after the other".into());
        }
        let row = |name: &str| self.rows.iter().find(|(model, _)| model == name);
        let (subject, reference) = match (row(&claim.subject), row(&claim.reference)) {
            (Some((_, subject)), Some((_, reference))) => (subject, reference),
            (None, _) => return cannot(format!("{} was not measured", claim.subject)),
            (_, None) => return cannot(format!("{} was not measured", claim.reference)),
        };
        let parameters = &self.record.description.parameters;
        let columns = parameters.iter().zip(subject.iter().zip(reference));
        let asked = columns.filter(|(p, _)| claim.parameter.is_none_or(|asked| asked == **p));
        let ratios: Vec<(u64, Estimate)> = asked
            .filter_map(|(parameter, (subject, reference))| {
                let times = (per_iteration(subject)?, per_iteration(reference)?);
                Some((*parameter, ratio_estimate(&times.0, &times.1)))
            })
            .collect();
        let Some(largest) = ratios.last() else {
            return cannot("they were not both measured at that parameter".into());
        };
        let ruling = if cores < claim.cores {
            Ruling::CannotTell(format!("it takes {} cores, and here are {cores}", claim.cores))
        } else {
            rule_all(claim, &ratios)
        };
        Verdict { claim: claim.clone(), ratio: Some(*largest), ruling }
    }
}

/// Judges a claim at each of its parameters; where they disagree, it depends.
fn rule_all(claim: &Claim, ratios: &[(u64, Estimate)]) -> Ruling {
    let rulings: Vec<_> = ratios.iter().map(|(p, ratio)| (*p, rule(claim, *ratio))).collect();
    if rulings.iter().all(|(_, ruling)| *ruling == rulings[0].1) {
        return rulings[0].1.clone();
    }
    Ruling::Depends(rulings)
}

/// Judges a ratio: the whole interval must keep the rule, or break it.
fn rule(claim: &Claim, Estimate { lower, upper, .. }: Estimate) -> Ruling {
    let least = claim.at_least.unwrap_or(f64::NEG_INFINITY);
    let most = claim.at_most.unwrap_or(f64::INFINITY);
    if least <= lower && upper <= most {
        Ruling::Confirmed
    } else if upper < least || most < lower {
        Ruling::Refuted
    } else {
        Ruling::CannotTell("the interval straddles the rule".into())
    }
}

fn per_iteration(cell: &RawCell) -> Option<Vec<f64>> {
    if let RawCell::Measured(measured) = cell {
        Some(measured.sample.per_iteration())
    } else {
        None
    }
}

fn compare(cell: &RawCell, reference: Option<&[f64]>, paired: bool) -> Cell {
    match cell {
        RawCell::Absent => Cell::Absent,
        RawCell::Outcome(Outcome::Failure(failure)) => Cell::Failure(failure.clone()),
        RawCell::Outcome(Outcome::Stopped { at, seconds }) => {
            Cell::Stopped { at: *at, seconds: *seconds }
        }
        RawCell::Outcome(Outcome::Measured) => Cell::Absent,
        RawCell::Measured(measured) => {
            let times = measured.sample.per_iteration();
            let time = if paired { median_estimate(&times) } else { measured.headline };
            let ratio = reference.map(|reference| {
                if paired && reference.len() == times.len() {
                    return ratio_estimate(&times, reference);
                }
                let point = crate::stats::median(&times) / crate::stats::median(reference);
                Estimate { point, lower: point, upper: point }
            });
            Cell::Time { time, ratio, work: measured.sample.work }
        }
    }
}
