//! Saved runs: the snapshots that `report run` leaves, so that runs can be
//! compared after later ones have replaced their data.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::atomic;
use crate::benchmark::Problem;
use crate::error::Error;
use crate::layout::{self, INTERLEAVED};
use crate::record::{Mark, Run, SNAPSHOT};
use crate::snapshot;

/// How many are kept: a few megabytes.
const KEPT: usize = 20;

/// The ids of the runs that are saved in a directory, the latest first; none
/// where there is no directory.
///
/// # Errors
/// A directory that is there and cannot be read.
pub(crate) fn ids(runs: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(runs) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|e| atomic::at(runs, &e))?,
    };
    let id = |name: &str| name.strip_suffix(SNAPSHOT).map(str::to_owned);
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut ids: Vec<_> = names.filter_map(|name| id(&name)).collect();
    // An id begins with the date, so the order of text is that of time.
    ids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(ids)
}

/// Where a run is saved.
pub(crate) fn path(runs: &Path, id: &str) -> PathBuf {
    runs.join(format!("{id}{SNAPSHOT}"))
}

/// Saves what a run measured, and removes the oldest beyond twenty. What the
/// sampler's baseline still holds of other runs stays out, and so do their
/// problems.
///
/// # Errors
/// Data that cannot be read, and whatever the file system says on writing.
pub(crate) fn save(criterion: &Path, runs: &Path, run: &Run) -> Result<(), Error> {
    let Some(mut set) = layout::read_sets(criterion, &[INTERLEAVED])?.pop() else { return Ok(()) };
    set.benchmarks.retain(|benchmark| benchmark.run.as_ref() == Some(&run.id));
    set.problems.retain(|problem| is_of(problem, run));
    if set.benchmarks.is_empty() {
        return Ok(());
    }
    set.label.clone_from(&run.id);
    set.machine = Some(run.machine.clone());
    snapshot::write(&path(runs, &run.id), &set)?;
    for id in ids(runs)?.iter().skip(KEPT) {
        let old = path(runs, id);
        fs::remove_file(&old).map_err(|e| atomic::at(&old, &e))?;
    }
    Ok(())
}

/// Whether a problem is of what this run measured: the mark beside the data
/// says so. A mark that cannot be read may be of any run; where there is none,
/// a run was cut off, which this one was not.
fn is_of(problem: &Problem, run: &Run) -> bool {
    let folder = problem.path.ancestors().find(|path| path.ends_with(INTERLEAVED));
    match folder.map(Mark::beside) {
        Some(Ok(mark)) => mark.is_some_and(|mark| mark.run == run.id),
        Some(Err(_)) => true,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::{Id, Sample};
    use crate::machine::{Machine, unknown};
    use crate::record::Outcome;

    fn run(id: &str) -> Run {
        Run {
            version: Run::VERSION,
            id: id.into(),
            started: String::new(),
            profile: "quick".into(),
            rounds: 3,
            machine: Machine {
                cpu: unknown(),
                cores: 2,
                memory: 0,
                kernel: unknown(),
                rustc: unknown(),
                commit: unknown(),
            },
            python: Err("none".into()),
            steps_per_second: None,
            topics: Vec::new(),
        }
    }

    fn measure(criterion: &Path, run: &str, function: &str) {
        let id = Id { group: "g".into(), function: function.into(), value: "1".into() };
        let sample = Sample { iterations: vec![1.0; 3], times: vec![5.0, 6.0, 7.0] };
        layout::write(criterion, &id, INTERLEAVED, &sample, None).expect("written");
        mark(criterion, run, &id);
    }

    fn mark(criterion: &Path, run: &str, id: &Id) {
        let mark = Mark { run: run.into(), rounds: 3, outcome: Outcome::Measured };
        mark.write(criterion, id).expect("written");
    }

    #[test]
    fn a_run_is_saved_without_what_others_measured() {
        let directory = tempfile::tempdir().expect("a directory");
        let (criterion, runs) = (directory.path().join("criterion"), directory.path().join("runs"));
        fs::create_dir(&runs).expect("a directory");
        measure(&criterion, "1", "old");
        measure(&criterion, "2", "new");
        run("2").write(&runs).expect("a record");
        save(&criterion, &runs, &run("2")).expect("saved");
        save(&criterion, &runs, &run("3")).expect("nothing to save");
        assert_eq!(ids(&runs).expect("readable"), ["2"]);
        let set = snapshot::read(&path(&runs, "2")).expect("a snapshot");
        let functions: Vec<_> = set.benchmarks.iter().map(|b| b.id.function.as_str()).collect();
        assert_eq!((functions, set.machine), (vec!["new"], Some(run("2").machine)));
        // A snapshot is no record of a run.
        assert_eq!(Run::all(&runs).expect("readable").len(), 1);
    }

    #[test]
    fn only_its_own_problems_are_counted() {
        let directory = tempfile::tempdir().expect("a directory");
        let (criterion, runs) = (directory.path().join("criterion"), directory.path().join("runs"));
        fs::create_dir(&runs).expect("a directory");
        for (run, function) in [("2", "whole"), ("2", "broken"), ("1", "old"), ("1", "older")] {
            measure(&criterion, run, function);
        }
        for function in ["broken", "old", "older"] {
            let file = criterion.join("g").join(function).join("1/interleaved/sample.json");
            fs::write(file, "{").expect("written");
        }
        save(&criterion, &runs, &run("2")).expect("saved");
        let set = snapshot::read(&path(&runs, "2")).expect("a snapshot");
        let [lacks] = set.problems.as_slice() else { panic!("{:?}", set.problems) };
        assert!(lacks.what.starts_with("lacks a benchmark "), "{lacks}");
    }

    #[test]
    fn the_oldest_go() {
        let directory = tempfile::tempdir().expect("a directory");
        let (criterion, runs) = (directory.path().join("criterion"), directory.path().join("runs"));
        fs::create_dir(&runs).expect("a directory");
        measure(&criterion, "", "f");
        let id = Id { group: "g".into(), function: "f".into(), value: "1".into() };
        for place in 10..=10 + KEPT {
            let place = place.to_string();
            mark(&criterion, &place, &id);
            save(&criterion, &runs, &run(&place)).expect("saved");
        }
        let ids = ids(&runs).expect("readable");
        let ends = (ids.first().map(String::as_str), ids.last().map(String::as_str));
        assert_eq!((ids.len(), ends), (KEPT, (Some("30"), Some("11"))));
    }

    #[test]
    fn no_directory_no_runs() {
        assert_eq!(ids(Path::new("no/such/directory")).expect("no error"), [""; 0]);
    }
}
