//! Which kind of file a path leads to, and what it holds.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Options;
use crate::benchmark::Set;
use crate::error::Error;
use crate::foreign::{hyperfine, pyperf};
use crate::history;
use crate::snapshot::{self, bad};

/// Which kind of file, told by what it holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Snapshot,
    History,
    Pyperf,
    Hyperfine,
}

#[derive(Deserialize)]
struct Head {
    schema: Option<String>,
    version: Option<IgnoredAny>,
    benchmarks: Option<IgnoredAny>,
    results: Option<IgnoredAny>,
}

pub(super) fn file(path: &Path, options: &Options) -> Result<Set, Error> {
    const GZIP: &[u8] = &[0x1f, 0x8b];
    let text = fs::read(path).map_err(|e| bad(path, e.to_string()))?;
    if text.starts_with(GZIP) {
        return Err(bad(path, "is compressed: unpack it first, with `gunzip`".into()));
    }
    match kind(&text).map_err(|why| bad(path, why))? {
        Kind::Snapshot => snapshot::parse(path, &text),
        Kind::Pyperf => pyperf::parse(path, &text, &options.mapping),
        Kind::Hyperfine => hyperfine::parse(path, &text, &options.mapping),
        Kind::History => {
            let history = history::parse(path, &text)?;
            if history.runs.is_empty() {
                return Err(bad(path, "is a history without runs".into()));
            }
            Ok(history::reference(&history, options.last))
        }
    }
}

/// Tells what a file is by the fields of its first JSON value; of one that is
/// cut short, by what it begins with.
fn kind(text: &[u8]) -> Result<Kind, String> {
    const BEGINNING: usize = 200;
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Head>();
    let unreadable = match values.next() {
        Some(Ok(Head { schema: Some(schema), .. })) if schema == snapshot::SCHEMA => {
            return Ok(Kind::Snapshot);
        }
        Some(Ok(Head { schema: Some(schema), .. })) if schema == history::SCHEMA => {
            return Ok(Kind::History);
        }
        Some(Ok(Head { schema: Some(schema), .. })) => format!("its schema is {schema:?}"),
        Some(Ok(Head { results: Some(_), .. })) => return Ok(Kind::Hyperfine),
        Some(Ok(Head { benchmarks: Some(_), version: Some(_), .. })) => return Ok(Kind::Pyperf),
        Some(Ok(Head { benchmarks: Some(_), .. })) => {
            return Err("seems to be critcmp's export, which holds no samples to compare: \
                        `report snapshot` makes a file that does"
                .into());
        }
        Some(Ok(_)) => "its fields are those of none".into(),
        Some(Err(e)) => format!("it is no JSON: {e}"),
        None => "it is empty".into(),
    };
    // A reader of its own says best what is wrong with it.
    let beginning = String::from_utf8_lossy(&text[..text.len().min(BEGINNING)]);
    if beginning.contains(snapshot::SCHEMA) {
        return Ok(Kind::Snapshot);
    }
    if history::is_history(text) || beginning.contains(history::SCHEMA) {
        return Ok(Kind::History);
    }
    let kinds = "a snapshot, a history, pyperf's JSON and hyperfine's are known";
    Err(format!("is of no known kind: {unreadable}, and {kinds}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kinds_are_told_by_content() {
        let kind = |text: &str| kind(text.as_bytes());
        assert_eq!(kind(r#"{"schema": "polyphony.snapshot", "x": 1e999}"#), Ok(Kind::Snapshot));
        assert_eq!(kind(r#"{"schema": "polyphony.snapshot", "ver"#), Ok(Kind::Snapshot));
        let line = r#"{"schema": "polyphony.history", "version": 1}"#;
        assert_eq!(kind(&format!("{line}\n{line}\n")), Ok(Kind::History));
        assert_eq!(kind(&format!("{{\"cut sh\n{line}\n")), Ok(Kind::History));
        assert_eq!(kind(r#"{"version": "1.0", "benchmarks": []}"#), Ok(Kind::Pyperf));
        assert_eq!(kind(r#"{"results": []}"#), Ok(Kind::Hyperfine));
        for (text, why) in [
            ("", "it is empty"),
            ("# A README", "it is no JSON"),
            ("{}", "its fields are those of none"),
            (r#"{"schema": "other"}"#, "its schema is \"other\""),
            (r#"{"name": "before", "benchmarks": {}}"#, "no samples to compare: `report snapshot`"),
        ] {
            let error = kind(text).expect_err(text);
            assert!(error.contains(why), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>) {
            let _ = kind(&text);
        }
    }
}
