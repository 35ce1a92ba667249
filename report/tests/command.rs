//! The command as its users meet it: what it prints of real trees, whole and
//! broken, and the exit codes that CI acts on.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use regex::Regex;
use report::benchmark::{Id, Sample};
use report::layout;
use tempfile::TempDir;

/// A fixture, unpacked where the command then runs.
fn fixture(name: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let archive =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{name}.tar.gz"));
    let status = Command::new("tar").arg("xzf").arg(archive).current_dir(&directory).status();
    assert!(status.expect("tar runs").success());
    directory
}

fn report(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_report"));
    for variable in ["CRITERION_HOME", "CARGO_TARGET_DIR", "GITHUB_STEP_SUMMARY"] {
        command.env_remove(variable);
    }
    command.args(arguments).current_dir(directory).output().expect("report runs")
}

/// What it printed, after a check of its exit code.
#[track_caller]
fn printed(directory: &Path, arguments: &[&str], code: i32) -> String {
    let output = report(directory, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What it complained of, after a check of its exit code.
#[track_caller]
fn complaint(directory: &Path, arguments: &[&str], code: i32) -> String {
    let output = report(directory, arguments);
    let errors = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    errors
}

/// Benchmarks of a baseline on disk, counted without the reader under test.
fn on_disk(directory: &Path, baseline: &str) -> usize {
    let here = directory.join("benchmark.json").is_file()
        && directory.file_name().is_some_and(|name| name == baseline);
    let below = fs::read_dir(directory).expect("a folder").flatten();
    let below = below.filter(|entry| entry.path().is_dir());
    usize::from(here) + below.map(|entry| on_disk(&entry.path(), baseline)).sum::<usize>()
}

/// Compares with a golden file; `UPDATE_EXPECTED=1` writes it.
#[track_caller]
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected").join(name);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, text).expect("the golden file is written");
    }
    let expected = fs::read_to_string(&path).expect("a golden file");
    assert_eq!(text, expected, "{name} differs; UPDATE_EXPECTED=1 writes it anew");
}

#[test]
fn every_format_has_every_benchmark() {
    let tree = fixture("sample");
    // A figure with its interval, or with the two visits that allow none.
    let figure = Regex::new(r"(ns|µs|ms|s) (\[|\(\d+ visits\))").expect("a pattern");
    let chart = Regex::new(r"(?s)<svg.*?</svg>").expect("a pattern");
    for baseline in ["new", "after", "base", "before"] {
        let count = on_disk(&tree.path().join("criterion"), baseline);
        assert!(count >= 4, "{baseline}: {count}");
        let show = |format: &str| {
            let arguments = ["table", "criterion", "--baseline", baseline, "--format", format];
            printed(tree.path(), &arguments, 0)
        };
        for format in ["md", "terminal", "html"] {
            let text = show(format);
            let tables = chart.replace_all(&text, "");
            assert_eq!(figure.find_iter(&tables).count(), count, "{baseline} as {format}");
        }
        let csv = show("csv");
        let records: Result<Vec<_>, _> =
            csv::Reader::from_reader(csv.as_bytes()).into_records().collect();
        assert_eq!(records.expect("valid").len(), count);
        let json: serde_json::Value = serde_json::from_str(&show("json")).expect("valid");
        let array =
            |value: &serde_json::Value, key: &str| value[key].as_array().expect("an array").clone();
        let cells = array(&json, "sections")
            .iter()
            .flat_map(|section| array(section, "rows"))
            .flat_map(|row| array(&row, "cells"))
            .filter(|cell| cell.get("measured").is_some())
            .count();
        assert_eq!(cells, count, "{baseline} as json");
    }
}

#[test]
fn tables_and_differences_as_markdown() {
    let tree = fixture("sample");
    golden("table.md", &printed(tree.path(), &["table", "criterion", "--baseline", "after"], 0));
    let turned = ["table", "criterion", "--baseline", "after", "--group", "sum"];
    let turned = [&turned[..], &["--rows", "value", "--stat", "mean"]];
    golden("turned.md", &printed(tree.path(), &turned.concat(), 0));
    let diff = ["diff", "--root", "criterion", "new", "after", "--fail-above", "5%"];
    golden("diff.md", &printed(tree.path(), &diff, 1));
}

