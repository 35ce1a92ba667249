//! What a run leaves beside criterion's files, for whoever reads them later.
//!
//! criterion records no machine, no commit and no meaning of a parameter. A
//! run adds four kinds of files, all JSON:
//!
//! | file | says |
//! |---|---|
//! | `<criterion>/<group>/workload.<baseline>.json` | [`WorkloadRecord`]: title, parameter, models, claims |
//! | `<criterion>/<group>/<function>/<value>/interleaved/interleaved.json` | [`Mark`]: which run and rounds, or why there is no time |
//! | `<target>/report/runs/<id>.json` | [`Run`]: machine, commit, settings, and which cells are done |
//! | `<target>/report/runs/<id>.snapshot.json` | what it measured, once it is finished: a [`Set`](crate::benchmark::Set) |

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::benchmark::Id;
use crate::description::{Description, Failure};
use crate::layout::{self, INTERLEAVED, file_name};
use crate::machine::Machine;

/// How the names of saved runs end.
pub(crate) const SNAPSHOT: &str = ".snapshot.json";

/// A workload's description, beside the times that its models took.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct WorkloadRecord {
    /// The crate whose bench declares it.
    pub topic: String,
    /// Its place in the topic's suite.
    pub place: usize,
    /// What it declares.
    pub description: Description,
}

impl WorkloadRecord {
    /// The criterion group, `topic/workload`.
    pub fn group(&self) -> String {
        format!("{}/{}", self.topic, self.description.workload)
    }

    /// Writes it beside the group's times under a baseline, which is what its
    /// parameters and models are true of.
    ///
    /// # Errors
    /// Whatever the file system says, with the path.
    pub fn write(&self, root: &Path, baseline: &str) -> io::Result<()> {
        let directory = root.join(file_name(&self.group()));
        std::fs::create_dir_all(&directory)?;
        layout::write_json(&directory.join(Self::file(baseline)), self)
    }

    /// All workloads under a baseline. A record that cannot be understood (it
    /// was cut short, or another version wrote it) is named in `unreadable`.
    ///
    /// # Errors
    /// A directory that is there and cannot be read.
    pub fn all(root: &Path, baseline: &str, unreadable: &mut Vec<String>) -> io::Result<Vec<Self>> {
        let entries = match std::fs::read_dir(root) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut records = Vec::new();
        for entry in entries {
            let path = entry?.path().join(Self::file(baseline));
            if path.exists() {
                match layout::read_json(&path) {
                    Ok(record) => records.push(record),
                    Err(e) => unreadable.push(e.to_string()),
                }
            }
        }
        Ok(records)
    }

    /// Takes this record away: its topic has no such workload any more.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn remove(&self, root: &Path, baseline: &str) -> io::Result<()> {
        std::fs::remove_file(root.join(file_name(&self.group())).join(Self::file(baseline)))
    }

    /// What the file is called that holds it.
    pub(crate) fn file(baseline: &str) -> String {
        format!("workload.{baseline}.json")
    }
}

/// How a model did in a cell.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Outcome {
    /// It was measured; its sample stands beside this mark.
    Measured,
    /// It has no time.
    Failure(Failure),
    /// One iteration took longer than the workload's patience, here or at a
    /// smaller parameter.
    Stopped {
        /// The parameter at which it was too slow.
        at: u64,
        /// Seconds that one iteration took there.
        seconds: f64,
    },
}

/// Which run a sample belongs to, and what became of the model in it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Mark {
    /// The run's id.
    pub run: String,
    /// Rounds in which all models of the cell were visited.
    pub rounds: usize,
    /// What became of this model.
    pub outcome: Outcome,
}

impl Mark {
    /// Writes the mark of a benchmark.
    ///
    /// # Errors
    /// Whatever the file system says, with the path.
    pub fn write(&self, root: &Path, id: &Id) -> io::Result<()> {
        let directory = root.join(id.directory()).join(INTERLEAVED);
        std::fs::create_dir_all(&directory)?;
        layout::write_json(&directory.join(layout::MARK), self)
    }

