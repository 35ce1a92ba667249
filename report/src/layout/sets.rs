//! The baselines of a whole tree.

use std::collections::{BTreeMap, HashSet};
use std::path::{Component, Path, PathBuf};

use super::folder::Folder;
use super::read::{Dataset, NO_FOLDER, dataset, readable};
use super::untimed::untimed;
use super::walk::walk;
use crate::benchmark::{Benchmark, Id, Problem, Set};
use crate::error::Error;
use crate::stats::CONFIDENCE;

/// Reads baselines of criterion's tree below `root` in one walk, in parallel: a
/// set for each that is asked for, in that order and labelled with its name.
///
/// Data that is broken, cut off or cannot be read becomes one of the set's
/// problems and the rest is read. A set also has a problem, beside the data, for
/// a folder whose name is no UTF-8, for two folders that hold benchmarks of the
/// same names, and one for all intervals of another
/// confidence level than 95 %, which are left as they are; and for each model
/// that the sampler marked as one without a time. What cannot be told
/// to be of any baseline, such as a folder that may not be opened, is a problem
/// of the first set. A baseline of which nothing is there is an empty set.
///
/// Every folder below the root is listed, and three files are read of each
/// benchmark that is asked for. `change` is never a baseline. A name with
/// slashes (`--save-baseline feature/x`) is found where criterion puts it.
///
/// # Errors
/// [`Error::NothingMeasured`] if there is no root, [`Error::BadFile`] if it is
/// no folder or cannot be read.
pub fn read_sets(root: &Path, baselines: &[&str]) -> Result<Vec<Set>, Error> {
    let Tree { mut sets, problems } = read_tree(root, baselines)?;
    if let Some(first) = sets.first_mut() {
        first.problems.extend(problems);
        first.sort();
    }
    Ok(sets)
}

/// Baselines of a tree, and what is the matter with the tree itself.
pub(crate) struct Tree {
    /// A set for each baseline that was asked for.
    pub(crate) sets: Vec<Set>,
    /// What cannot be told to be of any baseline, and no set tells.
    pub(crate) problems: Vec<Problem>,
}

/// The same as [`read_sets`], which leaves it to the caller who is to tell what
/// is of no baseline.
///
/// # Errors
/// As for [`read_sets`].
pub(crate) fn read_tree(root: &Path, baselines: &[&str]) -> Result<Tree, Error> {
    let asked: Vec<&Path> = baselines.iter().map(Path::new).collect();
    let visit = |folder: &Folder, found: &mut Vec<(usize, Found)>| {
        let Ok(below) = folder.path.strip_prefix(root) else { return };
        for (set, name) in asked.iter().enumerate() {
            if is_called(below, name) && (folder.is_dataset() || folder.is_empty()) {
                let place = below.ancestors().nth(name.components().count()).unwrap_or(below);
                let read = match dataset(folder, readable(place)) {
                    Ok(Some(read)) => Some(Ok((folder.path.clone(), read))),
                    Ok(None) => untimed(root, place, folder).map(Err),
                    Err(problem) => Some(Err(problem)),
                };
                found.extend(read.map(|read| (set, read)));
            }
            for file in folder.files.iter().filter(|file| name.file_name() == Some(file)) {
                if is_called(&below.join(file), name) {
                    let path = folder.path.join(file);
                    found.push((set, Err(Problem::lost(path, None, NO_FOLDER))));
                }
            }
        }
    };
    let walked = walk(root, visit)?;
    let mut sets: Vec<_> =
        baselines.iter().map(|name| Set { label: (*name).into(), ..Set::default() }).collect();
    let mut levels = vec![BTreeMap::new(); sets.len()];
    for (set, found) in walked.found {
        let (path, Dataset { benchmark, level, .. }) = match found {
            Ok(read) => read,
            Err(problem) => {
                sets[set].problems.push(problem);
                continue;
            }
        };
        let id = Some(benchmark.id.clone());
        if path.strip_prefix(root).is_ok_and(|below| below.to_str().is_none()) {
            let what = "has a name that is no UTF-8: it was read, and is told apart as ".to_owned();
            let what = what + &benchmark.place;
            sets[set].problems.push(Problem::note(&path, id.clone(), what));
        }
        if level != CONFIDENCE {
            levels[set].entry(level.to_bits()).or_insert_with(Vec::new).push((path, id));
        }
        sets[set].benchmarks.push(benchmark);
    }
    for (set, levels) in sets.iter_mut().zip(levels) {
        set.problems.extend(levels.into_iter().filter_map(|(level, of)| other_level(level, of)));
    }
    let told: HashSet<_> = sets.iter().flat_map(|set| &set.problems).map(|x| &x.path).collect();
    let mut problems = walked.problems;
    problems.retain(|problem| !told.contains(&problem.path));
    for set in &mut sets {
        set.sort();
        let namesakes = namesakes(root, &set.benchmarks);
        set.problems.extend(namesakes);
        set.sort();
    }
    Ok(Tree { sets, problems })
}