#[test]
fn each_broken_tree_is_a_footnote() {
    let trees = fixture("broken");
    let cases = [
        ("trunc-baseline", "before", "1000/before/estimates.json", "is cut off"),
        ("zero-byte", "before", "1000/before/estimates.json", "is empty"),
        ("nan", "after", "1000/after/estimates.json", "is no JSON"),
        ("empty-baseline-dir", "before", "1000/before", "is empty"),
        ("no-benchmark-json-candidate", "after", "1000/after", "benchmark.json is missing"),
        ("dup-full-id", "after", "criterion/sum2", "of the same names"),
    ];
    for (case, baseline, path, footnote) in cases {
        let root = format!("{case}/criterion");
        for format in ["md", "terminal", "html", "csv", "json"] {
            let arguments = ["table", &root, "--baseline", baseline, "--format", format];
            let text = printed(trees.path(), &arguments, 0);
            let told = text.contains(path) && text.contains(footnote);
            assert!(told, "{case} as {format}: {text}");
            assert!(text.contains("fold") && text.contains("loop"), "{case}: the rest is there");
            printed(trees.path(), &[&arguments[..], &["--strict"]].concat(), 2);
        }
        let arguments = ["diff", "--root", &root, "before", "after"];
        let text = printed(trees.path(), &arguments, 0);
        assert!(text.contains(footnote), "{case} in a diff: {text}");
    }
    let nothing = complaint(trees.path(), &["table", "empty-root/criterion"], 2);
    assert!(nothing.contains("empty-root"), "{nothing}");
}

#[test]
fn what_makes_no_sense_is_one_error() {
    let tree = fixture("sample");
    let cases: [(&[&str], &str); 9] = [
        (&["table", "nowhere"], "nowhere"),
        (&["table", "criterion", "--baseline", "mine"], "after (36 benchmarks)"),
        (&["table", "criterion", "--ref", "nobody"], "nobody"),
        (&["table", "criterion", "--rows", "value", "--cols", "value"], "same part"),
        (&["table", "criterion", "--group", "nothing"], "is asked for"),
        (&["diff", "--root", "criterion", "base", "new"], "the very same samples"),
        (&["diff", "--root", "criterion", "new", "mine"], "mine"),
        (&["diff", "--root", "criterion", "new", "after", "--fail-above", "0.05"], "5%"),
        (&["diff", "--root", "criterion", "new"], "2 values"),
    ];
    for (arguments, part) in cases {
        let text = complaint(tree.path(), arguments, 2);
        assert!(text.contains(part), "{arguments:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
}

#[test]
fn exit_codes_of_a_difference() {
    let tree = fixture("sample");
    let diff = |arguments: &[&str], code| {
        let arguments = [&["diff", "--root", "criterion"], arguments].concat();
        printed(tree.path(), &arguments, code)
    };
    diff(&["new", "after"], 0);
    diff(&["new", "after", "--fail-above", "5%"], 1);
    diff(&["new", "after", "--fail-above", "900%"], 0);
    // Two visits each, as criterion's --quick leaves them, decide nothing.
    diff(&["before", "after", "--fail-above", "5%"], 3);
    // Of `base`, most benchmarks are missing.
    diff(&["after", "base"], 0);
    diff(&["after", "base", "--strict"], 2);
}

#[test]
fn a_snapshot_stands_for_its_tree() {
    let tree = fixture("sample");
    let here = tree.path();
    printed(here, &["snapshot", "criterion", "-o", "new.json"], 0);
    let of_tree = printed(here, &["table", "criterion", "--format", "csv"], 0);
    let of_file = printed(here, &["table", "new.json", "--format", "csv"], 0);
    let figures = |csv: &str| -> Vec<Vec<String>> {
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let records = reader.records().map(|record| record.expect("valid"));
        records.map(|record| record.iter().skip(1).map(str::to_owned).collect()).collect()
    };
    assert_eq!(figures(&of_file), figures(&of_tree), "but for the source's name");
    let ratios = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect()
    };
    let of_tree = printed(here, &["diff", "--root", "criterion", "new", "after"], 0);
    let of_file = printed(here, &["diff", "--root", "criterion", "new.json", "after"], 0);
    assert_eq!(ratios(&of_file), ratios(&of_tree));
    assert!(!ratios(&of_file).is_empty());
}

#[test]
fn a_history_is_a_reference() {
    let tree = tempfile::tempdir().expect("a directory");
    let here = tree.path();
    let id = Id { group: "sum".into(), function: "fold".into(), value: "10".into() };
    for (baseline, time) in [("one", 100.0), ("two", 101.0), ("three", 99.5), ("four", 150.0)] {
        let times = (0..20).map(|visit| time + 0.1 * f64::from(visit % 7)).collect();
        let sample = Sample { iterations: vec![1.0; 20], times };
        layout::write(&here.join("criterion"), &id, baseline, &sample, None).expect("written");
    }
    for baseline in ["one", "two", "three"] {
        let text = printed(here, &["history", "h.jsonl", "criterion", "--baseline", baseline], 0);
        assert!(text.contains("h.jsonl"), "{text}");
    }
    let diff = |baseline: &'static str| {
        ["diff", "--root", "criterion", "h.jsonl", baseline, "--fail-above", "5%"]
    };
    // Three runs that lie 1.5 % apart leave no doubt about half as much again.
    let text = printed(here, &diff("four"), 1);
    assert!(text.contains("median of 3 runs") && text.contains("**slower**"), "{text}");
    complaint(here, &["history", "h.jsonl", "h.jsonl"], 2);
    complaint(here, &["snapshot", "h.jsonl", "-o", "s.json"], 2);
}

