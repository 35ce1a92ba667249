//! Snapshots: what was measured, in one file that can be kept and carried.
//!
//! A snapshot holds a [`Set`] with its whole samples, so that whoever reads it
//! can compare it anew, and the machine, which criterion does not record. It
//! is one JSON object:
//!
//! | field | holds |
//! |---|---|
//! | `schema` | `polyphony.snapshot` |
//! | `version` | [`VERSION`]; a reader refuses a newer one |
//! | `tool` | what wrote it |
//! | `date` | when, in UTC (RFC 3339) |
//! | `label` | what the set was called |
//! | `machine` | a [`Machine`], or null |
//! | `left_out` | how many benchmarks were wrong or could not be read and are not in it |
//! | `benchmarks` | a list of [`Benchmark`] |
//!
//! Fields that a reader does not know are passed over.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::atomic;
use crate::benchmark::{Benchmark, Id, Problem, Set};
use crate::error::Error;
use crate::machine::Machine;

/// What the field `schema` says.
pub const SCHEMA: &str = "polyphony.snapshot";

/// The version of the format that this build writes, and the newest it reads.
pub const VERSION: u32 = 1;

/// What writes snapshots and histories.
pub(crate) const TOOL: &str = concat!("report ", env!("CARGO_PKG_VERSION"));

#[derive(Serialize)]
struct Written<'a> {
    schema: &'a str,
    version: u32,
    tool: &'a str,
    date: String,
    label: &'a str,
    machine: Option<&'a Machine>,
    left_out: usize,
    benchmarks: &'a [Benchmark],
}

#[derive(Deserialize)]
struct Head {
    schema: String,
    version: u32,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    machine: Option<&'a RawValue>,
    #[serde(default)]
    left_out: usize,
    #[serde(borrow)]
    benchmarks: Vec<&'a RawValue>,
}

/// Writes a set as it is: with its machine, if it has one. The file is there
/// whole or not at all.
///
/// # Errors
/// [`Error::Usage`] for a set without benchmarks, and for the runs of a history,
/// which are no samples of one run; whatever the file system says, with the path.
pub fn write(path: &Path, set: &Set) -> Result<(), Error> {
    if set.visits_are_runs {
        return Err(Error::Usage(format!("{:?} is a history, not a run", set.label)));
    }
    if set.benchmarks.is_empty() {
        let why = format!("{:?} holds no benchmarks to keep in {}", set.label, path.display());
        return Err(Error::Usage(why));
    }
    let written = Written {
        schema: SCHEMA,
        version: VERSION,
        tool: TOOL,
        date: jiff::Timestamp::now().to_string(),
        label: &set.label,
        machine: set.machine.as_ref(),
        left_out: set.problems.iter().filter(|problem| problem.is_loss()).count(),
        benchmarks: &set.benchmarks,
    };
    let mut text = serde_json::to_vec(&written).map_err(|e| atomic::at(path, &e.into()))?;
    text.push(b'\n');
    atomic::replace(path, &text)
}

/// Reads a snapshot. Its label is the file's name and the machine in short. A
/// benchmark that makes no sense becomes a [`Problem`]; the rest is read.
///
/// # Errors
/// [`Error::BadFile`] for a file that cannot be read, is cut short, is no
/// snapshot, or was written by a newer version.
pub fn read(path: &Path) -> Result<Set, Error> {
    let text = fs::read(path).map_err(|e| bad(path, e.to_string()))?;
    parse(path, &text)
}

/// The same of a file that is read already.
///
/// # Errors
/// As [`read`].
pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<Set, Error> {
    let Head { schema, version } = serde_json::from_slice(text)
        .map_err(|e| bad(path, format!("is no snapshot that can be read: {e}")))?;
    if schema != SCHEMA {
        return Err(bad(path, format!("is no snapshot: its schema is {schema:?}")));
    }
    if version > VERSION {
        let why = format!("is a snapshot of version {version}, and this report reads {VERSION}");
        return Err(bad(path, why));
    }
    let Body { machine, left_out, benchmarks } = serde_json::from_slice(text)
        .map_err(|e| bad(path, format!("is no snapshot that can be read: {e}")))?;
    let mut set = Set::default();
    let machine = machine.map_or(Ok(None), |raw| serde_json::from_str(raw.get()));
    set.machine = machine.unwrap_or_else(|e| {
        let what = format!("describes a machine that cannot be read: {e}");
        set.problems.push(Problem::note(path, None, what));
        None
    });
    let mut lost = |id: Option<Id>, what: String| set.problems.push(Problem::lost(path, id, what));
    if left_out > 0 {
        let what = match left_out {
            1 => "lacks a benchmark that was wrong or could not be read when it was taken".into(),
            n => format!(
                "lacks {n} benchmarks that were wrong or could not be read when it was taken"
            ),
        };
        lost(None, what);
    }
    for (place, raw) in (1..).zip(benchmarks) {
        match serde_json::from_str::<Benchmark>(raw.get()) {
            Err(e) => lost(name(raw), format!("benchmark {place} cannot be read: {e}")),
            Ok(benchmark) => match benchmark.flaw() {
                None => set.benchmarks.push(benchmark),
                Some(what) => lost(Some(benchmark.id), format!("benchmark {place} {what}")),
            },
        }
    }
    set.label = label(path, set.machine.as_ref());
    set.sort();
    drop_repeated(&mut set, path);
    Ok(set)
}

