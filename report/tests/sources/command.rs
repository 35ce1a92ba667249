//! What the command makes of its sources: where it looks for them, and what it
//! says of those that cannot be used.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use report::benchmark::{Id, Sample};
use report::description::Failure;
use report::machine::Machine;
use report::record::{Mark, Outcome};
use report::{layout, snapshot};

use super::{fixture, json, sample};

/// The command in a directory of its own, with criterion's tree in `target`.
fn command(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_report"))
        .args(arguments)
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", directory)
        .env_remove("CRITERION_HOME")
        .output()
        .expect("the command runs")
}

#[test]
fn a_folder_beside_the_command_hides_no_baseline() {
    let (directory, _) = sample();
    let at = directory.path();
    let told = |arguments: &[&str]| {
        let output = command(at, arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let table = told(&["table", "base", "--format", "csv"]);
    let before = told(&["table", "--baseline", "before", "--format", "csv"]);
    fs::create_dir(at.join("base")).expect("a directory");
    fs::write(at.join("before"), "no measurements").expect("written");
    assert_eq!(told(&["table", "base", "--format", "csv"]), table);
    assert_eq!(told(&["table", "--baseline", "before", "--format", "csv"]), before);
    // Not even if it holds what could be read.
    fs::copy(fixture("hyperfine.json"), at.join("before")).expect("copied");
    assert_eq!(told(&["table", "--baseline", "before", "--format", "csv"]), before);
}

#[test]
fn a_wrong_result_fails_the_command() {
    let (directory, root) = sample();
    let mark = |outcome| {
        let mark = Mark { run: "r".into(), rounds: 3, outcome };
        let id = Id { group: "g".into(), function: "f".into(), value: "1".into() };
        mark.write(&root, &id).expect("written");
    };
    let code = |arguments: &[&str]| {
        let output = command(directory.path(), arguments);
        let page = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&page).into_owned())
    };
    let is_told = |arguments: &[&str]| {
        let (code, page) = code(arguments);
        assert_eq!(code, Some(1), "{page}");
        assert!(page.contains("came back wrong: got 1, expected 2"), "{page}");
    };
    mark(Outcome::Failure(Failure::Wrong("got 1, expected 2".into())));
    is_told(&["table", "interleaved"]);
    assert_eq!(code(&["table", "interleaved", "--strict"]).0, Some(2));
    let id = Id { group: "g".into(), function: "fine".into(), value: "1".into() };
    for (baseline, time) in [("new", 5.0), ("interleaved", 5.5)] {
        let sample = Sample { iterations: vec![1.0; 3], times: vec![time, 6.0, 7.0] };
        layout::write(&root, &id, baseline, &sample, None).expect("written");
    }
    is_told(&["table", "interleaved"]);
    is_told(&["diff", "new", "interleaved"]);
    // What was only left out because it was slow is no fault.
    mark(Outcome::Stopped { at: 1, seconds: 9.0 });
    let (code, page) = code(&["table", "interleaved"]);
    assert!(code == Some(0) && page.contains("was stopped"), "{page}");
}

#[test]
fn a_snapshot_says_what_is_lost_and_what_is_only_to_be_known() {
    let (directory, root) = sample();
    fs::rename(root.join("lonely"), root.join("other")).expect("moved");
    let broken = root.join("sum/fold/100/new/sample.json");
    fs::write(broken, "{").expect("written");
    std::os::unix::fs::symlink("..", root.join("sum/up")).expect("a link");
    let output = command(directory.path(), &["snapshot", "--output", "run.json"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert_eq!(told.matches("left out: ").count(), 1, "{told}");
    assert_eq!(told.matches("note: ").count(), 1, "{told}");
    let path = directory.path().join("run.json");
    let set = snapshot::read(&path).expect("a snapshot");
    let [lacks] = set.problems.as_slice() else { panic!("{:?}", set.problems) };
    assert!(lacks.what.starts_with("lacks a benchmark "), "{lacks}");
    assert_eq!(json(&path)["machine"]["cpu"], Machine::describe().cpu);
    let nothing = ["snapshot", "--group", "no such group", "--output", "nothing.json"];
    assert_eq!(command(directory.path(), &nothing).status.code(), Some(2));
    assert!(!directory.path().join("nothing.json").exists());
}
