//! What data that can be read still has against it, baseline by baseline and
//! benchmark by benchmark.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Data, Finding, Kind, measure, quoted};
use crate::benchmark::Statistic;
use crate::layout::{NEW, readable};
use crate::stats::CONFIDENCE;

/// How much older than its group's newest a benchmark may be. One `cargo bench`
/// measures a group in one go, which takes minutes, so a day apart is another
/// run.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// How far a mean may be from the stored one, relatively, and still be of the
/// same sample: both are sums of the same numbers.
const SAME: f64 = 1e-6;

/// All findings about readable data, which is sorted by place and baseline.
pub(super) fn all(root: &Path, data: &[Data]) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(data.iter().filter_map(mixed));
    findings.extend(stale(root, data));
    let colliding = namesakes(root, data);
    let known: BTreeSet<_> = colliding.iter().flat_map(|(_, places)| places).copied().collect();
    findings.extend(shared(root, data));
    findings.extend(suffixed(root, data, &known));
    findings.extend(moved(root, data, &known));
    findings.extend(colliding.into_iter().map(|(finding, _)| finding));
    findings.extend(identical(root, data));
    findings.extend(too_small(data));
    findings.extend(other_level(data));
    findings.extend(data.iter().filter_map(unnameable));
    findings
}

/// Files and empty folders that are called like a baseline. Empty folders of
/// other names are what is left of deleted benchmarks, and mislead nobody.
pub(super) fn misnamed(files: Vec<PathBuf>, empty: Vec<PathBuf>, data: &[Data]) -> Vec<Finding> {
    let mut baselines = BTreeSet::from([NEW, "base"]);
    baselines.extend(data.iter().map(|one| one.baseline.as_str()));
    let is_baseline = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|x| baselines.contains(x))
    };
    let finding = |(path, kind, what, delete): (PathBuf, Kind, &str, &str)| Finding {
        kind,
        what: what.into(),
        advice: format!("delete it: {delete} {}", quoted(&path.to_string_lossy())),
        path,
    };
    let file = "is a file, where a baseline's folder was expected";
    let files = files.into_iter().map(|path| (path, Kind::Unreadable, file, "rm"));
    let nothing = "is a baseline's folder with nothing in it";
    let empty = empty.into_iter().map(|path| (path, Kind::Empty, nothing, "rmdir"));
    files.chain(empty).filter(|(path, ..)| is_baseline(path)).map(finding).collect()
}

/// criterion writes the sample before the estimates, and neither in one piece
/// with the other: an interrupt between the two leaves files of two runs.
fn mixed(Data { path, baseline, dataset, .. }: &Data) -> Option<Finding> {
    let stored = dataset.benchmark.estimates.mean.point;
    let mean = dataset.benchmark.sample.point(Statistic::Mean);
    ((mean / stored - 1.0).abs() > SAME).then(|| Finding {
        kind: Kind::Partial,
        path: path.clone(),
        what: format!(
            "holds a sample whose mean is {mean} ns and estimates whose mean is {stored} ns: the \
             two are of different runs"
        ),
        advice: format!("measure it again: {}", measure(&dataset.benchmark.id, baseline)),
    })
}

/// Benchmarks that the latest run of their group left out: their `new` is more
/// than a day older than the group's newest, or they have none. A filter does
/// that, and so does a benchmark that was renamed or removed.
fn stale(root: &Path, data: &[Data]) -> Vec<Finding> {
    let is_new = |one: &&Data| one.baseline == NEW;
    let mut newest: HashMap<&str, Option<SystemTime>> = HashMap::new();
    for one in data.iter().filter(is_new) {
        let newest = newest.entry(&one.dataset.benchmark.id.group).or_default();
        *newest = (*newest).max(one.written);
    }
    let advice = |one: &Data| {
        format!(
            "measure it again: {}; if there is no such benchmark any more, delete it: rm -r {}",
            measure(&one.dataset.benchmark.id, NEW),
            quoted(&root.join(&one.place).to_string_lossy())
        )
    };
    let old = data.iter().filter(is_new).filter_map(|one| {
        let newest = newest.get(one.dataset.benchmark.id.group.as_str()).copied().flatten()?;
        let age = newest.duration_since(one.written?).ok().filter(|age| *age > FRESH)?;
        let days = age.as_secs() / (24 * 60 * 60);
        let s = if days == 1 { "" } else { "s" };
        Some(Finding {
            kind: Kind::Stale,
            path: one.path.clone(),
            what: format!("was measured {days} day{s} before the newest of its group"),
            advice: advice(one),
        })
    });
    let left = places(data).filter_map(|of| {
        let first = of.first()?;
        // The sampler has models that criterion cannot drive.
        let sampled = of.iter().any(|one| one.dataset.benchmark.run.is_some());
        let others = newest.contains_key(first.dataset.benchmark.id.group.as_str());
        // A `new` that is there and cannot be read is told as just that.
        let has_new = root.join(&first.place).join(NEW).exists();
        if sampled || !others || has_new || of.iter().any(|one| is_new(&one)) {
            return None;
        }
        let baselines: Vec<_> = of.iter().map(|one| format!("`{}`", one.baseline)).collect();
        Some(Finding {
            kind: Kind::Stale,
            path: root.join(&first.place),
            what: format!(
                "was measured as {} only, and others of its group are there as `new`",
                baselines.join(", ")
            ),
            advice: advice(first),
        })
    });
    old.chain(left).collect()
}

