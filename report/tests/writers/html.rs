//! A page is read back as XML, which is stricter than any browser.

use std::collections::HashSet;

use report::document::html::write;
use report::document::{Block, Cell, Chart, Column, Document, Grid, Series, Span, Text, Tone};
use report::stats::Estimate;
use roxmltree::{Document as Page, Node, ParsingOptions};

use super::{HOSTILE, grid, hostile};

fn parse(page: &str) -> Page<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Page::parse_with_options(page, options).expect("a page is well-formed XML")
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
}

fn named<'a>(page: &'a Page<'a>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    page.descendants().filter(move |node| node.tag_name().name() == name)
}

#[test]
fn every_name_is_there_and_nothing_of_it_is_markup() {
    let page = write(&hostile());
    let page = parse(&page);
    let known = [
        "html", "head", "meta", "title", "style", "body", "a", "details", "summary", "nav", "ul",
        "li", "main", "h1", "h2", "p", "code", "strong", "div", "table", "thead", "tr", "th",
        "button", "tbody", "td", "span", "script",
    ];
    for node in page.descendants().filter(Node::is_element) {
        assert!(known.contains(&node.tag_name().name()), "{node:?} came out of a name");
    }
    let rows: Vec<_> =
        named(&page, "th").filter(|th| th.attribute("scope") == Some("row")).collect();
    assert_eq!(rows.len(), 2 * HOSTILE.len());
    for (name, row) in HOSTILE.iter().zip(&rows) {
        let code = row.descendants().find(|node| node.tag_name().name() == "code").expect("a name");
        let whole = code.attribute("title").map_or_else(|| text(code), str::to_owned);
        let hidden = |c: char| c.is_control() || c == '\u{202e}';
        if name.contains(hidden) {
            assert!(!whole.contains(hidden) && whole.len() > name.len(), "{whole:?}");
        } else {
            assert_eq!(whole, *name);
        }
    }
    assert!(text(rows[29]).contains('…'), "a long name is elided: {}", text(rows[29]));
}

#[test]
fn nothing_comes_from_elsewhere() {
    let mut document = hostile();
    document.blocks.push(Block::Chart(picture()));
    let page = write(&document);
    let page = parse(&page);
    let policy = named(&page, "meta")
        .find(|meta| meta.attribute("http-equiv") == Some("Content-Security-Policy"))
        .and_then(|meta| meta.attribute("content"))
        .expect("a policy");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    for node in page.descendants() {
        for attribute in node.attributes() {
            let is_link = ["href", "src", "srcset", "action", "data"].contains(&attribute.name());
            assert!(!is_link || attribute.value().starts_with('#'), "{attribute:?}");
            assert!(!attribute.name().starts_with("on"), "{attribute:?}");
        }
    }
    for style in named(&page, "style").map(text) {
        assert!(!style.contains("url(") && !style.contains("@import"), "{style}");
    }
}

#[test]
fn links_and_contents_lead_to_headings() {
    let mut document = hostile();
    let link = |text: &str, to: &str| Text(vec![Span::Link(text.into(), to.into())]);
    document.paragraph(link("up", "Hostile names").then(link("nowhere", "no such heading")));
    let page = write(&document);
    let page = parse(&page);
    let ids: Vec<&str> = page.descendants().filter_map(|node| node.attribute("id")).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "no two are alike: {ids:?}");
    let links: Vec<&str> = named(&page, "a").filter_map(|a| a.attribute("href")).collect();
    // One to skip to the content, one for each heading of the second level, one in the text.
    assert_eq!(links.len(), 1 + HOSTILE.len() + 1);
    for link in links {
        assert!(ids.contains(&link.trim_start_matches('#')), "{link} leads nowhere");
    }
}

fn picture() -> Chart {
    let at = |point| Some(Estimate { point, lower: point * 0.9, upper: point * 1.1 });
    Chart {
        title: "sums".into(),
        columns: vec!["1".into(), "10".into()],
        series: vec![Series { name: "<serial>".into(), points: vec![at(1e3), at(1e4)] }],
        ..Chart::default()
    }
}

#[test]
fn figures_carry_what_they_are_sorted_by() {
    let cell = |key, tone| Cell { key, tone, ..Cell::from("x") };
    let rows = [(Some(1.5e-7), Tone::Good), (Some(f64::NAN), Tone::Bad), (None, Tone::Faint)];
    let grid = Grid {
        columns: vec![Column { head: "Time".into(), right: true }, Column::default()],
        rows: rows.map(|(key, tone)| vec![cell(key, tone), "y".into()]).into(),
    };
    let page = write(&Document { blocks: vec![Block::Grid(grid)] });
    let page = parse(&page);
    let rows: Vec<_> =
        named(&page, "th").filter(|th| th.attribute("scope") == Some("row")).collect();
    let keys: Vec<_> = rows.iter().map(|row| row.attribute("data-key")).collect();
    assert_eq!(keys, [Some("0.00000015"), None, None]);
    let classes: Vec<_> = rows.iter().filter_map(|row| row.attribute("class")).collect();
    assert_eq!(classes, ["good right", "bad right", "faint right"]);
    assert_eq!(named(&page, "button").count(), 0, "a head without words has no button");
}

#[test]
fn a_page_is_named_and_small_ones_have_no_contents() {
    let mut document = Document::default();
    document.blocks.push(Block::Grid(grid(&["a"], Text::code)));
    document.blocks.push(Block::Chart(picture()));
    let page = write(&document);
    let page = parse(&page);
    let titles: Vec<_> = named(&page, "title").map(text).collect();
    assert_eq!(titles[..2], ["Report", "sums"]);
    assert_eq!(named(&page, "svg").count(), 1);
    assert_eq!(named(&page, "nav").count(), 0);
    assert_eq!(named(&page, "html").next().and_then(|html| html.attribute("lang")), Some("en"));
    assert_eq!(named(&page, "button").count(), 0, "one row is in order already");
}
