//! What a name on the command line can stand for: real files of other tools,
//! snapshots, histories and criterion's trees.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use report::benchmark::{Benchmark, Id, Sample, Set, Statistic};
use report::error::Error;
use report::foreign::{Mapping, hyperfine, pyperf};
use report::machine::Machine;
use report::record::{Mark, Outcome, Run};
use report::source::{self, Options};
use report::stats::Estimate;
use report::{history, layout, snapshot};
use serde_json::Value;
use tempfile::TempDir;

mod command;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a fixture")).expect("JSON")
}

fn get<'a>(set: &'a Set, name: &str) -> &'a Benchmark {
    let named = set.benchmarks.iter().find(|benchmark| benchmark.id.to_string() == name);
    named.unwrap_or_else(|| panic!("{name} is in {set:#?}"))
}

fn close(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() < 1e-9
}

#[test]
fn hyperfine_agrees_with_its_own_figures() {
    let path = fixture("hyperfine.json");
    let set = hyperfine::read(&path, &Mapping::default()).expect("a real file");
    let names: Vec<_> = set.benchmarks.iter().map(|b| b.id.to_string()).collect();
    let seq = ["hyperfine/seq {n}/1000", "hyperfine/seq {n}/20000"];
    let test = ["hyperfine/test {n} -gt 5000/1000", "hyperfine/test {n} -gt 5000/20000"];
    assert_eq!(names, [seq, test].concat());
    for result in json(&path)["results"].as_array().expect("results") {
        let command = result["command"].as_str().expect("a command");
        let benchmark = set.benchmarks.iter().find(|b| b.place == command).expect("it is read");
        let seconds = |field: &str| result[field].as_f64().expect("a number");
        assert!(close(benchmark.estimates.mean.point, seconds("mean") * 1e9));
        assert!(close(benchmark.estimates.median.point, seconds("median") * 1e9));
        assert_eq!(benchmark.typical, Statistic::Mean);
        assert_eq!(benchmark.sample.len(), 5);
    }
    let [failed] = set.problems.as_slice() else { panic!("{:?}", set.problems) };
    assert_eq!(failed.what, "\"test 1000 -gt 5000\" failed in 5 of 5 runs");
}

#[test]
fn pyperf_agrees_with_its_own_figures() {
    let path = fixture("pyperf.json");
    let rules = [r"^sum/(\w+)/(\d+)$=threads/sum/python_$1/$2".to_owned()];
    let mapping = Mapping::new(&rules).expect("a good rule");
    let set = pyperf::read(&path, &mapping).expect("a real file");
    assert_eq!(set.label, "pyperf.json (Intel Xeon, 2 cores)");
    let names: Vec<_> = set.benchmarks.iter().map(|b| b.id.to_string()).collect();
    let sums = ["threads/sum/python_builtin/1000", "threads/sum/python_loop/1000"];
    assert_eq!(names, [&["pyperf/sorted"], sums.as_slice()].concat());
    let sorted = get(&set, "pyperf/sorted");
    // Five processes of three values, each of 4096 loops by 5 inner loops.
    assert_eq!(sorted.sample.iterations, [3.0 * 5.0 * 4096.0; 5]);
    let benchmarks = json(&path);
    for benchmark in benchmarks["benchmarks"].as_array().expect("benchmarks") {
        let name = benchmark["metadata"]["name"].as_str().expect("a name");
        let Some(read) = set.benchmarks.iter().find(|b| b.place == name) else {
            assert_eq!(name, "heap", "the only one that is no time");
            continue;
        };
        let runs = benchmark["runs"].as_array().expect("runs");
        let values: Vec<f64> = runs
            .iter()
            .filter_map(|run| run["values"].as_array())
            .flatten()
            .map(|value| value.as_f64().expect("a number") * 1e9)
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let estimates = read.estimates;
        assert!(close(estimates.mean.point, mean));
        assert!(close(estimates.median.point, report::stats::median(&values)));
        assert!(estimates.mean.lower < mean && mean < estimates.mean.upper);
    }
    let [heap] = set.problems.as_slice() else { panic!("{:?}", set.problems) };
    assert_eq!(heap.what, "\"heap\" is measured in bytes, which is no time");
}

