//! Text inside XML and HTML, elements and attributes alike.

use super::names::visible;

/// Nothing in it is syntax, and nothing is invisible: it is also free of the
/// control characters that XML forbids.
pub(super) fn escaped(raw: &str) -> String {
    let mut safe = String::with_capacity(raw.len() + 8);
    for c in visible(raw).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    #[test]
    fn neither_element_nor_attribute_can_be_left() {
        assert_eq!(super::escaped("<a b='c\"&\u{0}>"), "&lt;a b=&#39;c&quot;&amp;␀&gt;");
    }
}
