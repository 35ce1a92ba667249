//! What a name on the command line means, and where criterion's data is.
//!
//! A name is, in this order:
//!
//! 1. a file: a [snapshot](mod@snapshot), a [history](mod@history) or
//!    what [another tool](crate::foreign) wrote, told apart by their content;
//! 2. a directory: another criterion tree, of which [`Options::baseline`] is
//!    taken;
//! 3. a baseline of the criterion tree at hand: `new`, `base`, `interleaved`, or
//!    one that was saved with `--save-baseline`;
//! 4. a run that `report run` saved, by its id, or `latest` or `previous`.
//!
//! A file or directory that holds no measurements gives way to a baseline or
//! run of the same name: a directory `base` hides no baseline.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;
use regex::Regex;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::benchmark::{Id, Set};
use crate::error::Error;
use crate::foreign::{Mapping, hyperfine, pyperf};
use crate::history;
use crate::layout::{self, NEW};
use crate::saved;
use crate::snapshot::{self, bad};

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
        }
    }
}

impl Options {
    fn asks_for(&self, id: &Id) -> bool {
        self.group.as_ref().is_none_or(|group| id.group == *group)
            && self.filter.as_ref().is_none_or(|filter| filter.is_match(&id.to_string()))
    }
}

/// What the names mean, a set for each, in their order; `root` is the criterion
/// tree at hand, which need not be there if no name is a baseline.
///
/// Labels differ: where two would be the same, as of `a/run.json` and
/// `b/run.json`, they are the names as they were given. Benchmarks that were
/// not asked for are left out, with their problems; a set may thus be empty.
///
/// All baselines are read in one walk over the tree.
///
/// # Errors
/// [`Error::UnknownSource`] for a name that means nothing, with what there is;
/// [`Error::BadFile`] for a file that cannot be read or is of no known kind.
pub fn find(names: &[String], root: &Path, options: &Options) -> Result<Vec<Set>, Error> {
    let on_disk: Vec<OnDisk> = names.iter().map(|name| on_disk(name, options)).collect();
    let not_there = names.iter().zip(&on_disk).filter(|(_, found)| found.is_err());
    let mut baselines = baselines(not_there.map(|(name, _)| name.as_str()), root)?;
    let runs = options.runs.clone().unwrap_or_else(|| runs_beside(root));
    let mut sets = Vec::with_capacity(names.len());
    for (place, (name, on_disk)) in names.iter().zip(on_disk).enumerate() {
        let is_asked_again = names[place + 1..].contains(name);
        let mut baseline = || match baselines.get(name.as_str()) {
            Some(set) if is_asked_again => Some(set.clone()),
            _ => baselines.remove(name.as_str()),
        };
        let mut set = match on_disk {
            Ok(set) => set,
            Err(why_not) => match baseline() {
                Some(set) => set,
                None => match (saved_run(name, &runs)?, why_not) {
                    (Some(set), _) => set,
                    (None, Some(why_not)) => return Err(why_not),
                    (None, None) => return Err(unknown(name, root, &runs)?),
                },
            },
        };
        set.benchmarks.retain(|benchmark| options.asks_for(&benchmark.id));
        set.problems.retain(|problem| problem.id.as_ref().is_none_or(|id| options.asks_for(id)));
        sets.push(set);
    }
    tell_apart(&mut sets, names);
    Ok(sets)
}

/// criterion's directory, found as criterion 0.8 finds it: `CRITERION_HOME`,
/// else `criterion` in `CARGO_TARGET_DIR`, else in the target directory that
/// cargo tells of the workspace around the current directory, else
/// `target/criterion`. Directories that are relative are so to the current one;
/// cargo runs benches in their package's.
///
/// Whether it is there is not asked, for a name may also be a file.
///
/// # Errors
/// [`Error::BadFile`] for an explicit directory that is none.
pub fn root(explicit: Option<&Path>) -> Result<PathBuf, Error> {
    match explicit {
        None => Ok(usual_root(|name| env::var_os(name), target_directory)),
        Some(path) => match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Ok(path.to_owned()),
            Ok(_) => Err(bad(path, "is no directory".into())),
            Err(e) => Err(bad(path, e.to_string())),
        },
    }
}

fn usual_root(
    variable: impl Fn(&str) -> Option<OsString>,
    target_directory: impl FnOnce() -> Option<PathBuf>,
) -> PathBuf {
    let path = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    path("CRITERION_HOME").unwrap_or_else(|| {
        path("CARGO_TARGET_DIR")
            .or_else(target_directory)
            .unwrap_or_else(|| PathBuf::from("target"))
            .join("criterion")
    })
}

