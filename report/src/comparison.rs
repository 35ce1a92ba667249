//! What a report says, apart from how it is written.
//!
//! Times are read from criterion's layout, ratios are taken round by round
//! against each workload's baseline, and claims are judged by the rules that
//! stand beside them in the benches. Nothing here knows markdown.

use std::io;
use std::path::Path;

use crate::benchmark::{Benchmark, Id, Work};
use crate::description::{Description, Failure, is_python};
use crate::layout::{self, INTERLEAVED, NEW};
use crate::record::{Mark, Outcome, Run, WorkloadRecord};
use crate::stats::{Estimate, median, median_estimate, ratio_estimate};
use crate::verdict::{self, Evidence, Verdict};

/// Everything that was measured, topic by topic.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The runs that the tables come from, the latest first.
    pub runs: Vec<Run>,
    /// The topics that have a table, in the workspace's order.
    pub sections: Vec<Section>,
    /// Data that could not be read, with the file.
    pub unreadable: Vec<String>,
}

impl Comparison {
    /// All tables, in order.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.sections.iter().flat_map(|section| &section.tables)
    }
}

/// One topic's tables.
#[derive(Clone, Debug)]
pub struct Section {
    /// The crate.
    pub topic: String,
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
    /// Columns that are not of the table's run but of an earlier one, which the
    /// table's run has not come to: parameter and run.
    pub earlier: Vec<(u64, String)>,
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
        /// Times the reference's time; below one is faster. `None` for the
        /// reference itself and where that has no time.
        ratio: Option<Ratio>,
        /// The limit's time over its own: 0.5 is half of what the machine could
        /// do. `None` where the workload has no limit, or that has no time.
        of_limit: Option<Ratio>,
        /// What an iteration does.
        work: Option<Work>,
        /// Nanoseconds an iteration, visit by visit.
        visits: Vec<f64>,
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

/// One model's time over another's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ratio {
    /// Taken round by round, so it has an interval.
    Paired(Estimate),
    /// Of two models that were not visited in the same rounds: no interval can
    /// be told, and nothing is decided by it.
    Unpaired(f64),
}

impl Ratio {
    /// The ratio with its interval, if it has one.
    pub fn paired(self) -> Option<Estimate> {
        if let Ratio::Paired(ratio) = self { Some(ratio) } else { None }
    }
}

impl Cell {
    /// Its ratio to the reference, if it has one.
    pub fn ratio(&self) -> Option<Ratio> {
        if let Cell::Time { ratio, .. } = self { *ratio } else { None }
    }

    /// Its time, if it has one.
    pub fn time(&self) -> Option<Estimate> {
        if let Cell::Time { time, .. } = self { Some(*time) } else { None }
    }
}

/// Reads what the topics measured.
///
/// Data that cannot be read is listed and left out; the rest is compared.
///
/// # Errors
/// A directory that cannot be read at all.
pub fn read(root: &Path, runs: Vec<Run>, topics: &[String]) -> io::Result<Comparison> {
    let mut unreadable = Vec::new();
    let sampled = WorkloadRecord::all(root, INTERLEAVED, &mut unreadable)?;
    let benched = WorkloadRecord::all(root, NEW, &mut unreadable)?;
    let mut sections = Vec::new();
    for name in topics {
        let mut raw: Vec<Raw> = Vec::new();
        // The sampler's data comes first: only its ratios can be trusted.
        for (records, baseline) in [(&sampled, INTERLEAVED), (&benched, NEW)] {
            for record in records.iter().filter(|record| record.topic == *name) {
                if raw.iter().all(|other| other.record.group() != record.group()) {
                    raw.extend(read_table(root, record, baseline, &mut unreadable));
                }
            }
        }
        raw.sort_by_key(|raw| raw.record.place);
        let tables: Vec<_> = raw.into_iter().map(|raw| raw.compare(&runs)).collect();
        if !tables.is_empty() {
            sections.push(Section { topic: name.clone(), tables });
        }
    }
    let used = |run: &Run| {
        let mut tables = sections.iter().flat_map(|section| &section.tables);
        tables.any(|table| {
            table.source == Source::Interleaved(run.id.clone())
                || table.earlier.iter().any(|(_, id)| *id == run.id)
        })
    };
    let runs = runs.into_iter().filter(used).collect();
    Ok(Comparison { runs, sections, unreadable })
}

/// A workload's data before it is compared.
struct Raw {
    record: WorkloadRecord,
    source: Source,
    rows: Vec<(String, Vec<RawCell>)>,
    /// The run of each column, if the sampler measured it.
    column_runs: Vec<Option<String>>,
}

enum RawCell {
    Measured(Box<Benchmark>),
    Outcome(Outcome),
    Absent,
}

/// Reads a workload's cells; `None` if not one of them was tried.
fn read_table(
    root: &Path,
    record: &WorkloadRecord,
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
    // A cell is measured whole, so a column is of one run. After an interrupted
    // run, some columns are of an earlier one.
    let run_of = |column: usize| marks.iter().filter_map(|runs| runs[column].clone()).max();
    let column_runs: Vec<_> = (0..record.description.parameters.len()).map(run_of).collect();
    for (runs, (_, cells)) in marks.iter().zip(&mut rows) {
        for ((run, cell), of_column) in runs.iter().zip(cells).zip(&column_runs) {
            if run != of_column {
                *cell = RawCell::Absent;
            }
        }
    }
    let latest = column_runs.iter().flatten().max().cloned();
    rows.retain(|(_, cells)| cells.iter().any(|cell| !matches!(cell, RawCell::Absent)));
    let source = latest.map_or(Source::Criterion, Source::Interleaved);
    (!rows.is_empty()).then(|| Raw { record: record.clone(), source, rows, column_runs })
}

