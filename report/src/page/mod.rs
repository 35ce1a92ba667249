//! The workspace's own report: a comparison told as a document.

mod claims;
mod workload;

pub use workload::chart;

use crate::comparison::{Cell, Comparison, Ratio, Source, Table};
use crate::document::{self, Block, Column, Document, Grid, Span, Text};
use crate::machine::{Machine, Python};
use crate::record::Run;
use crate::summary::{Beaten, Headline, beaten_by_python, headline};
use crate::units::{bytes, count, digits, ratio_interval, time};

/// Composes the whole report, charts included, in time linear in its cells but
/// for the ratios that the summary takes of a table's fastest rows.
pub fn compose(comparison: &Comparison) -> Document {
    let mut page = Document::default();
    page.heading(1, "Which execution model pays off for which work, here");
    machine(&mut page, comparison);
    summary(&mut page, comparison);
    unranked(&mut page, comparison);
    where_python_wins(&mut page, comparison);
    claims::claims(&mut page, comparison);
    how_to_read(&mut page, comparison);
    for section in &comparison.sections {
        page.heading(2, section.topic.as_str());
        for table in &section.tables {
            workload::tell(&mut page, table, comparison);
        }
    }
    page
}

fn machine(page: &mut Document, comparison: &Comparison) {
    let Some(run) = comparison.runs.first() else {
        page.paragraph(Text::prose(
            "Measured by `cargo bench`: criterion records no machine, commit or date, so none \
             can be stated here. `cargo run --release -p report` measures with a record.",
        ));
        return;
    };
    let Machine { cpu, cores, memory, kernel, rustc, commit } = &run.machine;
    let rows: [(&str, Text); 9] = [
        ("CPU", cpu.as_str().into()),
        ("Cores", cores.to_string().into()),
        ("Memory", bytes(*memory).into()),
        ("Kernel", kernel.as_str().into()),
        ("rustc", rustc.as_str().into()),
        ("Commit", commit.as_str().into()),
        ("Date", run.started.as_str().into()),
        ("Profile", profile(run)),
        ("Python", python(run)),
    ];
    let rows = rows.map(|(name, value)| vec![name.into(), value.into()]);
    page.blocks
        .push(Block::Grid(Grid { columns: columns(&["Machine", ""], &[]), rows: rows.into() }));
    for other in &comparison.runs[1..] {
        let differs =
            if other.machine == run.machine { "" } else { ", on another machine or commit" };
        let Run { started, profile, .. } = other;
        let commit = &other.machine.commit;
        let known = format!(
            "Some tables come from an earlier run ({started}, {profile}, commit {commit}{differs}; \
             Python "
        );
        page.paragraph(Text::from(known).then(python(other)).then("); they say so."));
    }
}

fn profile(run: &Run) -> Text {
    let Run { profile, rounds, .. } = run;
    Text::prose(&format!("{profile} run, {rounds} rounds a cell; cargo's `bench` profile"))
}

fn python(run: &Run) -> Text {
    let python = match &run.python {
        Err(why) => return Text::prose(&format!("absent: {why}")),
        Ok(python) => python,
    };
    let told = |what, is: Option<bool>| match is {
        Some(true) => format!("with {what}"),
        Some(false) => format!("without {what}"),
        None => format!("{what} not recorded"),
    };
    let package = |name, version: &Option<String>| {
        format!("{name} {}", version.as_deref().unwrap_or("absent"))
    };
    let Python { version, implementation, compiler, start_method, .. } = python;
    let mut parts = vec![
        format!("{implementation} {version} ({compiler})"),
        told("PGO", python.pgo),
        told("LTO", python.lto),
        told("a GIL", Some(python.gil)),
        format!("starts processes by {start_method}"),
        package("NumPy", &python.numpy),
        package("Dask", &python.dask),
        package("distributed", &python.distributed),
    ];
    if python.pgo == Some(false) {
        let flattered = "a build without PGO is 5 to 55 % slower and flatters Rust: \
                         `POLYPHONY_BASE_PYTHON` chooses another";
        parts.push(flattered.into());
    }
    Text::prose(&parts.join(", "))
}

fn summary(page: &mut Document, comparison: &Comparison) {
    page.heading(2, "Summary");
    page.list(failures(comparison));
    if let Some(run) = comparison.runs.first().filter(|run| !run.is_finished()) {
        let cells: usize = run.topics.iter().map(|part| part.done.len()).sum();
        page.paragraph(Text::strong("The latest run is not finished").then(format!(
            ": {cells} cells are measured. What it has not come to is missing below or of an \
             earlier run, and the same command goes on with it."
        )));
    }
    page.paragraph(
        "At the largest parameter that the baseline of each workload was measured at: the \
         baseline, and the fastest of the others. \
         \"Pays from\" is the smallest parameter from which on that model's whole interval is \
         below the baseline's.",
    );
    let heads =
        ["Workload", "at", "baseline", "fastest Rust model", "pays from", "fastest Python peer"];
    let headlines = comparison.tables().filter_map(|table| Some((table, headline(table)?)));
    let rows = headlines.map(|(table, headline)| summary_row(table, headline)).collect();
    page.blocks.push(Block::Grid(Grid { columns: columns(&heads, &[1]), rows }));
}

