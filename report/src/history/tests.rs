use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::benchmark::Sample;
use crate::machine::unknown;

fn machine(cpu: &str, commit: &str) -> Machine {
    Machine {
        cpu: cpu.into(),
        cores: 2,
        memory: 1 << 30,
        kernel: unknown(),
        rustc: unknown(),
        commit: commit.into(),
    }
}

/// A set of one benchmark that took so many nanoseconds.
fn set(nanoseconds: f64) -> Set {
    let estimate = Estimate { point: nanoseconds, lower: nanoseconds, upper: nanoseconds };
    let benchmark = Benchmark {
        id: Id { group: "g".into(), function: "f".into(), value: "1".into() },
        place: "g/f/1".into(),
        work: Some(Work::Elements(3)),
        sample: Sample { iterations: vec![2.0; 5], times: vec![nanoseconds * 2.0; 5] },
        estimates: Estimates { mean: estimate, median: estimate, slope: None },
        typical: Statistic::Mean,
        run: None,
    };
    Set {
        visits_are_runs: false,
        passes: Vec::new(),
        label: "new".into(),
        machine: Some(machine("cpu", "abc")),
        benchmarks: vec![benchmark],
        problems: Vec::new(),
    }
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("history.jsonl");
    (directory, path)
}

fn points(set: &Set) -> &[f64] {
    let [benchmark] = set.benchmarks.as_slice() else { panic!("{set:?}") };
    &benchmark.sample.times
}

#[test]
fn the_median_of_the_last_runs() {
    let (_directory, path) = file();
    for nanoseconds in [900.0, 10.0, 13.0, 11.0] {
        append(&path, &set(nanoseconds)).expect("appended");
    }
    let history = read(&path).expect("a history");
    assert_eq!(history.runs.len(), 4);
    assert_eq!(history.runs[0].machine, Some(machine("cpu", "abc")));
    assert_eq!(history.runs[0].benchmarks[0].visits, 5);
    let reference = reference(&history, 3);
    assert_eq!(points(&reference), [10.0, 13.0, 11.0]);
    let benchmark = &reference.benchmarks[0];
    assert_eq!(benchmark.flaw(), None);
    assert_eq!(benchmark.work, Some(Work::Elements(3)));
    let Estimate { point, lower, upper } = benchmark.estimates.median;
    assert_eq!((lower, point, upper), (10.0, 11.0, 13.0));
    assert_eq!(reference.label, "history.jsonl (median of 3 runs, cpu, 2 cores)");
    assert_eq!(reference.problems, []);
    assert_eq!(super::reference(&history, 0).label, "history.jsonl (the last run, cpu, 2 cores)");
    assert_eq!(points(&super::reference(&history, 99)).len(), 4);
}

#[test]
fn runs_of_another_machine_do_not_count_and_are_told() {
    let (_directory, path) = file();
    for (cpu, nanoseconds) in [("old", 1.0), ("cpu", 2.0), ("old", 3.0), ("cpu", 4.0)] {
        let commit = format!("commit of {nanoseconds}");
        let machine = Some(machine(cpu, &commit));
        append(&path, &Set { machine, ..set(nanoseconds) }).expect("appended");
    }
    append(&path, &Set { machine: None, ..set(5.0) }).expect("appended");
    append(&path, &set(6.0)).expect("appended");
    let reference = reference(&read(&path).expect("a history"), 10);
    assert_eq!(points(&reference), [2.0, 4.0, 6.0]);
    let [note] = reference.problems.as_slice() else { panic!("{:?}", reference.problems) };
    let told = "holds 3 of 6 runs that are not of the newest one's machine and do not count";
    assert_eq!(note.what, told);
}

/// The notes of a reference on the last ten runs, and the times of its row.
fn pooled(path: &Path) -> (Vec<String>, Vec<f64>, String) {
    let reference = reference(&read(path).expect("a history"), 10);
    let notes = reference.problems.iter().map(|problem| problem.what.clone()).collect();
    assert!(reference.problems.iter().all(|problem| !problem.is_loss()));
    (notes, points(&reference).to_vec(), reference.label)
}

#[test]
fn a_measurement_is_not_appended_twice() {
    let (_directory, path) = file();
    // Thirds lose their last bit in JSON.
    for nanoseconds in [1.0 / 3.0, 2.0 / 3.0] {
        append(&path, &set(nanoseconds)).expect("appended");
        let before = fs::read(&path).expect("the file");
        let error = append(&path, &set(nanoseconds)).expect_err("it is there already");
        assert!(matches!(error, Error::Usage(_)), "{error}");
        assert_eq!(fs::read(&path).expect("the file"), before);
    }
    // Another benchmark beside it is news.
    let mut more = set(2.0 / 3.0);
    let other = Benchmark { place: "other".into(), ..more.benchmarks[0].clone() };
    more.benchmarks.push(other);
    append(&path, &more).expect("appended");
}

