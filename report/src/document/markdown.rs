//! A document as GitHub-flavoured markdown.