/// Benchmarks of one name in several folders, each with the folders.
fn namesakes<'a>(root: &Path, data: &'a [Data]) -> Vec<(Finding, Vec<&'a str>)> {
    let mut by_name: BTreeMap<String, Vec<&Data>> = BTreeMap::new();
    for of in places(data) {
        let mut names = BTreeSet::new();
        for one in of {
            let name = one.dataset.benchmark.id.to_string();
            if names.insert(name.clone()) {
                by_name.entry(name).or_default().push(one);
            }
        }
    }
    by_name.retain(|_, of| of.len() > 1);
    let finding = |(name, of): (String, Vec<&'a Data>)| {
        let id = |one: &Data| one.dataset.benchmark.id.clone();
        let strangers: Vec<_> = of.iter().filter(|one| is_moved(one)).collect();
        let advice = if of.iter().any(|one| id(one) != id(of[0])) {
            "their groups and functions differ, and only where the slash stands: rename one, for \
             most tools go by the whole name and show one of them"
                .to_owned()
        } else if strangers.is_empty() {
            "two benchmarks are declared under one name: rename one".to_owned()
        } else {
            let folders: Vec<_> = strangers
                .iter()
                .map(|one| quoted(&root.join(&one.place).to_string_lossy()))
                .collect();
            format!("criterion did not put it there: delete the copy, rm -r {}", folders.join(" "))
        };
        let others: Vec<_> = of[1..].iter().map(|one| one.place.as_str()).collect();
        let finding = Finding {
            kind: Kind::Colliding,
            path: root.join(&of[0].place),
            what: format!("is called {name}, and so is {}", others.join(", ")),
            advice,
        };
        (finding, of.iter().map(|one| one.place.as_str()).collect())
    };
    by_name.into_iter().map(finding).collect()
}

/// Folders in which different baselines are of different benchmarks: criterion
/// replaces characters and cuts at 64 bytes, and keeps names apart only within
/// one bench.
fn shared(root: &Path, data: &[Data]) -> Vec<Finding> {
    let finding = |of: &[Data]| {
        let first = of.first()?;
        let id = |one: &Data| one.dataset.benchmark.id.clone();
        let other = of.iter().find(|one| id(one) != id(first))?;
        Some(Finding {
            kind: Kind::Colliding,
            path: root.join(&first.place),
            what: format!(
                "holds {} as `{}` and {} as `{}`",
                id(first),
                first.baseline,
                id(other),
                other.baseline
            ),
            advice:
                "their names give one folder, so each overwrites the other: rename one, delete \
                     the folder and measure both"
                    .into(),
        })
    };
    places(data).filter_map(finding).collect()
}

/// Benchmarks that criterion had to put beside the folder of their name, because
/// another one was in it.
fn suffixed(root: &Path, data: &[Data], known: &BTreeSet<&str>) -> Vec<Finding> {
    let owners: HashMap<_, _> = data.iter().map(|one| (one.place.as_str(), one)).collect();
    let finding = |of: &[Data]| {
        let one = of.first()?;
        let wanted = readable(&one.dataset.benchmark.id.directory());
        let number = one.place.strip_prefix(&wanted)?.strip_prefix('_')?;
        if !number.bytes().all(|x| x.is_ascii_digit()) || known.contains(one.place.as_str()) {
            return None;
        }
        let owner = owners
            .get(wanted.as_str())
            .map_or_else(String::new, |owner| format!(", where {} is", owner.dataset.benchmark.id));
        Some(Finding {
            kind: Kind::Colliding,
            path: root.join(&one.place),
            what: format!("holds {}, which belongs into {wanted}{owner}", one.dataset.benchmark.id),
            advice: "which of the two gets a number depends on which is declared first, and their \
                     histories change places with it: rename one"
                .into(),
        })
    };
    places(data).filter_map(finding).collect()
}

