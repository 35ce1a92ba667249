//! Histories: many runs in one file, a line each, to compare the next one with.
//!
//! A single run says nothing about how much the next one would differ: the
//! machine is warmer, the linker has placed code elsewhere. The median of the
//! last runs is a steadier reference, and their spread is just that
//! difference. A history keeps of each run only its headline figures, about 250
//! bytes a benchmark, so that it can be kept for years.
//!
//! A line is one JSON object ([JSON Lines]):
//!
//! | field | holds |
//! |---|---|
//! | `schema` | `polyphony.history` |
//! | `version` | [`VERSION`]; a reader leaves newer lines out, and says so |
//! | `tool`, `date`, `label`, `machine` | as in a [snapshot](crate::snapshot); the commit is the machine's |
//! | `pair` | of a pass of [`report pair`](crate::pair), which it is; the run beside it, in the other history, has the same |
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
use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::benchmark::{Benchmark, Estimates, Id, Problem, Set, Statistic, Work};
use crate::error::Error;
use crate::machine::Machine;
use crate::snapshot::{TOOL, bad};
use crate::stats::Estimate;

mod pooled;

pub use pooled::reference;

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
    /// The pass that it is one side of, if it was measured beside another run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
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

impl Point {
    /// Whether this is the same measurement as an earlier one of the row: no two
    /// come to the same figure and bounds to the last bit.
    fn repeats(&self, earlier: &Self) -> bool {
        let bits = |Self { estimate: Estimate { point, lower, upper }, .. }: &Self| {
            [point, lower, upper].map(|x| x.to_bits())
        };
        self.typical == earlier.typical && bits(self) == bits(earlier)
    }
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
/// [`Error::Usage`] for a set without benchmarks, for another history, and for what was
/// appended last, to the last bit: appended once more, it would count as a run
/// that nobody made. [`Error::BadFile`] for a file that is no history, which is
/// left alone; whatever the file system says, in which case the file is as it
/// was.
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
        pair: match set.passes.as_slice() {
            [pass] => Some(pass.clone()),
            _ => None,
        },
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
    if is_repeated(&old, &text) {
        let why = format!(
            "{:?} is what {} holds as its last run: measure again, or append it once",
            set.label,
            path.display()
        );
        return Err(Error::Usage(why));
    }
    if !old.is_empty() && !old.ends_with(b"\n") {
        text.insert(0, b'\n');
    }
    add(&mut file, &text, old.len() as u64).map_err(|e| atomic::at(path, &e))
}

/// Whether all figures of a line are those of the last run in a text. Both are
/// read, for a figure may lose its last bit on the way.
fn is_repeated(old: &[u8], line: &[u8]) -> bool {
    let last = old.rsplit(|byte| *byte == b'\n').find_map(|line| run(line).ok());
    let (Some((_, last)), Ok((_, new))) = (last, run(line)) else { return false };
    let place = |point: &Point| (point.id.clone(), point.place.clone());
    let known: HashMap<_, _> = last.benchmarks.iter().map(|old| (place(old), old)).collect();
    new.benchmarks.iter().all(|new| known.get(&place(new)).is_some_and(|old| new.repeats(old)))
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
    let mut lost = |id, what| history.problems.push(Problem::lost(path, id, what));
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match run(line) {
            Err(why) => lost(None, format!("line {number} {why}")),
            Ok((date, mut run)) => {
                run.benchmarks.retain(|point| {
                    let estimate = point.estimate;
                    let as_all = Estimates { mean: estimate, median: estimate, slope: None };
                    let is_flawed = as_all.flaw().is_some();
                    if is_flawed {
                        let Estimate { point: value, lower, upper } = estimate;
                        let what =
                            format!("line {number} holds {value:?} ns [{lower:?}, {upper:?}]");
                        lost(Some(point.id.clone()), what);
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

#[cfg(test)]
mod tests;
