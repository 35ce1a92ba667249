//! What a name on the command line means, and where criterion's data is.
//!
//! A name is, in this order:
//!
//! 1. a file: a [snapshot](mod@snapshot), a [history](mod@crate::history) or
//!    what [another tool](crate::foreign) wrote, told apart by their content;
//! 2. a directory: another criterion tree, of which [`Options::baseline`] is
//!    taken;
//! 3. a baseline of the criterion tree at hand: `new`, `base`, `interleaved`, or
//!    one that was saved with `--save-baseline`;
//! 4. a run that `report run` saved, by its id, or `latest` or `previous`.
//!
//! A file or directory that holds no measurements gives way to a baseline or
//! run of the same name: a directory `base` hides no baseline.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::benchmark::{Id, Problem, Set, Trouble};
use crate::error::Error;
use crate::foreign::Mapping;
use crate::layout::{self, INTERLEAVED, NEW, Tree};
use crate::machine::{Machine, unknown};
use crate::record::Run;
use crate::saved;
use crate::snapshot::{self, bad};

mod file;
mod root;

pub use root::root;

/// What is taken of the sources.
#[derive(Clone, Debug)]
pub struct Options {
    /// The baseline that a directory stands for.
    pub baseline: String,
    /// What the names in other tools' files mean.
    pub mapping: Mapping,
    /// Only benchmarks whose name, as `group/function/value`, this matches.
    pub filter: Option<Regex>,
    /// Only benchmarks of this group.
    pub group: Option<String>,
    /// How many runs of a history make a reference.
    pub last: usize,
    /// Where runs are saved; `report/runs` beside the criterion tree if absent.
    pub runs: Option<PathBuf>,
    /// Whether a baseline of the tree at hand gets the machine that it was
    /// measured on, as far as can be known: criterion records none, and the tree
    /// at hand is most likely of this one. What comes from a file or another
    /// directory says itself what it knows.
    pub describe: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            baseline: NEW.into(),
            mapping: Mapping::default(),
            filter: None,
            group: None,
            last: 10,
            runs: None,
            describe: false,
        }
    }
}

impl Options {
    fn asks_for(&self, id: &Id) -> bool {
        self.group.as_ref().is_none_or(|group| id.group == *group)
            && self.filter.as_ref().is_none_or(|filter| filter.is_match(&id.to_string()))
    }

    /// Leaves of a set what is asked for.
    fn narrow(&self, set: &mut Set) {
        set.benchmarks.retain(|benchmark| self.asks_for(&benchmark.id));
        set.problems.retain(|problem| problem.id.as_ref().is_none_or(|id| self.asks_for(id)));
    }
}

/// What the names mean, a set for each, in their order; `root` tells where the
/// criterion tree at hand is, and is asked only if a name is nothing on disk.
/// The tree need not be there if no name is a baseline.
///
/// Labels differ: where two would be the same, as of `a/run.json` and
/// `b/run.json`, they are the names as they were given. Benchmarks that were
/// not asked for are left out, with their problems; a set may thus be empty.
///
/// All baselines are read in one walk over the tree.
///
/// # Errors
/// [`Error::UnknownSource`] for a name that means nothing, with what there is;
/// [`Error::BadFile`] for a file that cannot be read or is of no known kind;
/// and what `root` fails with.
pub fn find(
    names: &[String],
    root: impl FnOnce() -> Result<PathBuf, Error>,
    options: &Options,
) -> Result<Vec<Set>, Error> {
    let on_disk: Vec<OnDisk> = names.iter().map(|name| on_disk(name, options)).collect();
    let not_there = names.iter().zip(&on_disk).filter(|(_, found)| found.is_err());
    let not_there: Vec<&str> = not_there.map(|(name, _)| name.as_str()).collect();
    let mut here = match not_there.as_slice() {
        [] => None,
        names => Some(Here::look(names, root()?, options)?),
    };
    let mut sets = Vec::with_capacity(names.len());
    for (place, (name, on_disk)) in names.iter().zip(on_disk).enumerate() {
        let mut set = match (on_disk, &mut here) {
            (Ok(set), _) => set,
            (Err(why_not), Some(here)) => {
                let is_asked_again = names[place + 1..].contains(name);
                here.set(name, is_asked_again, why_not)?
            }
            (Err(_), None) => continue,
        };
        options.narrow(&mut set);
        sets.push(set);
    }
    tell_apart(&mut sets, names);
    Ok(sets)
}

