//! One workload: what it is, its table and its chart.

use super::{columns, keyed, ratio_text};
use crate::comparison::{Cell, Comparison, Ratio, Source, Table};
use crate::description::{Failure, is_python};
use crate::document::{self, Block, Chart, Document, Grid, Series, Span, Text, Tone};
use crate::layout::file_name;
use crate::record::Run;
use crate::stats::Estimate;
use crate::units::{count, digits, throughput, time, time_interval};

/// A sweep has at least this many parameters; fewer are better read than seen.
const SWEEP: usize = 3;

pub(super) fn tell(page: &mut Document, table: &Table, comparison: &Comparison) {
    let described = &table.description;
    page.heading(3, table.group.as_str());
    let title = capitalised(described.title.trim_end_matches('.'));
    page.paragraph(Text::prose(&format!("{title}.")));
    let parameter = Text::prose(&format!("Parameter: {}.", described.parameter));
    page.paragraph(parameter.then(origin(table, comparison)));
    page.list(notes(table, comparison));
    page.blocks.push(Block::Grid(grid(table)));
    page.blocks.extend(chart(table).map(Block::Chart));
}

/// Who measured it, or when, if that is not what a reader expects.
fn origin(table: &Table, comparison: &Comparison) -> Text {
    match &table.source {
        Source::Criterion => Text::from(" ")
            .then(Span::Emphasis("criterion".into()))
            .then(", one model after the other."),
        Source::Interleaved(id) => {
            let earlier = comparison.runs.iter().skip(1).find(|run| run.id == *id);
            earlier.map_or_else(Text::default, |Run { started, profile, .. }| {
                format!(" From the {profile} run of {started}.").into()
            })
        }
    }
}

fn notes(table: &Table, comparison: &Comparison) -> Vec<Text> {
    let described = &table.description;
    let mut notes: Vec<Text> = described.notes.iter().map(|note| Text::prose(note)).collect();
    if described.own_pace && table.rows.iter().any(|row| is_python(&row.model)) {
        notes.push(
            "Python's rows do as many steps as last as long in Python, far fewer than Rust's: \
             their ratios refer to the first of them."
                .into(),
        );
    }
    if let Some(limit) = &described.limit {
        let is = Text::code(limit.as_str()).then(
            " is no model but the machine's limit for this work; the others' share of it was \
             measured beside it.",
        );
        notes.push(is);
    }
    let rounds = rounds_of(table);
    if let Some(rounds) = rounds.filter(|_| rounds != usual_rounds(table, comparison)) {
        notes.push(
            format!("A cell that takes long has fewer rounds: here at least {rounds}.").into(),
        );
    }
    for (parameter, id) in &table.earlier {
        let run = comparison.runs.iter().find(|run| run.id == *id);
        let started = run.map_or(id, |run| &run.started);
        let column = count(*parameter);
        notes.push(format!("Column {column} is of an earlier run, {started}.").into());
    }
    notes
}

fn grid(table: &Table) -> Grid {
    let parameters = table.parameters.iter().map(|parameter| count(*parameter));
    let heads: Vec<String> = std::iter::once("Model".to_owned()).chain(parameters).collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let rows = table.rows.iter().map(|row| {
        // Fewer steps in the same time: a rate would mislead.
        let has_rate = !(table.description.own_pace && is_python(&row.model));
        let cells = row.cells.iter().map(|content| cell(content, has_rate));
        std::iter::once(Text::code(row.model.as_str()).into()).chain(cells).collect()
    });
    Grid { columns: columns(&heads, &[]), rows: rows.collect() }
}

/// The table's chart, if it is a sweep that a chart shows better.
pub fn chart(table: &Table) -> Option<Chart> {
    let timed =
        |row: &crate::comparison::Row| row.cells.iter().filter(|c| c.time().is_some()).count();
    let most = table.rows.iter().map(timed).max();
    if most < Some(SWEEP) || table.parameters.contains(&0) {
        return None;
    }
    let series = table.rows.iter().map(|row| Series {
        name: row.model.clone(),
        points: row.cells.iter().map(Cell::time).collect(),
    });
    Some(Chart {
        title: format!("{} by {}", table.group, table.description.parameter),
        axis: table.description.parameter.clone(),
        path: format!("charts/{}.svg", file_name(&table.group)),
        columns: table.parameters.iter().map(u64::to_string).collect(),
        series: series.collect(),
    })
}

/// The fewest visits that a figure of this table rests on.
fn rounds_of(table: &Table) -> Option<usize> {
    let cells = table.rows.iter().flat_map(|row| &row.cells);
    let visits = |cell: &Cell| match cell {
        Cell::Time { visits, .. } => Some(visits.len()),
        _ => None,
    };
    cells.filter_map(visits).min()
}

/// The rounds that its run set out to make; what criterion did is its own.
fn usual_rounds(table: &Table, comparison: &Comparison) -> Option<usize> {
    let of = |run: &Run| table.source == Source::Interleaved(run.id.clone());
    match table.source {
        Source::Criterion => rounds_of(table),
        Source::Interleaved(_) => comparison.runs.iter().find(|run| of(run)).map(|run| run.rounds),
    }
}

fn cell(cell: &Cell, has_rate: bool) -> document::Cell {
    let (line, tone): (Text, Tone) = match cell {
        Cell::Absent => ("–".into(), Tone::Plain),
        Cell::Failure(Failure::Wrong(_)) => (Text::strong("wrong result"), Tone::Bad),
        Cell::Failure(Failure::Failed(_)) => (Text::strong("failed"), Tone::Bad),
        Cell::Failure(Failure::Refused(_)) => ("refused by the machine".into(), Tone::Faint),
        Cell::Stopped { at, seconds } => {
            let took = time(seconds * 1e9);
            (format!("stopped: one iteration took {took} at {}", count(*at)).into(), Tone::Faint)
        }
        Cell::Time { time, ratio, of_limit, work, .. } => {
            let mut cell = keyed(time_interval(*time).into(), time.point);
            cell.lines.extend(ratio.map(|ratio| ratio_text(ratio).into()));
            cell.lines.extend(of_limit.map(|share| share_text(share).into()));
            let rates = work.filter(|_| has_rate).map(|work| throughput(work, time.point));
            cell.lines.extend(rates.unwrap_or_default().into_iter().map(Text::from));
            return cell;
        }
    };
    document::Cell { tone, ..line.into() }
}

/// How much of the machine's limit a cell reaches.
pub(super) fn share_text(share: Ratio) -> String {
    let percent = |share: f64| digits(100.0 * share);
    match share {
        Ratio::Paired(Estimate { upper, .. }) | Ratio::Unpaired(upper) if upper < 0.001 => {
            "under 0.1 % of limit".into()
        }
        Ratio::Paired(Estimate { point, lower, upper }) => {
            format!("{} % [{}, {}] of limit", percent(point), percent(lower), percent(upper))
        }
        Ratio::Unpaired(share) => format!("{} % of limit", percent(share)),
    }
}

fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