    /// Reads the mark of a benchmark; `None` if it was never sampled.
    ///
    /// # Errors
    /// A mark that cannot be read or understood, with its path.
    pub fn read(root: &Path, id: &Id) -> io::Result<Option<Self>> {
        Self::beside(&root.join(id.directory()).join(INTERLEAVED))
    }

    /// The mark in the folder of a sample; `None` if there is none.
    ///
    /// # Errors
    /// As [`read`](Mark::read).
    pub(crate) fn beside(folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join(layout::MARK);
        if path.exists() { layout::read_json(&path).map(Some) } else { Ok(None) }
    }
}

/// Which cell: a workload at one parameter, the unit that is measured whole.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct CellId {
    /// The workload's name.
    pub workload: String,
    /// The parameter.
    pub parameter: u64,
}

/// A topic's part of a run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct TopicRun {
    /// The crate.
    pub topic: String,
    /// A fingerprint of the bench's executable: what another build measured
    /// does not belong to this run.
    pub build: String,
    /// The cells that are done, with the seconds that each took.
    pub done: Vec<(CellId, f64)>,
    /// Whether those are all.
    pub finished: bool,
}

/// A run: everything that a reader of its times must know, and how far it came.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Run {
    /// The format of this file.
    pub version: u32,
    /// The run's id, its start to the second.
    pub id: String,
    /// When it started, UTC.
    pub started: String,
    /// `quick` or `full`.
    pub profile: String,
    /// Rounds a cell.
    pub rounds: usize,
    /// The machine.
    pub machine: Machine,
    /// The Python that was measured, or why there was none.
    pub python: Result<crate::machine::Python, String>,
    /// The rate at which that Python does calibrated work: the same in all of
    /// the run, or its cells would hold different work.
    pub steps_per_second: Option<f64>,
    /// The topics that were asked for.
    pub topics: Vec<TopicRun>,
}

/// Whether a file beside the records of runs is what a run measured.
pub(crate) fn is_snapshot(path: &Path) -> bool {
    path.to_string_lossy().ends_with(SNAPSHOT)
}

impl Run {
    /// The version of the format that this build writes and reads.
    pub const VERSION: u32 = 1;

    /// Whether everything that was asked for is measured.
    pub fn is_finished(&self) -> bool {
        self.topics.iter().all(|topic| topic.finished)
    }

    /// Whether this run can go on where `other`, which has not begun, would
    /// begin: same settings, machine, Python, topics and builds.
    pub fn is_like(&self, other: &Self) -> bool {
        let builds = |run: &Self| -> Vec<_> {
            run.topics.iter().map(|part| (part.topic.clone(), part.build.clone())).collect()
        };
        (&self.profile, self.rounds, &self.machine, &self.python)
            == (&other.profile, other.rounds, &other.machine, &other.python)
            && builds(self) == builds(other)
    }

    /// Reads the record of a run.
    ///
    /// # Errors
    /// A record that cannot be read or understood, with its path.
    pub fn read(runs: &Path, id: &str) -> io::Result<Self> {
        layout::read_json(&runs.join(format!("{id}.json")))
    }

    /// Writes the record of this run.
    ///
    /// # Errors
    /// Whatever the file system says, with the path.
    pub fn write(&self, runs: &Path) -> io::Result<()> {
        layout::write_json(&runs.join(format!("{}.json", self.id)), self)
    }

    /// All runs recorded in a directory, the latest first. A record of another
    /// version, or one that is broken, is passed over: it is no run of ours.
    ///
    /// # Errors
    /// A directory that is there and cannot be read.
    pub fn all(runs: &Path) -> io::Result<Vec<Self>> {
        let entries = match std::fs::read_dir(runs) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut runs: Vec<Self> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| !is_snapshot(path))
            .filter_map(|path| layout::read_json::<Self>(&path).ok())
            .filter(|run| run.version == Self::VERSION)
            .collect();
        runs.sort_unstable_by(|a, b| b.id.cmp(&a.id));
        Ok(runs)
    }
}
