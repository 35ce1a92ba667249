//! Which measurements of a tree belong to what is asked for.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use report::benchmark::{Id, Sample, Set, Statistic, Trouble};
use report::description::{Description, Failure};
use report::error::Error;
use report::layout::{self, INTERLEAVED, baselines, read_sets};
use report::record::{Mark, Outcome, WorkloadRecord};

use super::{ESTIMATES, FILES, but_namesakes, measured, only_problem, put, read_one};

#[test]
fn one_benchmark_is_read_as_the_whole_tree_is() {
    let tree = tempfile::tempdir().expect("a directory");
    let id = Id { group: "sum".into(), function: "fold".into(), value: "100".into() };
    let root = tree.path();
    assert_eq!(layout::read(root, &id, "new"), Ok(None), "it was never measured");
    let folder = measured(root, "sum/fold/100", "new");
    let read = layout::read(root, &id, "new").expect("readable").expect("there");
    assert_eq!(vec![read], read_one(root, "new").benchmarks);

    let other = Id { value: "10/0".into(), ..id.clone() };
    measured(root, "sum/fold/10_0", "new");
    let problem = layout::read(root, &other, "new").expect_err("it is another's");
    assert!(problem.what.contains("sum/fold/100"), "{problem}");

    put(&folder, "sample.json", "{");
    let problem = layout::read(root, &id, "new").expect_err("it is broken");
    assert_eq!((problem.path, problem.id), (folder.join("sample.json"), Some(id)));
}

#[test]
fn the_samplers_marks_are_read() {
    let tree = tempfile::tempdir().expect("a directory");
    let root = tree.path();
    let id = |function: &str| Id { group: "g".into(), function: function.into(), ..Id::default() };
    let sample = Sample { iterations: vec![1.0; 5], times: vec![3.0, 1.0, 2.0, 4.0, 90.0] };
    for (function, outcome) in [
        ("fine", Outcome::Measured),
        ("slow", Outcome::Stopped { at: 1, seconds: 9.0 }),
        ("cut_off", Outcome::Measured),
    ] {
        let mark = Mark { run: "run7".into(), rounds: 5, outcome };
        mark.write(root, &id(function)).expect("written");
    }
    layout::write(root, &id("fine"), INTERLEAVED, &sample, None).expect("written");

    let set = read_one(root, INTERLEAVED);
    let [fine] = &set.benchmarks[..] else { panic!("{:?}", set.benchmarks) };
    assert_eq!((fine.typical, fine.run.as_deref()), (Statistic::Median, Some("run7")));
    assert_eq!(fine.headline().point, 3.0);
    let problems: Vec<_> = set.problems.iter().map(|x| (x.kind, x.path.as_path())).collect();
    let at = |function: &str| root.join("g").join(function).join(INTERLEAVED);
    let told = [(Trouble::Lost, at("cut_off")), (Trouble::Note, at("slow"))];
    assert_eq!(problems, told.each_ref().map(|(kind, path)| (*kind, path.as_path())));
    assert_eq!(baselines(root).expect("a tree"), BTreeMap::from([(INTERLEAVED.to_owned(), 1)]));
    assert_eq!(layout::read(root, &id("slow"), INTERLEAVED), Ok(None));
}

/// What has no time is told, and whether that is a fault.
#[test]
fn a_model_without_a_time_is_a_problem_with_its_names() {
    let tree = tempfile::tempdir().expect("a directory");
    let root = tree.path();
    let record = WorkloadRecord {
        topic: "topic".into(),
        place: 0,
        description: Description {
            workload: "load".into(),
            title: String::new(),
            parameter: String::new(),
            parameters: vec![7],
            models: vec!["fine".into(), "is/wrong".into()],
            notes: Vec::new(),
            claims: Vec::new(),
            patience: None,
            unranked: false,
            own_pace: false,
            limit: None,
        },
    };
    record.write(root, INTERLEAVED).expect("written");
    let wrong = |why: &str| Outcome::Failure(Failure::Wrong(why.into()));
    let cases = [
        (wrong("got 1"), "has no time: it came back wrong: got 1", Trouble::Wrong),
        (
            Outcome::Failure(Failure::Failed("killed".into())),
            "has no time: it failed: killed",
            Trouble::Wrong,
        ),
        (
            Outcome::Failure(Failure::Refused("threads".into())),
            "has no time: it was refused by the machine: threads",
            Trouble::Note,
        ),
        (
            Outcome::Stopped { at: 5, seconds: 2.54 },
            "was stopped: one iteration took 2.5 s at 5",
            Trouble::Note,
        ),
    ];
    let id = Id { group: "topic/load".into(), function: "is/wrong".into(), value: "7".into() };
    for (outcome, what, kind) in cases {
        let mark = Mark { run: "r".into(), rounds: 5, outcome };
        mark.write(root, &id).expect("written");
        let set = read_one(root, INTERLEAVED);
        let problem = only_problem(&set);
        assert_eq!((problem.what.as_str(), problem.kind), (what, kind));
        assert_eq!(problem.id.as_ref(), Some(&id));
        assert!(problem.path.ends_with("topic_load/is_wrong/7/interleaved"), "{problem}");
    }
}

