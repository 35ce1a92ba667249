//! What is written as markdown is read back by pulldown-cmark.

use proptest::prelude::*;
use pulldown_cmark::{Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};
use report::document::markdown::write;
use report::document::{Block, Cell, Chart, Column, Document, Grid, Span, Text};

use super::{HOSTILE, grid, hostile};

/// What a reader sees, block by block; cells are blocks of their own, and a
/// `<br>` in one is a line break.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    blocks: Vec<(&'static str, String)>,
    /// Markup that is not one of ours.
    foreign: Vec<String>,
    links: Vec<(String, String)>,
}

fn read(markdown: &str) -> Seen {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_MATH;
    let mut seen = Seen::default();
    for event in Parser::new_ext(markdown, options) {
        let kind = match &event {
            Event::Start(Tag::Paragraph) => Some("paragraph"),
            Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }) => Some("title"),
            Event::Start(Tag::Heading { .. }) => Some("heading"),
            Event::Start(Tag::Item) => Some("item"),
            Event::Start(Tag::TableCell) => Some("cell"),
            _ => None,
        };
        if let Some(kind) = kind {
            seen.blocks.push((kind, String::new()));
            continue;
        }
        let text = seen.blocks.last_mut().map(|(_, text)| text);
        match event {
            Event::Text(words) | Event::Code(words) => {
                text.expect("text stands in a block").push_str(&words);
            }
            Event::InlineHtml(tag) if &*tag == "<br>" => {
                text.expect("a tag stands in a block").push('\n');
            }
            Event::InlineHtml(tag)
                if ["code", "strong", "em"]
                    .iter()
                    .any(|known| tag.trim_matches(['<', '/', '>']) == *known) => {}
            Event::Start(Tag::Link { link_type: LinkType::Inline, dest_url, .. }) => {
                seen.links.push((dest_url.to_string(), String::new()));
            }
            Event::Start(
                Tag::Strong
                | Tag::Emphasis
                | Tag::List(None)
                | Tag::Table(_)
                | Tag::TableHead
                | Tag::TableRow,
            ) => {}
            Event::Start(Tag::Image { dest_url, .. }) => {
                seen.links.push((dest_url.to_string(), "image".into()));
            }
            Event::End(tag) if tag != TagEnd::CodeBlock => {}
            other => seen.foreign.push(format!("{other:?}")),
        }
    }
    seen
}

/// What a reader is to see of a name: the pictures of control characters.
fn shown(name: &str) -> String {
    let picture = |c: char| match c {
        '\u{202e}' => "\\u{202e}".to_owned(),
        c if c.is_ascii_control() => {
            char::from_u32(0x2400 + u32::from(c)).expect("it has a picture").to_string()
        }
        c => c.to_string(),
    };
    name.chars().map(picture).collect()
}

#[test]
fn each_cell_reads_back_as_its_name() {
    let mut document = Document::default();
    document.blocks.push(Block::Grid(grid(&HOSTILE, Text::code)));
    let seen = read(&write(&document));
    assert_eq!(seen.foreign, Vec::<String>::new());
    let cells: Vec<_> = seen.blocks.chunks(2).skip(1).map(|row| row[0].1.clone()).collect();
    let mut expected: Vec<_> = HOSTILE.iter().map(|name| shown(name)).collect();
    let long = expected.last_mut().expect("there are names");
    *long = "std::collections::HashMa…extend/random/1_000_000".into();
    assert_eq!(cells, expected);
    assert_eq!(seen.blocks[3].1, "1.00 ms [0.990, 1.01]\n×1.00", "lines are kept apart");
}

#[test]
fn no_name_becomes_markup_anywhere() {
    let seen = read(&write(&hostile()));
    assert_eq!(seen.foreign, Vec::<String>::new());
    assert_eq!(seen.links, []);
    let of = |kind| seen.blocks.iter().filter(move |(k, _)| *k == kind).map(|(_, text)| text);
    let prose = |name: &str| shown(&name.replace(['\n', '\r', '\t'], " ")).trim().to_owned();
    for (name, heading) in HOSTILE.iter().zip(of("heading")) {
        assert_eq!(*heading, prose(name));
    }
    for (name, item) in HOSTILE.iter().zip(of("item")) {
        assert_eq!(*item, prose(name));
    }
    for (name, paragraphs) in HOSTILE.iter().zip(of("paragraph").collect::<Vec<_>>().chunks(2)) {
        assert_eq!(*paragraphs[0], prose(name));
        assert_eq!(*paragraphs[1], format!("{} and {}", shown(name), prose(name)));
    }
}

