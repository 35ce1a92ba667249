//! Each writer on names that its syntax, its reader or its terminal would take
//! for something else.

mod chart;
mod html;
mod markdown;
mod terminal;

use report::document::{Block, Cell, Column, Document, Grid, Text, Tone};

/// Names that real benchmarks have, and some that only a joker gives.
const HOSTILE: [&str; 30] = [
    "a|b",
    "||",
    "a\\|b",
    "back`tick",
    "``",
    "`",
    " spaced ",
    "*bold* _under_ __dunder__ ~~gone~~",
    "<script>alert(1)</script>",
    "</code></td><!-- x -->]]>",
    "&lt;&amp;&#33;",
    "\"quoted\" 'too'",
    "# heading",
    "- item",
    "1. first",
    "[link](http://example.invalid)",
    "![picture](x.png)",
    "[^1]: note",
    "$x$ and $`y`$",
    "trailing\\",
    "naïve/日本語/🦀",
    "e\u{301}\u{301}",
    "مرحبا",
    "a\tb",
    "two\nlines",
    "cr\r\nlf",
    "\u{1b}[31mred\u{1b}[0m\u{7}",
    "\u{202e}reversed",
    "Vec<Option<Box<dyn Fn(&str) -> Result<(), E>>>>",
    "std::collections::HashMap<String, Vec<(u64, f64)>>::extend/random/1_000_000",
];

fn grid(names: &[&str], name: fn(String) -> Text) -> Grid {
    let column = |head: &str, right| Column { head: head.into(), right };
    let rows = names.iter().enumerate().map(|(place, raw)| {
        let time = Cell {
            lines: vec![format!("{}.00 ms [0.990, 1.01]", place + 1).into(), "×1.00".into()],
            key: Some(place as f64),
            tone: if place == 0 { Tone::Good } else { Tone::Plain },
        };
        vec![name((*raw).to_owned()).into(), time]
    });
    Grid { columns: vec![column("Name", false), column("Time", true)], rows: rows.collect() }
}

/// A document that has each of the hostile names in each kind of place.
fn hostile() -> Document {
    let mut document = Document::default();
    document.heading(1, "Hostile names");
    for name in HOSTILE {
        document.heading(2, name);
        document.paragraph(name);
        document.paragraph(Text::code(name).then(" and ").then(Text::strong(name)));
    }
    document.list(HOSTILE.map(Text::from).into());
    document.blocks.push(Block::Grid(grid(&HOSTILE, Text::code)));
    document.blocks.push(Block::Grid(grid(&HOSTILE, Text::from)));
    document
}