/// criterion numbers the folder of a second benchmark of one name.
#[test]
fn namesakes_are_told_by_the_folders_that_differ() {
    let tree = tempfile::tempdir().expect("a directory");
    let root = tree.path();
    let told = |places: &[&str]| {
        let root = root.join(places.concat());
        places.iter().for_each(|place| drop(measured(&root, place, "new")));
        let set = read_one(&root, "new");
        let [problem] = &set.problems[..] else { panic!("{:?}", set.problems) };
        assert_eq!((problem.kind, set.benchmarks.len()), (Trouble::Note, 2));
        let below = problem.path.strip_prefix(&root).expect("below").display().to_string();
        format!("{below} {}", problem.what)
    };
    let holds = "holds a benchmark of the same names as";
    for (places, start) in [
        (["sum/fold/100", "sum/fold_2/100"], format!("sum/fold_2 {holds} sum/fold does")),
        (["sum/fold/100", "sum2/fold/100"], format!("sum2 {holds} sum does")),
        (["sum/fold", "sum/fold/100"], format!("sum/fold/100 {holds} sum/fold does")),
    ] {
        let told = told(&places);
        assert!(told.starts_with(&start), "{told}");
    }
}

#[test]
fn only_what_is_asked_for_is_read_and_in_that_order() {
    let tree = tempfile::tempdir().expect("a directory");
    let root = tree.path();
    for baseline in ["one", "two", "three", "change", "feature/x"] {
        measured(root, "sum/fold/100", baseline);
    }
    // A measurement above another, and groups called like what is asked for.
    measured(root, "two", "two");
    measured(root, "two/deeper", "two");
    measured(root, "report/f", "two");
    put(&root.join("sum/fold/100/three"), "sample.json", "broken");

    let asked = ["two", "nothing", "one", "two", "feature/x", "change", "", ".", "..", "/"];
    let sets = read_sets(root, &asked).expect("a tree");
    let labels: Vec<_> = sets.iter().map(|set| set.label.as_str()).collect();
    assert_eq!(labels, asked);
    let places = |set: &Set| -> Vec<_> { set.benchmarks.iter().map(|x| x.place.clone()).collect() };
    assert_eq!(places(&sets[0]), ["report/f", "sum/fold/100", "two", "two/deeper"]);
    assert_eq!(places(&sets[2]), ["sum/fold/100"]);
    assert_eq!(places(&sets[3]), places(&sets[0]));
    assert_eq!(places(&sets[4]), ["sum/fold/100"], "a baseline's slash is no part of the place");
    for (set, name) in sets.iter().zip(asked) {
        assert!(but_namesakes(set).is_empty(), "{name}");
        let empty = !["one", "two", "feature/x"].contains(&name);
        assert_eq!(set.benchmarks.is_empty(), empty, "{name}");
    }
    let counts = [("one", 1), ("three", 1), ("two", 4), ("x", 1)];
    let counts = counts.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(baselines(root).expect("a tree"), BTreeMap::from(counts));
}

#[test]
fn a_root_that_is_none_is_an_error() {
    let tree = tempfile::tempdir().expect("a directory");
    let missing = tree.path().join("missing");
    assert!(
        matches!(read_sets(&missing, &["new"]), Err(Error::NothingMeasured(at)) if at == missing)
    );
    assert!(matches!(baselines(&missing), Err(Error::NothingMeasured(_))));
    let file = tree.path().join("file");
    fs::write(&file, "").expect("written");
    for root in [file.clone(), file.join("below")] {
        assert!(
            matches!(read_sets(&root, &["new"]), Err(Error::BadFile { path, .. }) if path == root)
        );
        assert!(matches!(baselines(&root), Err(Error::BadFile { .. })));
    }
}

#[test]
fn names_that_are_no_utf8_are_read_and_told() {
    let tree = tempfile::tempdir().expect("a directory");
    for name in [&b"caf\xe9"[..], b"caf\xe8"] {
        let folder = tree.path().join(OsStr::from_bytes(name)).join("new");
        fs::create_dir_all(&folder).expect("a folder");
        FILES.iter().for_each(|(name, text)| put(&folder, name, text));
    }
    let set = read_one(tree.path(), "new");
    let places: Vec<_> = set.benchmarks.iter().map(|x| x.place.as_str()).collect();
    assert_eq!(places, [r"caf\xE8", r"caf\xE9"], "they are told apart");
    let problems = but_namesakes(&set);
    assert_eq!(problems.len(), 2);
    for problem in problems {
        assert!(problem.what.contains("no UTF-8") && problem.id.is_some(), "{problem}");
        assert!(!problem.is_loss(), "it was read");
        serde_json::to_string(problem).expect("a footnote can be written as JSON");
    }
}

#[test]
fn another_confidence_level_is_told_once_and_kept() {
    let tree = tempfile::tempdir().expect("a directory");
    for place in ["a", "b", "c"] {
        let folder = measured(tree.path(), place, "new");
        put(&folder, "estimates.json", &ESTIMATES.replace("0.95", "0.99"));
    }
    measured(tree.path(), "d", "new");
    let set = read_one(tree.path(), "new");
    assert_eq!(set.benchmarks.len(), 4);
    assert_eq!(set.benchmarks[0].estimates, set.benchmarks[3].estimates, "nothing is rescaled");
    let problem = only_problem(&set);
    assert!(problem.path.ends_with("a/new") && !problem.is_loss(), "{problem}");
    assert!(problem.what.contains("at 99 %, not at 95 %"), "{problem}");
    assert!(problem.what.contains("2 other benchmarks"), "{problem}");
}
