//! criterion's files: the one module that knows their format.
//!
//! criterion 0.8 keeps a benchmark in
//! `<root>/<group>/<function>/<value>/<baseline>/`, where each component has
//! `? " / \ * < > : | ^` replaced by `_` and is cut at 64 bytes. Names are
//! therefore read from `benchmark.json`, never from paths. That file is
//! written last, so a directory without it is a benchmark that was cut off.
//!
//! The sampler writes the same files under the baseline `interleaved`, so that
//! critcmp, criterion (`--baseline interleaved`) and any other reader of this
//! layout can use them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::benchmark::{Id, Sample, Work};
use crate::stats::{CONFIDENCE, Estimate, bootstrap, mean, median, median_abs_dev, std_dev};

/// The baseline under which the sampler keeps what it measured.
pub const INTERLEAVED: &str = "interleaved";

/// The baseline under which criterion keeps its latest run.
pub const NEW: &str = "new";

impl Id {
    /// Where criterion keeps this benchmark, below its root.
    pub fn directory(&self) -> PathBuf {
        let mut path = PathBuf::from(file_name(&self.group));
        path.extend(
            [&self.function, &self.value]
                .into_iter()
                .filter(|x| !x.is_empty())
                .map(|x| file_name(x)),
        );
        path
    }
}

/// The text as criterion makes a path component of it.
///
/// ```
/// assert_eq!(report::layout::file_name("threads/sin"), "threads_sin");
/// ```
pub fn file_name(text: &str) -> String {
    const LONGEST: usize = 64;
    let mut safe: String = text
        .chars()
        .map(|c| {
            if matches!(c, '?' | '"' | '/' | '\\' | '*' | '<' | '>' | ':' | '|' | '^') {
                '_'
            } else {
                c
            }
        })
        .collect();
    let mut end = safe.len().min(LONGEST);
    while !safe.is_char_boundary(end) {
        end -= 1;
    }
    safe.truncate(end);
    safe
}

/// A benchmark read back.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Its names.
    pub id: Id,
    /// What an iteration does, if it is known.
    pub work: Option<Work>,
    /// Its visits.
    pub sample: Sample,
    /// criterion's own headline: the slope where it has one, else the mean.
    pub headline: Estimate,
    /// The directory it was read from.
    pub directory: PathBuf,
}

#[derive(Deserialize, Serialize)]
struct BenchmarkFile {
    group_id: String,
    function_id: Option<String>,
    value_str: Option<String>,
    throughput: Option<Work>,
    full_id: String,
    directory_name: String,
    title: String,
}

#[derive(Deserialize, Serialize)]
struct SampleFile {
    sampling_mode: String,
    iters: Vec<f64>,
    times: Vec<f64>,
}

#[derive(Deserialize, Serialize)]
struct EstimatesFile {
    mean: EstimateFile,
    median: EstimateFile,
    median_abs_dev: EstimateFile,
    slope: Option<EstimateFile>,
    std_dev: EstimateFile,
}