/// A problem for each two folders that hold benchmarks of the same names, which
/// the names then do not tell apart; the benchmarks are in their order.
fn namesakes(root: &Path, benchmarks: &[Benchmark]) -> Vec<Problem> {
    let mut shared: BTreeMap<(&str, &str), Vec<&Id>> = BTreeMap::new();
    for pair in benchmarks.windows(2) {
        if pair[0].id == pair[1].id {
            let folders = parting(&pair[1].place, &pair[0].place);
            shared.entry(folders).or_default().push(&pair[1].id);
        }
    }
    let problem = |((here, there), of): (&(&str, &str), &Vec<&Id>)| {
        let count =
            if of.len() == 1 { "a benchmark".into() } else { format!("{} benchmarks", of.len()) };
        let what = format!(
            "holds {count} of the same names as {there} does: each is shown with its folder"
        );
        Problem::note(root.join(here), of.first().map(|id| (*id).clone()), what)
    };
    shared.iter().map(problem).collect()
}

/// Two places up to where they part: `sum` and `sum2`, or `sum/fold` and
/// `sum/fold_2`; whole places where one lies below the other.
fn parting<'a>(here: &'a str, there: &'a str) -> (&'a str, &'a str) {
    let common = here.split('/').zip(there.split('/')).take_while(|(a, b)| a == b).count();
    let up_to = |place: &'a str| match place.match_indices('/').nth(common) {
        Some((end, _)) => &place[..end],
        None => place,
    };
    let is_above = |place: &str| place.split('/').count() == common;
    if is_above(here) || is_above(there) { (here, there) } else { (up_to(here), up_to(there)) }
}

/// A measurement with the folder that it lies in, or why it cannot be read.
type Found = Result<(PathBuf, Dataset), Problem>;

/// Which baselines there are below `root`, and how many benchmarks each has.
///
/// Folders are counted by their names and nothing is read, so a measurement that
/// turns out to be broken is counted as well, and a baseline with slashes in
/// its name is found under the last part of it; [`read_sets`] takes either. A
/// model that the sampler marked as failed counts for nothing.
///
/// # Errors
/// As for [`read_sets`].
pub fn baselines(root: &Path) -> Result<BTreeMap<String, usize>, Error> {
    let walked = walk(root, |folder, names| {
        let is_root = folder.path == root;
        let name = folder.path.file_name().and_then(|name| name.to_str());
        names.extend(name.filter(|_| !is_root && folder.has_data()).map(String::from));
    })?;
    let mut counts = BTreeMap::new();
    for name in walked.found {
        *counts.entry(name).or_default() += 1;
    }
    Ok(counts)
}

/// Whether a path below the root ends in this baseline's name; no path does in
/// one that criterion cannot make a folder of.
fn is_called(below: &Path, name: &Path) -> bool {
    let mut parts = name.components();
    below.ends_with(name)
        && name.file_name().is_some()
        && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// One problem for all measurements whose intervals are at the same other level.
fn other_level(level: u64, mut of: Vec<(PathBuf, Option<Id>)>) -> Option<Problem> {
    of.sort_by(|(a, _), (b, _)| a.cmp(b));
    let others = of.len() - 1;
    let (path, id) = of.into_iter().next()?;
    let percent = |level: f64| (1e6 * level).round() / 1e4;
    let (is, ours) = (percent(f64::from_bits(level)), percent(CONFIDENCE));
    let others = match others {
        0 => String::new(),
        1 => ", and so has one other benchmark".into(),
        n => format!(", and so have {n} other benchmarks"),
    };
    let what =
        format!("has intervals at {is} %, not at {ours} %, which are left as they are{others}");
    Some(Problem::note(path, id, what))
}
