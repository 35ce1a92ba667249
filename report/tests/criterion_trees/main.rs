//! criterion's trees: real ones, and whatever else may lie in their place.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use report::benchmark::{Problem, Set};
use report::layout::read_sets;
use tempfile::TempDir;

mod any;
mod faults;
mod links;
mod real;
mod trees;

const BENCHMARK: &str = r#"{"group_id":"sum","function_id":"fold","value_str":"100",
    "throughput":{"Elements":100},"full_id":"sum/fold/100",
    "directory_name":"sum/fold/100","title":"sum/fold/100"}"#;
const SAMPLE: &str =
    r#"{"sampling_mode":"Linear","iters":[1.0,2.0,3.0,4.0],"times":[10.0,22.0,30.0,44.0]}"#;
const ESTIMATES: &str = r#"{
    "mean":{"confidence_interval":{"confidence_level":0.95,"lower_bound":10.0,"upper_bound":11.0},
        "point_estimate":10.5,"standard_error":0.2},
    "median":{"confidence_interval":{"confidence_level":0.95,"lower_bound":10.0,"upper_bound":11.0},
        "point_estimate":10.5,"standard_error":0.3},
    "median_abs_dev":{"confidence_interval":{"confidence_level":0.95,"lower_bound":0.0,
        "upper_bound":1.0},"point_estimate":0.7413,"standard_error":0.3},
    "slope":{"confidence_interval":{"confidence_level":0.95,"lower_bound":10.2,"upper_bound":11.0},
        "point_estimate":10.66,"standard_error":0.2},
    "std_dev":{"confidence_interval":{"confidence_level":0.95,"lower_bound":0.0,
        "upper_bound":0.6},"point_estimate":0.57,"standard_error":0.1}}"#;
const FILES: [(&str, &str); 3] =
    [("benchmark.json", BENCHMARK), ("sample.json", SAMPLE), ("estimates.json", ESTIMATES)];

/// A whole measurement in `<root>/<place>/<baseline>`; every one has the same
/// names, for names are not read from paths.
fn measured(root: &Path, place: &str, baseline: impl AsRef<Path>) -> PathBuf {
    let folder = root.join(place).join(baseline);
    fs::create_dir_all(&folder).expect("a folder");
    for (name, text) in FILES {
        fs::write(folder.join(name), text).expect("written");
    }
    folder
}

fn fixture(name: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let archive =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format!("{name}.tar.gz"));
    let unpacked =
        Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(directory.path()).status();
    assert!(unpacked.expect("there is tar").success());
    directory
}

/// Nothing that lies in a tree may make its reader wait.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    wait.recv_timeout(Duration::from_secs(60)).expect("it ends, and does not panic")
}

fn read_one(root: &Path, baseline: &str) -> Set {
    let (root, baseline) = (root.to_owned(), baseline.to_owned());
    let sets = in_time(move || read_sets(&root, &[&baseline]).expect("a tree"));
    let [set] = sets.try_into().expect("one set for one baseline");
    set
}

/// What is told beside that benchmarks share a name, which the tests let them do
/// wherever names are not what they are about.
fn but_namesakes(set: &Set) -> Vec<&Problem> {
    set.problems.iter().filter(|problem| !problem.what.contains("of the same names")).collect()
}

fn only_problem(set: &Set) -> &Problem {
    let problems = but_namesakes(set);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0]
}

fn put(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("written");
}

fn to_itself(path: &Path) {
    symlink(path.file_name().expect("a name"), path).expect("a link");
}
