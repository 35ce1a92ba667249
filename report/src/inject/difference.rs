//! Where two texts first differ, in a few lines.

use std::fmt;

/// The lines that differ, as one block.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// The first line of the block, from 1.
    pub line: usize,
    /// Its lines in the old text.
    pub old: Vec<String>,
    /// Its lines in the new text.
    pub new: Vec<String>,
}

impl Difference {
    /// The block between the lines that two texts have in common at their
    /// beginning and at their end; `None` for equal texts.
    pub fn first(old: &str, new: &str) -> Option<Self> {
        if old == new {
            return None;
        }
        let (old, new): (Vec<_>, Vec<_>) =
            (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
        let before = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let (old, new) = (&old[before..], &new[before..]);
        let after = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
        let block = |lines: &[&str]| {
            let lines = &lines[..lines.len() - after];
            lines.iter().map(|line| line.trim_end_matches(['\r', '\n']).to_owned()).collect()
        };
        Some(Self { line: before + 1, old: block(old), new: block(new) })
    }
}

impl fmt::Display for Difference {
    /// At most three lines of either side, as `diff` marks them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        for (mark, lines) in [('-', &self.old), ('+', &self.new)] {
            for line in lines.iter().take(SHOWN) {
                writeln!(f, "{mark}{line}")?;
            }
            match lines.len().saturating_sub(SHOWN) {
                0 => {}
                1 => writeln!(f, "{mark}… and 1 more line")?,
                more => writeln!(f, "{mark}… and {more} more lines")?,
            }
        }
        Ok(())
    }
}
