//! A pivot as a page.

use std::collections::BTreeSet;

use super::{Cell, Figures, Part, Pivot, Ratio, Row, Section};
use crate::benchmark::Statistic;
use crate::document::{self, Block, Chart, Column, Document, Grid, Series, Span, Text, Tone};
use crate::stats::Estimate;
use crate::units::{digits, ratio_interval, throughput, time, time_interval};

impl Pivot {
    /// The page, with a chart for each section that is worth one if `charts`.
    pub fn document(&self, charts: bool) -> Document {
        let mut page = Document::default();
        let labels: Vec<_> = self.sources.iter().map(|source| source.label.as_str()).collect();
        page.heading(1, Text::from("Benchmarks of ").then(Span::Code(labels.join(", "))));
        self.machines(&mut page);
        let references = self.references();
        page.paragraph(self.how_to_read(&references));
        for section in &self.sections {
            let name = if section.name.is_empty() { "(no name)" } else { &section.name };
            page.heading(2, Text::code(name));
            if charts && let Some(chart) = chart(section) {
                page.blocks.push(Block::Chart(chart));
            }
            page.blocks.push(Block::Grid(grid(section, self, references.len() > 1)));
        }
        if !self.problems.is_empty() {
            page.heading(2, "Footnotes");
            let notes = self.problems.iter().enumerate();
            let note = |(n, problem): (usize, &_)| Text::from(format!("[{}] {problem}", n + 1));
            page.list(notes.map(note).collect());
        }
        page
    }

    fn machines(&self, page: &mut Document) {
        let known =
            self.sources.iter().filter_map(|source| Some((source, source.machine.as_ref()?)));
        let known: Vec<_> = known.collect();
        let told = known.iter().map(|(source, m)| {
            let machine = format!(
                ": {}, {} cores, Linux {}, {}, commit {}",
                m.cpu, m.cores, m.kernel, m.rustc, m.commit
            );
            Text::code(&source.label).then(machine)
        });
        page.list(told.collect());
        let hosts: BTreeSet<_> = known.iter().map(|(_, m)| (&m.cpu, m.cores, &m.kernel)).collect();
        if hosts.len() > 1 {
            page.paragraph(Text::strong("The machines differ").then(
                ": a ratio between rows of different sources compares machines as well as code.",
            ));
        }
    }

    /// The rows that ratios refer to: most often one name for all sections.
    fn references(&self) -> BTreeSet<String> {
        self.sections.iter().flat_map(referred_to).collect()
    }

    fn how_to_read(&self, references: &BTreeSet<String>) -> Text {
        let figures = || {
            let rows = self.sections.iter().flat_map(|section| &section.rows);
            rows.flat_map(|row| &row.cells).filter_map(Cell::figures)
        };
        let figure = match self.statistic {
            None if figures().any(|figures| figures.statistic == Statistic::Median) => {
                "typical time of one iteration (of the sampler and of a history's runs the median; \
                 of criterion the slope, else the mean)"
            }
            None => {
                "typical time of one iteration (criterion's headline: the slope, else the mean)"
            }
            Some(Statistic::Mean) => "mean time of one iteration",
            Some(Statistic::Median) => "median time of one iteration",
            Some(Statistic::Slope) => "slope of time over iterations",
        };
        let mut text = Text::from(format!("A cell: {figure} with its 95 % interval"));
        if figures().any(|figures| figures.ratio.is_some()) {
            text = text.then("; the ratio to ");
            text = match references.iter().next() {
                Some(only) if references.len() == 1 => text.then(Span::Code(only.clone())),
                _ => text.then("the row of its column that is marked as reference"),
            };
            text = text.then(" (×0.5 is twice as fast)");
        }
        if figures().any(|figures| figures.work.is_some()) {
            text = text.then("; the rate");
        }
        let mut text = text.then(".");
        if self.sections.iter().any(|section| section.rows.len() > 1) {
            text = text.then(" The fastest of a column is bold, with ✓ where there are colours.");
        }
        if figures().any(|f| matches!(f.ratio, Some(Ratio::Propagated(_)))) {
            text = text.then(
                " A ratio's interval is propagated from those of its two times (Zou and Donner \
                 2008, on the logarithm); drift between two measurements is not in it.",
            );
        }
        if figures().any(|f| matches!(f.ratio, Some(Ratio::Paired(_)))) {
            text = text.then(
                " Ratios within one run of the sampler are medians of ratios taken round by round.",
            );
        }
        if figures().any(|figures| figures.too_small) {
            text = text.then(
                " Figures of two visits, as criterion's --quick leaves them, have no interval.",
            );
        }
        text
    }
}

