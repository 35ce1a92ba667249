//! pyperf's JSON: the one module that knows its format.
//!
//! A file holds `benchmarks`, a benchmark `runs`, a run `values`, each in
//! seconds an iteration; `metadata` stands at all three levels, and the inner
//! ones overrule the outer ([pyperf, `_bench.py`]). Runs without values
//! calibrated the loops and are passed over, and so are warm-ups. Values in
//! bytes or plain integers are no times and become problems.
//!
//! **A run is a process**, and Python's processes differ (addresses, hash
//! seeds), so that values of one process resemble each other. Taken as if they
//! were independent, sixty values of twenty processes would give intervals
//! that are far too narrow. The unit is therefore the process: a visit of the
//! sample is all values of one, and intervals come from resampling processes
//! whole, which is how Kalibera and Jones treat the levels of a measurement
//! (Rigorous benchmarking in reasonable time, ISMM 2013) and what Davison and
//! Hinkley advise for such data (Bootstrap Methods and their Application,
//! 1997, section 3.8). Mean and median themselves are pyperf's, over all
//! values. A file of a single process tells nothing about how processes
//! differ: there, as in criterion's files, a visit is a value.
//!
//! A table shows these figures. `report diff` sees only the sample, and computes
//! mean and median anew from one mean for each process.
//!
//! [pyperf, `_bench.py`]: https://github.com/psf/pyperf/blob/main/pyperf/_bench.py

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Entry, Mapping, SECOND};
use crate::benchmark::{Benchmark, Estimates, Id, Sample, Set, Statistic};
use crate::error::Error;
use crate::machine::{Machine, unknown};
use crate::snapshot::{bad, label};
use crate::stats::{Estimate, bootstrap, mean, median};

/// The version of the format, which has stood since pyperf 1.0 (2017).
const VERSION: &str = "1.0";

#[derive(Deserialize)]
struct Suite<'a> {
    version: Value,
    #[serde(default)]
    metadata: Metadata,
    #[serde(borrow)]
    benchmarks: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct BenchmarkJson {
    #[serde(default)]
    metadata: Metadata,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    values: Vec<f64>,
}

/// The metadata that matter here.
#[derive(Clone, Default, Deserialize)]
struct Metadata {
    name: Option<String>,
    unit: Option<String>,
    loops: Option<u64>,
    inner_loops: Option<u64>,
    cpu_model_name: Option<String>,
    cpu_count: Option<usize>,
}

impl Metadata {
    /// These, and where they are silent the outer ones.
    fn within(self, outer: &Self) -> Self {
        let outer = outer.clone();
        Self {
            name: self.name.or(outer.name),
            unit: self.unit.or(outer.unit),
            loops: self.loops.or(outer.loops),
            inner_loops: self.inner_loops.or(outer.inner_loops),
            cpu_model_name: self.cpu_model_name.or(outer.cpu_model_name),
            cpu_count: self.cpu_count.or(outer.cpu_count),
        }
    }

    /// Iterations behind each value.
    fn iterations(&self) -> f64 {
        self.loops.unwrap_or(1) as f64 * self.inner_loops.unwrap_or(1) as f64
    }

    /// The machine, as far as pyperf tells it.
    fn machine(self) -> Option<Machine> {
        Some(Machine {
            cpu: self.cpu_model_name?,
            cores: self.cpu_count.unwrap_or(0),
            memory: 0,
            kernel: unknown(),
            rustc: unknown(),
            commit: unknown(),
        })
    }
}

/// Reads a file that pyperf wrote. Names that the mapping does not know become
/// functions of the group `pyperf`. The headline is the mean, as pyperf's is.
///
/// Costs about 10 ms a benchmark of sixty values, on all cores.
///
/// # Errors
/// [`Error::BadFile`] for a file that cannot be read or is none of pyperf's.
pub fn read(path: &Path, mapping: &Mapping) -> Result<Set, Error> {
    let text = fs::read(path).map_err(|e| bad(path, e.to_string()))?;
    parse(path, &text, mapping)
}

