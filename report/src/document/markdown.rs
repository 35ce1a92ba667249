//! A document as GitHub-flavoured markdown.
//!
//! Escaping follows CommonMark 0.31 and GitHub's specification of tables; the
//! tests read what is written back with a parser that is not ours.

use std::borrow::Cow;
use std::fmt::Write;

use super::anchors::Anchors;
use super::names::{Names, prose, visible};
use super::{Block, Chart, Document, Grid, Span, Text};

/// Names in tables are elided from so many columns on: three of them and their
/// figures still fit beside one another.
const LONGEST_NAME: usize = 48;

/// Writes a document, in time linear in its length.
///
/// Names in tables that are longer than 48 columns are elided in the middle,
/// but not where two of them would look the same. Lines of a cell are joined by
/// `<br>`. A chart becomes a picture that links to its path; one that has no
/// path is left out, for markdown cannot hold it. Links lead to the identifiers
/// that GitHub gives to headings.
///
/// ```
/// use report::document::{Document, markdown};
/// let mut document = Document::default();
/// document.paragraph("a|b <c>");
/// assert_eq!(markdown::write(&document), "a\\|b &lt;c&gt;\n");
/// ```
pub fn write(document: &Document) -> String {
    let names = Names::of(document, LONGEST_NAME);
    let writer = Writer { names: &names, anchors: &Anchors::of(document) };
    let blocks = document.blocks.iter().map(|block| writer.block(block));
    blocks.filter(|block| !block.is_empty()).collect::<Vec<_>>().join("\n")
}

struct Writer<'a> {
    names: &'a Names,
    anchors: &'a Anchors,
}

/// Where a line stands, which decides what it must not begin or end with.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    Block,
    Heading,
    Cell,
}

impl Writer<'_> {
    fn block(&self, block: &Block) -> String {
        match block {
            Block::Heading(level, text) => {
                let marks = "#".repeat((*level).clamp(1, 6).into());
                format!("{marks} {}\n", self.line(text, Place::Heading))
            }
            Block::Paragraph(text) => {
                let line = self.line(text, Place::Block);
                if line.is_empty() { line } else { line + "\n" }
            }
            Block::List(items) => {
                let items =
                    items.iter().map(|item| format!("- {}\n", self.line(item, Place::Block)));
                items.collect()
            }
            Block::Grid(grid) => self.grid(grid),
            Block::Chart(chart) => picture(chart),
        }
    }

    fn grid(&self, grid: &Grid) -> String {
        if grid.columns.is_empty() {
            return String::new();
        }
        let mut out = String::new();
        let heads = grid.columns.iter().map(|column| self.line(&column.head, Place::Cell));
        row(&mut out, heads);
        out.push('|');
        for column in &grid.columns {
            out.push_str(if column.right { "---:|" } else { "---|" });
        }
        out.push('\n');
        for cells in &grid.rows {
            let cells = cells.iter().map(|cell| {
                let lines: Vec<_> =
                    cell.lines.iter().map(|line| self.line(line, Place::Cell)).collect();
                lines.join("<br>")
            });
            row(&mut out, cells);
        }
        out
    }

    fn line(&self, text: &Text, place: Place) -> String {
        let mut out = String::new();
        for (at, span) in text.0.iter().enumerate() {
            let next = text.0.get(at + 1).and_then(first_char);
            match span {
                Span::Plain(words) => out.push_str(&escaped(&prose(words))),
                Span::Code(name) if place == Place::Cell => {
                    code(&mut out, &self.names.show(name), true);
                }
                Span::Code(name) => code(&mut out, &visible(name), false),
                Span::Strong(words) => marked(&mut out, words, "**", "strong", next),
                Span::Emphasis(words) => marked(&mut out, words, "*", "em", next),
                Span::Link(words, heading) => {
                    let words = escaped(&prose(words)).into_owned();
                    match self.anchors.find(heading) {
                        Some(anchor) => {
                            let _ = write!(out, "[{words}](#{anchor})");
                        }
                        None => out.push_str(&words),
                    }
                }
            }
        }
        guarded(out.trim(), place)
    }
}

fn row(out: &mut String, cells: impl Iterator<Item = String>) {
    out.push('|');
    for cell in cells {
        out.push(' ');
        out.push_str(&cell);
        out.push_str(if cell.is_empty() { "|" } else { " |" });
    }
    out.push('\n');
}

fn picture(chart: &Chart) -> String {
    if chart.path.is_empty() {
        return String::new();
    }
    let mut address = String::new();
    for byte in chart.path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                address.push(char::from(byte));
            }
            _ => {
                let _ = write!(address, "%{byte:02X}");
            }
        }
    }
    format!("![{}]({address})\n", escaped(&prose(&chart.title)))
}

