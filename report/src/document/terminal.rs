//! A document as text for a terminal.

mod columns;
mod line;

use super::names::Names;
use super::{Block, Cell, Document, Grid, Text, Tone};
use columns::{GAP, Group, groups};
use line::{Ink, Line, pad, styled, wrap};

/// Names in tables are elided from so many columns on, and in a narrow terminal
/// from half of its width on.
const LONGEST_NAME: usize = 48;

/// Writes a document for a terminal of so many columns, in time linear in its
/// length.
///
/// Columns are aligned by what a terminal shows of a text, which for many
/// scripts is not its number of characters. Prose is wrapped. A table that is
/// too wide is told in groups of columns, the first of them repeated; of
/// `usize::MAX` columns, which suits a file or a pipe, nothing is wrapped.
/// [`Tone`] is a sign before the words (`✓`, `✗`, `~`), and also a colour where
/// `colour` is set. Control characters in names are shown, never sent. Charts
/// are left out: a table stands beside each.
///
/// ```
/// use report::document::{Block, Column, Document, Grid, Text, terminal};
/// let mut document = Document::default();
/// document.blocks.push(Block::Grid(Grid {
///     columns: vec![
///         Column { head: "Model".into(), right: false },
///         Column { head: "Time".into(), right: true },
///     ],
///     rows: vec![vec![Text::code("serial").into(), "1.00 ms".into()]],
/// }));
/// let lines = "Model      Time\n──────  ───────\nserial  1.00 ms\n";
/// assert_eq!(terminal::write(&document, 80, false), lines);
/// ```
pub fn write(document: &Document, width: usize, colour: bool) -> String {
    let names = Names::of(document, LONGEST_NAME.min(width / 2).max(8));
    let writer = Writer { names: &names, width, ink: Ink { colour } };
    let blocks = document.blocks.iter().map(|block| writer.block(block));
    blocks.filter(|block| !block.is_empty()).collect::<Vec<_>>().join("\n")
}

struct Writer<'a> {
    names: &'a Names,
    width: usize,
    ink: Ink,
}

impl Writer<'_> {
    fn block(&self, block: &Block) -> String {
        match block {
            Block::Heading(level, text) => self.heading(*level, text),
            Block::Paragraph(text) => self.prose(text, "", ""),
            Block::List(items) => items.iter().map(|item| self.prose(item, "- ", "  ")).collect(),
            Block::Grid(grid) => self.grid(grid),
            Block::Chart(_) => String::new(),
        }
    }

    fn heading(&self, level: u8, text: &Text) -> String {
        let mut out = String::new();
        let lines = wrap(&styled(text, None, self.ink), self.width);
        for line in &lines {
            self.ink.bold(&mut out, line);
            out.push('\n');
        }
        let underline = ["═", "─"].get(usize::from(level.max(1)) - 1);
        if let Some(underline) = underline {
            let longest = lines.iter().map(Line::width).max().unwrap_or(0);
            out.push_str(&underline.repeat(longest));
            out.push('\n');
        }
        out
    }

    fn prose(&self, text: &Text, first: &str, rest: &str) -> String {
        let room = self.width.saturating_sub(first.len()).max(8);
        let lines = wrap(&styled(text, None, self.ink), room);
        let mut out = String::new();
        for (place, line) in lines.iter().enumerate() {
            out.push_str(if place == 0 { first } else { rest });
            self.ink.line(&mut out, line, Tone::Plain);
            out.push('\n');
        }
        out
    }

    fn grid(&self, grid: &Grid) -> String {
        let table = Table {
            heads: grid
                .columns
                .iter()
                .map(|column| vec![styled(&column.head, Some(self.names), self.ink)])
                .collect(),
            rows: grid
                .rows
                .iter()
                .map(|row| row.iter().map(|cell| self.cell(cell)).collect())
                .collect(),
        };
        let groups = groups(&table, self.width);
        let told = groups.iter().map(|group| self.group(grid, &table, group));
        told.collect::<Vec<_>>().join("\n")
    }

    fn cell(&self, cell: &Cell) -> Vec<Line> {
        let sign = match cell.tone {
            Tone::Plain => "",
            Tone::Good => "✓ ",
            Tone::Bad => "✗ ",
            Tone::Faint => "~ ",
        };
        let lines = cell.lines.iter().map(|text| styled(text, Some(self.names), self.ink));
        let mut lines: Vec<Line> = lines.collect();
        if let Some(first) = lines.first_mut() {
            first.prepend(sign);
        }
        lines
    }

    fn group(&self, grid: &Grid, table: &Table, group: &Group) -> String {
        let mut out = String::new();
        let heads = group.iter().map(|&(column, width)| wrap_all(&table.heads[column], width));
        self.row(&mut out, grid, group, &heads.collect::<Vec<_>>(), &|_| None);
        let rules = group.iter().map(|&(_, width)| "─".repeat(width));
        out.push_str(&rules.collect::<Vec<_>>().join(&" ".repeat(GAP)));
        out.push('\n');
        let rows: Vec<Vec<Vec<Line>>> = table
            .rows
            .iter()
            .map(|row| {
                let cell = |&(column, width): &(usize, usize)| {
                    row.get(column).map(|lines| wrap_all(lines, width)).unwrap_or_default()
                };
                group.iter().map(cell).collect()
            })
            .collect();
        // Cells of several lines would run into those of the next row.
        let apart = rows.iter().flatten().any(|lines| lines.len() > 1);
        for (place, (row, cells)) in rows.iter().zip(&grid.rows).enumerate() {
            if apart && place > 0 {
                out.push('\n');
            }
            self.row(&mut out, grid, group, row, &|column| cells.get(column).map(|c| c.tone));
        }
        out
    }

    fn row(
        &self,
        out: &mut String,
        grid: &Grid,
        group: &Group,
        cells: &[Vec<Line>],
        tone: &dyn Fn(usize) -> Option<Tone>,
    ) {
        let height = cells.iter().map(Vec::len).max().unwrap_or(0).max(1);
        for line in 0..height {
            let mut said = String::new();
            for (place, (&(column, width), lines)) in group.iter().zip(cells).enumerate() {
                if place > 0 {
                    said.push_str(&" ".repeat(GAP));
                }
                let empty = Line::default();
                let words = lines.get(line).unwrap_or(&empty);
                let (before, after) = pad(words, width, grid.columns[column].right);
                said.push_str(&before);
                match tone(column) {
                    Some(tone) => self.ink.line(&mut said, words, tone),
                    None => self.ink.bold(&mut said, words),
                }
                said.push_str(&after);
            }
            out.push_str(said.trim_end());
            out.push('\n');
        }
    }
}

/// A table's lines before anything is wrapped.
struct Table {
    heads: Vec<Vec<Line>>,
    rows: Vec<Vec<Vec<Line>>>,
}

fn wrap_all(lines: &[Line], width: usize) -> Vec<Line> {
    lines.iter().flat_map(|line| wrap(line, width)).collect()
}
