//! A pivot as a page.

use std::collections::BTreeSet;

use super::{Cell, Figures, Part, Pivot, Ratio, Row, Section};
use crate::benchmark::Statistic;
use crate::document::{self, Block, Chart, Column, Document, Grid, Series, Span, Text, Tone};
use crate::units::{digits, ratio_interval, throughput, time, time_interval};

impl Pivot {
    /// The page, with a chart for each section that is worth one if `charts`.
    pub fn document(&self, charts: bool) -> Document {
        let mut page = Document::default();
        let labels: Vec<_> = self.sources.iter().map(|source| source.label.as_str()).collect();
        page.heading(1, Text::from("Benchmarks of ").then(Span::Code(labels.join(", "))));
        self.machines(&mut page);
        page.paragraph(self.how_to_read());
        for section in &self.sections {
            let name = if section.name.is_empty() { "(no name)" } else { &section.name };
            page.heading(2, Text::code(name));
            if charts && let Some(chart) = chart(section) {
                page.blocks.push(Block::Chart(chart));
            }
            page.blocks.push(Block::Grid(grid(section, self)));
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

    fn how_to_read(&self) -> Text {
        let figure = match self.statistic {
            None => {
                "typical time of one iteration (criterion's headline: the slope, else the mean)"
            }
            Some(Statistic::Mean) => "mean time of one iteration",
            Some(Statistic::Median) => "median time of one iteration",
            Some(Statistic::Slope) => "slope of time over iterations",
        };
        let mut text = Text::from(format!("A cell: {figure} with its 95 % interval"));
        let figures = || {
            let rows = self.sections.iter().flat_map(|section| &section.rows);
            rows.flat_map(|row| &row.cells).filter_map(Cell::figures)
        };
        let references: BTreeSet<_> = self
            .sections
            .iter()
            .filter_map(|section| Some(section.rows[section.reference?].title()))
            .collect();
        if figures().any(|figures| figures.ratio.is_some()) {
            text = text.then("; the ratio to ");
            text = match references.iter().next() {
                Some(only) if references.len() == 1 => text.then(Span::Code(only.clone())),
                _ => text.then("the section's first row"),
            };
            text = text.then(" (×0.5 is twice as fast)");
        }
        if figures().any(|figures| figures.work.is_some()) {
            text = text.then("; the rate");
        }
        let mut text = text.then(".");
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

fn grid(section: &Section, pivot: &Pivot) -> Grid {
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
    let rows = section.rows.iter().map(|row| {
        let mut cells = vec![title(row)];
        cells.extend(row.cells.iter().zip(&fastest).map(|(cell, fastest)| told(cell, *fastest)));
        cells
    });
    Grid { columns, rows: rows.collect() }
}

fn title(row: &Row) -> document::Cell {
    let name = Text::code(&row.name);
    match &row.qualifier {
        Some(qualifier) => name.then(format!(" ({qualifier})")).into(),
        None => name.into(),
    }
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
    document::Cell { lines: lines(figures), key: Some(estimate.point), tone }
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

/// A line for each row over the columns, or a dot for each row; `None` where
/// there is nothing to compare.
fn chart(section: &Section) -> Option<Chart> {
    let series: Vec<Series> = section
        .rows
        .iter()
        .map(|row| Series {
            name: row.title(),
            points: row.cells.iter().map(|cell| cell.figures()?.time).collect(),
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
