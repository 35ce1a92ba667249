//! hyperfine's `--export-json`: the one module that knows its format.
//!
//! A file holds `results`; a result has a `command` (or the name that
//! `--command-name` gave it), `times` in seconds, one for each run, and what
//! was made of them ([hyperfine, `benchmark_result.rs`]). A run is a process of
//! its own, so runs are independent and each is a visit of one iteration.
//!
//! Without `times` (hyperfine 1.0) mean and standard deviation are all there
//! is; no interval can be told from them, for the number of runs is not
//! recorded, and such a result becomes a problem. So does a time of zero:
//! hyperfine subtracts the shell's start-up, and a command that is faster than
//! that needs `--shell=none`.
//!
//! With `--ignore-failure` commands may have failed. Their times stand, for the
//! user asked for them, and a problem says how many runs failed.
//!
//! [hyperfine, `benchmark_result.rs`]: https://github.com/sharkdp/hyperfine/blob/v1.20.0/src/benchmark/benchmark_result.rs

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Entry, Mapping, SECOND};
use crate::benchmark::{Benchmark, Estimates, Id, Sample, Set, Statistic};
use crate::error::Error;
use crate::snapshot::{bad, label};
use crate::stats::{bootstrap, mean, median};

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Outcome {
    command: String,
    times: Option<Vec<f64>>,
    /// The exit code of each run, null after a signal; hyperfine 1.12 and later.
    #[serde(default)]
    exit_codes: Vec<Option<i32>>,
    /// The parameters and their values as text.
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    /// hyperfine 1.4 to 1.9: the value of the only one, without its name.
    parameter: Option<Value>,
}

impl Outcome {
    /// The parameter, if there is exactly one: its name, empty where it is not
    /// recorded, and its value.
    fn parameter(&self) -> Option<(&str, String)> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut named = self.parameters.iter();
        match (named.next(), named.next(), &self.parameter) {
            (Some((name, value)), None, _) => Some((name, text(value))),
            (None, None, Some(value)) => Some(("", text(value))),
            _ => None,
        }
    }
}

/// Reads a file that hyperfine wrote.
///
/// Commands that the mapping does not know become functions of the group
/// `hyperfine`. If a result has exactly one parameter, that is its value, also
/// where the mapping gives none, and in the command's name it is put back to
/// its placeholder: `seq 10` and `seq 20` are `seq {n}` at 10 and at 20. The
/// headline is the mean, as hyperfine's is. No machine is recorded.
///
/// # Errors
/// [`Error::BadFile`] for a file that cannot be read or is none of hyperfine's.
pub fn read(path: &Path, mapping: &Mapping) -> Result<Set, Error> {
    let text = fs::read(path).map_err(|e| bad(path, e.to_string()))?;
    parse(path, &text, mapping)
}

/// The same of a file that is read already.
///
/// # Errors
/// As [`read`].
pub(crate) fn parse(path: &Path, text: &[u8], mapping: &Mapping) -> Result<Set, Error> {
    let File { results } = super::shape(path, text, "hyperfine")?;
    let mut set = super::set(path, &results, |place, raw| entry(place, raw, mapping));
    set.label = label(path, None);
    Ok(set)
}

fn entry(place: usize, raw: &RawValue, mapping: &Mapping) -> Entry {
    let result: Outcome = match serde_json::from_str(raw.get()) {
        Ok(result) => result,
        Err(e) => return Entry::Broken(None, format!("result {place} cannot be read: {e}")),
    };
    let id = id(&result, mapping);
    let Outcome { command, times, exit_codes, .. } = result;
    let Some(times) = times else {
        let what = format!("{command:?} has no times of single runs (hyperfine 1.0 kept none)");
        return Entry::Broken(Some(id), what);
    };
    let sample = Sample {
        iterations: vec![1.0; times.len()],
        times: times.iter().map(|seconds| seconds * SECOND).collect(),
    };
    if let Some(what) = sample.flaw() {
        return Entry::Broken(Some(id), format!("{command:?} {what}"));
    }
    let failed = exit_codes.iter().filter(|code| **code != Some(0)).count();
    let note = (failed > 0)
        .then(|| format!("{command:?} failed in {failed} of {} runs", exit_codes.len()));
    let benchmark = Benchmark {
        id,
        place: command,
        work: None,
        estimates: Estimates {
            mean: bootstrap(&sample.times, mean),
            median: bootstrap(&sample.times, median),
            slope: None,
        },
        sample,
        typical: Statistic::Mean,
        run: None,
    };
    Entry::Read(Box::new(benchmark), note)
}

