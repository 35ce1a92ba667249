//! Where criterion's data is.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;

use crate::error::Error;
use crate::snapshot::bad;

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
pub(super) fn runs_beside(root: &Path) -> PathBuf {
    root.parent().unwrap_or(Path::new("")).join("report/runs")
}

#[cfg(test)]
mod tests {
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
}
