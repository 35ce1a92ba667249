//! A document as one self-contained HTML page.
//!
//! The page is well-formed XML too, so that a strict parser can check it; the
//! style and the script stand in files of their own and are compiled in.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::anchors::Anchors;
use super::chart::svg;
use super::names::{Names, prose, shown};
use super::xml::escaped;
use super::{Block, Cell, Column, Document, Grid, Span, Text, Tone};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Nothing may be loaded, sent or embedded; only what stands in the page runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'";

/// Names in tables are elided from so many columns on; the whole name is in the
/// element's title.
const LONGEST_NAME: usize = 48;

/// A column with a wider cell is prose, which may be wrapped.
const PROSE: usize = 56;

/// From so many headings on, a table of contents is of use.
const HEADINGS: usize = 3;

/// Writes a document as a page that needs no network and no other file, in time
/// linear in its length.
///
/// Tables sort by any column, by click and by keyboard: by [`Cell::key`] where
/// there is one, else by text; the third time restores the order. Charts stand
/// in the page. It is readable in light and dark, on a phone and on paper.
///
/// ```
/// use report::document::{Document, html};
/// let mut document = Document::default();
/// document.heading(1, "a < b");
/// let page = html::write(&document);
/// assert!(page.contains("<title>a &lt; b</title>") && page.contains("<h1 id=\"a--b\">"));
/// ```
pub fn write(document: &Document) -> String {
    let anchors = Anchors::of(document);
    let names = Names::of(document, LONGEST_NAME);
    let mut writer = Writer { names: &names, anchors: &anchors, section: String::new() };
    let mut ids = anchors.all();
    let body: String = document
        .blocks
        .iter()
        .map(|block| {
            let id = if matches!(block, Block::Heading(..)) { ids.next() } else { None };
            writer.block(block, id.unwrap_or_default())
        })
        .collect();
    let contents = contents(document, &anchors);
    let wide = if contents.is_empty() { "" } else { " class=\"wide\"" };
    format!(
        "<!DOCTYPE html>\n\
         <html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n\
         <meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body{wide}>\n\
         <a class=\"skip\" href=\"#page.content\">Skip to the content</a>\n\
         {contents}<main id=\"page.content\" tabindex=\"-1\">\n{body}</main>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        escaped(&title(document)),
    )
}

/// What the page is called: its first heading.
fn title(document: &Document) -> String {
    let heading = document.blocks.iter().find_map(|block| match block {
        Block::Heading(_, text) => Some(shown(text)),
        _ => None,
    });
    heading.filter(|text| !text.is_empty()).unwrap_or_else(|| "Report".into())
}

fn contents(document: &Document, anchors: &Anchors) -> String {
    let headings = document.blocks.iter().filter_map(|block| match block {
        Block::Heading(level, text) => Some((*level, shown(text))),
        _ => None,
    });
    let listed = headings.zip(anchors.all()).filter(|((level, _), _)| (2..=3).contains(level));
    let items: Vec<String> = listed
        .map(|((level, text), id)| {
            let class = if level == 3 { " class=\"deep\"" } else { "" };
            format!("<li{class}><a href=\"#{}\">{}</a></li>\n", escaped(id), escaped(&text))
        })
        .collect();
    if items.len() < HEADINGS {
        return String::new();
    }
    format!(
        "<details class=\"contents\"><summary>Contents</summary>\n\
         <nav aria-label=\"Contents\"><ul>\n{}</ul></nav></details>\n",
        items.concat()
    )
}

struct Writer<'a> {
    names: &'a Names,
    anchors: &'a Anchors,
    /// The heading that the next table stands below, which names it for those
    /// who do not see it.
    section: String,
}

