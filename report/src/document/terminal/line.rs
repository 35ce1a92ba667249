//! A line of styled words, how wide it is and where it is broken.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::document::names::{Names, prose, visible};
use crate::document::{Span, Text, Tone};

/// How a piece of a line is set apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Style {
    Plain,
    Code,
    Strong,
    Emphasis,
}

/// A line, or what will be one when it is wrapped.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line(Vec<(Style, String)>);

impl Line {
    /// Columns that a terminal uses for it.
    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.width()).sum()
    }

    /// Columns of its widest word.
    pub(super) fn widest_word(&self) -> usize {
        self.words(usize::MAX).iter().map(Line::width).max().unwrap_or(0)
    }

    pub(super) fn prepend(&mut self, sign: &str) {
        if !sign.is_empty() {
            self.0.insert(0, (Style::Plain, sign.to_owned()));
        }
    }

    fn push(&mut self, style: Style, text: &str) {
        match self.0.last_mut() {
            Some((last, words)) if *last == style => words.push_str(text),
            _ if text.is_empty() => {}
            _ => self.0.push((style, text.to_owned())),
        }
    }

    /// What stands between spaces; a word may have several styles. A figure
    /// keeps its unit, and an interval its upper end, if both fit.
    fn words(&self, most: usize) -> Vec<Line> {
        let mut words: Vec<Line> = Vec::new();
        for word in self.split() {
            let fits = |before: &Line| before.width() + 1 + word.width() <= most;
            match words.last_mut().filter(|before| belongs(before, &word) && fits(before)) {
                Some(before) => {
                    before.push(Style::Plain, " ");
                    word.0.iter().for_each(|(style, text)| before.push(*style, text));
                }
                None => words.push(word),
            }
        }
        words
    }

    fn split(&self) -> Vec<Line> {
        let mut words = vec![Line::default()];
        for (style, text) in &self.0 {
            for (place, part) in text.split(' ').enumerate() {
                if place > 0 {
                    words.push(Line::default());
                }
                if let Some(word) = words.last_mut() {
                    word.push(*style, part);
                }
            }
        }
        words
    }
}

/// Whether a word is nothing without the one before it.
fn belongs(before: &Line, word: &Line) -> bool {
    let ([.., (_, before)], [(_, word), ..]) = (before.0.as_slice(), word.0.as_slice()) else {
        return false;
    };
    let unit = word.trim_end_matches(['.', ',', ';', ':', ')']);
    let is_unit = ["ns", "µs", "ms", "s", "%"].contains(&unit);
    let last = before.rsplit(' ').next().unwrap_or(before);
    (is_unit && last.ends_with(|c: char| c.is_ascii_digit()))
        || (last.starts_with('[') && last.ends_with(',') && word.ends_with([']', ',', ')']))
}

/// A text as a line; names are elided where there is little room, and in prose
/// without colours they stand between backticks.
pub(super) fn styled(text: &Text, names: Option<&Names>, ink: Ink) -> Line {
    let mut line = Line::default();
    for span in &text.0 {
        match span {
            Span::Plain(words) | Span::Link(words, _) => line.push(Style::Plain, &prose(words)),
            Span::Strong(words) => line.push(Style::Strong, &prose(words)),
            Span::Emphasis(words) => line.push(Style::Emphasis, &prose(words)),
            Span::Code(name) => match names {
                Some(names) => line.push(Style::Code, &names.show(name)),
                None if ink.colour => line.push(Style::Code, &visible(name)),
                None => line.push(Style::Code, &format!("`{}`", visible(name))),
            },
        }
    }
    line
}

/// Breaks a line at spaces so that each part fits, and words that are wider
/// than that anywhere.
pub(super) fn wrap(line: &Line, width: usize) -> Vec<Line> {
    if line.width() <= width {
        return vec![line.clone()];
    }
    let width = width.max(1);
    let mut lines = vec![Line::default()];
    let (mut used, mut begun) = (0, false);
    for word in line.words(width) {
        let wide = word.width();
        if begun && used + 1 + wide <= width {
            last(&mut lines).push(Style::Plain, " ");
            used += 1;
        } else if begun {
            lines.push(Line::default());
            used = 0;
        }
        begun = true;
        for (style, text) in &word.0 {
            for c in text.chars() {
                let wide = c.width().unwrap_or(0);
                if used + wide > width && used > 0 {
                    lines.push(Line::default());
                    used = 0;
                }
                last(&mut lines).push(*style, c.encode_utf8(&mut [0; 4]));
                used += wide;
            }
        }
    }
    lines
}

fn last(lines: &mut [Line]) -> &mut Line {
    lines.last_mut().expect("there is a line from the start")
}

/// The spaces before and after a line in a column.
pub(super) fn pad(line: &Line, width: usize, right: bool) -> (String, String) {
    let spaces = " ".repeat(width.saturating_sub(line.width()));
    if right { (spaces, String::new()) } else { (String::new(), spaces) }
}

/// Whether there are colours, and which (ECMA-48, "select graphic rendition").
#[derive(Clone, Copy, Debug)]
pub(super) struct Ink {
    pub(super) colour: bool,
}

impl Ink {
    /// Writes a line in the colour of its tone.
    pub(super) fn line(self, out: &mut String, line: &Line, tone: Tone) {
        for (style, text) in &line.0 {
            let style = match style {
                Style::Plain => "",
                Style::Code if tone == Tone::Plain => "36",
                Style::Code => "",
                Style::Strong => "1",
                Style::Emphasis => "3",
            };
            let tone = match tone {
                Tone::Plain => "",
                Tone::Good => "32",
                Tone::Bad => "31",
                Tone::Faint => "2",
            };
            self.paint(out, &[tone, style], text);
        }
    }

    /// Writes a line in bold, whatever its parts are.
    pub(super) fn bold(self, out: &mut String, line: &Line) {
        line.0.iter().for_each(|(_, text)| self.paint(out, &["1"], text));
    }

    fn paint(self, out: &mut String, codes: &[&str], text: &str) {
        let codes: Vec<_> = codes.iter().copied().filter(|code| !code.is_empty()).collect();
        if self.colour && !codes.is_empty() && !text.is_empty() {
            out.push_str(&format!("\u{1b}[{}m{text}\u{1b}[0m", codes.join(";")));
        } else {
            out.push_str(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, width: usize) -> Vec<String> {
        let line = styled(&text.into(), None, Ink { colour: false });
        let lines = wrap(&line, width);
        lines.iter().map(|line| line.0.iter().map(|(_, text)| text.as_str()).collect()).collect()
    }

    #[test]
    fn lines_break_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 80), ["one two three"]);
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(
            wrapped("takes 61.4 ms, ×0.594 [0.513, 0.661] here", 11),
            ["takes", "61.4 ms,", "×0.594", "[0.513,", "0.661] here"],
            "too wide to be kept together"
        );
        assert_eq!(wrapped("×0.594 [0.513, 0.661]", 16), ["×0.594", "[0.513, 0.661]"]);
        assert_eq!(wrapped("日本語日本", 5), ["日本", "語日", "本"]);
        assert_eq!(wrapped("日本", 1), ["日", "本"], "what cannot fit stands alone");
    }
}