fn grid(section: &Section, pivot: &Pivot, mark_reference: bool) -> Grid {
    let part = match pivot.rows {
        Part::Group => "Group",
        Part::Function => "Function",
        Part::Value => "Value",
    };
    let mut columns = vec![Column { head: part.into(), right: false }];
    columns.extend(section.columns.iter().map(|text| {
        let head = if text.is_empty() { Text::from("time") } else { Text::code(text) };
        Column { head, right: true }
    }));
    let fastest: Vec<Option<f64>> = (0..section.columns.len())
        .map(|column| {
            let times = section.rows.iter().filter_map(|row| row.cells[column].time());
            let all: Vec<f64> = times.collect();
            all.iter().copied().reduce(f64::min).filter(|_| all.len() > 1)
        })
        .collect();
    let referred = referred_to(section);
    let rows = section.rows.iter().map(|row| {
        let mut cells = vec![title(row)];
        if mark_reference && referred.contains(&row.title()) {
            cells[0].lines.push(Span::Emphasis("reference".into()).into());
        }
        cells.extend(row.cells.iter().zip(&fastest).map(|(cell, fastest)| told(cell, *fastest)));
        cells
    });
    Grid { columns, rows: rows.collect() }
}

/// The titles of the rows that this section's ratios refer to.
fn referred_to(section: &Section) -> BTreeSet<String> {
    let cells = section.rows.iter().flat_map(|row| &row.cells);
    cells.filter_map(|cell| cell.figures()?.reference.clone()).collect()
}

fn title(row: &Row) -> document::Cell {
    let name = Text::code(&row.name);
    let line = match &row.qualifier {
        Some(qualifier) => name.then(format!(" ({qualifier})")),
        None => name,
    };
    // Values are sorted by their size wherever a reader can sort.
    let key = row.name.parse().ok().filter(|key: &f64| key.is_finite());
    document::Cell { key, ..line.into() }
}

fn told(cell: &Cell, fastest: Option<f64>) -> document::Cell {
    let figures = match cell {
        Cell::Absent => return document::Cell { tone: Tone::Faint, ..Text::from("–").into() },
        Cell::Unreadable(note) => {
            let text = Text::from(format!("unreadable [{}]", note + 1));
            return document::Cell { tone: Tone::Bad, ..text.into() };
        }
        Cell::Measured(figures) => figures,
    };
    let Some(estimate) = figures.time else {
        let text = Text::from(format!("no {}", figures.statistic));
        return document::Cell { tone: Tone::Faint, ..text.into() };
    };
    let tone = if figures.too_small {
        Tone::Faint
    } else if fastest == Some(estimate.point) {
        Tone::Good
    } else {
        Tone::Plain
    };
    let mut lines = lines(figures);
    if tone == Tone::Good
        && let Some(first) = lines.first_mut()
    {
        *first = Text::strong(first.plain());
    }
    document::Cell { lines, key: Some(estimate.point), tone }
}

fn lines(figures: &Figures) -> Vec<Text> {
    let Some(estimate) = figures.time else { return Vec::new() };
    let mut lines: Vec<Text> = Vec::new();
    lines.push(if figures.too_small {
        format!("{} ({} visits)", time(estimate.point), figures.visits).into()
    } else {
        time_interval(estimate).into()
    });
    lines.extend(figures.ratio.map(|ratio| match ratio.interval() {
        Some(ratio) => ratio_interval(ratio).into(),
        None => format!("×{}", digits(ratio.point())).into(),
    }));
    let rates = figures.work.map(|work| throughput(work, estimate.point)).unwrap_or_default();
    lines.extend(rates.into_iter().map(Text::from));
    lines
}

/// A time as a chart shows it: without an interval where the table tells none.
fn drawn(figures: &Figures) -> Option<Estimate> {
    let time = figures.time?;
    let bare = Estimate { lower: time.point, upper: time.point, ..time };
    Some(if figures.too_small { bare } else { time })
}

/// A line for each row over the columns, or a dot for each row; `None` where
/// there is nothing to compare.
fn chart(section: &Section) -> Option<Chart> {
    let series: Vec<Series> = section
        .rows
        .iter()
        .map(|row| Series {
            name: row.title(),
            points: row.cells.iter().map(|cell| cell.figures().and_then(drawn)).collect(),
        })
        .collect();
    let points = series.iter().flat_map(|series| &series.points).flatten().count();
    (points > 1).then(|| Chart {
        title: format!("{}: time of one iteration", section.name),
        axis: String::new(),
        path: String::new(),
        columns: section.columns.clone(),
        series,
    })
}