/// Where cargo builds the workspace around the current directory, if there is
/// one.
fn target_directory() -> Option<PathBuf> {
    let metadata = MetadataCommand::new().no_deps().exec().ok()?;
    Some(metadata.target_directory.into())
}

/// Where `report run` keeps its runs if criterion's directory is in cargo's.
fn runs_beside(root: &Path) -> PathBuf {
    root.parent().unwrap_or(Path::new("")).join("report/runs")
}

/// What a path holds; or nothing that is there, or why it is no source.
type OnDisk = Result<Set, Option<Error>>;

fn on_disk(name: &str, options: &Options) -> OnDisk {
    let path = Path::new(name);
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => tree(path, name, options).map_err(Some),
        // A pipe is a file as well: `report table <(ssh host cat run.json)`.
        Ok(_) => file(path, options).map_err(Some),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(None)
        }
        Err(e) => Err(Some(bad(path, e.to_string()))),
    }
}

fn tree(path: &Path, name: &str, options: &Options) -> Result<Set, Error> {
    let mut found = baselines(std::iter::once(options.baseline.as_str()), path)?;
    let Some(mut set) = found.remove(options.baseline.as_str()) else {
        let known = counted(path)?;
        return Err(Error::UnknownSource {
            name: options.baseline.clone(),
            root: path.to_owned(),
            known,
        });
    };
    set.label = format!("{} ({})", name.trim_end_matches('/'), options.baseline);
    Ok(set)
}

/// Those of the names that are baselines of a tree, each once.
fn baselines<'a>(
    names: impl Iterator<Item = &'a str>,
    root: &Path,
) -> Result<HashMap<&'a str, Set>, Error> {
    let mut asked: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    asked.sort_unstable();
    asked.dedup();
    if asked.is_empty() || !root.is_dir() {
        return Ok(HashMap::new());
    }
    let sets = layout::read_sets(root, &asked)?;
    let mut found: HashMap<&str, Set> = asked.into_iter().zip(sets).collect();
    if found.values().any(|set| set.benchmarks.is_empty()) {
        // Nothing of it can be read, or there is nothing of it: a set's problems
        // do not tell, for they may be of the tree.
        let known = layout::baselines(root)?;
        let is_known = |name: &str| {
            let last = name.rsplit('/').next().unwrap_or(name);
            known.get(last).is_some_and(|count| *count > 0)
        };
        found.retain(|name, set| !set.benchmarks.is_empty() || is_known(name));
    }
    Ok(found)
}

/// Which kind of file, told by what it holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Snapshot,
    History,
    Pyperf,
    Hyperfine,
}

#[derive(Deserialize)]
struct Head {
    schema: Option<String>,
    version: Option<IgnoredAny>,
    benchmarks: Option<IgnoredAny>,
    results: Option<IgnoredAny>,
}

fn file(path: &Path, options: &Options) -> Result<Set, Error> {
    const GZIP: &[u8] = &[0x1f, 0x8b];
    let text = fs::read(path).map_err(|e| bad(path, e.to_string()))?;
    if text.starts_with(GZIP) {
        return Err(bad(path, "is compressed: unpack it first, with `gunzip`".into()));
    }
    match kind(&text).map_err(|why| bad(path, why))? {
        Kind::Snapshot => snapshot::parse(path, &text),
        Kind::Pyperf => pyperf::parse(path, &text, &options.mapping),
        Kind::Hyperfine => hyperfine::parse(path, &text, &options.mapping),
        Kind::History => {
            let history = history::parse(path, &text)?;
            if history.runs.is_empty() {
                return Err(bad(path, "is a history without runs".into()));
            }
            Ok(history::reference(&history, options.last))
        }
    }
}

