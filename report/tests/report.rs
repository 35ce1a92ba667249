//! From files in criterion's layout to the report, and the command's answers
//! where there is nothing to report.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use report::benchmark::{Id, Sample, Work};
use report::claim::Claim;
use report::comparison::{self, Cell, Ratio};
use report::description::{Description, Failure};
use report::document::markdown;
use report::layout::{self, INTERLEAVED, NEW};
use report::machine::Machine;
use report::page;
use report::record::{Mark, Outcome, Run, TopicRun, WorkloadRecord};
use report::render::{self, Format};
use report::summary;
use report::verdict::Ruling;

fn description() -> Description {
    Description {
        workload: "sin".into(),
        title: "sine in place over n f64".into(),
        parameter: "elements".into(),
        parameters: vec![1_000, 100_000, 1_000_000],
        models: ["serial", "scoped", "slow", "wrong", "numpy_serial", "scaled"]
            .map(String::from)
            .into(),
        notes: vec!["the input is fresh | and warm".into()],
        claims: vec![
            Claim::new(47, "two threads gain")
                .compares("scoped", "serial")
                .at(1_000_000)
                .at_most(0.66)
                .on_cores(2)
                .predicted("0.55"),
            Claim::new(48, "also for few elements")
                .compares("scoped", "serial")
                .at(1_000)
                .at_most(0.66)
                .predicted("no: the threads cost more than the work"),
            Claim::new(49, "on many cores").compares("scoped", "serial").at_most(0.1).on_cores(64),
            Claim::new(50, "against nobody").compares("nobody", "serial").at_most(1.0),
            Claim::new(51, "for any number").compares("scoped", "serial").at_most(0.66),
            Claim::new(52, "in NumPy").compares("numpy_serial", "serial").at_most(0.66),
        ],
        patience: Some(Duration::from_secs(1)),
        unranked: false,
        own_pace: false,
        limit: Some("scaled".into()),
    }
}

fn id(function: &str, value: u64) -> Id {
    Id { group: "threads/sin".into(), function: function.into(), value: value.to_string() }
}

/// Eleven visits around a median, with an outlier and with drift that all
/// models of a round share.
fn sample(median_ns: f64) -> Sample {
    let drift = [1.0, 1.1, 0.9, 1.0, 3.0, 1.0, 1.2, 0.8, 1.0, 1.0, 0.95];
    Sample {
        iterations: vec![10.0; drift.len()],
        times: drift.iter().map(|d| d * median_ns * 10.0).collect(),
    }
}

fn run(id: &str) -> Run {
    Run {
        version: Run::VERSION,
        id: id.into(),
        started: "2026-01-02 03:04 UTC".into(),
        profile: "quick".into(),
        rounds: 11,
        machine: Machine {
            cpu: "A <fast> CPU".into(),
            cores: 2,
            memory: 24 << 30,
            kernel: "6.18".into(),
            rustc: "rustc 1.95.0".into(),
            commit: "0123456789ab".into(),
        },
        python: Err("not asked for".into()),
        steps_per_second: None,
        topics: vec![TopicRun {
            topic: "threads".into(),
            build: String::new(),
            done: Vec::new(),
            finished: true,
        }],
    }
}

fn mark(root: &Path, run: &str, model: &str, parameter: u64, outcome: Outcome) {
    let mark = Mark { run: run.into(), rounds: 11, outcome };
    mark.write(root, &id(model, parameter)).expect("the mark is written");
}

/// A sample of so many nanoseconds an iteration.
fn write(root: &Path, baseline: &str, (model, parameter): (&str, u64), median_ns: f64) {
    let work = Some(Work::Elements(parameter));
    layout::write(root, &id(model, parameter), baseline, &sample(median_ns), work)
        .expect("the sample is written");
}

