//! A comparison written as GitHub-flavoured markdown.

mod claims;

use std::fmt::Write;

use crate::benchmark::Work;
use crate::comparison::{Cell, Comparison, Ratio, Source, Table};
use crate::description::{Failure, is_python};
use crate::machine::{Machine, Python};
use crate::record::Run;
use crate::summary::{Beaten, Headline, beaten_by_python, headline};
use crate::units::{bytes, count, digits, rate, ratio_interval, time, time_interval};

/// Where a table's chart is, relative to the report, if it has one.
pub type ChartOf<'a> = &'a dyn Fn(&Table) -> Option<String>;

/// Writes the whole report.
pub fn render(comparison: &Comparison, charts: ChartOf<'_>) -> String {
    let mut out = String::from("# Which execution model pays off for which work, here\n\n");
    machine(&mut out, comparison);
    summary(&mut out, comparison);
    unranked(&mut out, comparison);
    where_python_wins(&mut out, comparison);
    claims::claims(&mut out, comparison);
    how_to_read(&mut out, comparison);
    for section in &comparison.sections {
        let _ = writeln!(out, "## {}\n", text(&section.topic));
        for table in &section.tables {
            workload(&mut out, table, comparison, charts);
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn machine(out: &mut String, comparison: &Comparison) {
    let Some(run) = comparison.runs.first() else {
        out.push_str(
            "Measured by `cargo bench`: criterion records no machine, commit or date, so none \
             can be stated here. `cargo run --release -p report` measures with a record.\n\n",
        );
        return;
    };
    let Machine { cpu, cores, memory, kernel, rustc, commit } = &run.machine;
    out.push_str("| Machine | |\n|---|---|\n");
    let rows = [
        ("CPU", text(cpu)),
        ("Cores", cores.to_string()),
        ("Memory", bytes(*memory)),
        ("Kernel", text(kernel)),
        ("rustc", text(rustc)),
        ("Commit", text(commit)),
        ("Date", text(&run.started)),
        ("Profile", profile(run)),
        ("Python", python(run)),
    ];
    for (name, value) in rows {
        let _ = writeln!(out, "| {name} | {value} |");
    }
    out.push('\n');
    for other in &comparison.runs[1..] {
        let differs =
            if other.machine == run.machine { "" } else { ", on another machine or commit" };
        let _ = writeln!(
            out,
            "Some tables come from an earlier run ({}, {}, commit {}{differs}; Python {}); they \
             say so.\n",
            other.started,
            other.profile,
            text(&other.machine.commit),
            python(other),
        );
    }
}

fn profile(run: &Run) -> String {
    let Run { profile, rounds, .. } = run;
    format!("{profile} run, {rounds} rounds a cell; cargo's `bench` profile")
}

fn python(run: &Run) -> String {
    match &run.python {
        Err(why) => format!("absent: {}", text(why)),
        Ok(python) => {
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
                                 `POLYPHONY_PYTHON` chooses another";
                parts.push(flattered.into());
            }
            parts.iter().map(|part| text(part)).collect::<Vec<_>>().join(", ")
        }
    }
}

fn summary(out: &mut String, comparison: &Comparison) {
    out.push_str("## Summary\n\n");
    failures(out, comparison);
    if let Some(run) = comparison.runs.first().filter(|run| !run.is_finished()) {
        let cells: usize = run.topics.iter().map(|part| part.done.len()).sum();
        let _ = writeln!(
            out,
            "**The latest run is not finished**: {cells} cells are measured. What it has not \
             come to is missing below or of an earlier run, and the same command goes on with it.\n"
        );
    }
    out.push_str(
        "At the largest parameter that the baseline of each workload was measured at: the \
         baseline, and the fastest of the others. \
         \"Pays from\" is the smallest parameter from which on that model's whole interval is \
         below the baseline's.\n\n\
         | Workload | at | baseline | fastest Rust model | pays from | fastest Python peer |\n\
         |---|---:|---|---|---|---|\n",
    );
    for table in comparison.tables() {
        let Some(Headline { parameter, baseline, rust, python, pays_from }) = headline(table)
        else {
            continue;
        };
        let model = |found: Option<(&str, Cell)>| match found {
            Some((name, Cell::Time { time: t, ratio: Some(ratio), .. })) => {
                format!("`{name}` {}, {}", time(t.point), ratio_text(ratio))
            }
            _ => "–".into(),
        };
        let pays = match (&rust, pays_from) {
            (None, _) => "–".into(),
            (_, Some(parameter)) => count(parameter),
            (_, None) => "nowhere measured".into(),
        };
        let (name, cell) = baseline;
        let _ = writeln!(
            out,
            "| [{group}](#{anchor}) | {} {} | `{name}` {} | {} | {pays} | {} |",
            count(parameter),
            text(&table.description.parameter),
            cell.time().map_or_else(|| "–".into(), |t| time(t.point)),
            model(rust),
            model(python),
            group = table.group,
            anchor = anchor(&table.group),
        );
    }
    out.push('\n');
}

/// A workload that is missing from the summary is missing for a reason.
fn unranked(out: &mut String, comparison: &Comparison) {
    let unranked = comparison.tables().filter(|table| table.description.unranked);
    let names: Vec<_> =
        unranked.map(|table| format!("[{}](#{})", table.group, anchor(&table.group))).collect();
    if !names.is_empty() {
        let _ =
            writeln!(out, "Not ranked, for their models are no rivals: {}.\n", names.join(", "));
    }
}

/// A comparison that is honest says where it loses.
fn where_python_wins(out: &mut String, comparison: &Comparison) {
    let beaten = comparison
        .tables()
        .flat_map(|table| beaten_by_python(table).into_iter().map(move |beaten| (table, beaten)));
    let lines: Vec<String> = beaten
        .map(|(table, Beaten { parameter, python, rust, ratio })| {
            format!(
                "- [{}](#{}) at {} {}: `{python}` takes {} the time of `{rust}`, the fastest in Rust\n",
                table.group,
                anchor(&table.group),
                count(parameter),
                text(&table.description.parameter),
                ratio_interval(ratio),
            )
        })
        .collect();
    if lines.is_empty() {
        return;
    }
    out.push_str("Where a Python peer is faster than every Rust model:\n\n");
    out.push_str(&lines.concat());
    out.push('\n');
}

/// What went wrong comes before any figure.
fn failures(out: &mut String, comparison: &Comparison) {
    for file in &comparison.unreadable {
        let _ = writeln!(out, "- **Unreadable**, and left out: {}", text(file));
    }
    for table in comparison.tables() {
        for row in &table.rows {
            for (cell, parameter) in row.cells.iter().zip(&table.parameters) {
                if let Cell::Failure(failure) = cell {
                    let (group, model) = (&table.group, &row.model);
                    let failure = text(&failure.to_string());
                    let _ = writeln!(out, "- **{group}/{model}/{parameter}** {failure}");
                }
            }
        }
    }
    if out.ends_with("## Summary\n\n") {
        return;
    }
    out.push('\n');
}

fn how_to_read(out: &mut String, comparison: &Comparison) {
    out.push_str(
        "## How to read the tables\n\n\
         Models are rows, parameters columns; the first row is the baseline. A cell holds the \
         time of one iteration (median, with its 95 % bootstrap interval), the ratio to the \
         baseline (×0.5 is twice as fast) and, where it means something, the rate.\n\n\
         The sampler visits all models of a column in rotated rounds, so that a ratio is the \
         median of ratios taken within a round, and its interval covers what the machine did \
         meanwhile. Results are checked outside the clock: each one that was timed, or, where a \
         model leaves its result in place, one of each batch. Pools, \
         runtimes and clusters exist before the clock starts unless a note says otherwise, and \
         the first, cold visit is not counted. Workers are not pinned: where the scheduler puts \
         them is part of the interval. Wall time only: CPU time and memory are not in the \
         figures.\n\n",
    );
    if comparison.tables().any(|table| table.source == Source::Criterion) {
        out.push_str(
            "Tables marked *criterion* were measured by `cargo bench`, one model after the other: \
             their times are good, their ratios carry the machine's drift and no interval.\n\n",
        );
    }
}

fn workload(out: &mut String, table: &Table, comparison: &Comparison, charts: ChartOf<'_>) {
    let described = &table.description;
    let title = capitalised(described.title.trim_end_matches('.'));
    let _ = writeln!(out, "### {}\n\n{}.\n", table.group, text(&title));
    let _ = writeln!(out, "Parameter: {}.", text(&described.parameter));
    match &table.source {
        Source::Criterion => out.push_str("*criterion*, one model after the other.\n"),
        Source::Interleaved(id) => {
            let earlier = comparison.runs.iter().skip(1).find(|run| run.id == *id);
            if let Some(Run { started, profile, .. }) = earlier {
                let _ = writeln!(out, "From the {profile} run of {started}.");
            }
        }
    }
    out.push('\n');
    for note in &described.notes {
        let _ = writeln!(out, "- {}", text(note));
    }
    if described.own_pace && table.rows.iter().any(|row| is_python(&row.model)) {
        out.push_str(
            "- Python's rows do as many steps as last as long in Python, far fewer than Rust's: \
             their ratios refer to the first of them.\n",
        );
    }
    if let Some(rounds) =
        rounds_of(table).filter(|rounds| Some(*rounds) != usual_rounds(table, comparison))
    {
        let _ = writeln!(out, "- A cell that takes long has fewer rounds: here at least {rounds}.");
    }
    for (parameter, id) in &table.earlier {
        let run = comparison.runs.iter().find(|run| run.id == *id);
        let started = run.map_or(id, |run| &run.started);
        let _ = writeln!(out, "- Column {} is of an earlier run, {started}.", count(*parameter));
    }
    if !out.ends_with("\n\n") {
        out.push('\n');
    }
    out.push_str("| Model |");
    table.parameters.iter().for_each(|parameter| {
        let _ = write!(out, " {} |", count(*parameter));
    });
    out.push_str("\n|---|");
    out.push_str(&"---|".repeat(table.parameters.len()));
    out.push('\n');
    for row in &table.rows {
        let _ = write!(out, "| `{}` |", row.model);
        for cell_content in &row.cells {
            // Fewer steps in the same time: a rate would mislead.
            let has_rate = !(described.own_pace && is_python(&row.model));
            let _ = write!(out, " {} |", cell(cell_content, has_rate));
        }
        out.push('\n');
    }
    out.push('\n');
    if let Some(path) = charts(table) {
        let _ = writeln!(out, "![{} by {}]({path})\n", table.group, text(&described.parameter));
    }
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

fn cell(cell: &Cell, has_rate: bool) -> String {
    match cell {
        Cell::Absent => "–".into(),
        Cell::Failure(Failure::Wrong(_)) => "**wrong result**".into(),
        Cell::Failure(Failure::Failed(_)) => "**failed**".into(),
        Cell::Failure(Failure::Refused(_)) => "refused by the machine".into(),
        Cell::Stopped { at, seconds } => {
            format!("stopped: one iteration took {} at {}", time(seconds * 1e9), count(*at))
        }
        Cell::Time { time, ratio, work, .. } => {
            let mut lines = vec![time_interval(*time)];
            lines.extend(ratio.map(ratio_text));
            lines.extend(work.filter(|_| has_rate).map(|work| throughput(work, time.point)));
            lines.join("<br>")
        }
    }
}

fn ratio_text(ratio: Ratio) -> String {
    match ratio {
        Ratio::Paired(ratio) => ratio_interval(ratio),
        Ratio::Unpaired(ratio) => format!("×{}", digits(ratio)),
    }
}

fn throughput(work: Work, nanoseconds: f64) -> String {
    let per_second = |n: u64| n as f64 / (nanoseconds / 1e9);
    match work {
        Work::Elements(n) => rate(per_second(n), "elements"),
        Work::Bytes(n) | Work::BytesDecimal(n) => rate(per_second(n), "B"),
        Work::Bits(n) => rate(per_second(n), "b"),
        Work::ElementsAndBytes { elements, bytes } => {
            format!("{}, {}", rate(per_second(elements), "elements"), rate(per_second(bytes), "B"))
        }
    }
}

fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Text that is safe in a table: no pipe ends the cell, no line ends the row,
/// no angle bracket opens a tag.
pub fn text(raw: &str) -> String {
    let mut safe = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '|' => safe.push_str("\\|"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\n' | '\r' => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_a_table() {
        assert_eq!(text("a|b\nc <d>"), "a\\|b c &lt;d&gt;");
    }

    #[test]
    fn headings_are_found_by_their_anchor() {
        assert_eq!(anchor("sync-vs-async/fun"), "sync-vs-asyncfun");
    }
}
