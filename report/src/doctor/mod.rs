//! `report doctor`: what is wrong with a tree, and what to do about it.
//!
//! A table leaves out what it cannot read and shows what it can. The doctor
//! looks at every baseline, and also at data that reads well and misleads: old
//! times beside new ones, two benchmarks of one name, a baseline that is a copy
//! of the run that it would be compared with.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use crate::benchmark::{Id, Problem, lossy};
use crate::error::Error;
use crate::layout::{BENCHMARK, Dataset, Folder, INTERLEAVED, NEW, PART, dataset, readable, walk};

mod rules;

/// Something about a tree that its owner should know.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Finding {
    /// What kind of trouble it is.
    pub kind: Kind,
    /// The file or folder; of several, the first. In JSON, what of it is no
    /// UTF-8 is replaced.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// What is the matter with it, as the end of a sentence that begins with the
    /// path.
    pub what: String,
    /// What to run, change or delete.
    pub advice: String,
}

/// A kind of trouble, the most urgent first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It cannot be read or understood, or holds what cannot be true.
    Unreadable,
    /// A part of it is missing, or is of another run.
    Partial,
    /// A folder or file with nothing in it.
    Empty,
    /// Two benchmarks share a name or a folder.
    Colliding,
    /// It is of an earlier run than the benchmarks that it stands beside.
    Stale,
    /// Two baselines are one measurement.
    Identical,
    /// Too few visits for an interval: criterion's `--quick`.
    TooSmall,
    /// A file that was not finished and that nobody reads.
    Leftover,
    /// It can be read, but is not as criterion leaves it.
    Odd,
}

impl Kind {
    /// Whether it is to be mended; copies and short samples are as criterion
    /// leaves them, and only worth knowing.
    pub fn is_fault(self) -> bool {
        !matches!(self, Kind::Identical | Kind::TooSmall)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Unreadable => "unreadable",
            Kind::Partial => "partial",
            Kind::Empty => "empty",
            Kind::Colliding => "colliding",
            Kind::Stale => "stale",
            Kind::Identical => "identical",
            Kind::TooSmall => "too small",
            Kind::Leftover => "leftover",
            Kind::Odd => "odd",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, path, what, advice } = self;
        write!(f, "{kind}: {} {what}\n    {advice}", path.display())
    }
}

/// Looks at everything in criterion's tree below `root`; nothing is found in a
/// tree that is well. The findings are in the order of their kinds, and of the
/// paths of one kind.
///
/// Each baseline is read whole, so this takes as long as reading all of them.
/// What is stale is told by the files' times, which a copy of a tree may not
/// keep.
///
/// # Errors
/// As for [`read_sets`](crate::layout::read_sets).
pub fn examine(root: &Path) -> Result<Vec<Finding>, Error> {
    let walked = walk(root, |folder, seen| look(root, folder, seen))?;
    let (mut findings, mut data) = (Vec::new(), Vec::new());
    let (mut strays, mut empty) = (Vec::new(), Vec::new());
    for seen in walked.found {
        match seen {
            Seen::Finding(finding) => findings.push(finding),
            Seen::Data(one) => data.push(*one),
            Seen::Stray(path) => strays.push(path),
            Seen::Empty(path) => empty.push(path),
        }
    }
    let told = |path: &PathBuf| findings.iter().any(|finding| finding.path == *path);
    let mut unfollowed = walked.problems;
    unfollowed.retain(|problem| !told(&problem.path));
    findings.extend(unfollowed.into_iter().map(|Problem { path, what, .. }| {
        let advice = "mend it or delete it: what lies behind it is left out".into();
        Finding { kind: Kind::Unreadable, path, what, advice }
    }));
    data.sort_by(|a, b| (&a.place, &a.baseline).cmp(&(&b.place, &b.baseline)));
    findings.extend(rules::all(root, &data));
    findings.extend(rules::misnamed(strays, empty, &data));
    findings.sort();
    Ok(findings)
}

/// What a look into a folder shows.
enum Seen {
    Finding(Finding),
    Data(Box<Data>),
    /// A file that criterion does not write.
    Stray(PathBuf),
    /// A folder with nothing in it.
    Empty(PathBuf),
}

/// A measurement that can be read.
struct Data {
    path: PathBuf,
    /// The folder of its benchmark, below the root.
    place: String,
    baseline: String,
    /// When it was finished.
    written: Option<SystemTime>,
    dataset: Dataset,
}

