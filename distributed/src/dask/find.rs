//! Which Python, and which library of tasks.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::Error;

/// The interpreter: `POLYPHONY_PYTHON`, or the environment that
/// `scripts/python-env` has made beside this program, or `python3`.
pub(super) fn python() -> PathBuf {
    if let Some(named) = named("POLYPHONY_PYTHON") {
        return named.into();
    }
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let program = env::current_exe().unwrap_or_default();
    let made = |folder: &Path| {
        // Written last, so it is whole.
        let stamp = folder.join("python/stamp");
        stamp.exists().then(|| folder.join("python/bin/python"))
    };
    target
        .as_deref()
        .into_iter()
        .chain(program.ancestors())
        .find_map(made)
        .unwrap_or("python3".into())
}

/// The library: `POLYPHONY_TASKS`, or the one that is called like this program
/// and lies beside it.
///
/// # Errors
/// Where it was looked for, if there is none.
pub(super) fn library() -> Result<PathBuf, Error> {
    if let Some(named) = named("POLYPHONY_TASKS") {
        return existing(named.into());
    }
    let program = env::current_exe().unwrap_or_default();
    let stem = program.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
    existing(program.with_file_name(format!("lib{stem}_tasks.so")))
}

/// The library there.
///
/// # Errors
/// If it is not there.
pub(super) fn existing(path: PathBuf) -> Result<PathBuf, Error> {
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::Missing(format!(
        "there is no library of tasks at {}: build the crate or example with \
         distributed::export_tasks!, or name its file by DaskCluster::tasks or in POLYPHONY_TASKS",
        path.display()
    )))
}

/// What a variable says, if that is anything.
fn named(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|named| !named.is_empty())
}
