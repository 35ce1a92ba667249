//! What is said of a workload, apart from the code that does it: the part of a
//! suite that is written beside the times and read back for the report.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::claim::Claim;

/// What a reader must know of a workload; it is written beside its times.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Description {
    /// The name, in snake case: the second half of the criterion group.
    pub workload: String,
    /// What the work is, in one line.
    pub title: String,
    /// What the parameter counts: "elements", "milliseconds of wait".
    pub parameter: String,
    /// The parameters that are measured, rising.
    pub parameters: Vec<u64>,
    /// The models in the order in which they are declared; the first is the
    /// baseline.
    pub models: Vec<String>,
    /// What the figures leave out, and what else a reader must know.
    pub notes: Vec<String>,
    /// The claims of the lecture that this workload decides.
    pub claims: Vec<Claim>,
    /// A model that takes longer than this for one iteration is not asked for
    /// larger parameters.
    pub patience: Option<Duration>,
    /// Whether the models are no rivals for the same work, such as the stages of
    /// one story, so that none of them can be called the fastest.
    pub unranked: bool,
    /// Whether Python works at its own pace: in the same time it does fewer
    /// steps of calibrated work, so its times say nothing against Rust's.
    pub own_pace: bool,
    /// The row that does no more than the machine must for this work; the other
    /// rows are told as a fraction of it. It is no model, and nobody's rival.
    pub limit: Option<String>,
}

impl Description {
    /// Whether this row is the machine's limit, and no model.
    pub fn is_limit(&self, row: &str) -> bool {
        self.limit.as_deref() == Some(row)
    }
}

/// Why a model has no time.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Failure {
    /// It came back with a result that is not the known answer.
    Wrong(String),
    /// It did not come back with a result.
    Failed(String),
    /// The machine has not got what it takes, such as ten thousand threads.
    /// This is a finding about the machine, not a fault of the model.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Wrong(why) => write!(f, "came back wrong: {why}"),
            Failure::Failed(why) => write!(f, "failed: {why}"),
            Failure::Refused(why) => write!(f, "was refused by the machine: {why}"),
        }
    }
}

/// Whether a model is there only beside a Python, by the same names: Python's own,
/// and Rust whose tasks run on a cluster that is Python.
pub fn needs_python(model: &str) -> bool {
    is_python(model) || model.starts_with("rust_on_dask")
}

/// Whether a model runs in Python, by the names that suites agree on.
pub fn is_python(model: &str) -> bool {
    ["python_", "numpy_", "dask_"].iter().any(|prefix| model.starts_with(prefix))
}