fn look(root: &Path, folder: &Folder, seen: &mut Vec<Seen>) {
    for name in &folder.files {
        let path = folder.path.join(name);
        let ends_in = |end: &str| name.as_encoded_bytes().ends_with(end.as_bytes());
        if ends_in(PART) {
            let what = "was being written when the writer was stopped".into();
            let advice = format!("delete it: rm {}", quoted(&path.to_string_lossy()));
            seen.push(Seen::Finding(Finding { kind: Kind::Leftover, path, what, advice }));
        } else if ![".json", ".csv", ".svg", ".html"].into_iter().any(ends_in) {
            seen.push(Seen::Stray(path));
        }
    }
    if folder.path == root {
        return;
    }
    if folder.is_change() && folder.holds(BENCHMARK) {
        seen.push(Seen::Finding(Finding {
            kind: Kind::Odd,
            path: folder.path.clone(),
            what: "is a baseline under the name of criterion's own comparison".into(),
            advice: "each `cargo bench` overwrites part of it and no table shows it: save the \
                     baseline under another name"
                .into(),
        }));
    } else if folder.is_empty() {
        seen.push(Seen::Empty(folder.path.clone()));
    } else if folder.is_dataset() {
        seen.extend(read(root, folder));
    }
}

fn read(root: &Path, folder: &Folder) -> Option<Seen> {
    let below = folder.path.strip_prefix(root).ok()?;
    let place = below.parent().unwrap_or(below);
    match dataset(folder, readable(place)) {
        Ok(None) => None,
        Ok(Some(dataset)) => {
            let written = fs::metadata(folder.path.join(BENCHMARK));
            let recorded = dataset.recorded_place.as_deref().map(Path::new);
            let (place, baseline) = split(below, recorded);
            Some(Seen::Data(Box::new(Data {
                path: folder.path.clone(),
                place: readable(place),
                baseline: readable(baseline),
                written: written.and_then(|file| file.modified()).ok(),
                dataset,
            })))
        }
        Err(Problem { path, id, what, .. }) => {
            let kind = match fs::metadata(&path) {
                Ok(file) if file.is_file() && file.len() == 0 => Kind::Empty,
                Ok(file) if file.is_dir() && path == folder.path => Kind::Partial,
                Ok(_) => Kind::Unreadable,
                Err(_) if path.symlink_metadata().is_err() => Kind::Partial,
                Err(_) => Kind::Unreadable,
            };
            let advice = match &id {
                Some(id) => {
                    let (_, baseline) = split(below, Some(&id.directory()));
                    format!("measure it again: {}", measure(id, baseline))
                }
                None => format!(
                    "measure it again, or delete it: rm -r {}",
                    quoted(&folder.path.to_string_lossy())
                ),
            };
            Some(Seen::Finding(Finding { kind, path, what, advice }))
        }
    }
}

/// A path below the root as the place of a benchmark and the name of a baseline,
/// which may have slashes: `--save-baseline feature/x` is `feature/x` below the
/// place that the benchmark records. Where it lies elsewhere, the last part is
/// the baseline.
fn split<'a>(below: &'a Path, recorded: Option<&Path>) -> (&'a Path, &'a Path) {
    let rest = recorded.and_then(|recorded| below.strip_prefix(recorded).ok());
    let baseline = rest.filter(|rest| !rest.as_os_str().is_empty());
    let baseline = baseline.or(below.file_name().map(Path::new)).unwrap_or(Path::new(""));
    let place = below.ancestors().nth(baseline.components().count()).unwrap_or(below);
    (place, baseline)
}

/// The command that measures one benchmark under a baseline.
fn measure(id: &Id, baseline: impl AsRef<Path>) -> String {
    let baseline = baseline.as_ref().to_string_lossy();
    let save = match &*baseline {
        INTERLEAVED => return "report run".into(),
        NEW | "base" => String::new(),
        other => format!("--save-baseline {} ", quoted(other)),
    };
    format!("cargo bench -- {save}--exact {}", quoted(&id.to_string()))
}

/// A word as a shell takes it whole, whatever is in it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./+,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_survive_a_shell() {
        let id = Id { group: "it's".into(), function: "a b".into(), value: String::new() };
        assert_eq!(measure(&id, NEW), r"cargo bench -- --exact 'it'\''s/a b'");
        assert_eq!(
            measure(&id, "before"),
            r"cargo bench -- --save-baseline before --exact 'it'\''s/a b'"
        );
        assert_eq!(measure(&id, INTERLEAVED), "report run");
    }
}
