//! Each thing that can be wrong with one measurement, provoked for real.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use report::benchmark::Trouble;

use super::{BENCHMARK, ESTIMATES, FILES, measured, only_problem, put, read_one, to_itself};

const NAMES: &str = FILES[0].0;
const VISITS: &str = FILES[1].0;
const FIGURES: &str = FILES[2].0;

/// What is done to a folder, which file is named, and what is said of it.
type Fault = (&'static str, fn(&Path), &'static str, &'static str);

fn put_sample(folder: &Path, iters: &str, times: &str) {
    let text = format!(r#"{{"sampling_mode":"Flat","iters":[{iters}],"times":[{times}]}}"#);
    put(folder, VISITS, &text);
}

/// Puts another figure into the mean: `point`, `lower` or `upper`.
fn put_mean(folder: &Path, point: &str, lower: &str, upper: &str) {
    let text = ESTIMATES.replacen("\"lower_bound\":10.0", &format!("\"lower_bound\":{lower}"), 1);
    let text = text.replacen("\"upper_bound\":11.0", &format!("\"upper_bound\":{upper}"), 1);
    let text = text.replacen("\"point_estimate\":10.5", &format!("\"point_estimate\":{point}"), 1);
    assert_ne!(text, ESTIMATES);
    put(folder, FIGURES, &text);
}

fn replace(folder: &Path, name: &str, with: fn(&Path)) {
    fs::remove_file(folder.join(name)).expect("it was there");
    with(&folder.join(name));
}

fn pipe(path: &Path) {
    mkfifo(path, Mode::S_IRWXU).expect("a pipe");
}

fn socket(path: &Path) {
    UnixListener::bind(path).expect("a socket");
}

fn subfolder(path: &Path) {
    fs::create_dir(path).expect("a folder");
}

fn sparse(path: &Path) {
    let file = File::create(path).expect("a file");
    file.set_len(10 << 30).expect("a sparse file");
}

const FAULTS: &[Fault] = &[
    ("zero bytes", |f| put(f, VISITS, ""), VISITS, "is empty"),
    ("no JSON", |f| put(f, VISITS, "times: 3"), VISITS, "is no JSON"),
    ("another JSON", |f| put(f, VISITS, "{}"), VISITS, "does not hold"),
    ("NaN", |f| put_sample(f, "1.0", "NaN"), VISITS, "is no JSON"),
    ("null for NaN", |f| put_sample(f, "1.0", "null"), VISITS, "does not hold"),
    ("1e400", |f| put_sample(f, "1.0", "1e400"), VISITS, "out of range"),
    ("sums overflow", |f| put_sample(f, "1,1", "1e308,1e308"), VISITS, "1e308 ns in visit 1"),
    ("squares overflow", |f| put_sample(f, "1,1", "1,1e200"), VISITS, "1e200 ns in visit 2"),
    ("underflow", |f| put_sample(f, "1e300", "1.0"), VISITS, "1e300 iterations in visit 1"),
    ("zero time", |f| put_sample(f, "1,1", "5,0.0"), VISITS, "0.0 ns in visit 2"),
    ("negative time", |f| put_sample(f, "1", "-3.5"), VISITS, "-3.5 ns in visit 1"),
    ("no iterations", |f| put_sample(f, "0", "1"), VISITS, "0.0 iterations in visit 1"),
    ("lengths", |f| put_sample(f, "1,2", "1"), VISITS, "2 numbers of iterations and 1 times"),
    ("no visit", |f| put_sample(f, "", ""), VISITS, "no visit"),
    ("no sample", |f| replace(f, VISITS, |_| ()), VISITS, "is missing"),
    ("no estimates", |f| replace(f, FIGURES, |_| ()), FIGURES, "is missing"),
    ("no name", |f| replace(f, NAMES, |_| ()), "new", "run it again"),
    ("huge", |f| replace(f, VISITS, sparse), VISITS, "larger than 64 MiB"),
    ("name is a folder", |f| replace(f, NAMES, subfolder), NAMES, "is a folder"),
    ("name is a pipe", |f| replace(f, NAMES, pipe), NAMES, "no regular file"),
    ("sample is a pipe", |f| replace(f, VISITS, pipe), VISITS, "no regular file"),
    ("name is a socket", |f| replace(f, NAMES, socket), NAMES, "cannot be read"),
    ("link to itself", |f| replace(f, NAMES, to_itself), NAMES, "cannot be read"),
    (
        "dangling link",
        |f| replace(f, FIGURES, |path| symlink("nowhere", path).expect("a link")),
        FIGURES,
        "is missing",
    ),
    ("mean is NaN", |f| put_mean(f, "null", "10.0", "11.0"), FIGURES, "does not hold"),
    ("mean is zero", |f| put_mean(f, "0.0", "0.0", "11.0"), FIGURES, "that is 0.0 ns"),
    ("mean is below", |f| put_mean(f, "9.0", "10.0", "11.0"), FIGURES, "outside its interval"),
    ("inverted", |f| put_mean(f, "10.5", "11.0", "10.0"), FIGURES, "outside its interval"),
    ("negative bound", |f| put_mean(f, "10.5", "-1.0", "11.0"), FIGURES, "that is -1.0 ns"),
    (
        "no level",
        |f| put(f, FIGURES, &ESTIMATES.replacen("0.95", "95", 1)),
        FIGURES,
        "confidence level of 95.0",
    ),
    (
        "deep nesting",
        |f| put(f, VISITS, &format!("{{\"x\":{}", "[".repeat(1_000_000))),
        VISITS,
        "is cut off",
    ),
    ("names are no text", |f| put(f, NAMES, r#"{"group_id":7}"#), NAMES, "does not hold"),
    (
        "an endless message",
        |f| put(f, NAMES, &BENCHMARK.replace("Elements", &"x".repeat(100_000))),
        NAMES,
        "unknown variant",
    ),
    ("a broken mark", |f| put(f, "interleaved.json", "{"), "interleaved.json", "is cut off"),
    (
        "only a part",
        |f| {
            FILES.iter().for_each(|(name, _)| replace(f, name, |_| ()));
            put(f, "sample.json.part", "{\"iters\":[1");
        },
        "new",
        "run it again",
    ),
    ("nothing", |f| FILES.iter().for_each(|(name, _)| replace(f, name, |_| ())), "new", "is empty"),
    (
        "a file for a folder",
        |f| {
            fs::remove_dir_all(f).expect("it was there");
            fs::write(f, "new").expect("written");
        },
        "new",
        "is a file, where",
    ),
];

#[test]
fn each_fault_is_one_problem_that_names_the_file() {
    for (fault, provoke, file, what) in FAULTS {
        let tree = tempfile::tempdir().expect("a directory");
        measured(tree.path(), "whole", "new");
        measured(tree.path(), "broken", "other");
        let folder = measured(tree.path(), "broken", "new");
        provoke(&folder);

        let set = read_one(tree.path(), "new");
        let problem = only_problem(&set);
        assert_eq!(problem.kind, Trouble::Lost, "{fault}");
        let named = if *file == "new" { folder.clone() } else { folder.join(file) };
        assert_eq!(problem.path, named, "{fault}: {problem}");
        assert!(problem.what.contains(what), "{fault}: {problem}");
        assert!(problem.what.len() < 300, "{fault}: {problem}");
        let is_named = !["new", NAMES].contains(file);
        assert_eq!(problem.id.is_some(), is_named, "{fault}: {problem}");
        let places: Vec<_> = set.benchmarks.iter().map(|x| x.place.as_str()).collect();
        assert_eq!(places, ["whole"], "{fault}: the rest is read");
        // It is nobody else's problem.
        let other = read_one(tree.path(), "other");
        assert_eq!(other.benchmarks.len(), 1, "{fault}");
    }
}