#[derive(Deserialize, Serialize)]
struct EstimateFile {
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

impl EstimateFile {
    fn of(values: &[f64], statistic: impl Fn(&[f64]) -> f64) -> Self {
        let Estimate { point, lower, upper } = bootstrap(values, statistic);
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

    fn estimate(&self) -> Estimate {
        Estimate {
            point: self.point_estimate,
            lower: self.confidence_interval.lower_bound,
            upper: self.confidence_interval.upper_bound,
        }
    }
}

/// Writes a sample under a baseline, as criterion would have.
///
/// # Errors
/// Whatever the file system says, with the path.
pub fn write(
    root: &Path,
    id: &Id,
    baseline: &str,
    sample: &Sample,
    work: Option<Work>,
) -> io::Result<()> {
    let directory = root.join(id.directory()).join(baseline);
    fs::create_dir_all(&directory).map_err(|e| at(&directory, &e))?;
    let values = sample.per_iteration();
    write_json(
        &directory.join("sample.json"),
        &SampleFile {
            sampling_mode: "Flat".into(),
            iters: sample.iterations.clone(),
            times: sample.times.clone(),
        },
    )?;
    // criterion's own reader wants the four fences of Tukey's box plot.
    write_json(&directory.join("tukey.json"), &fences(&values))?;
    write_json(
        &directory.join("estimates.json"),
        &EstimatesFile {
            mean: EstimateFile::of(&values, mean),
            median: EstimateFile::of(&values, median),
            median_abs_dev: EstimateFile::of(&values, median_abs_dev),
            slope: None,
            std_dev: EstimateFile::of(&values, std_dev),
        },
    )?;
    let full_id = [&id.group, &id.function, &id.value].map(String::as_str).join("/");
    write_json(
        &directory.join("benchmark.json"),
        &BenchmarkFile {
            group_id: id.group.clone(),
            function_id: Some(id.function.clone()),
            value_str: Some(id.value.clone()),
            throughput: work,
            directory_name: id.directory().to_string_lossy().into_owned(),
            title: full_id.clone(),
            full_id,
        },
    )
}

/// Takes a benchmark's data away, so that an older time cannot stand in for a
/// model that failed this time.
///
/// # Errors
/// Whatever the file system says, with the path; nothing there is no error.
pub fn remove(root: &Path, id: &Id, baseline: &str) -> io::Result<()> {
    let directory = root.join(id.directory()).join(baseline);
    match fs::remove_dir_all(&directory) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(at(&directory, &e)),
        _ => Ok(()),
    }
}

/// Reads one benchmark under one baseline; `None` if it was never measured, or
/// cut off before criterion wrote its name.
///
/// # Errors
/// A file that cannot be read or understood, with its path.
pub fn read(root: &Path, id: &Id, baseline: &str) -> io::Result<Option<Measured>> {
    let directory = root.join(id.directory()).join(baseline);
    if !directory.join("benchmark.json").exists() {
        return Ok(None);
    }
    let benchmark: BenchmarkFile = read_json(&directory.join("benchmark.json"))?;
    let sample: SampleFile = read_json(&directory.join("sample.json"))?;
    let estimates: EstimatesFile = read_json(&directory.join("estimates.json"))?;
    let broken = |why: &str| at(&directory, &io::Error::new(io::ErrorKind::InvalidData, why));
    if sample.times.len() != sample.iters.len() || sample.times.is_empty() {
        return Err(broken("sample.json does not hold a time for each number of iterations"));
    }
    let work = benchmark.throughput;
    let sample = Sample { iterations: sample.iters, times: sample.times };
    if !sample.per_iteration().iter().all(|ns| ns.is_finite() && *ns >= 0.0) {
        return Err(broken("sample.json holds a time that is no number"));
    }
    let id = Id {
        group: benchmark.group_id,
        function: benchmark.function_id.unwrap_or_default(),
        value: benchmark.value_str.unwrap_or_default(),
    };
    let headline = estimates.slope.as_ref().unwrap_or(&estimates.mean).estimate();
    Ok(Some(Measured { id, work, sample, headline, directory }))
}

/// Stand-in until the parallel reader is merged: one set for each baseline.
///
/// # Errors
/// None here.
#[cfg(feature = "cli")]
pub fn read_sets(
    root: &Path,
    baselines: &[&str],
) -> Result<Vec<crate::benchmark::Set>, crate::error::Error> {
    use crate::benchmark::{Benchmark, Estimates, Set, Statistic};
    let mut directories = Vec::new();
    walk(root, &mut directories);
    let set = |baseline: &&str| {
        let mut set = Set { label: (*baseline).to_owned(), ..Set::default() };
        for directory in
            directories.iter().filter(|d| d.join(baseline).join("benchmark.json").exists())
        {
            let at = directory.join(baseline);
            let read = || -> io::Result<Benchmark> {
                let names: BenchmarkFile = read_json(&at.join("benchmark.json"))?;
                let sample: SampleFile = read_json(&at.join("sample.json"))?;
                let estimates: EstimatesFile = read_json(&at.join("estimates.json"))?;
                let mark: Option<crate::record::Mark> =
                    read_json(&at.join("interleaved.json")).ok();
                Ok(Benchmark {
                    id: Id {
                        group: names.group_id,
                        function: names.function_id.unwrap_or_default(),
                        value: names.value_str.unwrap_or_default(),
                    },
                    place: directory.strip_prefix(root).unwrap_or(directory).display().to_string(),
                    work: names.throughput,
                    sample: Sample { iterations: sample.iters, times: sample.times },
                    typical: if estimates.slope.is_some() {
                        Statistic::Slope
                    } else {
                        Statistic::Mean
                    },
                    estimates: Estimates {
                        mean: estimates.mean.estimate(),
                        median: estimates.median.estimate(),
                        slope: estimates.slope.map(|slope| slope.estimate()),
                    },
                    run: mark.map(|mark| mark.run),
                })
            };
            match read() {
                Ok(benchmark) => set.benchmarks.push(benchmark),
                Err(e) => set.problems.push(crate::benchmark::Problem {
                    path: at,
                    id: None,
                    what: e.to_string(),
                }),
            }
        }
        set.sort();
        set
    };
    Ok(baselines.iter().map(set).collect())
}

/// Stand-in until the parallel reader is merged: baselines and their sizes.
///
/// # Errors
/// None here.
#[cfg(feature = "cli")]
pub fn baselines(
    root: &Path,
) -> Result<std::collections::BTreeMap<String, usize>, crate::error::Error> {
    let mut directories = Vec::new();
    walk(root, &mut directories);
    let mut baselines = std::collections::BTreeMap::new();
    for directory in directories.iter().filter(|d| d.join("benchmark.json").exists()) {
        if let Some(name) = directory.file_name() {
            *baselines.entry(name.to_string_lossy().into_owned()).or_default() += 1;
        }
    }
    Ok(baselines)
}

#[cfg(feature = "cli")]
fn walk(directory: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            all.push(entry.path());
            walk(&entry.path(), all);
        }
    }
}

/// Tukey's fences: 3 and 1.5 interquartile ranges outside the quartiles.
fn fences(values: &[f64]) -> [f64; 4] {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let quantile = |share: f64| {
        let place = share * (sorted.len() - 1) as f64;
        let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        below + (above - below) * place.fract()
    };
    let (q1, q3) = (quantile(0.25), quantile(0.75));
    let range = q3 - q1;
    [q1 - 3.0 * range, q1 - 1.5 * range, q3 + 1.5 * range, q3 + 3.0 * range]
}

/// Writes JSON so that a reader sees the old file or the new one, never half.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(value).map_err(|e| at(path, &e.into()))?;
    let fresh = path.with_extension("json.part");
    fs::write(&fresh, text).map_err(|e| at(&fresh, &e))?;
    fs::rename(&fresh, path).map_err(|e| at(path, &e))
}

/// Reads JSON; an error names the file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let text = fs::read(path).map_err(|e| at(path, &e))?;
    serde_json::from_slice(&text).map_err(|e| at(path, &e.into()))
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
