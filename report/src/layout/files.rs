//! The shapes of criterion's files, and how any JSON file is read and written.
//!
//! What is written is whole, so that criterion itself can load it. What is read
//! is the least that is needed: an unknown field, or a missing one that nobody
//! asks for, spoils nothing.

use std::cell::RefCell;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::error::Category;

use crate::benchmark::{Estimates, Sample, Work};
use crate::stats::{CONFIDENCE, Estimate};

pub(crate) const BENCHMARK: &str = "benchmark.json";
pub(super) const SAMPLE: &str = "sample.json";
pub(super) const ESTIMATES: &str = "estimates.json";
pub(super) const TUKEY: &str = "tukey.json";
/// The sampler's mark beside a sample of its own.
pub(crate) const MARK: &str = "interleaved.json";
/// What [`write_json`] calls a file that it is not done with.
pub(crate) const PART: &str = "json.part";

/// The most bytes that a file is read of. A sample of a million visits has
/// half as many.
const LARGEST: u64 = 64 << 20;

/// The most bytes that a thread keeps for the next file.
const KEPT: usize = 1 << 20;

/// The most characters that a parser's message is told of: it may quote the
/// file.
const LONGEST_MESSAGE: usize = 160;

/// `benchmark.json`, as it is read.
#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) group_id: String,
    pub(super) function_id: Option<String>,
    pub(super) value_str: Option<String>,
    pub(super) throughput: Option<Work>,
    pub(super) directory_name: Option<String>,
}

/// `benchmark.json`, as it is written.
#[derive(Serialize)]
pub(super) struct BenchmarkFile<'a> {
    pub(super) group_id: &'a str,
    pub(super) function_id: Option<&'a str>,
    pub(super) value_str: Option<&'a str>,
    pub(super) throughput: Option<Work>,
    pub(super) full_id: &'a str,
    pub(super) directory_name: &'a str,
    pub(super) title: &'a str,
}

/// `sample.json`, as it is read.
#[derive(Deserialize)]
pub(super) struct Sampled {
    #[serde(deserialize_with = "visits")]
    iters: Vec<f64>,
    #[serde(deserialize_with = "visits")]
    times: Vec<f64>,
}

impl From<Sampled> for Sample {
    fn from(Sampled { iters, times }: Sampled) -> Self {
        Sample { iterations: iters, times }
    }
}

/// `sample.json`, as it is written.
#[derive(Serialize)]
pub(super) struct SampleFile<'a> {
    pub(super) sampling_mode: &'a str,
    pub(super) iters: &'a [f64],
    pub(super) times: &'a [f64],
}

/// `estimates.json`, as it is read.
#[derive(Deserialize)]
pub(super) struct Estimated {
    mean: Told,
    median: Told,
    slope: Option<Told>,
}

#[derive(Deserialize)]
struct Told {
    confidence_interval: IntervalFile,
    point_estimate: f64,
}

impl Estimated {
    /// The estimates, and the confidence level of their intervals: of several,
    /// one that is not ours.
    pub(super) fn estimates_and_level(&self) -> (Estimates, f64) {
        let estimate = |told: &Told| Estimate {
            point: told.point_estimate,
            lower: told.confidence_interval.lower_bound,
            upper: told.confidence_interval.upper_bound,
        };
        let estimates = Estimates {
            mean: estimate(&self.mean),
            median: estimate(&self.median),
            slope: self.slope.as_ref().map(estimate),
        };
        let levels = [Some(&self.mean), Some(&self.median), self.slope.as_ref()];
        let mut levels = levels.iter().flatten().map(|x| x.confidence_interval.confidence_level);
        (estimates, levels.find(|level| *level != CONFIDENCE).unwrap_or(CONFIDENCE))
    }
}

/// `estimates.json`, as it is written.
#[derive(Serialize)]
pub(super) struct EstimatesFile {
    pub(super) mean: EstimateFile,
    pub(super) median: EstimateFile,
    pub(super) median_abs_dev: EstimateFile,
    pub(super) slope: Option<EstimateFile>,
    pub(super) std_dev: EstimateFile,
}