/// A baseline of the criterion tree at hand, whatever else is called so.
///
/// # Errors
/// [`Error::NothingMeasured`] if there is no tree; [`Error::UnknownSource`] if
/// it holds no such baseline, with what there is.
pub fn baseline(root: &Path, name: &str, options: &Options) -> Result<Set, Error> {
    if !root.is_dir() {
        return Err(Error::NothingMeasured(root.to_owned()));
    }
    let mut here = Here::look(&[name], root.to_owned(), options)?;
    let Some(mut set) = here.baselines.remove(name) else { return Err(here.unknown(name)?) };
    options.narrow(&mut set);
    Ok(set)
}

/// The criterion tree at hand, and the runs beside it.
struct Here<'a> {
    root: PathBuf,
    runs: PathBuf,
    baselines: HashMap<&'a str, Set>,
    /// What no baseline that is there tells.
    untold: Vec<Problem>,
}

impl<'a> Here<'a> {
    /// Reads those of the names that are baselines.
    fn look(names: &[&'a str], root: PathBuf, options: &Options) -> Result<Self, Error> {
        let Found { mut baselines, untold } = baselines(names, &root)?;
        let runs = options.runs.clone().unwrap_or_else(|| root::runs_beside(&root));
        if options.describe {
            for (name, set) in &mut baselines {
                set.machine = Some(machine(name, set, &runs));
            }
        }
        Ok(Self { root, runs, baselines, untold })
    }

    /// A baseline or a saved run; otherwise, why the name is no source.
    fn set(
        &mut self,
        name: &str,
        is_asked_again: bool,
        why_not: Option<Error>,
    ) -> Result<Set, Error> {
        let baseline = match is_asked_again {
            true => self.baselines.get(name).cloned(),
            false => self.baselines.remove(name),
        };
        if let Some(set) = baseline {
            return Ok(set);
        }
        match (saved_run(name, &self.runs)?, why_not) {
            (Some(set), _) => Ok(set),
            (None, Some(why_not)) => Err(why_not),
            (None, None) => Err(self.unknown(name)?),
        }
    }

    fn unknown(&self, name: &str) -> Result<Error, Error> {
        let mut known = if self.root.is_dir() { counted(&self.root)? } else { Vec::new() };
        known.extend(saved::ids(&self.runs)?.into_iter().enumerate().map(
            |(place, id)| match place {
                0 => format!("the saved run {id} (latest)"),
                1 => format!("{id} (previous)"),
                _ => id,
            },
        ));
        Ok(unknown_source(name, &self.root, known, &self.untold))
    }
}

fn unknown_source(name: &str, root: &Path, known: Vec<String>, untold: &[Problem]) -> Error {
    let problem = untold.first().map(ToString::to_string);
    Error::UnknownSource { name: name.to_owned(), root: root.to_owned(), known, problem }
}

/// The machine of a baseline of the tree at hand. The sampler records it; what
/// criterion left is taken to be of this one. Only `new` is of the latest run,
/// and it alone may be of the commit that is checked out.
fn machine(name: &str, set: &Set, runs: &Path) -> Machine {
    if name == INTERLEAVED {
        let latest = set.benchmarks.iter().filter_map(|benchmark| benchmark.run.as_deref()).max();
        if let Some(Ok(run)) = latest.map(|id| Run::read(runs, id)) {
            return run.machine;
        }
    }
    let machine = Machine::describe();
    if name == NEW { machine } else { Machine { commit: unknown(), ..machine } }
}

/// What a path holds; or nothing that is there, or why it is no source.
type OnDisk = Result<Set, Option<Error>>;

fn on_disk(name: &str, options: &Options) -> OnDisk {
    let path = Path::new(name);
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => tree(path, name, options).map_err(Some),
        // A pipe is a file as well: `report table <(ssh host cat run.json)`.
        Ok(_) => file::file(path, options).map_err(Some),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(None)
        }
        Err(e) => Err(Some(bad(path, e.to_string()))),
    }
}

