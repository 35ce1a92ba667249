//! The summary of a step on GitHub.

use std::env;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::atomic;
use crate::error::Error;
use crate::snapshot::bad;

/// The variable that names the file.
const VARIABLE: &str = "GITHUB_STEP_SUMMARY";

/// Of more than this GitHub shows nothing, and marks the step
/// (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits>).
const LIMIT: usize = 1 << 20;

/// What stands where the text was cut, apart from any table above it.
const CUT: &str = "\n*The rest is cut off: GitHub shows at most 1 MiB of a step's summary.*\n";

/// Appends markdown to the summary of the step that this runs in. What would
/// make it larger than GitHub's 1 MiB is cut off at a line, with a note.
///
/// # Errors
/// [`Error::Usage`] outside of GitHub's workflows, where `GITHUB_STEP_SUMMARY`
/// is not set; [`Error::BadFile`] if the summary is full already; whatever the
/// file system says, with the path.
pub fn github(text: &str) -> Result<(), Error> {
    let path = named(env::var_os(VARIABLE))?;
    append(Path::new(&path), text)
}

fn named(variable: Option<OsString>) -> Result<OsString, Error> {
    variable.filter(|path| !path.is_empty()).ok_or_else(|| {
        Error::Usage(format!("{VARIABLE} is not set, which names the summary of a step on GitHub"))
    })
}

fn append(path: &Path, text: &str) -> Result<(), Error> {
    let written = || -> io::Result<bool> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut old = Vec::new();
        file.read_to_end(&mut old)?;
        let gap = if old.is_empty() || old.ends_with(b"\n") { "" } else { "\n" };
        let whole = format!("{gap}{text}{}", if text.ends_with('\n') { "" } else { "\n" });
        let room = LIMIT.saturating_sub(old.len());
        let Some(fitting) = fit(whole, room) else { return Ok(false) };
        file.write_all(fitting.as_bytes())?;
        Ok(true)
    };
    match written() {
        Ok(true) => Ok(()),
        Ok(false) => Err(bad(path, "is full: GitHub shows at most 1 MiB".into())),
        Err(e) => Err(atomic::at(path, &e)),
    }
}

/// As many whole lines as there is room for, with a note if that is not all;
/// `None` if there is no room for the note.
fn fit(mut text: String, room: usize) -> Option<String> {
    if text.len() > room {
        let head = &text.as_bytes()[..room.checked_sub(CUT.len())?];
        let end = head.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        text.truncate(end);
        text.push_str(CUT);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn outside_of_github() {
        for variable in [None, Some(OsString::new())] {
            let error = named(variable).expect_err("no path");
            assert!(matches!(error, Error::Usage(_)) && error.to_string().contains(VARIABLE));
        }
        assert_eq!(named(Some("file".into())).expect("a path"), "file");
    }

    #[test]
    fn what_is_there_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("summary");
        append(&path, "a\nb").expect("appended");
        append(&path, "c\n").expect("appended");
        assert_eq!(fs::read_to_string(&path).expect("the file"), "a\nb\nc\n");
        fs::write(&path, "open line").expect("written");
        append(&path, "c").expect("appended");
        assert_eq!(fs::read_to_string(&path).expect("the file"), "open line\nc\n");
        assert!(append(directory.path(), "c").is_err(), "a directory");
    }

    #[test]
    fn never_more_than_github_shows() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("summary");
        let row = "| a | row | of | a table |\n";
        append(&path, &row.repeat(LIMIT / row.len() - 1)).expect("it fits");
        let before = fs::read_to_string(&path).expect("the file");
        assert!(!before.contains(CUT) && before.len() < LIMIT);
        let error = append(&path, &row.repeat(9)).expect_err("no room even for the note");
        assert!(error.to_string().contains("is full"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("the file"), before);

        fs::write(&path, row).expect("written");
        append(&path, &row.repeat(LIMIT)).expect("cut");
        let cut = fs::read_to_string(&path).expect("the file");
        assert!(cut.len() <= LIMIT && cut.len() > LIMIT - row.len(), "{}", cut.len());
        let rows = cut.strip_suffix(CUT).expect("a note at the end");
        assert!(rows.lines().all(|line| line == row.trim_end()));
    }

    proptest! {
        #[test]
        fn what_fits_is_whole_lines(text in "(é|a|\n){0,60}\n", room in 0_usize..150) {
            match fit(text.clone(), room) {
                None => prop_assert!(text.len() > room && room < CUT.len()),
                Some(whole) if whole == text => prop_assert!(text.len() <= room),
                Some(cut) => {
                    prop_assert!(cut.len() <= room && text.len() > room);
                    let kept = cut.strip_suffix(CUT).expect("a note");
                    prop_assert!(text.starts_with(kept) && (kept.is_empty() || kept.ends_with('\n')));
                }
            }
        }
    }
}