fn id(result: &Outcome, mapping: &Mapping) -> Id {
    let parameter = result.parameter();
    let value = || parameter.as_ref().map(|(_, value)| value.clone()).unwrap_or_default();
    if let Some(id) = mapping.id(&result.command) {
        return if id.value.is_empty() { Id { value: value(), ..id } } else { id };
    }
    let function = match &parameter {
        Some((name, value)) => with_placeholder(&result.command, name, value),
        None => result.command.clone(),
    };
    Id { group: "hyperfine".into(), function, value: value() }
}

/// The command with each word that is the value replaced by `{name}`, as
/// hyperfine's own placeholder is written.
fn with_placeholder(command: &str, name: &str, value: &str) -> String {
    if value.is_empty() {
        return command.to_owned();
    }
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let mut text = String::with_capacity(command.len());
    let mut rest = command;
    while let Some((before, after)) = rest.split_once(value) {
        text.push_str(before);
        if !text.ends_with(is_word) && !after.starts_with(is_word) {
            text.push_str(&format!("{{{name}}}"));
        } else {
            text.push_str(value);
        }
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse_text(text: &str, mapping: &Mapping) -> Set {
        parse(Path::new("peers.json"), text.as_bytes(), mapping).expect("a file of hyperfine's")
    }

    #[test]
    fn placeholders_replace_whole_words() {
        assert_eq!(with_placeholder("seq 10", "n", "10"), "seq {n}");
        assert_eq!(
            with_placeholder("--n=10 100 x10 1.10 10", "n", "10"),
            "--n={n} 100 x10 1.10 {n}"
        );
        assert_eq!(with_placeholder("11 1", "n", "1"), "11 {n}");
        assert_eq!(with_placeholder("a b", "n", ""), "a b");
    }

    #[test]
    fn versions_of_the_parameter() {
        let set = parse_text(
            r#"{"results": [
                {"command": "sleep 1", "times": [1.0], "parameter": 1},
                {"command": "sleep 2", "times": [2.0], "parameters": {"s": "2"}},
                {"command": "cp a b", "times": [2.0], "parameters": {"from": "a", "to": "b"}}
            ]}"#,
            &Mapping::default(),
        );
        let names: Vec<_> = set.benchmarks.iter().map(|b| b.id.to_string()).collect();
        assert_eq!(names, ["hyperfine/cp a b", "hyperfine/sleep {s}/2", "hyperfine/sleep {}/1"]);
        assert_eq!(set.problems, []);
    }

    #[test]
    fn a_mapping_without_a_value_takes_the_parameter() {
        let text = r#"{"results": [
            {"command": "seq", "times": [1.0], "parameters": {"n": "5"}},
            {"command": "seq", "times": [1.0], "parameters": {"n": "6"}}
        ]}"#;
        let ids = |rule: &str| -> Vec<_> {
            let mapping = Mapping::new(&[rule.to_owned()]).expect("a good rule");
            parse_text(text, &mapping).benchmarks.iter().map(|b| b.id.to_string()).collect()
        };
        assert_eq!(ids("seq=shell/loops/seq/"), ["shell/loops/seq/5", "shell/loops/seq/6"]);
        assert_eq!(ids("seq=shell/loops/seq/1"), ["shell/loops/seq/1", "shell/loops/seq/1"]);
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let set = parse_text(
            r#"{"results": [
                {"command": "old", "mean": 1.0, "stddev": 0.1},
                {"command": "fast", "times": [0.0, 0.1]},
                {"command": 7},
                {"command": "huge", "times": [1e999]},
                {"command": "none", "times": []},
                {"command": "killed", "times": [1.0, 1.0], "exit_codes": [0, null]},
                {"command": "killed", "times": [1.0, 1.0], "exit_codes": [0, 0]}
            ]}"#,
            &Mapping::default(),
        );
        let mut told: Vec<_> = set.problems.iter().map(|problem| problem.what.as_str()).collect();
        told.sort_unstable();
        assert_eq!(told[0], r#""fast" holds a time of 0.0 ns in visit 1"#);
        assert_eq!(told[1], r#""killed" failed in 1 of 2 runs"#);
        assert_eq!(told[2], r#""none" holds no visit at all"#);
        assert_eq!(told[3], r#""old" has no times of single runs (hyperfine 1.0 kept none)"#);
        assert!(told[4].starts_with("result 3 cannot be read: invalid type"), "{}", told[4]);
        assert!(told[5].starts_with("result 4 cannot be read: number out of range"), "{}", told[5]);
        let places: Vec<_> = set.benchmarks.iter().map(|b| b.place.as_str()).collect();
        assert_eq!(places, ["killed", "killed (2)"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>) {
            let _ = parse(Path::new("x"), &text, &Mapping::default());
        }

        #[test]
        fn placeholders_filled_in_give_the_command(command in "[a1 .]{0,12}", value in "[a1]{1,2}") {
            let template = with_placeholder(&command, "n", &value);
            prop_assert_eq!(template.replace("{n}", &value), command);
        }
    }
}