/// criterion's real tree of odd names, in a directory of its own.
fn sample() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let unpacked = Command::new("tar")
        .args(["--extract", "--gzip", "--file"])
        .arg(fixture("sample.tar.gz"))
        .current_dir(directory.path())
        .status();
    assert!(unpacked.expect("tar is there").success());
    let root = directory.path().join("criterion");
    (directory, root)
}

fn find(names: &[&str], root: &Path, options: &Options) -> Result<Vec<Set>, Error> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    source::find(&names, || Ok(root.to_owned()), options)
}

fn labels(sets: &[Set]) -> Vec<&str> {
    sets.iter().map(|set| set.label.as_str()).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// What another run would have measured that was slower by a factor.
fn scaled(set: &Set, factor: f64) -> Set {
    let mut set = set.clone();
    for Benchmark { sample, estimates, .. } in &mut set.benchmarks {
        sample.times.iter_mut().for_each(|time| *time *= factor);
        let slope = estimates.slope.as_mut();
        for estimate in [&mut estimates.mean, &mut estimates.median].into_iter().chain(slope) {
            let Estimate { point, lower, upper } = estimate;
            [point, lower, upper].into_iter().for_each(|figure| *figure *= factor);
        }
    }
    set
}

#[test]
fn every_kind_of_source_at_once() {
    let (directory, root) = sample();
    let known = layout::baselines(&root).expect("a tree");
    let base = find(&["base"], &root, &Options::default()).expect("a baseline").remove(0);
    assert_eq!(base.benchmarks.len(), known["base"]);

    let [run, past] = ["run.json", "past.jsonl"].map(|name| directory.path().join(name));
    snapshot::write(&run, &base).expect("written");
    // Three runs, each a little slower than the one before.
    for slower in [1.0, 1.01, 1.02] {
        history::append(&past, &scaled(&base, slower)).expect("appended");
    }
    let [pyperf, hyperfine] = ["pyperf.json", "hyperfine.json"].map(fixture);
    let names =
        [text(&run), "new", text(&past), text(&pyperf), text(&hyperfine), text(&root), "base"];
    let sets = find(&names, &root, &Options::default()).expect("all are there");
    let tree = format!("{} (new)", root.display());
    let told = [
        "run.json",
        "new",
        "past.jsonl (median of 3 runs)",
        "pyperf.json (Intel Xeon, 2 cores)",
        "hyperfine.json",
        &tree,
        "base",
    ];
    assert_eq!(labels(&sets), told);
    let counts: Vec<_> = sets.iter().map(|set| set.benchmarks.len()).collect();
    let (new, base) = (known["new"], known["base"]);
    assert_eq!(counts, [base, new, base, 3, 4, new, base]);
    // All but the last digits survive a snapshot.
    for (kept, read) in sets[0].benchmarks.iter().zip(&sets[6].benchmarks) {
        assert_eq!((&kept.id, &kept.place, kept.work), (&read.id, &read.place, read.work));
        let times = kept.sample.times.iter().zip(&read.sample.times);
        assert!(times.into_iter().all(|(a, b)| close(*a, *b)), "{}", kept.id);
    }
    // A history keeps the headlines.
    for (reference, read) in sets[2].benchmarks.iter().zip(&sets[6].benchmarks) {
        let headline = read.estimates.get(read.typical).expect("a headline").point;
        assert!(close(reference.estimates.median.point, headline * 1.01), "{}", read.id);
        assert_eq!(reference.sample.len(), 3);
    }
}

#[test]
fn only_what_is_asked_for() {
    let (_directory, root) = sample();
    let count = |options: &Options| {
        let sets = find(&["new"], &root, options).expect("a baseline");
        sets[0].benchmarks.iter().map(|b| b.id.to_string()).collect::<Vec<_>>()
    };
    let group = Options { group: Some("sum".into()), ..Options::default() };
    assert!(count(&group).iter().all(|name| name.starts_with("sum/")));
    let filter = regex::Regex::new("^sum/(fold|loop)/10+$").expect("an expression");
    let both = Options { filter: Some(filter), ..group };
    let values = ["100", "1000", "10000"];
    let expected: Vec<_> =
        ["fold", "loop"].iter().flat_map(|f| values.map(|v| format!("sum/{f}/{v}"))).collect();
    assert_eq!(count(&both), expected);
    let none = Options { group: Some("no such group".into()), ..Options::default() };
    assert!(count(&none).is_empty());
}

#[test]
fn saved_runs_by_id_and_by_age() {
    let (directory, root) = sample();
    let set = find(&["new"], &root, &Options::default()).expect("a baseline").remove(0);
    let runs = directory.path().join("report/runs");
    fs::create_dir_all(&runs).expect("a directory");
    for id in ["20240229T120000Z", "20240301T120000Z"] {
        snapshot::write(&runs.join(format!("{id}.snapshot.json")), &set).expect("written");
    }
    let names = ["latest", "previous", "20240229T120000Z"];
    let sets = find(&names, &root, &Options::default()).expect("all are there");
    assert_eq!(labels(&sets), ["20240301T120000Z", "previous", "20240229T120000Z"]);
    let elsewhere = Options { runs: Some(directory.path().into()), ..Options::default() };
    assert!(find(&["latest"], &root, &elsewhere).is_err());
}

#[test]
fn a_name_that_means_nothing() {
    let (directory, root) = sample();
    let runs = directory.path().join("report/runs");
    fs::create_dir_all(&runs).expect("a directory");
    fs::write(runs.join("20240229T120000Z.snapshot.json"), "{}").expect("written");
    let error = find(&["new", "nwe"], &root, &Options::default()).expect_err("no such name");
    assert_eq!(error.exit_code(), 2);
    let told = error.to_string();
    let counts = layout::baselines(&root).expect("a tree");
    assert!(told.starts_with("nothing is called \"nwe\" in "), "{told}");
    assert!(told.contains(&format!("new ({} benchmarks)", counts["new"])), "{told}");
    assert!(told.contains("the saved run 20240229T120000Z (latest)"), "{told}");
    // There need not be a tree, unless a name is to be in it.
    let nowhere = directory.path().join("nowhere");
    let hyperfine = fixture("hyperfine.json");
    assert!(find(&[text(&hyperfine)], &nowhere, &Options::default()).is_ok());
    let error = find(&["new"], &nowhere, &Options::default()).expect_err("no tree");
    assert!(matches!(error, Error::UnknownSource { .. }), "{error}");
    assert!(find(&[""], &root, &Options::default()).is_err());
}

#[test]
fn what_holds_no_measurements_hides_nothing() {
    // The names are those of files and directories of this crate, in which
    // cargo runs its tests.
    let (directory, root) = sample();
    for name in ["src", "Cargo.toml"] {
        let error = find(&[name], &root, &Options::default()).expect_err("no measurements");
        let told = error.to_string();
        let why = ["nothing is called \"new\" in src", "Cargo.toml: is of no known kind"];
        assert!(why.iter().any(|why| told.starts_with(why)), "{told}");
    }
    let group = directory.path().join("criterion/lonely");
    for name in ["src", "Cargo.toml"] {
        fs::rename(group.join("before"), group.join(name)).expect("a baseline of that name");
        let sets = find(&[name], &root, &Options::default()).expect("a baseline");
        assert_eq!((sets[0].benchmarks.len(), sets[0].label.as_str()), (1, name));
        fs::rename(group.join(name), group.join("before")).expect("and back");
    }
}

/// What is the matter with a tree is told, whichever name comes first.
#[test]
fn problems_of_the_tree_do_not_vanish() {
    let (directory, root) = sample();
    std::os::unix::fs::symlink("nowhere", root.join("dangling")).expect("a link");
    let set = find(&["new"], &root, &Options::default()).expect("a baseline").remove(0);
    let runs = directory.path().join("report/runs");
    fs::create_dir_all(&runs).expect("a directory");
    snapshot::write(&runs.join("20240229T120000Z.snapshot.json"), &set).expect("written");
    // The first is no baseline, and would be the first in the order of text.
    let sets = find(&["20240229T120000Z", "new"], &root, &Options::default()).expect("there");
    let is_told = |set: &Set| set.problems.iter().any(|x| x.path.ends_with("dangling"));
    assert_eq!(sets.iter().map(is_told).collect::<Vec<_>>(), [false, true]);
    // And where there is no set to tell it, the error does.
    let empty = directory.path().join("empty");
    fs::create_dir(&empty).expect("a directory");
    std::os::unix::fs::symlink("nowhere", empty.join("dangling")).expect("a link");
    let errors = [
        find(&["new"], &empty, &Options::default()).expect_err("nothing is there"),
        source::baseline(&empty, "new", &Options::default()).expect_err("nothing is there"),
        find(&[text(&empty)], &root, &Options::default()).expect_err("nothing is there"),
    ];
    for error in errors {
        let told = error.to_string();
        assert!(told.contains("dangling: is a link that leads nowhere"), "{told}");
    }
}

#[test]
fn the_machine_is_that_of_the_measurement() {
    let (directory, root) = sample();
    let describe = Options { describe: true, ..Options::default() };
    let here = Machine::describe();
    let machine = |name: &str| find(&[name], &root, &describe).expect("there")[0].machine.clone();
    assert_eq!(machine("new"), Some(here.clone()));
    let unknown = Machine { commit: "unknown".into(), ..here.clone() };
    assert_eq!(machine("base"), Some(unknown.clone()), "it may be of any commit");
    // Other directories and files may come from anywhere.
    assert_eq!(machine(text(&root)), None);
    assert_eq!(machine(text(&fixture("hyperfine.json"))), None);
    assert_eq!(find(&["new"], &root, &Options::default()).expect("there")[0].machine, None);

    let id = Id { group: "g".into(), function: "f".into(), value: "1".into() };
    let sample = Sample { iterations: vec![1.0; 3], times: vec![5.0, 6.0, 7.0] };
    layout::write(&root, &id, "interleaved", &sample, None).expect("written");
    let mark = Mark { run: "20240229T120000Z".into(), rounds: 3, outcome: Outcome::Measured };
    mark.write(&root, &id).expect("written");
    assert_eq!(machine("interleaved"), Some(unknown), "no run is recorded");
    let run = Run {
        version: Run::VERSION,
        id: mark.run,
        started: String::new(),
        profile: "quick".into(),
        rounds: 3,
        machine: Machine { cpu: "another".into(), commit: "0123".into(), ..here },
        python: Err("none".into()),
        steps_per_second: None,
        topics: Vec::new(),
    };
    let runs = directory.path().join("report/runs");
    fs::create_dir_all(&runs).expect("a directory");
    run.write(&runs).expect("written");
    assert_eq!(machine("interleaved"), Some(run.machine));
}

#[test]
fn files_that_cannot_be_read() {
    let (directory, root) = sample();
    let path = directory.path().join("run.json");
    let whole = find(&["new"], &root, &Options::default()).expect("a baseline").remove(0);
    snapshot::write(&path, &whole).expect("written");
    let bytes = fs::read(&path).expect("the file");
    let told = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("written");
        let error = find(&[text(&path)], &root, &Options::default()).expect_err("unreadable");
        assert!(matches!(error, Error::BadFile { .. }), "{error}");
        assert!(error.to_string().starts_with(text(&path)), "{error}");
        error.to_string()
    };
    assert!(told(&bytes[..bytes.len() / 2]).contains("is no snapshot that can be read: EOF"));
    assert!(told(b"\x1f\x8b\x08").contains("gunzip"));
    assert!(told(b"\xff\xfe").contains("is of no known kind: it is no JSON"));
    assert!(told(b"").contains("it is empty"));
}
