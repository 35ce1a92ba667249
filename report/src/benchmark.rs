//! A benchmark, and a set of them that were measured in one go, whoever
//! measured them.
//!
//! criterion's trees, snapshots and foreign files are all read into a [`Set`];
//! tables and comparisons see nothing else.

use std::cmp::Ordering;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use crate::machine::Machine;
use crate::stats::{Estimate, mean, median};

/// The longest time, in nanoseconds (31 years), and the most iterations that
/// are believed. Squares and sums of what is believed stay finite.
const MOST: f64 = 1e18;

/// How far a point may lie outside of its interval and still be a matter of
/// rounding: the resamples of a perfect line are off by the last digits.
const ROUNDING: f64 = 1e-9;

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

    /// One figure for the whole sample, in nanoseconds an iteration, defined as
    /// criterion defines it: the mean and the median are of the times of one
    /// iteration visit by visit, each visit counted alike (of two in the middle,
    /// the median is their mean); the slope is Σxy / Σx² of time over
    /// iterations, the least-squares line through the origin. NaN of no visit.
    ///
    /// Costs O(n), the median O(n log n).
    ///
    /// ```
    /// use report::benchmark::{Sample, Statistic};
    /// let sample = Sample { iterations: vec![1.0, 2.0, 3.0], times: vec![5.0, 8.0, 15.0] };
    /// assert_eq!(sample.point(Statistic::Median), 5.0);
    /// assert_eq!(sample.point(Statistic::Slope), 66.0 / 14.0);
    /// ```
    pub fn point(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::Mean => mean(&self.per_iteration()),
            Statistic::Median => median(&self.per_iteration()),
            Statistic::Slope => {
                let visits = || self.iterations.iter().zip(&self.times);
                let xy: f64 = visits().map(|(n, time)| n * time).sum();
                let xx: f64 = visits().map(|(n, _)| n * n).sum();
                xy / xx
            }
        }
    }

    /// Why this is no sample that figures can be taken from, if it is none: the
    /// end of a sentence that begins with the file.
    ///
    /// What passes has at least one visit, as many times as numbers of
    /// iterations, and each of them positive and at most 10¹⁸, so that means,
    /// slopes and variances are finite and no ratio divides by zero.
    pub fn flaw(&self) -> Option<String> {
        let (visits, times) = (self.iterations.len(), self.times.len());
        if visits != times {
            return Some(format!("holds {visits} numbers of iterations and {times} times"));
        }
        if times == 0 {
            return Some("holds no visit at all".into());
        }
        for (visit, (&n, &time)) in self.iterations.iter().zip(&self.times).enumerate() {
            let visit = visit + 1;
            if !believable(n) {
                return Some(format!("holds {n:?} iterations in visit {visit}"));
            }
            if !believable(time) {
                return Some(format!("holds a time of {time:?} ns in visit {visit}"));
            }
        }
        None
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

    /// Why these cannot be true of any times, if they cannot: the end of a
    /// sentence that begins with the file.
    ///
    /// What passes is positive, at most 10¹⁸, and lies in its interval.
    pub fn flaw(&self) -> Option<String> {
        [Statistic::Mean, Statistic::Median, Statistic::Slope].into_iter().find_map(|statistic| {
            let Estimate { point, lower, upper } = self.get(statistic)?;
            if let Some(bad) = [point, lower, upper].into_iter().find(|x| !believable(*x)) {
                return Some(format!("holds a {statistic} or a bound of it that is {bad:?} ns"));
            }
            let near = lower * (1.0 - ROUNDING)..=upper * (1.0 + ROUNDING);
            (lower > upper || !near.contains(&point)).then(|| {
                format!("holds a {statistic} of {point} ns outside its interval {lower} to {upper}")
            })
        })
    }
}

/// Whether a time or a count is positive and no more than anyone measures;
/// what is no number is not.
fn believable(x: f64) -> bool {
    x >= MOST.recip() && x <= MOST
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

impl Benchmark {
    /// The estimate that is its headline, [`typical`](Benchmark::typical).
    pub fn headline(&self) -> Estimate {
        self.estimates.get(self.typical).unwrap_or(self.estimates.mean)
    }

    /// Why its figures cannot be used, if they cannot: see [`Sample::flaw`] and
    /// [`Estimates::flaw`]; and its headline is one of its estimates. It is the
    /// end of a sentence that begins with the file.
    pub fn flaw(&self) -> Option<String> {
        let headline = || {
            let is_absent = self.estimates.get(self.typical).is_none();
            is_absent.then(|| format!("has the {} for its headline, and none", self.typical))
        };
        self.sample.flaw().or_else(|| self.estimates.flaw()).or_else(headline)
    }
}

/// What was measured in one go: a baseline of a criterion tree, a snapshot, a
/// foreign file.
#[derive(Clone, Debug, Default)]
pub struct Set {
    /// What it is called in a table: the baseline's name, or the file's.
    pub label: String,
    /// The machine, if it is recorded.
    pub machine: Option<Machine>,
    /// Whether each visit of its samples is a whole run, as in the reference of
    /// a history: they then show how far runs lie apart.
    pub visits_are_runs: bool,
    /// The passes of [`report pair`](crate::pair) that these runs are, in order, if
    /// all of them are: the other side calls its runs the same. A sample that has
    /// a visit for each has them in the same order.
    pub passes: Vec<String>,
    /// What could be read, in the order of [`sort`](Set::sort).
    pub benchmarks: Vec<Benchmark>,
    /// What could not, and what else is to be said.
    pub problems: Vec<Problem>,
}

impl Set {
    /// Orders benchmarks by group, function and value, numbers by their size,
    /// and namesakes by their place; problems by theirs.
    pub fn sort(&mut self) {
        self.benchmarks.sort_by(|a, b| {
            (&a.id.group, &a.id.function)
                .cmp(&(&b.id.group, &b.id.function))
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

/// Something on disk that could not be read as it should be: it is told in a
/// footnote and the rest is rendered.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// What became of the benchmark.
    pub kind: Trouble,
    /// The file or directory. In JSON, what of it is no UTF-8 is replaced.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Which benchmark it would have been, if its name could be read.
    pub id: Option<Id>,
    /// What is wrong with it, as the end of a sentence that begins with the path.
    pub what: String,
}

/// What a [`Problem`] costs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trouble {
    /// No benchmark: every figure that there is could be read, and something is
    /// to be said of it.
    Note,
    /// A benchmark, or maybe one: there is data that could not be read.
    Lost,
    /// A benchmark that has no time because its result was wrong or it failed.
    Wrong,
}

impl Problem {
    /// A footnote to data that could be read.
    pub fn note(path: impl Into<PathBuf>, id: Option<Id>, what: impl Into<String>) -> Self {
        Self { kind: Trouble::Note, path: path.into(), id, what: what.into() }
    }

    /// Data that could not be read.
    pub fn lost(path: impl Into<PathBuf>, id: Option<Id>, what: impl Into<String>) -> Self {
        Self { kind: Trouble::Lost, path: path.into(), id, what: what.into() }
    }

    /// A result that is wrong.
    pub fn wrong(path: impl Into<PathBuf>, id: Option<Id>, what: impl Into<String>) -> Self {
        Self { kind: Trouble::Wrong, path: path.into(), id, what: what.into() }
    }

    /// Whether a benchmark is missing because of it.
    pub fn is_loss(&self) -> bool {
        self.kind != Trouble::Note
    }
}

/// serde refuses a path that is no UTF-8, and such a path is what some problems
/// are about.
pub(crate) fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}
