//! What is told, apart from the syntax in which it is written.
//!
//! The comparison of a workspace, a table and a difference each compose a
//! [`Document`]; `markdown`, `terminal` and `html` write any of them. Text is
//! raw here: a writer alone knows what its syntax must escape.

use crate::stats::Estimate;

mod anchors;
pub mod chart;
pub mod html;
pub mod markdown;
mod names;
mod scale;
pub mod terminal;
mod xml;

/// A whole page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Its parts, in order.
    pub blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A heading: 1 is the page's own.
    Heading(u8, Text),
    /// A paragraph.
    Paragraph(Text),
    /// A list of equals.
    List(Vec<Text>),
    /// Rows and columns.
    Grid(Grid),
    /// A picture of a grid.
    Chart(Chart),
}

/// Rows and columns of cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// The columns' heads.
    pub columns: Vec<Column>,
    /// The rows; each has a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// A column's head.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// Its title.
    pub head: Text,
    /// Whether its cells are figures that stand to the right.
    pub right: bool,
}

/// A cell: one line, or several below one another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// The lines.
    pub lines: Vec<Text>,
    /// What the cell is sorted by where a reader can sort; its text if absent.
    pub key: Option<f64>,
    /// Whether the cell is to be noticed, and how.
    pub tone: Tone,
}

/// How a cell is meant, for writers that have colours; the words say it too.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Tone {
    /// Like any other.
    #[default]
    Plain,
    /// The best of its column, or better than before.
    Good,
    /// Worse than before, wrong, or failed.
    Bad,
    /// Not to be relied on.
    Faint,
}

/// A line of text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text(pub Vec<Span>);

/// A piece of text of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Span {
    /// As it is.
    Plain(String),
    /// Something that a machine reads: a name, a command. Long ones are elided
    /// in the middle by writers that have little room.
    Code(String),
    /// To be noticed.
    Strong(String),
    /// Set apart.
    Emphasis(String),
    /// A link to a heading of the same page: its text, and that heading's text.
    Link(String, String),
}

/// A picture: time against a parameter, or a bar for each benchmark.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// What it shows, for those who do not see it too.
    pub title: String,
    /// What the parameter counts.
    pub axis: String,
    /// Where a writer of files puts it, relative to the page.
    pub path: String,
    /// The parameter's values where they are numbers, else their names.
    pub columns: Vec<String>,
    /// A line each.
    pub series: Vec<Series>,
}

/// One line of a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Whose it is.
    pub name: String,
    /// Nanoseconds at each of the chart's columns, where it was measured.
    pub points: Vec<Option<Estimate>>,
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(vec![Span::Plain(text.to_owned())])
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text(vec![Span::Plain(text)])
    }
}

impl From<Span> for Text {
    fn from(span: Span) -> Self {
        Text(vec![span])
    }
}

impl Text {
    /// Prose as doc comments have it: what stands between two backticks is
    /// code, and a backtick that has no other is a backtick.
    ///
    /// ```
    /// use report::document::{Span, Text};
    /// let text = Text::prose("cargo's `bench` profile");
    /// assert_eq!(text.0[1], Span::Code("bench".into()));
    /// assert_eq!(text.plain(), "cargo's bench profile");
    /// ```
    pub fn prose(words: &str) -> Self {
        let mut spans = Vec::new();
        let mut rest = words;
        while let Some((before, (code, after))) =
            rest.split_once('`').and_then(|(before, after)| Some((before, after.split_once('`')?)))
        {
            spans.push(Span::Plain(before.to_owned()));
            spans.push(Span::Code(code.to_owned()));
            rest = after;
        }
        spans.push(Span::Plain(rest.to_owned()));
        spans.retain(|span| !matches!(span, Span::Plain(words) if words.is_empty()));
        Text(spans)
    }

    /// A name or a command.
    pub fn code(text: impl Into<String>) -> Self {
        Span::Code(text.into()).into()
    }

    /// Something to be noticed.
    pub fn strong(text: impl Into<String>) -> Self {
        Span::Strong(text.into()).into()
    }

    /// This text and what follows it.
    #[must_use]
    pub fn then(mut self, more: impl Into<Text>) -> Self {
        self.0.extend(more.into().0);
        self
    }

    /// The bare words, without any syntax.
    pub fn plain(&self) -> String {
        let words = self.0.iter().map(|span| match span {
            Span::Plain(text)
            | Span::Code(text)
            | Span::Strong(text)
            | Span::Emphasis(text)
            | Span::Link(text, _) => text.as_str(),
        });
        words.collect()
    }
}

impl<T: Into<Text>> From<T> for Cell {
    fn from(line: T) -> Self {
        Cell { lines: vec![line.into()], ..Cell::default() }
    }
}

impl Document {
    /// Its pictures, in order: who writes markdown into a file writes each
    /// chart that has a path beside it.
    pub fn charts(&self) -> impl Iterator<Item = &Chart> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Chart(chart) => Some(chart),
            _ => None,
        })
    }

    /// Adds a heading.
    pub fn heading(&mut self, level: u8, text: impl Into<Text>) {
        self.blocks.push(Block::Heading(level, text.into()));
    }

    /// Adds a paragraph.
    pub fn paragraph(&mut self, text: impl Into<Text>) {
        self.blocks.push(Block::Paragraph(text.into()));
    }

    /// Adds a list, unless it is empty.
    pub fn list(&mut self, items: Vec<Text>) {
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
    }
}