/// The same of a file that is read already.
///
/// # Errors
/// As [`read`].
pub(crate) fn parse(path: &Path, text: &[u8], mapping: &Mapping) -> Result<Set, Error> {
    let Suite { version, metadata, benchmarks } = super::shape(path, text, "pyperf")?;
    if version != VERSION {
        let why = format!(
            "is pyperf's format of version {version}, and this report reads {VERSION:?}; \
             `python -m pyperf convert` makes a new file of an old one"
        );
        return Err(bad(path, why));
    }
    let mut set = super::set(path, &benchmarks, |place, raw| entry(place, raw, &metadata, mapping));
    // A suite of one machine says so at the outermost level.
    set.machine = metadata.machine();
    set.label = label(path, set.machine.as_ref());
    Ok(set)
}

fn entry(place: usize, raw: &RawValue, suite: &Metadata, mapping: &Mapping) -> Entry {
    let json: BenchmarkJson = match serde_json::from_str(raw.get()) {
        Ok(json) => json,
        Err(e) => return Entry::Broken(None, format!("benchmark {place} cannot be read: {e}")),
    };
    let metadata = json.metadata.within(suite);
    // pyperf moves to the outer level what all runs share, the name included;
    // with a single run everything may stand inside.
    let runs: Vec<(Metadata, Vec<f64>)> =
        json.runs.into_iter().map(|run| (run.metadata.within(&metadata), run.values)).collect();
    let Some(name) = runs.iter().find_map(|(metadata, _)| metadata.name.clone()) else {
        return Entry::Broken(None, format!("benchmark {place} has no name"));
    };
    let id = mapping.id(&name).unwrap_or_else(|| Id {
        group: "pyperf".into(),
        function: name.clone(),
        value: String::new(),
    });
    let unit = runs.iter().find_map(|(metadata, _)| metadata.unit.as_deref()).unwrap_or("second");
    if unit != "second" {
        return Entry::Broken(
            Some(id),
            format!("{name:?} is measured in {unit}s, which is no time"),
        );
    }
    let processes: Vec<Process> = runs
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(metadata, values)| Process {
            iterations: metadata.iterations(),
            values: values.iter().map(|seconds| seconds * SECOND).collect(),
        })
        .collect();
    if processes.is_empty() {
        return Entry::Broken(Some(id), format!("{name:?} was calibrated and not measured"));
    }
    // Before anything is drawn from them, for a sum can hide a bad value.
    if let Some(what) = values(&processes).flaw() {
        return Entry::Broken(Some(id), format!("{name:?} {what}"));
    }
    let sample = match processes.as_slice() {
        [_] => values(&processes),
        _ => by_process(&processes),
    };
    let benchmark = Benchmark {
        id,
        place: name,
        work: None,
        sample,
        estimates: Estimates {
            mean: estimate(&processes, mean),
            median: estimate(&processes, median),
            slope: None,
        },
        typical: Statistic::Mean,
        run: None,
    };
    Entry::Read(Box::new(benchmark), None)
}

/// A process: iterations behind each of its values, and nanoseconds an
/// iteration.
struct Process {
    iterations: f64,
    values: Vec<f64>,
}

/// Each value as a visit.
fn values(processes: &[Process]) -> Sample {
    let visits = processes.iter().flat_map(|p| p.values.iter().map(|ns| (p.iterations, ns)));
    let (iterations, times) = visits.map(|(n, ns)| (n, ns * n)).unzip();
    Sample { iterations, times }
}

/// Each process as a visit.
fn by_process(processes: &[Process]) -> Sample {
    let visit = |p: &Process| {
        let total: f64 = p.values.iter().sum();
        (p.iterations * p.values.len() as f64, p.iterations * total)
    };
    let (iterations, times) = processes.iter().map(visit).unzip();
    Sample { iterations, times }
}