#[test]
fn what_is_there_twice_counts_once() {
    let (_directory, path) = file();
    for nanoseconds in [1.0, 2.0, 1.0] {
        append(&path, &set(nanoseconds)).expect("appended");
        // As an earlier version would have appended it again.
        let text = fs::read_to_string(&path).expect("the file");
        let last = text.lines().last().expect("a line");
        fs::write(&path, format!("{text}{last}\n{last}\n")).expect("written");
    }
    let (notes, times, label) = pooled(&path);
    assert_eq!(times, [1.0, 2.0, 1.0]);
    let told = "holds 6 figures of the run before once more: what was appended twice counts once";
    assert_eq!(notes, [told]);
    assert_eq!(label, "history.jsonl (median of 3 runs, cpu, 2 cores)");
}

#[test]
fn figures_of_two_visits_do_not_count() {
    let (_directory, path) = file();
    append(&path, &set(1.0)).expect("appended");
    let mut quick = set(50.0);
    quick.benchmarks[0].sample = Sample { iterations: vec![1.0; 2], times: vec![50.0; 2] };
    append(&path, &quick).expect("appended");
    let (notes, times, label) = pooled(&path);
    assert_eq!((times, label.as_str()), (vec![1.0], "history.jsonl (the last run, cpu, 2 cores)"));
    assert_eq!(notes, ["holds 1 figure of fewer than 3 visits, which do not count"]);
}

#[test]
fn different_figures_are_not_pooled() {
    let (_directory, path) = file();
    for (nanoseconds, typical) in [
        (1.0, Statistic::Mean),
        (70.0, Statistic::Median),
        (80.0, Statistic::Median),
        (2.0, Statistic::Mean),
    ] {
        let mut set = set(nanoseconds);
        set.benchmarks[0].typical = typical;
        append(&path, &set).expect("appended");
    }
    let (notes, times, _) = pooled(&path);
    assert_eq!(times, [1.0, 2.0]);
    let told = "holds 2 figures of another statistic than the newest, which do not count";
    assert_eq!(notes, [told]);
}

#[test]
fn lines_come_in_the_order_of_their_dates() {
    let (_directory, path) = file();
    for (seconds, nanoseconds) in [(200, 2.0), (100, 1.0), (300, 3.0)] {
        let date = Timestamp::from_second(seconds).expect("a date");
        append_at(&path, &set(nanoseconds), date).expect("appended");
    }
    assert_eq!(points(&reference(&read(&path).expect("a history"), 3)), [1.0, 2.0, 3.0]);
}

#[test]
fn a_line_cut_short_costs_only_itself() {
    let (_directory, path) = file();
    append(&path, &set(1.0)).expect("appended");
    append(&path, &set(2.0)).expect("appended");
    let whole = fs::read(&path).expect("the file");
    let first = whole.iter().position(|byte| *byte == b'\n').expect("two lines") + 1;
    // The second line is cut at each of its places, its end included.
    for end in first..whole.len() {
        fs::write(&path, &whole[..end]).expect("written");
        append(&path, &set(3.0)).expect("appended");
        let history = read(&path).expect("a history");
        let is_whole = end == whole.len() - 1;
        let expected: &[f64] = if is_whole { &[1.0, 2.0, 3.0] } else { &[1.0, 3.0] };
        assert_eq!(points(&reference(&history, 9)), expected, "cut at {end}");
        assert_eq!(history.problems.len(), usize::from(end > first && !is_whole));
        assert!(history.problems.iter().all(|p| p.what.starts_with("line 2 cannot be read")));
    }
}