/// A workload as the sampler leaves it: measured, stopped, wrong and absent.
fn sampled(root: &Path) {
    let record = WorkloadRecord { topic: "threads".into(), place: 0, description: description() };
    record.write(root, INTERLEAVED).expect("the record is written");
    for (model, times) in [
        ("serial", [4e3, 4e5, 4e6]),
        ("scoped", [3e4, 2.4e5, 2.1e6]),
        ("slow", [9e8, 0.0, 0.0]),
        ("scaled", [5e2, 5e4, 1e6]),
    ] {
        for (time, parameter) in times.into_iter().zip(description().parameters) {
            if time == 0.0 {
                let outcome = Outcome::Stopped { at: 100_000, seconds: 90.0 };
                mark(root, "run2", model, parameter, outcome);
                continue;
            }
            mark(root, "run2", model, parameter, Outcome::Measured);
            write(root, INTERLEAVED, (model, parameter), time);
        }
    }
    let wrong = Outcome::Failure(Failure::Wrong("got 1, expected 2".into()));
    mark(root, "run2", "wrong", 1_000, wrong);
    // A cell of an earlier run, which this one has not come to.
    mark(root, "run1", "wrong", 100_000, Outcome::Measured);
    write(root, INTERLEAVED, ("wrong", 100_000), 1.0);
}

fn compared(root: &Path) -> comparison::Comparison {
    comparison::read(root, vec![run("run2")], &["lazy".into(), "threads".into()]).expect("readable")
}

#[test]
fn the_report_is_the_expected_one() {
    let root = tempfile::tempdir().expect("a directory");
    sampled(root.path());
    let rendered = markdown::write(&page::compose(&compared(root.path())));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/report.md");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&golden, &rendered).expect("the expected report is written");
    }
    let expected = fs::read_to_string(&golden).expect("there is an expected report");
    assert_eq!(rendered, expected, "UPDATE_EXPECTED=1 cargo test -p report writes it anew");
}

#[test]
fn each_format_is_whole_and_in_its_place() {
    let root = tempfile::tempdir().expect("a directory");
    sampled(root.path());
    let comparison = compared(root.path());
    let target = root.path().join("report");
    let written = |format| render::write(&comparison, &target, format).expect("it is written");

    let markdown = fs::read_to_string(written(Format::Markdown)).expect("there is a report");
    let chart = target.join("charts/threads_sin.svg");
    assert!(markdown.contains("](charts/threads_sin.svg)"), "{markdown}");
    let drawn = fs::read_to_string(&chart).expect("the chart stands beside it");
    assert!(drawn.starts_with("<svg") && drawn.contains("scoped at 1,000: 30.0 µs"), "{drawn}");

    fs::remove_dir_all(target.join("charts")).expect("the charts are there");
    let page = written(Format::Html);
    assert!(page.ends_with("report/report.html") && !chart.exists(), "a page holds its charts");
    let page = fs::read_to_string(page).expect("there is a page");
    for told in ["scoped at 1,000: 30.0 µs", "<h3 id=\"threadssin\">", "href=\"#threadssin\""] {
        assert!(page.contains(told), "{told} in {page}");
    }
}

#[test]
fn ratios_are_taken_round_by_round() {
    let root = tempfile::tempdir().expect("a directory");
    sampled(root.path());
    let comparison = compared(root.path());
    let table = &comparison.sections[0].tables[0];
    // Drift that both share cancels: the ratio is exact although the times vary threefold.
    let ratio = table.rows[1].cells[2].ratio().and_then(Ratio::paired).expect("it was measured");
    assert!((ratio.lower - 0.525).abs() < 1e-9 && (ratio.upper - 0.525).abs() < 1e-9, "{ratio:?}");
    assert_eq!(table.rows[3].cells[1], Cell::Absent, "another run's cell is not of this table");
}

#[test]
fn the_limit_is_what_models_are_measured_by_and_none_of_them() {
    let root = tempfile::tempdir().expect("a directory");
    sampled(root.path());
    let comparison = compared(root.path());
    let table = &comparison.sections[0].tables[0];
    let share = |row: usize| match table.rows[row].cells[2] {
        Cell::Time { of_limit: Some(Ratio::Paired(share)), .. } => Some(share.point),
        _ => None,
    };
    assert_eq!(share(0), Some(0.25), "1 ms over the 4 ms of `serial`");
    assert_eq!(table.rows[4].model, "scaled");
    assert_eq!(share(4), None, "the limit is no share of itself");
    let headline = summary::headline(table).expect("there is a baseline");
    assert_eq!(headline.rust.map(|(model, _)| model), Some("scoped"), "though `scaled` is faster");
}

