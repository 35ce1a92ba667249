//! What the doctor finds in a tree, and that it finds nothing in a well one.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use report::benchmark::{Id, Sample};
use report::doctor::{Finding, Kind, examine};
use report::layout;
use report::record::{Mark, Outcome};
use tempfile::TempDir;

fn id(group: &str, function: &str) -> Id {
    Id { group: group.into(), function: function.into(), ..Id::default() }
}

/// A sample with more visits than `--quick` leaves.
fn sample(time: f64) -> Sample {
    Sample { iterations: vec![1.0; 4], times: vec![time, time + 1.0, time + 2.0, time + 3.0] }
}

fn measured(root: &Path, id: &Id, baseline: &str, time: f64) {
    layout::write(root, id, baseline, &sample(time), None).expect("written");
}

fn tree() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn only(root: &Path) -> Finding {
    let findings = examine(root).expect("a tree");
    let [finding] = &findings[..] else { panic!("{findings:#?}") };
    finding.clone()
}

#[test]
fn nothing_is_wrong_with_a_well_tree() {
    let tree = tree();
    measured(tree.path(), &id("g", "f"), "new", 10.0);
    measured(tree.path(), &id("g", "f"), "before", 12.0);
    let mark =
        Mark { run: "r".into(), rounds: 4, outcome: Outcome::Stopped { at: 1, seconds: 2.0 } };
    mark.write(tree.path(), &id("g", "slow")).expect("written");
    fs::create_dir(tree.path().join("g/deleted")).expect("a folder");
    fs::create_dir(tree.path().join("g/report")).expect("a folder");
    fs::write(tree.path().join("g/report/index.html"), "<html>").expect("written");
    fs::create_dir(tree.path().join("g/f/change")).expect("a folder");
    fs::write(tree.path().join("g/f/change/estimates.json"), "{}").expect("written");
    assert_eq!(examine(tree.path()).expect("a tree"), []);
}

/// criterion puts `--save-baseline feature/x` below the benchmark as it is.
#[test]
fn a_baseline_may_have_a_slash_in_its_name() {
    let tree = tree();
    let root = tree.path();
    for function in ["f", "g"] {
        measured(root, &id("x", function), "new", 10.0);
        measured(root, &id("x", function), "feature/x", 12.0);
    }
    assert_eq!(examine(root).expect("a tree"), []);

    fs::write(root.join("x/f/feature/x/sample.json"), "{").expect("written");
    let finding = only(root);
    assert_eq!(finding.kind, Kind::Unreadable);
    assert!(finding.advice.contains("--save-baseline feature/x --exact x/f"), "{finding}");

    // Without `new`, it is the benchmark that is stale and goes.
    measured(root, &id("x", "f"), "feature/x", 12.0);
    fs::remove_dir_all(root.join("x/f/new")).expect("it was there");
    let finding = only(root);
    assert_eq!((finding.kind, &finding.path), (Kind::Stale, &root.join("x/f")));
    assert!(finding.what.contains("`feature/x`"), "{finding}");
}