/// A code span, or the tag of the same meaning where a span cannot say it.
fn code(out: &mut String, name: &str, in_table: bool) {
    if name.is_empty() {
        return;
    }
    // Backslashes mean nothing in a span but before a pipe in a table, and the
    // fence of one span must not touch that of another.
    if out.ends_with('`') || (in_table && name.contains("\\|")) {
        out.push_str("<code>");
        for c in name.chars() {
            if c.is_ascii_punctuation() {
                let _ = write!(out, "&#{};", u32::from(c));
            } else {
                out.push(c);
            }
        }
        out.push_str("</code>");
        return;
    }
    let longest = name.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let stripped = name.starts_with(' ') && name.ends_with(' ') && !name.trim().is_empty();
    let pad = if stripped || name.starts_with('`') || name.ends_with('`') { " " } else { "" };
    let name = if in_table { name.replace('|', "\\|").into() } else { Cow::from(name) };
    let _ = write!(out, "{fence}{pad}{name}{pad}{fence}");
}

/// Words between marks, or between tags where the marks would not be taken for
/// such: a mark opens or closes only beside a letter, or at a word's edge.
fn marked(out: &mut String, words: &str, mark: &str, tag: &str, next: Option<char>) {
    let words = prose(words);
    let words = words.trim();
    let (Some(first), Some(last)) = (words.chars().next(), words.chars().next_back()) else {
        return;
    };
    let free = |c: Option<char>| c.is_none_or(char::is_whitespace);
    let before = out.chars().next_back();
    let opens = first.is_alphanumeric() || free(before);
    let closes = last.is_alphanumeric() || free(next);
    let words = escaped(words);
    let _ = if opens && closes && before != Some('*') {
        write!(out, "{mark}{words}{mark}")
    } else {
        write!(out, "<{tag}>{words}</{tag}>")
    };
}

fn first_char(span: &Span) -> Option<char> {
    match span {
        Span::Plain(words)
        | Span::Code(words)
        | Span::Strong(words)
        | Span::Emphasis(words)
        | Span::Link(words, _) => words.chars().next(),
    }
}

/// Text in which nothing is syntax any more.
fn escaped(raw: &str) -> Cow<'_, str> {
    if !raw.contains(|c: char| c.is_ascii_punctuation()) {
        return raw.into();
    }
    let mut safe = String::with_capacity(raw.len() + 8);
    let mut before = ' ';
    // Where the brackets of an interval end, which are no link.
    let mut figures = 0;
    for (at, c) in raw.char_indices() {
        let rest = &raw[at + c.len_utf8()..];
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            // Only what looks like an entity would be read as one.
            '&' if rest.starts_with(|c: char| c == '#' || c.is_alphanumeric()) => {
                safe.push_str("&amp;");
            }
            '[' => {
                let length = interval(rest);
                figures = length.map_or(figures, |length| at + length);
                safe.push_str(if length.is_some() { "[" } else { "\\[" });
            }
            ']' => safe.push_str(if at > 0 && at == figures { "]" } else { "\\]" }),
            // Inside a word an underscore is only a letter.
            '_' if before.is_alphanumeric() && rest.starts_with(char::is_alphanumeric) => {
                safe.push('_');
            }
            '\\' | '`' | '*' | '_' | '|' | '~' | '$' => safe.extend(['\\', c]),
            c => safe.push(c),
        }
        before = c;
    }
    safe.into()
}

/// Bytes up to the bracket that closes an interval such as `[0.99, 1.02]`;
/// `None` if that is not what follows.
fn interval(rest: &str) -> Option<usize> {
    let (inside, after) = rest.split_once(']')?;
    let figure = |c: char| c.is_ascii_digit() || " .,+-−%e×∞".contains(c);
    let is_interval = inside.contains(", ") && inside.chars().all(figure);
    (is_interval && !after.starts_with(['(', '[', ':'])).then_some(inside.len() + 1)
}

/// Keeps a line from beginning a block of another kind, and a heading from
/// losing its last signs.
fn guarded(line: &str, place: Place) -> String {
    match place {
        Place::Cell => line.to_owned(),
        Place::Heading => match line.strip_suffix('#') {
            Some(line) => format!("{line}\\#"),
            None => line.to_owned(),
        },
        Place::Block => {
            let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let hashes = line.len() - line.trim_start_matches('#').len();
            let (mark, rest) = match digits {
                0 => line.split_at(hashes.max(usize::from(line.starts_with(['-', '+'])))),
                _ => line.split_at(digits),
            };
            let ends = |rest: &str| rest.is_empty() || rest.starts_with([' ', '-']);
            if digits > 0 && rest.starts_with(['.', ')']) && ends(&rest[1..]) {
                format!("{mark}\\{rest}")
            } else if digits == 0 && !mark.is_empty() && ends(rest) {
                format!("\\{line}")
            } else {
                line.to_owned()
            }
        }
    }
}
