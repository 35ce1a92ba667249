//! What a terminal shows, and what it must never be sent.

use report::document::terminal::write;
use report::document::{Block, Cell, Column, Document, Grid, Text, Tone};
use unicode_width::UnicodeWidthStr;

use super::{HOSTILE, grid, hostile};

/// The text without the codes that choose colours, which are the only escapes
/// that may be in it.
fn bare(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut bare = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('m').expect("a colour ends in m");
        assert!(code.chars().all(|c| c.is_ascii_digit() || c == ';'), "{code:?} is no colour");
        bare.push_str(rest);
    }
    bare
}

#[test]
fn nothing_is_sent_but_text_and_colours() {
    for width in [20, 80, 200, usize::MAX] {
        for colour in [false, true] {
            let text = write(&hostile(), width, colour);
            let bare = bare(&text);
            let sent = bare.chars().filter(|c| c.is_control() && *c != '\n');
            assert_eq!(sent.count(), 0, "at {width}");
            assert!(!bare.contains('\u{202e}'));
            assert_eq!(text == bare, !colour, "colours are there if they are asked for");
        }
    }
}

#[test]
fn every_name_is_there_in_full_where_there_is_room() {
    let text = write(&hostile(), usize::MAX, false);
    for name in HOSTILE.iter().filter(|name| !name.contains(|c: char| c.is_control())) {
        let name = name.replace('\u{202e}', "\\u{202e}");
        assert!(text.lines().any(|line| line.contains(&name)), "{name}");
    }
    assert!(text.contains("two␊lines") && text.contains("␛[31mred"));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [40, 80, 120] {
        let text = write(&hostile(), width, true);
        for line in bare(&text).lines() {
            assert!(line.width() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn figures_stand_below_one_another() {
    let mut document = Document::default();
    document.blocks.push(Block::Grid(grid(&HOSTILE[..26], Text::code)));
    let text = write(&document, 100, false);
    let ends: Vec<usize> =
        text.lines().filter(|line| line.contains(" ms [")).map(UnicodeWidthStr::width).collect();
    assert_eq!(ends.len(), 26);
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}\n{text}");
    assert!(text.contains("✓ 1.00 ms"), "a tone is a sign too: {text}");
}

fn wide() -> Document {
    let columns = (0..12).map(|n| Column { head: format!("column {n}").into(), right: n > 0 });
    let cell = |row: usize, column: usize| match column {
        0 => Text::code(format!("name-{row}")).into(),
        _ => Cell::from(format!("{row}.{column:02} ms [0.990, 1.01]")),
    };
    let rows = (0..3).map(|row| (0..12).map(|column| cell(row, column)).collect());
    let grid = Grid { columns: columns.collect(), rows: rows.collect() };
    Document { blocks: vec![Block::Grid(grid)] }
}

#[test]
fn a_wide_table_is_told_in_groups_with_its_first_column() {
    let text = write(&wide(), 80, false);
    let groups: Vec<&str> = text.split("\n\n").collect();
    assert_eq!(groups.len(), 4, "{text}");
    for group in &groups {
        assert!(["name-0", "name-1", "name-2"].iter().all(|name| group.contains(name)), "{group}");
    }
    for (row, column) in (0..3).flat_map(|row| (1..12).map(move |column| (row, column))) {
        let figure = format!("{row}.{column:02} ms");
        assert_eq!(text.matches(&figure).count(), 1, "{figure} in {text}");
    }
    assert!(!write(&wide(), usize::MAX, false).contains("\n\n"));
}

#[test]
fn prose_in_tables_is_wrapped_and_figures_are_not() {
    let column = |head: &str| Column { head: head.into(), right: false };
    let sentence = "ten sleeping threads take as long as one on any number of cores at all";
    let verdict = Cell { tone: Tone::Bad, ..Cell::from("refuted") };
    let row = vec![sentence.into(), "×0.525 [0.525, 0.525]".into(), verdict];
    let columns = ["Claim", "Measured", "Verdict"].map(column).into();
    let grid = Grid { columns, rows: vec![row] };
    let text = write(&Document { blocks: vec![Block::Grid(grid)] }, 60, false);
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[2].contains("×0.525 [0.525, 0.525]") && lines[2].ends_with("✗ refuted"),
        "{text}"
    );
    assert!(lines.len() > 4 && lines.iter().all(|line| line.width() <= 60), "{text}");
}