#[test]
fn what_is_no_history_is_left_alone() {
    let (_directory, path) = file();
    for text in ["# A README\n", "{\"schema\": \"other\", \"version\": 1}\n", "\n"] {
        fs::write(&path, text).expect("written");
        let error = append(&path, &set(1.0)).expect_err(text).to_string();
        assert!(error.contains("history.jsonl: is no history"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("the file"), text);
    }
    let empty = Set { benchmarks: Vec::new(), ..set(1.0) };
    assert!(matches!(append(&path, &empty), Err(Error::Usage(_))));
}

#[test]
fn a_newer_line_and_a_bad_figure_are_told() {
    let (_directory, path) = file();
    append(&path, &set(1.0)).expect("appended");
    let good = fs::read_to_string(&path).expect("the file");
    let newer = good.replace("\"version\":1", "\"version\":2");
    let negative = good.replace("\"point\":1.0", "\"point\":-1.0");
    let undated = good.replace("\"date\":\"", "\"date\":\"x");
    fs::write(&path, [newer.as_str(), &negative, &undated, "\n", &good].concat()).expect("written");
    let history = read(&path).expect("a history");
    let told: Vec<_> = history.problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(
        told[..2],
        ["line 1 is of version 2, and this report reads 1", "line 2 holds -1.0 ns [1.0, 1.0]"]
    );
    assert!(told[2].starts_with("line 3 has no good date"), "{told:?}");
    assert_eq!((told.len(), history.runs.len()), (3, 2));
    fs::write(&path, newer).expect("written");
    let error = read(&path).expect_err("no line can be read").to_string();
    assert!(error.ends_with("line 1 is of version 2, and this report reads 1"), "{error}");
}

#[test]
fn figures_that_nobody_measures_are_told() {
    let (_directory, path) = file();
    append(&path, &set(1e308)).expect("appended");
    append(&path, &set(1.5e308)).expect("appended");
    let reference = reference(&read(&path).expect("a history"), 2);
    assert_eq!((reference.benchmarks, reference.problems.len()), (Vec::new(), 2));
}

#[test]
fn appends_at_once_all_arrive() {
    const THREADS: usize = 8;
    const APPENDS: usize = 16;
    let (_directory, path) = file();
    let path = &path;
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for number in 0..APPENDS {
                    // Longer than what a pipe or a disk takes in one piece.
                    let nanoseconds = (1 + thread * APPENDS + number) as f64;
                    let long = Set { label: "x".repeat(100_000), ..set(nanoseconds) };
                    append(path, &long).expect("appended");
                }
            });
        }
    });
    let history = read(path).expect("a history");
    assert_eq!((history.runs.len(), history.problems), (THREADS * APPENDS, Vec::new()));
}

#[test]
fn an_append_waits_for_the_lock() {
    let (_directory, path) = file();
    let held = File::create(&path).expect("a file");
    held.lock().expect("a lock");
    let (done, waited) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| done.send(append(&path, &set(1.0)).is_ok()).expect("someone listens"));
        let early = waited.recv_timeout(Duration::from_millis(200));
        assert!(early.is_err(), "it did not wait");
        assert_eq!(fs::metadata(&path).expect("the file").len(), 0);
        held.unlock().expect("unlocked");
        assert_eq!(waited.recv_timeout(Duration::from_secs(60)), Ok(true));
    });
}

/// A process that may write no file of more than a block meets what a full
/// disk is like: some of the line is written, and then no more.
#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    const CHILD: &str = "REPORT_TEST_FULL_DISK";
    if let Some(path) = std::env::var_os(CHILD) {
        let long = Set { label: "x".repeat(10_000), ..set(2.0) };
        let error = append(Path::new(&path), &long).expect_err("the line is too long");
        assert!(matches!(error, Error::Io(_)), "{error}");
        return;
    }
    let (_directory, path) = file();
    append(&path, &set(1.0)).expect("appended");
    let before = fs::read(&path).expect("the file");
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "history::tests::a_full_disk_leaves_the_file_as_it_was"])
        .env(CHILD, &path)
        .output()
        .expect("a shell");
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
    assert_eq!(fs::read(&path).expect("the file"), before);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(text: Vec<u8>) {
        let _ = parse(Path::new("x"), &text).map(|history| reference(&history, 3));
    }

    /// Whatever is changed in a whole file, the reference makes sense.
    #[test]
    fn no_change_makes_nonsense(
        place: prop::sample::Index,
        length in 0_usize..9,
        by in "[-0-9.e,:\"\\[\\]{}\n]{0,6}",
    ) {
        let (_directory, path) = file();
        append(&path, &set(1.5)).expect("appended");
        append(&path, &set(2.5)).expect("appended");
        let mut text = fs::read(&path).expect("the file");
        let start = place.index(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, by.into_bytes());
        let history = parse(&path, &text).unwrap_or_default();
        for benchmark in reference(&history, 2).benchmarks {
            prop_assert_eq!(benchmark.flaw(), None);
        }
    }
}

/// Passes of a pair correspond run by run: what shifts them is no pair.
#[test]
fn a_pair_is_one_only_if_every_figure_counts() {
    let (_directory, path) = file();
    let add = |pass: &str, nanoseconds| {
        let passes = vec![pass.to_owned()];
        append(&path, &Set { passes, ..set(nanoseconds) }).expect("appended");
    };
    for (pass, nanoseconds) in [("1", 10.0), ("2", 13.0), ("3", 11.0)] {
        add(pass, nanoseconds);
    }
    let passes = |last| reference(&read(&path).expect("a history"), last).passes;
    assert_eq!(passes(10), ["1", "2", "3"]);
    assert_eq!(passes(2), ["2", "3"]);
    append(&path, &set(12.0)).expect("appended");
    assert!(passes(10).is_empty() && passes(1).is_empty());
    add("4", 14.0);
    assert_eq!(passes(1), ["4"]);
    // Two visits are too few to count.
    let mut quick = Set { passes: vec!["5".into()], ..set(15.0) };
    quick.benchmarks[0].sample = Sample { iterations: vec![1.0, 2.0], times: vec![15.0, 30.0] };
    append(&path, &quick).expect("appended");
    assert!(passes(2).is_empty());
}