#[test]
fn claims_are_judged_by_the_whole_interval() {
    let root = tempfile::tempdir().expect("a directory");
    sampled(root.path());
    let comparison = compared(root.path());
    let rulings: Vec<_> =
        comparison.sections[0].tables[0].verdicts.iter().map(|v| v.ruling.clone()).collect();
    assert_eq!(rulings[..2], [Ruling::Confirmed, Ruling::Refuted]);
    assert!(matches!(&rulings[2], Ruling::CannotTell(why) if why.contains("64 cores")));
    assert!(matches!(&rulings[3], Ruling::CannotTell(why) if why.contains("nobody")));
    let flips =
        [(1_000, Ruling::Refuted), (100_000, Ruling::Confirmed), (1_000_000, Ruling::Confirmed)];
    assert_eq!(rulings[4], Ruling::Depends(flips.into()));
}

#[test]
fn criterion_alone_gives_a_table_without_intervals_on_its_ratios() {
    let root = tempfile::tempdir().expect("a directory");
    let record = WorkloadRecord { topic: "threads".into(), place: 0, description: description() };
    record.write(root.path(), NEW).expect("written");
    for (model, time) in [("serial", 4e3), ("scoped", 2e3)] {
        write(root.path(), NEW, (model, 1_000), time);
    }
    let comparison = compared(root.path());
    let table = &comparison.sections[0].tables[0];
    assert_eq!(table.rows[1].cells[0].ratio(), Some(Ratio::Unpaired(0.5)));
    let text = markdown::write(&page::compose(&comparison));
    assert!(text.contains("*criterion*") && text.contains("<br>×0.500<br>"), "{text}");
    assert!(table.verdicts.iter().all(|v| matches!(v.ruling, Ruling::CannotTell(_))));
}

#[test]
fn a_broken_file_is_named_and_the_rest_is_compared() {
    let root = tempfile::tempdir().expect("a directory");
    sampled(root.path());
    let broken = root.path().join(id("scoped", 1_000).directory()).join("interleaved/sample.json");
    fs::write(&broken, "{\"iters\": [1").expect("written");
    let comparison = compared(root.path());
    assert_eq!(comparison.unreadable.len(), 1);
    assert!(comparison.unreadable[0].contains("sample.json"), "{:?}", comparison.unreadable);
    let table = &comparison.sections[0].tables[0];
    assert_eq!(table.rows[1].cells[0], Cell::Absent);
    assert!(table.rows[1].cells[1].time().is_some());
}

#[test]
fn a_broken_record_of_another_workload_is_named_too() {
    let root = tempfile::tempdir().expect("a directory");
    sampled(root.path());
    fs::create_dir(root.path().join("lazy_take")).expect("a directory");
    fs::write(root.path().join("lazy_take/workload.interleaved.json"), "{}").expect("written");
    let comparison = compared(root.path());
    assert_eq!(comparison.tables().count(), 1);
    assert!(comparison.unreadable[0].contains("lazy_take"), "{:?}", comparison.unreadable);
}

#[test]
fn python_at_its_own_pace_is_compared_with_python() {
    let root = tempfile::tempdir().expect("a directory");
    let description = Description {
        models: ["serial", "python_serial", "python_threads"].map(String::from).into(),
        parameters: vec![1_000],
        claims: Vec::new(),
        own_pace: true,
        ..description()
    };
    let record = WorkloadRecord { topic: "threads".into(), place: 0, description };
    record.write(root.path(), INTERLEAVED).expect("written");
    for (model, time) in [("serial", 4e3), ("python_serial", 1e3), ("python_threads", 2e3)] {
        mark(root.path(), "run2", model, 1_000, Outcome::Measured);
        write(root.path(), INTERLEAVED, (model, 1_000), time);
    }
    let comparison = compared(root.path());
    let table = &comparison.sections[0].tables[0];
    let ratio = |row: usize| table.rows[row].cells[0].ratio().and_then(Ratio::paired);
    assert_eq!(ratio(1), None, "the first of Python's rows is their reference");
    assert_eq!(ratio(2).map(|ratio| ratio.point), Some(2.0));
    let text = markdown::write(&page::compose(&comparison));
    assert!(!text.contains("faster than every Rust model"), "fewer steps are no victory: {text}");
}

