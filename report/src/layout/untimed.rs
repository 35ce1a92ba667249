//! Models that the sampler marked as having no time.

use std::path::{Component, Path};

use super::files::{MARK, understand};
use super::folder::Folder;
use super::{INTERLEAVED, file_name};
use crate::benchmark::{Id, Problem};
use crate::description::Failure;
use crate::record::{Mark, Outcome, WorkloadRecord};

/// What is to be told of a folder that holds the mark of a model without a
/// time; nothing of any other. `place` is where the model stands below `root`.
///
/// That a machine refuses what a model needs, or that a model was too slow to be
/// asked, is a finding; a wrong result is a fault that must not go unseen.
pub(super) fn untimed(root: &Path, place: &Path, folder: &Folder) -> Option<Problem> {
    let mark: Mark = understand(&folder.path.join(MARK)).ok()?;
    let id = Some(named(root, place));
    let path = &folder.path;
    match mark.outcome {
        Outcome::Measured => None,
        Outcome::Stopped { at, seconds } => {
            let what = format!("was stopped: one iteration took {seconds:.1} s at {at}");
            Some(Problem::note(path, id, what))
        }
        Outcome::Failure(failure) => {
            let what = format!("has no time: it {failure}");
            Some(match failure {
                Failure::Refused(_) => Problem::note(path, id, what),
                Failure::Wrong(_) | Failure::Failed(_) => Problem::wrong(path, id, what),
            })
        }
    }
}

/// The names of a model: a mark does not hold them, but the record of its
/// workload does. Where that is gone, the folders are called nearly the same.
fn named(root: &Path, place: &Path) -> Id {
    let mut parts = place.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    let mut part = || parts.next().unwrap_or_default();
    let (group, function, value) = (part(), part(), part());
    let record = root.join(&group).join(WorkloadRecord::file(INTERLEAVED));
    let Ok(record) = understand::<WorkloadRecord>(&record) else {
        return Id { group, function, value };
    };
    let models = &record.description.models;
    let model = models.iter().find(|model| file_name(model) == function);
    Id { group: record.group(), function: model.cloned().unwrap_or(function), value }
}
