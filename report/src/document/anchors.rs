//! What links to a heading: the identifiers that GitHub gives them.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::names::shown;
use super::{Block, Document};

/// A document's headings and their identifiers.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    /// In the order of the headings.
    ids: Vec<String>,
    by_text: HashMap<String, usize>,
}

impl Anchors {
    /// One for each heading; a text that comes again is numbered, as GitHub
    /// does (the algorithm is that of its published `github-slugger`).
    pub(super) fn of(document: &Document) -> Self {
        let mut anchors = Self::default();
        let mut used: HashMap<String, usize> = HashMap::new();
        for block in &document.blocks {
            let Block::Heading(_, text) = block else { continue };
            let slug = slug(&shown(text));
            let mut id = slug.clone();
            while used.contains_key(&id) {
                let times = used.entry(slug.clone()).or_insert(0);
                *times += 1;
                id = format!("{slug}-{times}");
            }
            used.insert(id.clone(), 0);
            anchors.by_text.entry(text.plain()).or_insert(anchors.ids.len());
            anchors.ids.push(id);
        }
        anchors
    }

    /// The identifier of the first heading of this text, if there is one.
    pub(super) fn find(&self, text: &str) -> Option<&str> {
        self.by_text.get(text).map(|&place| self.ids[place].as_str())
    }

    /// All, in the order of the headings.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }
}

/// A heading's identifier before it is numbered: lower case, hyphens for
/// spaces, and nothing but letters, digits, hyphens and underscores. One that
/// nothing is left of is called `section`.
fn slug(heading: &str) -> String {
    static DROPPED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"[^\w\- ]").expect("the expression is well formed"));
    let slug = DROPPED.replace_all(&heading.to_lowercase(), "").replace(' ', "-");
    if slug.is_empty() { "section".into() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_found_by_githubs_identifiers() {
        let mut document = Document::default();
        for text in ["sync-vs-async/fun", "The lecture's claims", "foo", "foo", "foo-1", "È_2 ½"]
        {
            document.heading(2, text);
        }
        let anchors = Anchors::of(&document);
        let all: Vec<_> = anchors.all().collect();
        let expected =
            ["sync-vs-asyncfun", "the-lectures-claims", "foo", "foo-1", "foo-1-1", "è_2-"];
        assert_eq!(all, expected);
        assert_eq!(anchors.find("foo"), Some("foo"));
        assert_eq!(anchors.find("bar"), None);
    }

    #[test]
    fn no_identifier_is_empty() {
        let mut document = Document::default();
        document.heading(2, "???");
        assert_eq!(Anchors::of(&document).find("???"), Some("section"));
    }
}