#[test]
fn long_names_that_differ_in_the_middle_stay_whole() {
    let long = |middle: &str| format!("{}{middle}{}", "head/".repeat(8), "/tail".repeat(8));
    let (one, two) = (long("one"), long("two"));
    let mut document = Document::default();
    document.blocks.push(Block::Grid(grid(&[&one, &two], Text::code)));
    let markdown = write(&document);
    assert!(markdown.contains(&one) && markdown.contains(&two), "{markdown}");
    document.blocks = vec![Block::Grid(grid(&[&one], Text::code))];
    let markdown = write(&document);
    assert!(markdown.contains("/head…ail/"), "{markdown}");
}

#[test]
fn commands_in_prose_are_never_elided() {
    let command = "cargo run --release -p report -- run --python --full --topic threads";
    let mut document = Document::default();
    document.paragraph(Text::code(command));
    assert_eq!(write(&document), format!("`{command}`\n"));
}

#[test]
fn links_lead_to_githubs_anchors_or_are_words() {
    let mut document = Document::default();
    document.heading(2, "sync-vs-async/fun");
    let link = |heading: &str| Text(vec![Span::Link("a|b".into(), heading.into())]);
    document.list(vec![link("sync-vs-async/fun"), link("nowhere")]);
    let seen = read(&write(&document));
    assert_eq!(seen.links, [("#sync-vs-asyncfun".to_owned(), String::new())]);
    assert_eq!(seen.blocks[2].1, "a|b");
}

#[test]
fn a_chart_is_a_picture_where_it_has_a_path() {
    let mut document = Document::default();
    let chart = |path: &str| Chart { title: "a]b".into(), path: path.into(), ..Chart::default() };
    document.blocks = vec![Block::Chart(chart("charts/a (b)é.svg")), Block::Chart(chart(""))];
    let markdown = write(&document);
    assert_eq!(markdown, "![a\\]b](charts/a%20%28b%29%C3%A9.svg)\n");
    assert_eq!(read(&markdown).links[0].0, "charts/a%20%28b%29%C3%A9.svg");
}

#[test]
fn figures_are_not_littered_with_backslashes() {
    let mut document = Document::default();
    document.paragraph("snake_case takes ×0.525 [0.525, 1.2e-5], -5 % [−6, −4] of (a-b)");
    let markdown = write(&document);
    assert_eq!(markdown.trim_end(), document_text(&document));
}

fn document_text(document: &Document) -> String {
    match &document.blocks[0] {
        Block::Paragraph(text) => text.plain(),
        other => panic!("{other:?} is no paragraph"),
    }
}

fn span() -> impl Strategy<Value = Span> {
    // Every sign of the syntax is likely, and so is its neighbourhood.
    let words = "[-`|\\\\*_~<>&#+.:;$!?()\\[\\]{}=^\"'a0é %×–,/@x1 ]{1,12}";
    (0..4, words).prop_map(|(kind, words)| match kind {
        0 => Span::Plain(words),
        1 => Span::Code(words),
        2 => Span::Strong(words),
        _ => Span::Emphasis(words),
    })
}

/// What the spans say, whatever becomes of the space around marked words.
fn squeezed(text: &str) -> String {
    text.replace(' ', "")
}

proptest! {
    #[test]
    fn any_line_reads_back(spans in proptest::collection::vec(span(), 1..5)) {
        let text = Text(spans);
        let said = squeezed(&text.plain());
        let mut document = Document::default();
        document.paragraph(text.clone());
        document.heading(2, text.clone());
        document.list(vec![text.clone()]);
        let head = Column { head: text.clone(), right: false };
        let cell = Cell { lines: vec![text.clone(), text], ..Cell::default() };
        document.blocks.push(Block::Grid(Grid { columns: vec![head], rows: vec![vec![cell]] }));
        let markdown = write(&document);
        let seen = read(&markdown);
        prop_assert!(seen.foreign.is_empty(), "{markdown}\n{seen:?}");
        let mut expected = vec![
            ("heading", said.clone()),
            ("item", said.clone()),
            ("cell", said.clone()),
            ("cell", format!("{said}\n{said}")),
        ];
        if !said.is_empty() {
            expected.insert(0, ("paragraph", said.clone()));
        }
        let read: Vec<_> = seen.blocks.iter().map(|(kind, text)| (*kind, squeezed(text))).collect();
        prop_assert_eq!(read, expected, "{}", markdown);
    }
}