/// Benchmarks that are not where criterion put them.
fn moved(root: &Path, data: &[Data], known: &BTreeSet<&str>) -> Vec<Finding> {
    let finding = |of: &[Data]| {
        let one = of.iter().find(|one| is_moved(one))?;
        let recorded = one.dataset.recorded_place.as_deref()?;
        (!known.contains(one.place.as_str())).then(|| Finding {
            kind: Kind::Odd,
            path: root.join(&one.place),
            what: format!("was moved or copied here from {recorded}"),
            advice: "the next `cargo bench` writes to the old place: move it back or delete it"
                .into(),
        })
    };
    places(data).filter_map(finding).collect()
}

/// Whether something lies elsewhere than its own record says. A baseline with
/// slashes in its name lies below the place, as it should.
fn is_moved(one: &Data) -> bool {
    one.dataset.recorded_place.as_deref().is_some_and(|recorded| {
        let (place, recorded) = (Path::new(&one.place), readable(Path::new(recorded)));
        !place.starts_with(recorded) && is_utf8(one)
    })
}

/// Baselines that are copies of `new`, one finding for each.
fn identical(root: &Path, data: &[Data]) -> Vec<Finding> {
    let mut copies: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for of in places(data) {
        let Some(new) = of.iter().find(|one| one.baseline == NEW) else { continue };
        for one in of.iter().filter(|one| one.baseline != NEW) {
            let (same, both) = copies.entry(&one.baseline).or_default();
            *same += usize::from(one.dataset.benchmark.sample == new.dataset.benchmark.sample);
            *both += 1;
        }
    }
    copies.retain(|_, (same, _)| *same > 0);
    let finding = |(baseline, (same, both)): (&str, (usize, usize))| Finding {
        kind: Kind::Identical,
        path: root.into(),
        what: format!(
            "has the same measurement as `{baseline}` and as `new` of {same} out of {both} \
             benchmarks: comparing the two says nothing"
        ),
        advice: if baseline == "base" {
            "`cargo bench` copies `new` over `base` when it is done: keep a run with `cargo bench \
             -- --save-baseline NAME`, change the code, and compare with NAME"
                .into()
        } else {
            format!("`new` is the run that was saved as `{baseline}`: run `cargo bench` again")
        },
    };
    copies.into_iter().map(finding).collect()
}

/// Benchmarks with too few visits, one finding for each baseline.
fn too_small(data: &[Data]) -> Vec<Finding> {
    let small = |one: &&Data| one.dataset.benchmark.sample.is_too_small();
    let finding = |(first, others): (&Data, usize)| Finding {
        kind: Kind::TooSmall,
        path: first.path.clone(),
        what: format!(
            "has only {} visits, as criterion's --quick leaves them{}: no interval can be told",
            first.dataset.benchmark.sample.len(),
            and_others(others, &first.baseline)
        ),
        advice: "measure it again without --quick".into(),
    };
    by_baseline(data.iter().filter(small)).map(finding).collect()
}

/// Intervals of another level than ours, one finding for each baseline.
fn other_level(data: &[Data]) -> Vec<Finding> {
    let finding = |(first, others): (&Data, usize)| Finding {
        kind: Kind::Odd,
        path: first.path.clone(),
        what: format!(
            "has intervals at a confidence level of {}{}, where tables say {CONFIDENCE}",
            first.dataset.level,
            and_others(others, &first.baseline)
        ),
        advice: "measure it again without --confidence-level".into(),
    };
    by_baseline(data.iter().filter(|one| one.dataset.level != CONFIDENCE)).map(finding).collect()
}

fn unnameable(one: &Data) -> Option<Finding> {
    (!is_utf8(one)).then(|| Finding {
        kind: Kind::Odd,
        path: one.path.clone(),
        what: "has a name that is no UTF-8, and no command line can ask for it".into(),
        advice: "criterion writes UTF-8: rename it, or delete it".into(),
    })
}

fn is_utf8(one: &Data) -> bool {
    one.path.to_str().is_some()
}

fn and_others(others: usize, baseline: &str) -> String {
    match others {
        0 => String::new(),
        1 => format!(", and so has one other benchmark of `{baseline}`"),
        n => format!(", and so have {n} other benchmarks of `{baseline}`"),
    }
}

/// The baselines of each place; the data is sorted by place.
fn places(data: &[Data]) -> impl Iterator<Item = &[Data]> {
    data.chunk_by(|a, b| a.place == b.place)
}

/// The first of each baseline, and how many others there are.
fn by_baseline<'a>(
    data: impl Iterator<Item = &'a Data>,
) -> impl Iterator<Item = (&'a Data, usize)> {
    let mut firsts: BTreeMap<&str, (&Data, usize)> = BTreeMap::new();
    for one in data {
        firsts.entry(&one.baseline).and_modify(|(_, others)| *others += 1).or_insert((one, 0));
    }
    firsts.into_values()
}
