//! Histories: many runs in one file, a line each, to compare the next one with.
//!
//! A single run says nothing about how much the next one would differ: the
//! machine is warmer, the linker has placed code elsewhere. The median of the
//! last runs is a steadier reference, and their spread is just that
//! difference. A history keeps of each run only its headline figures, about a
//! hundred bytes a benchmark, so that it can be kept for years.
//!
//! A line is one JSON object ([JSON Lines]):
//!
//! | field | holds |
//! |---|---|
//! | `schema` | `polyphony.history` |
//! | `version` | [`VERSION`]; a reader leaves newer lines out, and says so |
//! | `tool`, `date`, `label`, `machine` | as in a [snapshot](crate::snapshot); the commit is the machine's |
//! | `benchmarks` | a list of [`Point`] |
//!
//! Lines are read in the order of their dates, so a file that git has merged
//! line by line is a history still.
//!
//! [JSON Lines]: https://jsonlines.org

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::benchmark::{Benchmark, Estimates, Id, Problem, Sample, Set, Statistic, Work};
use crate::error::Error;
use crate::machine::Machine;
use crate::snapshot::{TOOL, bad};
use crate::stats::{Estimate, bootstrap, mean, median};

/// What the field `schema` says.
pub const SCHEMA: &str = "polyphony.history";

/// The version of the format that this build writes, and the newest it reads.
pub const VERSION: u32 = 1;

/// The runs of a file, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The file.
    pub path: PathBuf,
    /// What could be read.
    pub runs: Vec<Run>,
    /// Lines that could not.
    pub problems: Vec<Problem>,
}

/// One run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Run {
    /// When it was appended, in UTC (RFC 3339).
    pub date: String,
    /// What wrote it.
    pub tool: String,
    /// What its set was called.
    pub label: String,
    /// The machine and the commit, if they are known.
    pub machine: Option<Machine>,
    /// Its figures.
    pub benchmarks: Vec<Point>,
}

/// The headline of one benchmark in one run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Point {
    /// Its names.
    pub id: Id,
    /// Where it stood; it tells namesakes apart.
    pub place: String,
    /// What an iteration does, if it is known.
    #[serde(default)]
    pub work: Option<Work>,
    /// Which figure this is.
    pub typical: Statistic,
    /// The figure, in nanoseconds an iteration, with its 95 % interval.
    pub estimate: Estimate,
    /// From how many visits it comes.
    pub visits: usize,
}

#[derive(Deserialize)]
struct Head {
    schema: String,
    version: u32,
}

#[derive(Serialize)]
struct Line<'a> {
    schema: &'a str,
    version: u32,
    #[serde(flatten)]
    run: &'a Run,
}

/// Appends a run to a history, which is made if it is not there.
///
/// Several processes may append at once: each takes an advisory lock on the
/// file (`flock`), so that it waits for the others, and writes its line in one
/// go. A last line that was cut short, by a kill or a full disk, is left as it
/// is, and the new one begins below it.
///
/// # Errors
/// [`Error::Usage`] for a set without benchmarks or of another history;
/// [`Error::BadFile`] for a file
/// that is no history, which is left alone; whatever the file system says, in
/// which case the file is as it was.
pub fn append(path: &Path, set: &Set) -> Result<(), Error> {
    append_at(path, set, Timestamp::now())
}