#[test]
fn foreign_results_stand_beside_criterions() {
    let tree = fixture("sample");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for name in ["pyperf", "hyperfine"] {
        let file = fixtures.join(format!("{name}.json"));
        let file = file.to_str().expect("UTF-8");
        let alone = printed(tree.path(), &["table", file], 0);
        assert!(alone.contains(name), "{alone}");
        let map = ["--map", "^.*$=sum/foreign/1000"];
        let arguments = [&["table", "criterion", file, "--group", "sum"][..], &map].concat();
        let text = printed(tree.path(), &arguments, 0);
        let row = text.lines().find(|line| line.starts_with("| `foreign`"));
        assert!(row.is_some_and(|row| row.contains('×')), "{name}: {text}");
    }
}

#[test]
fn readmes_are_kept_up_to_date() {
    let tree = fixture("sample");
    let readme = tree.path().join("README.md");
    let marker = "<!-- report: table criterion --group sum --baseline after -->";
    fs::write(&readme, format!("# Mine\n\n{marker}\n<!-- /report -->\n\nThe end.\n"))
        .expect("written");
    let stale = complaint(tree.path(), &["inject", "README.md", "--check"], 1);
    assert!(stale.contains("README.md"), "{stale}");
    printed(tree.path(), &["inject", "README.md"], 0);
    let text = fs::read_to_string(&readme).expect("readable");
    assert!(text.contains("| `fold`") && text.ends_with("The end.\n"), "{text}");
    assert!(!text.contains("# Benchmarks of"), "the README has a heading of its own");
    printed(tree.path(), &["inject", "README.md", "--check"], 0);
    fs::write(&readme, "<!-- report: measure -->\n<!-- /report -->\n").expect("written");
    let refused = complaint(tree.path(), &["inject", "README.md"], 2);
    assert!(refused.contains("README.md") && refused.contains("measure"), "{refused}");
}

#[test]
fn a_step_on_github_gets_its_summary() {
    let tree = fixture("sample");
    let summary = tree.path().join("summary.md");
    let output = Command::new(env!("CARGO_BIN_EXE_report"))
        .args(["table", "criterion", "--github"])
        .env("GITHUB_STEP_SUMMARY", &summary)
        .current_dir(&tree)
        .output()
        .expect("report runs");
    assert!(output.status.success(), "{output:?}");
    let text = fs::read_to_string(&summary).expect("written");
    assert!(text.contains("| `fold`"), "{text}");
    complaint(tree.path(), &["table", "criterion", "--github"], 2);
}

#[test]
fn the_doctor_knows_what_is_wrong() {
    let trees = fixture("broken");
    let text = printed(trees.path(), &["doctor", "trunc-baseline/criterion"], 0);
    assert!(text.contains("before/estimates.json") && text.contains("is cut off"), "{text}");
    printed(trees.path(), &["doctor", "trunc-baseline/criterion", "--strict"], 2);
    complaint(trees.path(), &["doctor", "nowhere"], 2);
}

#[test]
fn anywhere_else_it_says_what_it_can_do() {
    let empty = tempfile::tempdir().expect("a directory");
    let help = printed(empty.path(), &[], 0);
    for command in ["table", "diff", "snapshot", "inject", "doctor", "history", "Exit codes"] {
        assert!(help.contains(command), "{command}: {help}");
    }
    let nothing = complaint(empty.path(), &["table"], 2);
    assert!(nothing.contains("target/criterion"), "{nothing}");
    // What a reader does not want to see to its end is no error.
    let tree = fixture("sample");
    let shell = format!("{} table criterion | head -1", env!("CARGO_BIN_EXE_report"));
    let output = Command::new("sh").args(["-c", &shell]).current_dir(&tree).output();
    let output = output.expect("sh runs");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_pair_needs_another_checkout_of_a_workspace_with_topics() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let told = complaint(here, &["pair", "report"], 2);
    assert!(told.contains("is this very workspace"), "{told}");
    let told = complaint(here, &["pair", "no/such/checkout"], 2);
    assert!(told.contains("no/such/checkout"), "{told}");
    let told = complaint(here, &["pair", ".", "--passes", "2"], 2);
    assert!(told.contains("--passes"), "{told}");
}