fn tree(path: &Path, name: &str, options: &Options) -> Result<Set, Error> {
    let baseline = options.baseline.as_str();
    let Found { mut baselines, untold } = baselines(&[baseline], path)?;
    let Some(mut set) = baselines.remove(baseline) else {
        return Err(unknown_source(baseline, path, counted(path)?, &untold));
    };
    set.label = format!("{} ({baseline})", name.trim_end_matches('/'));
    Ok(set)
}

/// What there is of the baselines that were asked for.
#[derive(Default)]
struct Found<'a> {
    baselines: HashMap<&'a str, Set>,
    /// The problems that none of them tells: of the others, and of the tree if
    /// there are none.
    untold: Vec<Problem>,
}

/// Those of the names that are baselines of a tree, each once. What is the
/// matter with the tree itself is told by the first of them.
fn baselines<'a>(names: &[&'a str], root: &Path) -> Result<Found<'a>, Error> {
    let mut asked: Vec<&str> = Vec::new();
    for name in names {
        if !name.is_empty() && !asked.contains(name) {
            asked.push(name);
        }
    }
    if asked.is_empty() || !root.is_dir() {
        return Ok(Found::default());
    }
    let Tree { sets, problems } = layout::read_tree(root, &asked)?;
    // Of a baseline whose data is all broken, there is data all the same.
    let known = match sets.iter().any(|set| set.benchmarks.is_empty()) {
        true => layout::baselines(root)?,
        false => BTreeMap::new(),
    };
    let is_there = |name: &str, set: &Set| {
        let last = name.rsplit('/').next().unwrap_or(name);
        let is_wrong = |problem: &Problem| problem.kind == Trouble::Wrong;
        !set.benchmarks.is_empty()
            || known.get(last).is_some_and(|count| *count > 0)
            || set.problems.iter().any(is_wrong)
    };
    let (mut found, mut problems) = (Found::default(), Some(problems));
    for (name, mut set) in asked.into_iter().zip(sets) {
        if is_there(name, &set) {
            set.problems.extend(problems.take().unwrap_or_default());
            set.sort();
            found.baselines.insert(name, set);
        } else {
            found.untold.extend(set.problems);
        }
    }
    found.untold.extend(problems.unwrap_or_default());
    Ok(found)
}

fn saved_run(name: &str, runs: &Path) -> Result<Option<Set>, Error> {
    let ids = saved::ids(runs)?;
    let id = match name {
        "latest" => ids.first(),
        "previous" => ids.get(1),
        _ => ids.iter().find(|id| *id == name),
    };
    let Some(id) = id else { return Ok(None) };
    let mut set = snapshot::read(&saved::path(runs, id))?;
    set.label = snapshot::label(Path::new(id), set.machine.as_ref());
    Ok(Some(set))
}

/// The baselines of a tree with their sizes.
fn counted(root: &Path) -> Result<Vec<String>, Error> {
    let told = |(name, count): (String, usize)| match count {
        1 => format!("{name} (1 benchmark)"),
        n => format!("{name} ({n} benchmarks)"),
    };
    Ok(layout::baselines(root)?.into_iter().map(told).collect())
}

/// Gives sets of the same label the names by which they were asked for, and
/// numbers those that are the same still.
fn tell_apart(sets: &mut [Set], names: &[String]) {
    let mut count: HashMap<String, usize> = HashMap::new();
    sets.iter().for_each(|set| *count.entry(set.label.clone()).or_default() += 1);
    for (set, name) in sets.iter_mut().zip(names) {
        if count[&set.label] > 1 {
            set.label.clone_from(name);
        }
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for set in sets {
        let times = seen.entry(set.label.clone()).or_default();
        *times += 1;
        if *times > 1 {
            set.label = format!("{} ({times})", set.label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_differ() {
        let names = ["a/run.json", "new", "b/run.json", "new"].map(str::to_owned);
        let set = |label: &str| Set { label: label.into(), ..Set::default() };
        let mut sets = ["run.json", "new", "run.json", "new"].map(set);
        tell_apart(&mut sets, &names);
        let labels = sets.map(|set| set.label);
        assert_eq!(labels, ["a/run.json", "new", "b/run.json", "new (2)"]);
    }
}