fn append_at(path: &Path, set: &Set, date: Timestamp) -> Result<(), Error> {
    if set.benchmarks.is_empty() {
        let why = format!("{:?} holds no benchmarks to append to {}", set.label, path.display());
        return Err(Error::Usage(why));
    }
    if set.visits_are_runs {
        return Err(Error::Usage(format!("{:?} is a history itself, not a run", set.label)));
    }
    let run = Run {
        date: date.to_string(),
        tool: TOOL.to_owned(),
        label: set.label.clone(),
        machine: set.machine.clone(),
        benchmarks: set.benchmarks.iter().map(point).collect(),
    };
    let line = Line { schema: SCHEMA, version: VERSION, run: &run };
    let mut text = serde_json::to_vec(&line).map_err(|e| atomic::at(path, &e.into()))?;
    text.push(b'\n');

    let open = OpenOptions::new().read(true).append(true).create(true).open(path);
    let mut file = open.map_err(|e| atomic::at(path, &e))?;
    if !file.metadata().map_err(|e| atomic::at(path, &e))?.is_file() {
        return Err(bad(path, "is no regular file".into()));
    }
    // The lock goes when the file is closed, also after a kill.
    file.lock().map_err(|e| atomic::at(path, &e))?;
    let mut old = Vec::new();
    file.read_to_end(&mut old).map_err(|e| atomic::at(path, &e))?;
    if !old.is_empty() && !is_history(&old) {
        let why = "is no history: no line of it is a run, and nothing was appended";
        return Err(bad(path, why.into()));
    }
    if !old.is_empty() && !old.ends_with(b"\n") {
        text.insert(0, b'\n');
    }
    add(&mut file, &text, old.len() as u64).map_err(|e| atomic::at(path, &e))
}

/// Adds to the end of a file; if that fails, nothing is added.
fn add(file: &mut File, text: &[u8], length: u64) -> io::Result<()> {
    file.write_all(text).inspect_err(|_| {
        // What this fails for is told by the first error already.
        let _ = file.set_len(length);
    })
}

fn point(benchmark: &Benchmark) -> Point {
    let Benchmark { id, place, work, sample, estimates, typical, .. } = benchmark;
    let (typical, estimate) = match estimates.get(*typical) {
        Some(estimate) => (*typical, estimate),
        None => (Statistic::Mean, estimates.mean),
    };
    Point {
        id: id.clone(),
        place: place.clone(),
        work: *work,
        typical,
        estimate,
        visits: sample.len(),
    }
}

/// Whether a line of this text is a run.
pub(crate) fn is_history(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.any(|line| serde_json::from_slice::<Head>(line).is_ok_and(|head| head.schema == SCHEMA))
}

/// Reads a history. A line that makes no sense becomes a [`Problem`], and so
/// does a figure in it; the rest is read.
///
/// # Errors
/// [`Error::BadFile`] for a file that cannot be read, or is not empty and holds
/// no run at all.
pub fn read(path: &Path) -> Result<History, Error> {
    let text = fs::read(path).map_err(|e| bad(path, e.to_string()))?;
    parse(path, &text)
}

/// The same of a file that is read already.
///
/// # Errors
/// As [`read`].
pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<History, Error> {
    let mut history = History { path: path.into(), ..History::default() };
    let mut dated = Vec::new();
    let mut note = |id, what| history.problems.push(Problem { path: path.into(), id, what });
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match run(line) {
            Err(why) => note(None, format!("line {number} {why}")),
            Ok((date, mut run)) => {
                run.benchmarks.retain(|point| {
                    let estimate = point.estimate;
                    let as_all = Estimates { mean: estimate, median: estimate, slope: None };
                    let is_flawed = as_all.flaw().is_some();
                    if is_flawed {
                        let Estimate { point: value, lower, upper } = estimate;
                        let what =
                            format!("line {number} holds {value:?} ns [{lower:?}, {upper:?}]");
                        note(Some(point.id.clone()), what);
                    }
                    !is_flawed
                });
                dated.push((date, run));
            }
        }
    }
    if dated.is_empty()
        && let Some(first) = history.problems.first()
    {
        return Err(bad(path, format!("is no history that can be read: {}", first.what)));
    }
    dated.sort_by_key(|(date, _)| *date);
    history.runs = dated.into_iter().map(|(_, run)| run).collect();
    Ok(history)
}