#[test]
fn broken_data_is_found_in_every_baseline() {
    let tree = tree();
    let root = tree.path();
    for function in ["cut", "half", "empty", "fine"] {
        measured(root, &id("g", function), "new", 10.0);
        measured(root, &id("g", function), "before", 12.0);
    }
    fs::write(root.join("g/cut/before/sample.json"), "{\"iters\":[1").expect("written");
    fs::remove_file(root.join("g/half/new/benchmark.json")).expect("it was there");
    fs::write(root.join("g/empty/new/estimates.json"), "").expect("written");
    fs::create_dir(root.join("g/fine/base")).expect("a folder");
    fs::write(root.join("g/fine/new/sample.json.part"), "{").expect("written");
    fs::create_dir_all(root.join("g/file")).expect("a folder");
    fs::write(root.join("g/file/before"), "").expect("written");
    std::os::unix::fs::symlink("..", root.join("g/up")).expect("a link");

    let findings = examine(root).expect("a tree");
    let found: Vec<_> = findings
        .iter()
        .map(|x| (x.kind, x.path.strip_prefix(root).expect("below").to_str().expect("a name")))
        .collect();
    let expected = [
        (Kind::Unreadable, "g/cut/before/sample.json"),
        (Kind::Unreadable, "g/file/before"),
        (Kind::Unreadable, "g/up"),
        (Kind::Partial, "g/half/new"),
        (Kind::Empty, "g/empty/new/estimates.json"),
        (Kind::Empty, "g/fine/base"),
        (Kind::Leftover, "g/fine/new/sample.json.part"),
    ];
    assert_eq!(found, expected, "{findings:#?}");
    let advice = &findings[0].advice;
    assert!(advice.contains("cargo bench -- --save-baseline before --exact g/cut"), "{advice}");
    assert!(findings[3].advice.contains("rm -r "), "{}", findings[3]);
    assert_eq!(examine(root).expect("a tree"), findings, "in the same order each time");
}

/// Sets back the time at which a benchmark was measured.
fn age(root: &Path, place: &str, age: Duration) {
    let file = File::options().write(true).open(root.join(place).join("new/benchmark.json"));
    file.expect("there").set_modified(SystemTime::now() - age).expect("ours");
}

#[test]
fn what_the_latest_run_left_out_is_stale() {
    const HOUR: Duration = Duration::from_secs(3600);
    let tree = tree();
    for function in ["fresh", "same_run", "old"] {
        measured(tree.path(), &id("g", function), "new", 10.0);
    }
    measured(tree.path(), &id("other", "f"), "new", 10.0);
    age(tree.path(), "g/same_run", 3 * HOUR);
    age(tree.path(), "other/f", 1000 * HOUR);
    assert_eq!(examine(tree.path()).expect("a tree"), [], "another group is another run");
    age(tree.path(), "g/old", 60 * HOUR);
    let finding = only(tree.path());
    assert_eq!((finding.kind, &finding.path), (Kind::Stale, &tree.path().join("g/old/new")));
    assert!(finding.what.contains("2 days"), "{finding}");

    fs::remove_dir_all(tree.path().join("g/old")).expect("it was there");
    measured(tree.path(), &id("g", "renamed"), "before", 10.0);
    let finding = only(tree.path());
    assert_eq!((finding.kind, &finding.path), (Kind::Stale, &tree.path().join("g/renamed")));
    assert!(finding.what.contains("`before`"), "{finding}");
}

#[test]
fn names_and_folders_that_collide_are_found() {
    // Real names of one full name, and nothing else wrong but what criterion does.
    let archive = |name: &str| {
        let tree = tree();
        let path = format!("{}/tests/fixtures/{name}.tar.gz", env!("CARGO_MANIFEST_DIR"));
        let tar = Command::new("tar").args(["-xzf", &path, "-C"]).arg(tree.path()).status();
        assert!(tar.expect("there is tar").success());
        tree
    };
    let colliding = |root: &Path| -> Vec<Finding> {
        let findings = examine(root).expect("a tree");
        findings.into_iter().filter(|x| x.kind == Kind::Colliding).collect()
    };
    let sample = archive("sample");
    let findings = colliding(&sample.path().join("criterion"));
    let [finding] = &findings[..] else { panic!("{findings:#?}") };
    assert!(finding.what.contains("a/b/c") && finding.what.contains("a_b/c"), "{finding}");

    let broken = archive("broken");
    let findings = colliding(&broken.path().join("dup-full-id/criterion"));
    assert_eq!(findings.len(), 6, "{findings:#?}");
    assert!(findings.iter().all(|x| x.advice.contains("sum2/")), "{findings:#?}");

    // Two crates, one folder.
    let tree = tree();
    measured(tree.path(), &id("a/b", "f"), "before", 10.0);
    measured(tree.path(), &id("a_b", "f"), "new", 11.0);
    let finding = only(tree.path());
    assert_eq!(finding.kind, Kind::Colliding);
    assert!(finding.what.contains("holds a/b/f as `before` and a_b/f as `new`"), "{finding}");

    // One crate: criterion adds a number.
    fs::remove_dir_all(tree.path().join("a_b/f/before")).expect("it was there");
    measured(tree.path(), &id("a/b", "f"), "new", 10.0);
    fs::create_dir(tree.path().join("a_b/f_2")).expect("a folder");
    fs::rename(tree.path().join("a_b/f/new"), tree.path().join("a_b/f_2/new")).expect("moved");
    let names = tree.path().join("a_b/f_2/new/benchmark.json");
    let text = fs::read_to_string(&names).expect("there").replace("a_b/f", "a_b/f_2");
    fs::write(&names, text).expect("written");
    measured(tree.path(), &id("a_b", "f"), "new", 11.0);
    let finding = only(tree.path());
    assert_eq!((finding.kind, &finding.path), (Kind::Colliding, &tree.path().join("a_b/f_2")));
    assert!(finding.what.contains("where a_b/f is"), "{finding}");
}