/// Tells what a file is by the fields of its first JSON value; of one that is
/// cut short, by what it begins with.
fn kind(text: &[u8]) -> Result<Kind, String> {
    const BEGINNING: usize = 200;
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Head>();
    let unreadable = match values.next() {
        Some(Ok(Head { schema: Some(schema), .. })) if schema == snapshot::SCHEMA => {
            return Ok(Kind::Snapshot);
        }
        Some(Ok(Head { schema: Some(schema), .. })) if schema == history::SCHEMA => {
            return Ok(Kind::History);
        }
        Some(Ok(Head { schema: Some(schema), .. })) => format!("its schema is {schema:?}"),
        Some(Ok(Head { results: Some(_), .. })) => return Ok(Kind::Hyperfine),
        Some(Ok(Head { benchmarks: Some(_), version: Some(_), .. })) => return Ok(Kind::Pyperf),
        Some(Ok(Head { benchmarks: Some(_), .. })) => {
            return Err("seems to be critcmp's export, which holds no samples to compare:                         `report snapshot` makes a file that does"
                .into());
        }
        Some(Ok(_)) => "its fields are those of none".into(),
        Some(Err(e)) => format!("it is no JSON: {e}"),
        None => "it is empty".into(),
    };
    // A reader of its own says best what is wrong with it.
    let beginning = String::from_utf8_lossy(&text[..text.len().min(BEGINNING)]);
    if beginning.contains(snapshot::SCHEMA) {
        return Ok(Kind::Snapshot);
    }
    if history::is_history(text) || beginning.contains(history::SCHEMA) {
        return Ok(Kind::History);
    }
    let kinds = "a snapshot, a history, pyperf's JSON and hyperfine's are known";
    Err(format!("is of no known kind: {unreadable}, and {kinds}"))
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

fn unknown(name: &str, root: &Path, runs: &Path) -> Result<Error, Error> {
    let mut known = if root.is_dir() { counted(root)? } else { Vec::new() };
    known.extend(saved::ids(runs)?.into_iter().enumerate().map(|(place, id)| match place {
        0 => format!("the saved run {id} (latest)"),
        1 => format!("{id} (previous)"),
        _ => id,
    }));
    Ok(Error::UnknownSource { name: name.to_owned(), root: root.to_owned(), known })
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_root_is_where_criterion_writes() {
        let root = |home: &'static str, target: &'static str, cargo: Option<&str>| {
            let variable = move |name: &str| match name {
                "CRITERION_HOME" => (home != "-").then(|| home.into()),
                "CARGO_TARGET_DIR" => (target != "-").then(|| target.into()),
                _ => panic!("{name} is asked for"),
            };
            usual_root(variable, || cargo.map(PathBuf::from)).display().to_string()
        };
        assert_eq!(root("/home", "/target", Some("/cargo")), "/home");
        assert_eq!(root("-", "/target", Some("/cargo")), "/target/criterion");
        assert_eq!(root("", "", Some("/cargo")), "/cargo/criterion");
        assert_eq!(root("-", "-", None), "target/criterion");
    }

    #[test]
    fn an_explicit_root_is_a_directory() {
        let file = Path::new(env!("CARGO_MANIFEST_PATH"));
        let directory = file.parent().expect("a file is in a directory");
        assert_eq!(root(Some(directory)).expect("a directory"), directory);
        let error = root(Some(file)).expect_err("a file").to_string();
        assert!(error.ends_with("Cargo.toml: is no directory"), "{error}");
        assert!(root(Some(Path::new("no/such/directory"))).is_err());
    }

    #[test]
    fn kinds_are_told_by_content() {
        let kind = |text: &str| kind(text.as_bytes());
        assert_eq!(kind(r#"{"schema": "polyphony.snapshot", "x": 1e999}"#), Ok(Kind::Snapshot));
        assert_eq!(kind(r#"{"schema": "polyphony.snapshot", "ver"#), Ok(Kind::Snapshot));
        let line = r#"{"schema": "polyphony.history", "version": 1}"#;
        assert_eq!(kind(&format!("{line}\n{line}\n")), Ok(Kind::History));
        assert_eq!(kind(&format!("{{\"cut sh\n{line}\n")), Ok(Kind::History));
        assert_eq!(kind(r#"{"version": "1.0", "benchmarks": []}"#), Ok(Kind::Pyperf));
        assert_eq!(kind(r#"{"results": []}"#), Ok(Kind::Hyperfine));
        for (text, why) in [
            ("", "it is empty"),
            ("# A README", "it is no JSON"),
            ("{}", "its fields are those of none"),
            (r#"{"schema": "other"}"#, "its schema is \"other\""),
            (r#"{"name": "before", "benchmarks": {}}"#, "critcmp"),
        ] {
            let error = kind(text).expect_err(text);
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn labels_differ() {
        let names = ["a/run.json", "new", "b/run.json", "new"].map(str::to_owned);
        let set = |label: &str| Set { label: label.into(), ..Set::default() };
        let mut sets = ["run.json", "new", "run.json", "new"].map(set);
        tell_apart(&mut sets, &names);
        let labels = sets.map(|set| set.label);
        assert_eq!(labels, ["a/run.json", "new", "b/run.json", "new (2)"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>) {
            let _ = kind(&text);
        }
    }
}
