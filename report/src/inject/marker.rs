//! Markers: where in a text something is put, and what.
//!
//! ```text
//! <!-- report: table --group threads/sin --cols value -->
//!
//! whatever stands here is replaced
//!
//! <!-- /report -->
//! ```
//!
//! A marker is an HTML comment, so no reader of the page sees it. It stands
//! alone on its line, indented by at most three spaces, and holds the arguments
//! of a command as they would be typed in a shell; a text can hold several. In
//! a fenced or indented code block it is an example and left alone, by the
//! rules of [CommonMark] (sections 4.4 and 4.5).
//!
//! [CommonMark]: https://spec.commonmark.org/0.31.2/

use std::fmt;
use std::ops::Range;

/// A marker as it could be written.
pub const EXAMPLE: &str = "<!-- report: table -->";

/// The end of what a marker stands for.
pub const END: &str = "<!-- /report -->";

/// A place in a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Marker {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The words after `report:`, the command first; at least one.
    pub arguments: Vec<String>,
    /// What stands between it and its end, in bytes of the text.
    pub body: Range<usize>,
    /// How its line ends, as what is put there will.
    newline: &'static str,
}

/// Why markers make no sense.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Fault {}

/// The markers of a text, in order.
///
/// ```
/// use report::inject::marker;
/// let text = "# Times\n<!-- report: table --filter 'a b' -->\nold\n<!-- /report -->\n";
/// let markers = marker::find(text)?;
/// assert_eq!(markers[0].arguments, ["table", "--filter", "a b"]);
/// let new = marker::fill(text, &markers, &["new".to_owned()])?;
/// assert!(new.contains("-->\n\nnew\n\n<!--"));
/// # Ok::<(), marker::Fault>(())
/// ```
///
/// # Errors
/// The first line with a marker that does not end, ends without having begun,
/// stands in another, shares its line, or holds no words of a shell.
pub fn find(text: &str) -> Result<Vec<Marker>, Fault> {
    let mut markers = Vec::new();
    let mut open: Option<Marker> = None;
    let mut fence: Option<Fence> = None;
    let mut end = 0;
    for (line, with_end) in (1..).zip(text.split_inclusive('\n')) {
        let start = end;
        end += with_end.len();
        let content = with_end.trim_end_matches(['\r', '\n']).trim_start_matches('\u{feff}');
        if let Some(opened) = fence {
            fence = (!opened.is_closed_by(content)).then_some(opened);
            continue;
        }
        fence = Fence::opened_by(content);
        let fault = |what: String| Err(Fault { line, what });
        match (comment(content), open.take()) {
            (Comment::Other, still_open) => open = still_open,
            (Comment::Broken(what), _) => return fault(what.into()),
            (Comment::Begin(_), Some(outer)) => {
                return fault(format!("a marker in that of line {}, which has no end", outer.line));
            }
            (Comment::Begin(arguments), None) => {
                let newline = if with_end.ends_with("\r\n") { "\r\n" } else { "\n" };
                let arguments = match shlex::split(arguments) {
                    Some(words) if !words.is_empty() => words,
                    Some(_) => {
                        return fault(format!("a marker without a command, as in {EXAMPLE}"));
                    }
                    None => return fault(format!("a quote in {arguments:?} is not closed")),
                };
                open = Some(Marker { line, arguments, body: end..end, newline });
            }
            (Comment::End, None) => return fault(format!("{END} without a marker before it")),
            (Comment::End, Some(mut marker)) => {
                marker.body.end = start;
                markers.push(marker);
            }
        }
    }
    match open {
        None => Ok(markers),
        Some(Marker { line, .. }) => {
            Err(Fault { line, what: format!("the marker has no end: a line {END} below it") })
        }
    }
}

/// The text with other contents between its markers, each with an empty line
/// before and after it, for some readers of markdown take a table for part of
/// the comment otherwise. The contents' lines end as the marker's do.
///
/// # Errors
/// The line of a marker whose content would be taken for a marker itself, or
/// would hide its own end in a code block that it leaves open.
///
/// # Panics
/// If there are not as many contents as markers, or the markers are of another
/// text.
pub fn fill(text: &str, markers: &[Marker], contents: &[String]) -> Result<String, Fault> {
    assert_eq!(markers.len(), contents.len(), "a content for each marker");
    let mut filled = String::with_capacity(text.len());
    let mut kept = 0;
    let mut bodies = Vec::with_capacity(markers.len());
    for (marker, content) in markers.iter().zip(contents) {
        filled.push_str(&text[kept..marker.body.start]);
        let start = filled.len();
        let content = content.replace("\r\n", "\n");
        let content = content.trim_matches('\n');
        if !content.is_empty() {
            filled.push_str(marker.newline);
            for line in content.split('\n').chain([""]) {
                filled.push_str(line);
                filled.push_str(marker.newline);
            }
        }
        bodies.push(start..filled.len());
        kept = marker.body.end;
    }
    filled.push_str(&text[kept..]);
    // Read back, for what was put there may look like a marker.
    let found = find(&filled).unwrap_or_default();
    let is_found = |place: &usize| found.get(*place).is_some_and(|m| m.body == bodies[*place]);
    match (0..markers.len()).find(|place| !is_found(place)) {
        Some(place) => Err(Fault {
            line: markers[place].line,
            what: "what is to stand here holds a marker or an open code block".into(),
        }),
        None => Ok(filled),
    }
}

/// What a line is to us.
enum Comment<'a> {
    /// A marker with these arguments.
    Begin(&'a str),
    /// A marker's end.
    End,
    /// Neither.
    Other,
    /// Meant as one of them, and why it is none.
    Broken(&'static str),
}

fn comment(line: &str) -> Comment<'_> {
    const NOT_ALONE: &str = "a marker begins and ends on one line, and stands there alone";
    let Some(inner) = unindented(line).and_then(|line| line.strip_prefix("<!--")) else {
        return Comment::Other;
    };
    let inner = inner.trim();
    if let Some(rest) = inner.strip_prefix("report:") {
        return match rest.split_once("-->") {
            Some((arguments, "")) => Comment::Begin(arguments.trim()),
            _ => Comment::Broken(NOT_ALONE),
        };
    }
    match inner.strip_prefix("/report") {
        Some(rest) if rest.trim_start() == "-->" => Comment::End,
        Some(rest) if !rest.starts_with(|c: char| c.is_alphanumeric() || "-_".contains(c)) => {
            Comment::Broken(NOT_ALONE)
        }
        _ => Comment::Other,
    }
}

/// A fence that a code block is in.
#[derive(Clone, Copy)]
struct Fence {
    mark: char,
    length: usize,
}

impl Fence {
    fn opened_by(line: &str) -> Option<Self> {
        let line = unindented(line)?;
        let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let info = line.trim_start_matches(mark);
        let length = line.len() - info.len();
        // A line of code has backticks at both ends.
        (length >= 3 && !(mark == '`' && info.contains('`'))).then_some(Self { mark, length })
    }

    fn is_closed_by(self, line: &str) -> bool {
        let Some(line) = unindented(line) else { return false };
        let rest = line.trim_start_matches(self.mark);
        line.len() - rest.len() >= self.length && rest.trim().is_empty()
    }
}

/// The line without its indentation; `None` if that makes it a line of code.
fn unindented(line: &str) -> Option<&str> {
    const CODE: usize = 4;
    let rest = line.trim_start_matches(' ');
    (line.len() - rest.len() < CODE).then_some(rest)
}