#[test]
fn copies_of_the_latest_run_are_told_once() {
    let tree = tree();
    for function in ["f", "g", "h"] {
        measured(tree.path(), &id("x", function), "new", 10.0);
        let time = if function == "h" { 12.0 } else { 10.0 };
        measured(tree.path(), &id("x", function), "base", time);
    }
    let finding = only(tree.path());
    assert_eq!((finding.kind, finding.path.as_path()), (Kind::Identical, tree.path()));
    assert!(finding.what.contains("2 out of 3"), "{finding}");
    assert!(finding.advice.contains("--save-baseline"), "{finding}");
}

#[test]
fn what_misleads_although_it_reads_well() {
    let tree = tree();
    let root = tree.path();
    for function in ["f", "g"] {
        let quick = Sample { iterations: vec![1.0; 2], times: vec![1.0, 2.0] };
        layout::write(root, &id("x", function), "new", &quick, None).expect("written");
    }
    let finding = only(root);
    assert_eq!((finding.kind, &finding.path), (Kind::TooSmall, &root.join("x/f/new")));
    assert!(finding.what.contains("2 visits") && finding.what.contains("one other"), "{finding}");
    fs::remove_dir_all(root.join("x")).expect("it was there");

    // Cut off between the sample and the estimates of a second run.
    measured(root, &id("x", "f"), "new", 10.0);
    let old = fs::read(root.join("x/f/new/estimates.json")).expect("there");
    measured(root, &id("x", "f"), "new", 20.0);
    fs::write(root.join("x/f/new/estimates.json"), old).expect("written");
    let finding = only(root);
    assert_eq!(finding.kind, Kind::Partial);
    assert!(finding.what.contains("different runs"), "{finding}");

    measured(root, &id("x", "f"), "new", 10.0);
    measured(root, &id("x", "f"), "change", 10.0);
    let finding = only(root);
    assert_eq!((finding.kind, &finding.path), (Kind::Odd, &root.join("x/f/change")));
    fs::remove_dir_all(root.join("x/f/change")).expect("it was there");

    fs::rename(root.join("x"), root.join("y")).expect("moved");
    let finding = only(root);
    assert_eq!((finding.kind, &finding.path), (Kind::Odd, &root.join("y/f")));
    assert!(finding.what.contains("from x/f"), "{finding}");
}

#[test]
fn findings_can_be_written_as_json() {
    let tree = tree();
    fs::create_dir(tree.path().join("new")).expect("a folder");
    let json = serde_json::to_value(only(tree.path())).expect("JSON");
    assert_eq!(json["kind"], "empty");
    assert!(json["advice"].as_str().is_some_and(|advice| advice.starts_with("delete it: rmdir ")));
}
