//! Names as they can be shown: nothing invisible, nothing endless.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Block, Document, Span};

/// Shows what would do something rather than be seen: control characters,
/// among them the escape that a terminal obeys, and the marks that turn the
/// direction of what follows. Those of ASCII become their pictures (U+2400),
/// one column each.
pub(super) fn visible(raw: &str) -> Cow<'_, str> {
    if !raw.contains(is_hidden) {
        return raw.into();
    }
    let mut shown = String::with_capacity(raw.len() + 8);
    for c in raw.chars() {
        match c {
            '\0'..='\x1f' => shown.extend(char::from_u32(0x2400 + u32::from(c))),
            '\x7f' => shown.push('␡'),
            c if is_hidden(c) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown.into()
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}'..='\u{ffff}')
}

/// Prose as one line: a line break in an error message is no more than a space.
pub(super) fn prose(raw: &str) -> Cow<'_, str> {
    if raw.contains(['\n', '\r', '\t']) {
        return visible(&raw.replace(['\n', '\r', '\t'], " ")).into_owned().into();
    }
    visible(raw)
}

/// A text on one line, as a reader sees it.
pub(super) fn shown(text: &super::Text) -> String {
    let spans = text.0.iter().map(|span| match span {
        Span::Code(name) => visible(name),
        Span::Plain(words) | Span::Strong(words) | Span::Emphasis(words) | Span::Link(words, _) => {
            prose(words)
        }
    });
    spans.collect::<Vec<_>>().concat().trim().to_owned()
}

/// How the names in a document's grids are shown where there is little room.
#[derive(Debug, Default)]
pub(super) struct Names {
    short: HashMap<String, String>,
}

impl Names {
    /// Elides names of more than `most` columns in the middle, but not where
    /// two different names would then look the same. It takes one pass over
    /// the document.
    pub(super) fn of(document: &Document, most: usize) -> Self {
        let grids = document.blocks.iter().filter_map(|block| match block {
            Block::Grid(grid) => Some(grid),
            _ => None,
        });
        let texts = grids.flat_map(|grid| {
            let heads = grid.columns.iter().map(|column| &column.head);
            heads.chain(grid.rows.iter().flatten().flat_map(|cell| &cell.lines))
        });
        let names: HashSet<&str> = texts
            .flat_map(|text| &text.0)
            .filter_map(|span| if let Span::Code(name) = span { Some(name.as_str()) } else { None })
            .collect();
        Self::among(&names, most)
    }

    fn among(names: &HashSet<&str>, most: usize) -> Self {
        let mut by_look: HashMap<String, Vec<&str>> = HashMap::new();
        for &name in names {
            let look = visible(name);
            let look = if look.width() > most { elide(&look, most) } else { look.into_owned() };
            by_look.entry(look).or_default().push(name);
        }
        let alone = by_look.into_iter().filter_map(|(look, names)| match names.as_slice() {
            [name] if *name != look => Some(((*name).to_owned(), look)),
            _ => None,
        });
        Self { short: alone.collect() }
    }

    /// The name as it is shown.
    pub(super) fn show<'a>(&'a self, name: &'a str) -> Cow<'a, str> {
        self.short.get(name).map_or_else(|| visible(name), |short| short.into())
    }
}

/// Leaves out the middle, so that `most` columns remain at most.
pub(super) fn elide(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let rest = most.saturating_sub(1);
    let fitting = |chars: &mut dyn Iterator<Item = (usize, char)>, room: usize| {
        let mut used = 0;
        let fits = |(_, c): &(usize, char)| {
            used += c.width().unwrap_or(0);
            used <= room
        };
        chars.take_while(fits).last().map(|(at, c)| (at, at + c.len_utf8()))
    };
    let head = fitting(&mut text.char_indices(), rest.div_ceil(2)).map_or(0, |(_, end)| end);
    let tail = fitting(&mut text.char_indices().rev(), rest / 2).map_or(text.len(), |(at, _)| at);
    // A mark that belongs to a letter left out would sit on the ellipsis.
    let tail = text[tail..].trim_start_matches(|c: char| c.width() == Some(0));
    format!("{}…{tail}", &text[..head])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stays_invisible() {
        assert_eq!(visible("a\u{1b}[31m\n\0\u{7f}"), "a␛[31m␊␀␡");
        assert_eq!(visible("\u{9b}x\u{202e}"), "\\u{9b}x\\u{202e}");
        assert_eq!(visible("日本 👩‍💻"), "日本 👩‍💻", "a joiner inside an emoji belongs there");
        assert_eq!(prose("a\nb"), "a b");
    }

    #[test]
    fn the_middle_is_left_out_by_columns() {
        assert_eq!(elide("abcdefghij", 7), "abc…hij");
        assert_eq!(elide("abcdefg", 7), "abcdefg");
        assert_eq!(elide("日本語日本語", 7), "日…語", "a wide character is not halved");
        assert_eq!(elide("abcdefge\u{301}", 4), "ab…e\u{301}");
        assert_eq!(elide("abc", 0), "…");
    }

    #[test]
    fn names_that_would_look_alike_stay_whole() {
        let long = ["head-one-tail", "head-two-tail", "other-and-long"];
        let names = Names::among(&long.into(), 9);
        assert_eq!(long.map(|name| names.show(name)), [long[0], long[1], "othe…long"]);
        let names = Names::among(&["a-long-name", "a-l…ame"].into(), 7);
        assert_eq!(names.show("a-long-name"), "a-long-name", "there is one that looks so already");
    }
}
