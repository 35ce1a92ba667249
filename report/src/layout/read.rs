//! One measurement, from the folder it lies in.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::files::{BENCHMARK, ESTIMATES, Estimated, MARK, Named, SAMPLE, Sampled, understand};
use super::folder::Folder;
use crate::benchmark::{Benchmark, Id, Problem, Sample, Statistic};
use crate::record::{Mark, Outcome};

/// A measurement, and what is told of it beside its figures.
pub(crate) struct Dataset {
    pub(crate) benchmark: Benchmark,
    /// The confidence level of its intervals.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "told of whole trees"))]
    pub(crate) level: f64,
    /// Where criterion put it, by its own record.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "told of whole trees"))]
    pub(crate) recorded_place: Option<String>,
}

/// Reads one benchmark under one baseline; `None` if it was never measured, or
/// if the sampler marked it as a model that has no time.
///
/// # Errors
/// One problem that names the file, if what lies there is no whole measurement
/// of this benchmark.
#[allow(clippy::result_large_err, reason = "problems are rare and kept as they are")]
pub fn read(root: &Path, id: &Id, baseline: &str) -> Result<Option<Benchmark>, Problem> {
    let place = id.directory();
    let path = root.join(&place).join(baseline);
    let problem = |what: String| Problem::lost(&path, Some(id.clone()), what);
    let folder = match Folder::list(path.clone()) {
        Ok(folder) => folder,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
            return Err(problem(NO_FOLDER.into()));
        }
        Err(e) => return Err(problem(format!("cannot be read: {e}"))),
    };
    let Some(Dataset { benchmark, .. }) = dataset(&folder, readable(&place))? else {
        return Ok(None);
    };
    if benchmark.id != *id {
        return Err(problem(format!("holds {}, whose folder has the same name", benchmark.id)));
    }
    Ok(Some(benchmark))
}

/// What is wrong with a file that is called like a baseline.
pub(super) const NO_FOLDER: &str =
    "is a file, where a baseline's folder was expected: move it away";

/// Reads what lies in a folder; `None` if it is the mark of a model that has no
/// time. `place` is where the benchmark stands below its root.
#[allow(clippy::result_large_err, reason = "problems are rare and kept as they are")]
pub(crate) fn dataset(folder: &Folder, place: String) -> Result<Option<Dataset>, Problem> {
    let problem =
        |path: PathBuf, id: Option<&Id>, what: String| Problem::lost(path, id.cloned(), what);
    let mark = match folder.holds(MARK).then(|| understand::<Mark>(&folder.path.join(MARK))) {
        Some(Ok(mark)) if mark.outcome != Outcome::Measured => return Ok(None),
        mark => mark,
    };
    // criterion and the sampler write the names last.
    let path = folder.path.join(BENCHMARK);
    if !folder.holds(BENCHMARK) && !folder.holds_folder(BENCHMARK) {
        let what = if folder.is_empty() {
            "is empty: measure it again, or delete it"
        } else {
            "was cut off before its name was written (benchmark.json is missing): run it again"
        };
        return Err(problem(folder.path.clone(), None, what.into()));
    }
    let named: Named = understand(&path).map_err(|what| problem(path, None, what))?;
    let id = Id {
        group: named.group_id,
        function: named.function_id.unwrap_or_default(),
        value: named.value_str.unwrap_or_default(),
    };

    let at = |name| {
        let (path, id) = (folder.path.join(name), &id);
        (path.clone(), move |what| problem(path, Some(id), what))
    };
    let (_, broken) = at(MARK);
    let mark = mark.transpose().map_err(broken)?;
    let (path, broken) = at(SAMPLE);
    let sample = understand::<Sampled>(&path).map(Sample::from);
    let sample = sample.and_then(|sample| sample.flaw().map_or(Ok(sample), Err)).map_err(broken)?;
    let (path, broken) = at(ESTIMATES);
    let estimates = understand::<Estimated>(&path).map(|file| file.estimates_and_level());
    let whole = estimates.and_then(|(estimates, level)| {
        if let Some(flaw) = estimates.flaw() {
            return Err(flaw);
        }
        if !(0.0 < level && level < 1.0) {
            return Err(format!("holds a confidence level of {level:?}"));
        }
        Ok((estimates, level))
    });
    let (estimates, level) = whole.map_err(broken)?;

    let typical = match (&mark, estimates.slope) {
        (Some(_), _) => Statistic::Median,
        (None, Some(_)) => Statistic::Slope,
        (None, None) => Statistic::Mean,
    };
    let benchmark = Benchmark {
        id,
        place,
        work: named.throughput,
        sample,
        estimates,
        typical,
        run: mark.map(|mark| mark.run),
    };
    Ok(Some(Dataset { benchmark, level, recorded_place: named.directory_name }))
}

/// A relative path as text that tells apart whatever the file system does: bytes
/// that are no UTF-8 are written as `\xFF`.
pub(crate) fn readable(path: &Path) -> String {
    let mut text = String::new();
    for component in path.components() {
        let Component::Normal(name) = component else { continue };
        if !text.is_empty() {
            text.push('/');
        }
        for chunk in name.as_encoded_bytes().utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}")));
        }
    }
    text
}