fn read_cell(root: &Path, id: &Id, baseline: &str) -> io::Result<(Option<Mark>, RawCell)> {
    let mark = if baseline == INTERLEAVED { Mark::read(root, id)? } else { None };
    let cell = match &mark {
        Some(Mark { outcome, .. }) if *outcome != Outcome::Measured => {
            RawCell::Outcome(outcome.clone())
        }
        None if baseline == INTERLEAVED => RawCell::Absent,
        _ => layout::read(root, id, baseline)
            .map_err(io::Error::other)?
            .map_or(RawCell::Absent, |measured| RawCell::Measured(Box::new(measured))),
    };
    Ok((mark, cell))
}

impl Raw {
    fn compare(self, runs: &[Run]) -> Table {
        let paired = matches!(self.source, Source::Interleaved(_));
        let rows = self.rows.iter().map(|(model, cells)| {
            let (reference, limit) = (self.reference_of(model), self.limit_of(model));
            let cells = cells.iter().enumerate().map(|(column, cell)| {
                let times = |row: &[RawCell]| per_iteration(&row[column]);
                let (reference, limit) = (reference.and_then(times), limit.and_then(times));
                compare(cell, reference.as_deref(), limit.as_deref(), paired)
            });
            Row { model: model.clone(), cells: cells.collect() }
        });
        let rows = rows.collect();
        let cores = runs
            .iter()
            .find(|run| self.source == Source::Interleaved(run.id.clone()))
            .map_or_else(crate::machine::cores, |run| run.machine.cores);
        let claims = &self.record.description.claims;
        let evidence = self.evidence(paired, cores);
        let verdicts = claims.iter().map(|claim| verdict::judge(claim, &evidence)).collect();
        let columns = self.record.description.parameters.iter().zip(&self.column_runs);
        let earlier = columns.filter_map(|(parameter, run)| {
            let run = run.clone().filter(|run| self.source != Source::Interleaved(run.clone()))?;
            Some((*parameter, run))
        });
        Table {
            group: self.record.group(),
            parameters: self.record.description.parameters.clone(),
            earlier: earlier.collect(),
            description: self.record.description,
            source: self.source,
            rows,
            verdicts,
        }
    }

    /// What its claims are judged by.
    fn evidence(&self, paired: bool, cores: usize) -> Evidence<'_> {
        let models = self
            .rows
            .iter()
            .map(|(model, cells)| (model.as_str(), cells.iter().map(per_iteration).collect()));
        let parameters = &self.record.description.parameters;
        Evidence { parameters, models: models.collect(), paired, cores }
    }

    /// The row that a model's ratios refer to: the baseline, or Python's first
    /// row where Python works at its own pace; none for that row itself, and
    /// none if the baseline was not measured.
    fn reference_of(&self, model: &str) -> Option<&[RawCell]> {
        let own_pace = self.record.description.own_pace && is_python(model);
        let mut candidates = self.rows.iter().filter(|(name, _)| is_python(name) == own_pace);
        let baseline =
            || self.rows.first().filter(|(m, _)| m == &self.record.description.models[0]);
        let (reference, cells) = if own_pace { candidates.next()? } else { baseline()? };
        (reference != model).then_some(cells)
    }

    /// The row that says what the machine could do at most; none for that row
    /// itself, and none for Python where it does other work in the same time.
    fn limit_of(&self, model: &str) -> Option<&[RawCell]> {
        let described = &self.record.description;
        if described.is_limit(model) || (described.own_pace && is_python(model)) {
            return None;
        }
        let mut limit = self.rows.iter().filter(|(name, _)| described.is_limit(name));
        limit.next().map(|(_, cells)| &cells[..])
    }
}

/// One row's times over another's; with an interval if they were taken in rounds.
fn ratio_of(times: &[f64], reference: &[f64], paired: bool) -> Ratio {
    if paired && reference.len() == times.len() {
        Ratio::Paired(ratio_estimate(times, reference))
    } else {
        Ratio::Unpaired(median(times) / median(reference))
    }
}

fn per_iteration(cell: &RawCell) -> Option<Vec<f64>> {
    if let RawCell::Measured(measured) = cell {
        Some(measured.sample.per_iteration())
    } else {
        None
    }
}

fn compare(cell: &RawCell, reference: Option<&[f64]>, limit: Option<&[f64]>, paired: bool) -> Cell {
    match cell {
        RawCell::Absent => Cell::Absent,
        RawCell::Outcome(Outcome::Failure(failure)) => Cell::Failure(failure.clone()),
        RawCell::Outcome(Outcome::Stopped { at, seconds }) => {
            Cell::Stopped { at: *at, seconds: *seconds }
        }
        RawCell::Outcome(Outcome::Measured) => Cell::Absent,
        RawCell::Measured(measured) => {
            let times = measured.sample.per_iteration();
            let time = if paired { median_estimate(&times) } else { measured.headline() };
            let ratio = reference.map(|reference| ratio_of(&times, reference, paired));
            let of_limit = limit.map(|limit| ratio_of(limit, &times, paired));
            Cell::Time { time, ratio, of_limit, work: measured.work, visits: times }
        }
    }
}