#[test]
fn an_interrupted_run_leaves_the_columns_it_did_not_come_to() {
    let root = tempfile::tempdir().expect("a directory");
    let record = WorkloadRecord { topic: "threads".into(), place: 0, description: description() };
    record.write(root.path(), INTERLEAVED).expect("written");
    for (model, time) in [("serial", 4e3), ("scoped", 2e3)] {
        for (parameter, run) in [(1_000, "run2"), (100_000, "run1"), (1_000_000, "run1")] {
            mark(root.path(), run, model, parameter, Outcome::Measured);
            write(root.path(), INTERLEAVED, (model, parameter), time);
        }
    }
    let mut latest = run("run2");
    latest.topics[0].finished = false;
    let topics = ["threads".to_owned()];
    let comparison =
        comparison::read(root.path(), vec![latest, run("run1")], &topics).expect("readable");
    let table = &comparison.sections[0].tables[0];
    assert!(table.rows.iter().all(|row| row.cells.iter().all(|cell| cell.time().is_some())));
    assert_eq!(table.earlier, [(100_000, "run1".to_owned()), (1_000_000, "run1".to_owned())]);
    let text = markdown::write(&page::compose(&comparison));
    assert!(text.contains("**The latest run is not finished**"), "{text}");
    assert!(text.contains("Column 100,000 is of an earlier run"), "{text}");
}

#[test]
fn a_baseline_that_was_not_measured_is_replaced_by_none() {
    let root = tempfile::tempdir().expect("a directory");
    let record = WorkloadRecord { topic: "threads".into(), place: 0, description: description() };
    record.write(root.path(), NEW).expect("written");
    for model in ["scoped", "slow"] {
        write(root.path(), NEW, (model, 1_000), 2e3);
    }
    let comparison = compared(root.path());
    let table = &comparison.sections[0].tables[0];
    assert!(table.rows.iter().all(|row| row.cells[0].ratio().is_none()), "no baseline, no ratio");
    assert!(report::summary::headline(table).is_none());
}

#[test]
fn only_a_run_like_this_one_is_resumed() {
    let run = run("run1");
    assert!(run.is_like(&Run { id: "run2".into(), started: "later".into(), ..run.clone() }));
    assert!(!run.is_like(&Run { profile: "full".into(), ..run.clone() }));
    let mut other = run.clone();
    other.topics[0].build = "another build".into();
    assert!(!run.is_like(&other));
    other.topics.clear();
    assert!(!run.is_like(&other), "other topics");
}

fn command(target: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_report"))
        .args(arguments)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("CRITERION_HOME")
        .output()
        .expect("the command runs")
}

#[test]
fn nothing_measured_says_what_to_run() {
    let target = tempfile::tempdir().expect("a directory");
    let output = command(target.path(), &["render"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cargo run --release -p report"), "{said}");
}

#[test]
fn an_unknown_topic_names_the_known_ones() {
    let target = tempfile::tempdir().expect("a directory");
    let output = command(target.path(), &["run", "--topic", "thread"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let topics = "sync-vs-async, lazy, threads, processes, pool, distributed";
    assert!(said.contains("\"thread\"") && said.contains(topics), "{said}");
}

#[test]
fn bad_usage_is_exit_code_two() {
    let target = tempfile::tempdir().expect("a directory");
    assert_eq!(command(target.path(), &["measure"]).status.code(), Some(2));
}

#[test]
fn outside_a_workspace_it_says_so() {
    let nowhere = tempfile::tempdir().expect("a directory");
    let output = Command::new(env!("CARGO_BIN_EXE_report"))
        .arg("render")
        .current_dir(nowhere.path())
        .output()
        .expect("the command runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("no workspace"), "{said}");
}