/// Reads a line, or says what is wrong with it.
fn run(line: &[u8]) -> Result<(Timestamp, Run), String> {
    let Head { schema, version } = serde_json::from_slice(line).map_err(unreadable)?;
    if schema != SCHEMA {
        return Err(format!("is of the schema {schema:?}"));
    }
    if version > VERSION {
        return Err(format!("is of version {version}, and this report reads {VERSION}"));
    }
    let run: Run = serde_json::from_slice(line).map_err(unreadable)?;
    let date = run.date.parse().map_err(|e| format!("has no good date: {e}"))?;
    Ok((date, run))
}

#[allow(clippy::needless_pass_by_value, reason = "an argument of map_err")]
fn unreadable(error: serde_json::Error) -> String {
    format!("cannot be read: {error}")
}

/// The last runs as one set, whose samples are the runs: a visit for each, of
/// one iteration, that took what the run's headline says. Its median is the
/// reference, and its interval is how much runs differ. Only runs on the
/// hardware of the newest count; how many others there are is a problem's note.
///
/// A benchmark that some of the runs lack has fewer visits.
///
/// `last` below one counts as one. A history without runs gives an empty set.
///
/// Costs two bootstraps a benchmark, over `last` values each: about a millisecond.
pub fn reference(history: &History, last: usize) -> Set {
    let History { path, runs, problems } = history;
    let mut set = Set { problems: problems.clone(), ..Set::default() };
    let newest = runs.last().and_then(|run| run.machine.as_ref());
    let is_alike = |run: &&Run| match (&run.machine, newest) {
        (Some(machine), Some(newest)) => machine.is_same_hardware(newest),
        (machine, newest) => machine.is_none() && newest.is_none(),
    };
    let alike: Vec<&Run> = runs.iter().filter(is_alike).collect();
    let others = runs.len() - alike.len();
    if others > 0 {
        let what = format!(
            "holds {others} of {} runs that are not of the newest one's machine and do not count",
            runs.len()
        );
        set.problems.push(Problem { path: path.clone(), id: None, what });
    }
    let latest = &alike[alike.len().saturating_sub(last.max(1))..];
    for benchmark in pooled(latest) {
        match benchmark.flaw() {
            None => set.benchmarks.push(benchmark),
            // A history may also be put together by hand.
            Some(what) => {
                let id = Some(benchmark.id);
                set.problems.push(Problem { path: path.clone(), id, what });
            }
        }
    }
    set.visits_are_runs = true;
    set.machine = newest.cloned();
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let machine = newest.map(|machine| format!(", {}", machine.short())).unwrap_or_default();
    set.label = match latest.len() {
        1 => format!("{file} (the last run{machine})"),
        n => format!("{file} (median of {n} runs{machine})"),
    };
    set.sort();
    set
}

/// The points of each benchmark, in the order of the runs.
fn pooled(runs: &[&Run]) -> Vec<Benchmark> {
    let mut places: HashMap<(&Id, &str), usize> = HashMap::new();
    let mut found: Vec<Vec<&Point>> = Vec::new();
    for run in runs {
        for point in &run.benchmarks {
            let place = *places.entry((&point.id, &point.place)).or_insert_with(|| {
                found.push(Vec::new());
                found.len() - 1
            });
            found[place].push(point);
        }
    }
    found.par_iter().filter_map(|points| benchmark(points)).collect()
}

fn benchmark(points: &[&Point]) -> Option<Benchmark> {
    let newest = points.last()?;
    let times: Vec<f64> = points.iter().map(|point| point.estimate.point).collect();
    Some(Benchmark {
        id: newest.id.clone(),
        place: newest.place.clone(),
        work: newest.work,
        estimates: Estimates {
            mean: bootstrap(&times, mean),
            median: bootstrap(&times, median),
            slope: None,
        },
        sample: Sample { iterations: vec![1.0; times.len()], times },
        typical: Statistic::Median,
        run: None,
    })
}

#[cfg(test)]
mod tests;