#[derive(Serialize)]
pub(super) struct EstimateFile {
    confidence_interval: IntervalFile,
    point_estimate: f64,
    standard_error: f64,
}

#[derive(Deserialize, Serialize)]
struct IntervalFile {
    confidence_level: f64,
    lower_bound: f64,
    upper_bound: f64,
}

impl From<Estimate> for EstimateFile {
    fn from(Estimate { point, lower, upper }: Estimate) -> Self {
        Self {
            confidence_interval: IntervalFile {
                confidence_level: CONFIDENCE,
                lower_bound: lower,
                upper_bound: upper,
            },
            point_estimate: point,
            // A 95 % interval is 3.92 standard errors wide if it is normal.
            standard_error: (upper - lower) / 3.92,
        }
    }
}

/// Reads and understands a JSON file, or says why not: the end of a sentence
/// that begins with the file.
///
/// Nothing that lies there can make this wait or take memory without end: a
/// pipe is not waited for, and a file of more than 64 MiB is not read.
pub(super) fn understand<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    thread_local!(static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    BYTES.with_borrow_mut(|bytes| {
        load(path, bytes)?;
        let understood = parse(bytes);
        // One large file must not be kept in memory by each thread.
        bytes.shrink_to(KEPT);
        understood
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    if bytes.is_empty() {
        return Err("is empty".into());
    }
    serde_json::from_slice(bytes).map_err(|e| {
        let fault = match e.classify() {
            Category::Eof => "is cut off",
            Category::Data => "does not hold what it should",
            Category::Syntax | Category::Io => "is no JSON",
        };
        let message = e.to_string();
        match message.char_indices().nth(LONGEST_MESSAGE) {
            Some((end, _)) => format!("{fault}: {}…", &message[..end]),
            None => format!("{fault}: {message}"),
        }
    })
}

/// Replaces what is in `bytes` with what is in a file.
fn load(path: &Path, bytes: &mut Vec<u8>) -> Result<(), String> {
    let unreadable = |e: &io::Error| match e.kind() {
        io::ErrorKind::NotFound => "is missing".to_owned(),
        _ => format!("cannot be read: {e}"),
    };
    // Opening a pipe would otherwise wait for somebody to write to it.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let mut file = file.map_err(|e| unreadable(&e))?;
    let metadata = file.metadata().map_err(|e| unreadable(&e))?;
    if metadata.is_dir() {
        return Err("is a folder, where a file was expected".into());
    }
    if !metadata.is_file() {
        return Err("is no regular file".into());
    }
    if metadata.len() > LARGEST {
        return Err("is larger than 64 MiB, so it is not read: no benchmark needs that".into());
    }
    // As long as it was when it was opened: it may grow while it is read, and
    // asking once more for its end costs as much as reading it.
    bytes.clear();
    bytes.resize(metadata.len() as usize, 0);
    match file.read_exact(bytes) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            Err("was cut short while it was read".into())
        }
        done => done.map_err(|e| unreadable(&e)),
    }
}

/// Numbers of visits, with room for as many as criterion makes by default: most
/// lists need not grow.
fn visits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    struct Visits;

    impl<'de> Visitor<'de> for Visits {
        type Value = Vec<f64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of numbers")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<f64>, A::Error> {
            let mut numbers = Vec::with_capacity(100);
            while let Some(number) = list.next_element()? {
                numbers.push(number);
            }
            numbers.shrink_to_fit();
            Ok(numbers)
        }
    }

    deserializer.deserialize_seq(Visits)
}

/// Reads JSON; an error names the file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    understand(path).map_err(|what| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()))
    })
}

/// Writes JSON so that a reader sees the old file or the new one, never half.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(value).map_err(|e| at(path, &e.into()))?;
    let fresh = path.with_extension(PART);
    fs::write(&fresh, text).map_err(|e| at(&fresh, &e))?;
    fs::rename(&fresh, path).map_err(|e| at(path, &e))
}

pub(super) fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