/// A place holds one benchmark: of two, the first counts.
fn drop_repeated(set: &mut Set, path: &Path) {
    let Set { benchmarks, problems, .. } = set;
    benchmarks.dedup_by(|later, first| {
        let is_repeated = (&later.id, &later.place) == (&first.id, &first.place);
        if is_repeated {
            let id = Some(later.id.clone());
            let what = format!("holds {} twice; the first counts", later.id);
            problems.push(Problem::note(path, id, what));
        }
        is_repeated
    });
}

/// What a set from a file is called: the file's name, and the machine.
pub(crate) fn label(path: &Path, machine: Option<&Machine>) -> String {
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    machine.map_or_else(|| file.to_string(), |machine| format!("{file} ({})", machine.short()))
}

/// The name of a benchmark that makes no sense, if that much can be read.
fn name(raw: &RawValue) -> Option<Id> {
    #[derive(Deserialize)]
    struct Named {
        id: Id,
    }
    serde_json::from_str(raw.get()).map(|Named { id }| id).ok()
}

pub(crate) fn bad(path: &Path, why: String) -> Error {
    Error::BadFile { path: path.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::benchmark::{Estimates, Sample, Statistic, Work};
    use crate::stats::{bootstrap, mean, median};

    fn benchmark(value: &str) -> Benchmark {
        let sample =
            Sample { iterations: vec![1.0, 2.0, 3.0], times: vec![1.0 / 3.0, 2_000.125, 1e-3] };
        let times = sample.per_iteration();
        Benchmark {
            id: Id { group: "a|b/\n".into(), function: "ü\"".into(), value: value.into() },
            place: format!("a_b__/ü_/{value}"),
            work: Some(Work::ElementsAndBytes { elements: u64::MAX, bytes: 8 }),
            estimates: Estimates {
                mean: bootstrap(&times, mean),
                median: bootstrap(&times, median),
                slope: None,
            },
            sample,
            typical: Statistic::Mean,
            run: Some("20240229T120000Z".into()),
        }
    }

    fn set() -> Set {
        let machine = Machine { cpu: "Intel(R) Xeon(R) CPU".into(), cores: 2, ..machine() };
        Set {
            visits_are_runs: false,
            passes: Vec::new(),
            label: "new".into(),
            machine: Some(machine),
            benchmarks: ["9", "10", ""].map(benchmark).into(),
            problems: Vec::new(),
        }
    }

    fn machine() -> Machine {
        let unknown = crate::machine::unknown;
        Machine {
            cpu: unknown(),
            cores: 1,
            memory: 1 << 30,
            kernel: unknown(),
            rustc: unknown(),
            commit: unknown(),
        }
    }

    fn written(set: &Set) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("run.json");
        write(&path, set).expect("written");
        fs::read_to_string(&path).expect("the file")
    }

    static WHOLE: LazyLock<String> = LazyLock::new(|| written(&set()));

    fn parse_text(text: &str) -> Result<Set, Error> {
        parse(Path::new("dir/run.json"), text.as_bytes())
    }

    #[test]
    fn what_is_written_is_read() {
        let read = parse_text(&written(&set())).expect("it is whole");
        assert_eq!(read.label, "run.json (Intel Xeon, 2 cores)");
        assert_eq!(read.machine, set().machine);
        assert_eq!(read.problems, []);
        let values: Vec<_> = read.benchmarks.iter().map(|b| b.id.value.as_str()).collect();
        assert_eq!(values, ["9", "10", ""]);
        for (read, written) in read.benchmarks.iter().zip(set().benchmarks) {
            let close = |(a, b): (&f64, &f64)| ((a - b) / b).abs() < 1e-15;
            assert!(read.sample.times.iter().zip(&written.sample.times).all(close), "{read:?}");
            let sample = written.sample.clone();
            let estimates = written.estimates;
            assert!((read.estimates.mean.point / estimates.mean.point - 1.0).abs() < 1e-15);
            assert_eq!(Benchmark { sample, estimates, ..read.clone() }, written);
        }
    }

    #[test]
    fn a_broken_benchmark_does_not_take_the_rest_with_it() {
        let whole = &*WHOLE;
        let faults = [
            ("2000.125", "-1", "benchmark 1 holds a time of -1.0 ns in visit 2"),
            ("2000.125", "0", "benchmark 1 holds a time of 0.0 ns in visit 2"),
            ("2000.125", "null", "benchmark 1 cannot be read"),
            ("2000.125", "1e999", "benchmark 1 cannot be read"),
            ("[1.0,2.0,3.0]", "[1.0,2.0]", "benchmark 1 holds 2 numbers of iterations and 3 times"),
            (
                "\"slope\":null},\"typical\":\"mean\"",
                "\"slope\":null},\"typical\":\"slope\"",
                "benchmark 1 has the slope",
            ),
        ];
        for (good, broken, what) in faults {
            let text = whole.replacen(good, broken, 1);
            assert_ne!(text, *whole, "{good}");
            let set = parse_text(&text).expect("only a benchmark is broken");
            assert_eq!(set.benchmarks.len(), 2, "{broken}");
            let [problem] = set.problems.as_slice() else { panic!("{:?}", set.problems) };
            assert!(problem.what.starts_with(what), "{}", problem.what);
            assert_eq!(problem.id, Some(benchmark("9").id), "{broken}");
        }
    }

    #[test]
    fn what_was_left_out_and_what_is_there_twice_is_told() {
        let mut set = set();
        set.benchmarks.push(benchmark("9"));
        // What is only a note leaves nothing out.
        set.problems = vec![
            Problem::lost("x", None, "is empty"),
            Problem::note("x", None, "has the names of another"),
            Problem::wrong("x", None, "has no time"),
        ];
        let read = parse_text(&written(&set)).expect("it is whole");
        let told: Vec<_> = read.problems.iter().map(|problem| problem.what.as_str()).collect();
        assert_eq!(read.benchmarks.len(), 3);
        let lacks = "lacks 2 benchmarks that were wrong or could not be read when it was taken";
        assert_eq!(told[0], lacks);
        assert!(told[1].ends_with("/9 twice; the first counts"), "{told:?}");
    }

    #[test]
    fn nothing_is_not_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("run.json");
        let empty = Set { benchmarks: Vec::new(), ..set() };
        assert!(matches!(write(&path, &empty), Err(Error::Usage(_))));
        assert!(!path.exists());
    }

    #[test]
    fn another_schema_and_a_newer_version() {
        let whole = &*WHOLE;
        for (good, other, what) in [
            (
                "polyphony.snapshot",
                "other",
                "dir/run.json: is no snapshot: its schema is \"other\"",
            ),
            ("\"version\":1", "\"version\":2", "dir/run.json: is a snapshot of version 2"),
        ] {
            let error = parse_text(&whole.replacen(good, other, 1)).expect_err(what);
            assert!(error.to_string().starts_with(what), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let whole = &*WHOLE;
        for end in 0..whole.trim_end().len() {
            let cut = parse(Path::new("run.json"), &whole.as_bytes()[..end]);
            assert!(matches!(cut, Err(Error::BadFile { .. })), "cut at {end}");
        }
    }

    #[test]
    fn the_problem_of_a_broken_machine() {
        let text = WHOLE.replacen("\"cores\":2", "\"cores\":-2", 1);
        let set = parse_text(&text).expect("the figures are whole");
        assert_eq!((set.machine, set.benchmarks.len(), set.problems.len()), (None, 3, 1));
        assert_eq!(set.label, "run.json");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>) {
            let _ = parse(Path::new("x"), &text);
        }

        /// Whatever is changed in a whole file, what is read makes sense.
        #[test]
        fn no_change_makes_nonsense(place: prop::sample::Index, length in 0_usize..9, by: Vec<u8>) {
            let mut text = WHOLE.clone().into_bytes();
            let start = place.index(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, by);
            for benchmark in parse(Path::new("x"), &text).into_iter().flat_map(|set| set.benchmarks) {
                prop_assert_eq!(benchmark.flaw(), None);
            }
        }
    }
}