impl Writer<'_> {
    fn block(&mut self, block: &Block, id: &str) -> String {
        match block {
            Block::Heading(level, text) => {
                self.section = shown(text);
                let level = (*level).clamp(1, 6);
                let words = self.text(text, false);
                format!("<h{level} id=\"{}\">{words}</h{level}>\n", escaped(id))
            }
            Block::Paragraph(text) => format!("<p>{}</p>\n", self.text(text, false)),
            Block::List(items) => {
                let items =
                    items.iter().map(|item| format!("<li>{}</li>\n", self.text(item, false)));
                format!("<ul>\n{}</ul>\n", items.collect::<String>())
            }
            Block::Grid(grid) => self.grid(grid),
            Block::Chart(chart) => format!(
                "<figure aria-label=\"{}\">{}</figure>\n",
                escaped(&chart.title),
                svg(chart).trim_end()
            ),
        }
    }

    fn grid(&self, grid: &Grid) -> String {
        let named = |column: &Column| !column.head.plain().trim().is_empty();
        // A column without a name is that of a list of properties, which nobody
        // sorts; and a button without a name could not be told from others.
        let sortable = grid.rows.len() > 1 && grid.columns.iter().all(named);
        let mut out = format!(
            "<div class=\"scroll\" role=\"region\" aria-label=\"{}\">\n<table{}>\n<thead><tr>",
            escaped(&format!("Table: {}", self.section)),
            if sortable { " class=\"sortable\"" } else { "" },
        );
        for column in &grid.columns {
            let head = self.text(&column.head, true);
            let head = match sortable {
                true => format!("<button type=\"button\">{head}</button>"),
                false => head,
            };
            let _ = write!(out, "<th scope=\"col\"{}>{head}</th>", class(&[right(column)]));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        let is_wide = |cell: &Cell| cell.lines.iter().any(|line| line.plain().width() > PROSE);
        let is_prose = |at: usize| grid.rows.iter().filter_map(|row| row.get(at)).any(is_wide);
        let prose: Vec<bool> = (0..grid.columns.len()).map(is_prose).collect();
        for row in &grid.rows {
            out.push_str("<tr>");
            for (place, (cell, column)) in row.iter().zip(&grid.columns).enumerate() {
                let prose = if prose[place] { "prose" } else { "" };
                self.cell(&mut out, cell, [right(column), prose], place == 0);
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody>\n</table>\n</div>\n");
        out
    }

    fn cell(&self, out: &mut String, cell: &Cell, [right, prose]: [&str; 2], heads_row: bool) {
        let tone = match cell.tone {
            Tone::Plain => "",
            Tone::Good => "good",
            Tone::Bad => "bad",
            Tone::Faint => "faint",
        };
        let (tag, scope) = if heads_row { ("th", " scope=\"row\"") } else { ("td", "") };
        let _ = write!(out, "<{tag}{scope}{}", class(&[tone, right, prose]));
        if let Some(key) = cell.key.filter(|key| key.is_finite()) {
            let _ = write!(out, " data-key=\"{key}\"");
        }
        out.push('>');
        for line in &cell.lines {
            let _ = write!(out, "<span class=\"line\">{}</span>", self.text(line, true));
        }
        let _ = write!(out, "</{tag}>");
    }

    fn text(&self, text: &Text, in_table: bool) -> String {
        let mut out = String::new();
        for span in &text.0 {
            let _ = match span {
                Span::Plain(words) => write!(out, "{}", escaped(&prose(words))),
                Span::Strong(words) => write!(out, "<strong>{}</strong>", escaped(&prose(words))),
                Span::Emphasis(words) => write!(out, "<em>{}</em>", escaped(&prose(words))),
                Span::Code(name) => {
                    let short = if in_table { self.names.show(name) } else { Cow::from(name) };
                    let (short, whole) = (escaped(&short), escaped(name));
                    if short == whole {
                        write!(out, "<code>{short}</code>")
                    } else {
                        // A pointer shows the title; a screen reader reads the whole.
                        write!(
                            out,
                            "<code title=\"{whole}\"><span aria-hidden=\"true\">{short}</span>\
                             <span class=\"unseen\">{whole}</span></code>"
                        )
                    }
                }
                Span::Link(words, heading) => match self.anchors.find(heading) {
                    Some(id) => {
                        write!(out, "<a href=\"#{}\">{}</a>", escaped(id), escaped(&prose(words)))
                    }
                    None => write!(out, "{}", escaped(&prose(words))),
                },
            };
        }
        out
    }
}

fn right(column: &Column) -> &'static str {
    if column.right { "right" } else { "" }
}

/// The attribute for those classes that are not empty.
fn class(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().copied().filter(|name| !name.is_empty()).collect();
    if names.is_empty() { String::new() } else { format!(" class=\"{}\"", names.join(" ")) }
}
