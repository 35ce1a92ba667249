//! A benchmark, and a set of them that were measured in one go, whoever
//! measured them.
//!
//! criterion's trees, snapshots and foreign files are all read into a [`Set`];
//! tables and comparisons see nothing else.

use std::cmp::Ordering;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::stats::{self, Estimate};

/// Which benchmark a sample is of.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Id {
    /// criterion's group; `topic/workload` in this workspace.
    pub group: String,
    /// The function, or model; empty if there is none.
    pub function: String,
    /// The parameter as text; empty if there is none.
    pub value: String,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.group)?;
        let mut parts = [&self.function, &self.value].into_iter().filter(|part| !part.is_empty());
        parts.try_for_each(|part| write!(f, "/{part}"))
    }
}

/// How much one iteration does, for throughput. The names and the shape are
/// criterion's.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Work {
    /// So many bits, told in decimal multiples.
    Bits(u64),
    /// So many bytes, told in binary multiples (KiB).
    Bytes(u64),
    /// So many bytes, told in decimal multiples (kB).
    BytesDecimal(u64),
    /// So many elements.
    Elements(u64),
    /// Both at once.
    ElementsAndBytes {
        /// So many elements.
        elements: u64,
        /// So many bytes, told in binary multiples.
        bytes: u64,
    },
}

/// A figure that stands for a whole sample.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Statistic {
    /// The arithmetic mean of the times of one iteration.
    Mean,
    /// Their median.
    Median,
    /// The slope of time over iterations, through the origin.
    Slope,
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Statistic::Mean => "mean",
            Statistic::Median => "median",
            Statistic::Slope => "slope",
        })
    }
}

/// What was timed, visit by visit, in the order in which it was.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Sample {
    /// Iterations of each visit.
    pub iterations: Vec<f64>,
    /// Nanoseconds of each visit in all.
    pub times: Vec<f64>,
}

impl Sample {
    /// Nanoseconds an iteration, visit by visit.
    pub fn per_iteration(&self) -> Vec<f64> {
        self.times.iter().zip(&self.iterations).map(|(time, n)| time / n).collect()
    }

    /// The figure that stands for this sample, in nanoseconds an iteration, as
    /// criterion computes it; NaN of an empty sample.
    ///
    /// The slope is that of least squares through the origin, Σxy / Σx², which
    /// is defined of any sample; criterion tells it only where the numbers of
    /// iterations differ.
    ///
    /// ```
    /// use report::benchmark::{Sample, Statistic};
    /// let sample = Sample { iterations: vec![1.0, 2.0, 3.0], times: vec![10.0, 24.0, 33.0] };
    /// assert_eq!(sample.point(Statistic::Mean), 11.0);
    /// assert_eq!(sample.point(Statistic::Median), 11.0);
    /// assert_eq!(sample.point(Statistic::Slope), 157.0 / 14.0);
    /// ```
    pub fn point(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::Mean => stats::mean(&self.per_iteration()),
            Statistic::Median => stats::median(&self.per_iteration()),
            Statistic::Slope => {
                let products = self.iterations.iter().zip(&self.times).map(|(x, y)| x * y);
                let squares = self.iterations.iter().map(|x| x * x);
                products.sum::<f64>() / squares.sum::<f64>()
            }
        }
    }

    /// How many visits there were.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether nothing was timed.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Whether this is too little to decide anything by: criterion's `--quick`
    /// stops after two visits.
    pub fn is_too_small(&self) -> bool {
        self.len() < Self::FEWEST
    }

    /// The fewest visits from which an interval can be told.
    pub const FEWEST: usize = 3;
}

/// What whoever measured a sample makes of it, in nanoseconds an iteration.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Estimates {
    /// The mean.
    pub mean: Estimate,
    /// The median.
    pub median: Estimate,
    /// The slope; `None` where each visit had as many iterations.
    pub slope: Option<Estimate>,
}

impl Estimates {
    /// One of them; only the slope can be absent.
    pub fn get(&self, statistic: Statistic) -> Option<Estimate> {
        match statistic {
            Statistic::Mean => Some(self.mean),
            Statistic::Median => Some(self.median),
            Statistic::Slope => self.slope,
        }
    }
}

/// One benchmark as it was measured once.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Benchmark {
    /// Its names.
    pub id: Id,
    /// Where it stands below its root, without the baseline; of a foreign file,
    /// the name that it has there. It tells namesakes apart.
    pub place: String,
    /// What an iteration does, if it is known.
    pub work: Option<Work>,
    /// What was timed.
    pub sample: Sample,
    /// What whoever measured it makes of that.
    pub estimates: Estimates,
    /// Which of the estimates is its headline: criterion's is the slope, else
    /// the mean; the sampler's is the median.
    pub typical: Statistic,
    /// The sampler's run, whose rounds visited all models of a cell in turn:
    /// two benchmarks of one run and as many visits can be compared round by
    /// round.
    pub run: Option<String>,
}

/// What was measured in one go: a baseline of a criterion tree, a snapshot, a
/// foreign file.
#[derive(Clone, Debug, Default)]
pub struct Set {
    /// What it is called in a table: the baseline's name, or the file's.
    pub label: String,
    /// The machine, if it is recorded.
    pub machine: Option<Machine>,
    /// What could be read, in the order of [`sort`](Set::sort).
    pub benchmarks: Vec<Benchmark>,
    /// What could not.
    pub problems: Vec<Problem>,
}

impl Set {
    /// Orders benchmarks by group, function and value, numbers by their size,
    /// and namesakes by their place; problems by theirs.
    pub fn sort(&mut self) {
        self.benchmarks.sort_by(|a, b| {
            let names = |x: &Benchmark| (x.id.group.clone(), x.id.function.clone());
            names(a)
                .cmp(&names(b))
                .then_with(|| by_number(&a.id.value, &b.id.value))
                .then_with(|| a.place.cmp(&b.place))
        });
        self.problems.sort_by(|a, b| (&a.path, &a.what).cmp(&(&b.path, &b.what)));
    }
}

/// Compares texts as numbers where both are, and numbers before other texts.
///
/// ```
/// use report::benchmark::by_number;
/// let mut values = ["100", "x", "20", "3"];
/// values.sort_by(|a, b| by_number(a, b));
/// assert_eq!(values, ["3", "20", "100", "x"]);
/// ```
pub fn by_number(a: &str, b: &str) -> Ordering {
    let number = |text: &str| text.parse::<f64>().ok().filter(|x| x.is_finite());
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x.total_cmp(&y).then_with(|| a.cmp(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// Something on disk that could not be read: it is told in a footnote and the
/// rest is rendered.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// The file or directory.
    pub path: PathBuf,
    /// Which benchmark it would have been, if its name could be read.
    pub id: Option<Id>,
    /// What is wrong with it, as the end of a sentence that begins with the path.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}