fn summary_row(table: &Table, headline: Headline<'_>) -> Vec<document::Cell> {
    let Headline { parameter, baseline, rust, python, pays_from } = headline;
    let model = |found: Option<(&str, Cell)>| match found {
        Some((name, Cell::Time { time: t, ratio: Some(ratio), of_limit, .. })) => {
            let share = of_limit.map(|share| format!(", {}", workload::share_text(share)));
            let share = share.unwrap_or_default();
            let figures = format!(" {}, {}{share}", time(t.point), ratio_text(ratio));
            keyed(Text::code(name).then(figures), ratio_point(ratio))
        }
        _ => "–".into(),
    };
    let pays = match (&rust, pays_from) {
        (None, _) => "–".into(),
        (_, Some(parameter)) => keyed(count(parameter).into(), parameter as f64),
        (_, None) => "nowhere measured".into(),
    };
    let (name, cell) = baseline;
    let at = format!("{} {}", count(parameter), table.description.parameter);
    let baseline = match cell.time() {
        Some(t) => keyed(Text::code(name).then(format!(" {}", time(t.point))), t.point),
        None => Text::code(name).then(" –").into(),
    };
    vec![
        link(table).into(),
        keyed(at.into(), parameter as f64),
        baseline,
        model(rust),
        pays,
        model(python),
    ]
}

/// A workload that is missing from the summary is missing for a reason.
fn unranked(page: &mut Document, comparison: &Comparison) {
    let mut unranked = comparison.tables().filter(|table| table.description.unranked);
    let Some(first) = unranked.next() else { return };
    let names = unranked.fold(link(first), |names, table| names.then(", ").then(link(table)));
    let why = Text::from("Not ranked, for their models are no rivals: ");
    page.paragraph(why.then(names).then("."));
}

/// A comparison that is honest says where it loses.
fn where_python_wins(page: &mut Document, comparison: &Comparison) {
    let beaten = comparison
        .tables()
        .flat_map(|table| beaten_by_python(table).into_iter().map(move |beaten| (table, beaten)));
    let lines: Vec<Text> = beaten
        .map(|(table, Beaten { parameter, python, rust, ratio })| {
            link(table)
                .then(format!(" at {} {}: ", count(parameter), table.description.parameter))
                .then(Text::code(python))
                .then(format!(" takes {} the time of ", ratio_interval(ratio)))
                .then(Text::code(rust))
                .then(", the fastest in Rust")
        })
        .collect();
    if !lines.is_empty() {
        page.paragraph("Where a Python peer is faster than every Rust model:");
        page.list(lines);
    }
}

/// What went wrong comes before any figure.
fn failures(comparison: &Comparison) -> Vec<Text> {
    let unreadable = comparison
        .unreadable
        .iter()
        .map(|file| Text::strong("Unreadable").then(format!(", and left out: {file}")));
    let failed = comparison.tables().flat_map(|table| {
        let rows = table.rows.iter();
        rows.flat_map(|row| row.cells.iter().zip(&table.parameters).map(move |cell| (row, cell)))
            .filter_map(|(row, (cell, parameter))| {
                let Cell::Failure(failure) = cell else { return None };
                let what = format!("{}/{}/{parameter}", table.group, row.model);
                Some(Text::strong(what).then(format!(" {failure}")))
            })
    });
    unreadable.chain(failed).collect()
}

fn how_to_read(page: &mut Document, comparison: &Comparison) {
    page.heading(2, "How to read the tables");
    page.paragraph(
        "Models are rows, parameters columns; the first row is the baseline. A cell holds the \
         time of one iteration (median, with its 95 % bootstrap interval), the ratio to the \
         baseline (×0.5 is twice as fast) and, where it means something, the rate.",
    );
    page.paragraph(
        "The sampler visits all models of a column in rotated rounds, so that a ratio is the \
         median of ratios taken within a round, and its interval covers what the machine did \
         meanwhile. Results are checked outside the clock: each one that was timed, or, where a \
         model leaves its result in place, one of each batch. Pools, \
         runtimes and clusters exist before the clock starts unless a note says otherwise, and \
         the first, cold visit is not counted. Workers are not pinned: where the scheduler puts \
         them is part of the interval. Wall time only: CPU time and memory are not in the \
         figures.",
    );
    if comparison.tables().any(|table| table.description.limit.is_some()) {
        page.paragraph(
            "\"30 % of limit\" is what the row that is called the limit took, over what this one \
             took: the limit moves the same memory, or does the same arithmetic, and nothing else.",
        );
    }
    if comparison.tables().any(|table| table.source == Source::Criterion) {
        let marked = Text::from("Tables marked ").then(Span::Emphasis("criterion".into()));
        page.paragraph(marked.then(Text::prose(
            " were measured by `cargo bench`, one model after the other: their times are good, \
             their ratios carry the machine's drift and no interval.",
        )));
    }
}

/// The name of a table, as a link to it.
fn link(table: &Table) -> Text {
    Span::Link(table.group.clone(), table.group.clone()).into()
}

/// Columns by their heads; those of the places given stand to the right.
fn columns(heads: &[&str], right: &[usize]) -> Vec<Column> {
    let heads = heads.iter().enumerate();
    heads.map(|(at, head)| Column { head: (*head).into(), right: right.contains(&at) }).collect()
}

/// A cell that is sorted by a figure.
fn keyed(line: Text, key: f64) -> document::Cell {
    document::Cell { key: Some(key), ..line.into() }
}

fn ratio_text(ratio: Ratio) -> String {
    match ratio {
        Ratio::Paired(ratio) => ratio_interval(ratio),
        Ratio::Unpaired(ratio) => format!("×{}", digits(ratio)),
    }
}

fn ratio_point(ratio: Ratio) -> f64 {
    match ratio {
        Ratio::Paired(ratio) => ratio.point,
        Ratio::Unpaired(ratio) => ratio,
    }
}
