//! Timelines: which worker ran what when, as a file to look at.
//!
//! A [`Record`] is one attempt at one task. From a list of them [`chrome_trace`]
//! makes a file that [Perfetto](https://ui.perfetto.dev) and `chrome://tracing`
//! open, and [`svg`] a picture with a lane for each worker, in which the two
//! lower bounds of the makespan are drawn: no run is shorter than its critical
//! path, or than its work shared out evenly.
//!
//! Both are pure functions of the records, so that a simulated run and a real
//! one are drawn alike.
//!
//! ```
//! use distributed::scheduler::{TaskId, WorkerId};
//! use distributed::timeline::{Bounds, Ended, Record, chrome_trace, svg};
//!
//! let records = [Record {
//!     worker: WorkerId(0),
//!     id: TaskId(7),
//!     task: "inc".into(),
//!     start_ns: 0,
//!     end_ns: 1_500,
//!     attempt: 1,
//!     ended: Ended::Returned,
//! }];
//! let bounds = Bounds { critical_path_ns: Some(1_500), work_ns: Some(1_500) };
//! let mut trace = Vec::new();
//! chrome_trace(&records, bounds, &mut trace)?;
//! assert!(String::from_utf8(trace).unwrap().contains(r#""dur":1.5"#));
//! assert!(svg(&records, bounds).contains("inc"));
//! # Ok::<(), std::io::Error>(())
//! ```

mod chrome;
mod svg;

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::Path;

pub use chrome::chrome_trace;
pub use svg::svg;

use crate::scheduler::{TaskId, WorkerId};

/// One attempt at a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who ran it.
    pub worker: WorkerId,
    /// Which task it is.
    pub id: TaskId,
    /// The task's name.
    pub task: Cow<'static, str>,
    /// When it began, in nanoseconds since the run began.
    pub start_ns: u64,
    /// When it ended; not before it began.
    pub end_ns: u64,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// How it ended.
    pub ended: Ended,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With a value.
    Returned,
    /// With an error of its own.
    Failed,
    /// With the death of its worker.
    Killed,
    /// By order, or with a value that nobody wanted any more.
    Cancelled,
}

impl Ended {
    fn name(self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::Failed => "failed",
            Self::Killed => "killed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What no run can be shorter than; drawn as lines where known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The longest chain of tasks that depend on each other.
    pub critical_path_ns: Option<u64>,
    /// All work, divided by the number of workers.
    pub work_ns: Option<u64>,
}

impl Bounds {
    /// The bounds that are known, with their names.
    fn lines(self) -> impl Iterator<Item = (&'static str, u64)> {
        let critical_path = self.critical_path_ns.map(|ns| ("critical path", ns));
        let work = self.work_ns.map(|ns| ("work / workers", ns));
        critical_path.into_iter().chain(work)
    }
}

/// A run: what ran when, and what no run of these tasks is shorter than.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The attempts.
    pub records: Vec<Record>,
    /// What they could have taken at least, by what they took each.
    pub bounds: Bounds,
}

impl Timeline {
    /// When the last attempt ended.
    pub fn makespan_ns(&self) -> u64 {
        self.records.iter().map(|record| record.end_ns).max().unwrap_or(0)
    }

    /// Writes `stem.json`, for Perfetto, and `stem.svg`.
    ///
    /// # Errors
    /// What writing the files brings.
    pub fn write(&self, stem: impl AsRef<Path>) -> io::Result<()> {
        // What stands behind a point in the name is part of the name.
        let named = |ending: &str| {
            let mut name = stem.as_ref().as_os_str().to_owned();
            name.push(ending);
            name
        };
        let mut file = io::BufWriter::new(File::create(named(".json"))?);
        chrome_trace(&self.records, self.bounds, &mut file)?;
        io::Write::flush(&mut file)?;
        std::fs::write(named(".svg"), svg(&self.records, self.bounds))
    }
}

/// The workers of these records, in the order of their names.
fn workers(records: &[Record]) -> Vec<WorkerId> {
    let mut workers: Vec<WorkerId> = records.iter().map(|record| record.worker).collect();
    workers.sort_unstable();
    workers.dedup();
    workers
}