/// A statistic of all values, with an interval from resampling processes; of
/// a single process, from resampling its values.
fn estimate(processes: &[Process], statistic: impl Fn(&[f64]) -> f64) -> Estimate {
    if let [only] = processes {
        return bootstrap(&only.values, statistic);
    }
    let places: Vec<f64> = (0..processes.len()).map(|place| place as f64).collect();
    bootstrap(&places, |drawn| {
        let values: Vec<f64> = drawn
            .iter()
            .flat_map(|place| processes[*place as usize].values.iter().copied())
            .collect();
        statistic(&values)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse_text(text: &str) -> Result<Set, Error> {
        parse(Path::new("peers.json"), text.as_bytes(), &Mapping::default())
    }

    #[test]
    fn metadata_are_inherited() {
        let set = parse_text(
            r#"{"version": "1.0", "metadata": {"name": "a", "loops": 10, "unit": "second"},
                "benchmarks": [
                    {"runs": [{"values": [1.0]}, {"values": [3.0], "metadata": {"loops": 20}}]},
                    {"metadata": {"name": "b", "inner_loops": 5}, "runs": [{"values": [2.0, 4.0]}]}
                ]}"#,
        )
        .expect("a file of pyperf's");
        let [a, b] = set.benchmarks.as_slice() else { panic!("{set:?}") };
        assert_eq!(a.id.to_string(), "pyperf/a");
        assert_eq!(a.sample.iterations, [10.0, 20.0]);
        assert_eq!(a.sample.times, [10.0 * SECOND, 60.0 * SECOND]);
        assert_eq!(a.estimates.mean.point, 2.0 * SECOND);
        // One process: its values are the visits.
        assert_eq!(b.sample.iterations, [50.0, 50.0]);
        assert_eq!(b.sample.per_iteration(), [2.0 * SECOND, 4.0 * SECOND]);
    }

    #[test]
    fn values_of_one_process_are_not_independent() {
        // Twenty processes that differ, and three values of each that do not.
        let processes: Vec<Process> = (0..20)
            .map(|place| Process { iterations: 1.0, values: vec![100.0 + f64::from(place); 3] })
            .collect();
        let clustered = estimate(&processes, mean);
        let naive = bootstrap(&values(&processes).times, mean);
        assert_eq!(clustered.point, naive.point);
        let width = |estimate: Estimate| estimate.upper - estimate.lower;
        let ratio = width(clustered) / width(naive);
        assert!((ratio - 3.0_f64.sqrt()).abs() < 0.15, "{ratio} instead of the root of three");
        // Whoever resamples the sample's visits comes to the same.
        let visits = bootstrap(&by_process(&processes).per_iteration(), mean);
        assert_eq!(visits, clustered);
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let set = parse_text(
            r#"{"version": "1.0", "benchmarks": [
                {"metadata": {"name": "heap", "unit": "byte"}, "runs": [{"values": [4096]}]},
                {"metadata": {"name": "calibrated"}, "runs": [{"warmups": [[1, 0.5]]}]},
                {"metadata": {"name": "negative"}, "runs": [{"values": [3.0, -1.0]}, {"values": [1]}]},
                {"metadata": {"name": "huge"}, "runs": [{"values": [1e308, 1e308]}, {"values": [1]}]},
                {"metadata": {"name": "no loops", "loops": 0}, "runs": [{"values": [3.0]}]},
                {"runs": [{"values": [3.0]}]},
                {"runs": 3}
            ]}"#,
        )
        .expect("a file of pyperf's");
        assert_eq!(set.benchmarks, []);
        let mut told: Vec<_> = set.problems.iter().map(|problem| problem.what.as_str()).collect();
        told.sort_unstable();
        assert!(told[5].starts_with("benchmark 6 has no name"), "{told:?}");
        assert!(told[6].starts_with("benchmark 7 cannot be read"), "{told:?}");
        assert_eq!(told[0], "\"calibrated\" was calibrated and not measured");
        assert_eq!(told[1], "\"heap\" is measured in bytes, which is no time");
        assert!(told[2].starts_with("\"huge\" holds a time of inf ns"), "{told:?}");
        assert!(told[3].starts_with("\"negative\" holds a time of -1000000000.0 ns"), "{told:?}");
        assert!(told[4].starts_with("\"no loops\" holds 0.0 iterations"), "{told:?}");
    }

    #[test]
    fn another_version() {
        let error = parse_text(r#"{"version": 6, "benchmarks": []}"#).expect_err("too old");
        assert!(error.to_string().contains("format of version 6"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>) {
            let _ = parse(Path::new("x"), &text, &Mapping::default());
        }
    }
}
