//! Files that change in one step: a reader sees the old one or the new one.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// As many links as Linux follows.
const MOST_LINKS: usize = 40;

/// Puts a file in the place of what is there, or makes a new one.
///
/// The text goes to a fresh file beside it, which then takes its name. So it is
/// whole whenever it can be seen, also after a full disk or a kill. A symbolic
/// link is followed and stays, also one to what is not there yet; permissions
/// stay. What is no regular file (a
/// pipe, `/dev/stdout`) cannot be replaced and is written to.
///
/// # Errors
/// Whatever the file system says, with the path.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), Error> {
    write(path, content).map_err(|e| at(path, &e))
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let (target, permissions) = match fs::metadata(path) {
        Ok(old) if !old.is_file() => {
            return fs::OpenOptions::new().write(true).open(path)?.write_all(content);
        }
        Ok(old) => (fs::canonicalize(path)?, Some(old.permissions())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => (end_of_links(path)?, None),
        Err(e) => return Err(e),
    };
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    // As any new file: what the user's umask leaves of it.
    let usual = Permissions::from_mode(0o666);
    let mut fresh = tempfile::Builder::new()
        .prefix(".report-")
        .permissions(usual)
        .tempfile_in(directory.unwrap_or(Path::new(".")))?;
    fresh.write_all(content)?;
    if let Some(permissions) = permissions {
        fresh.as_file().set_permissions(permissions)?;
    }
    fresh.persist(target)?;
    Ok(())
}

/// Where a path leads if there is nothing at the end of its links: what could be
/// canonicalized is there already.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut end = path.to_owned();
    // Links that go round are an error before anyone comes here, unless they
    // change meanwhile.
    for _ in 0..MOST_LINKS {
        match fs::read_link(&end) {
            Ok(target) => end = end.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(end),
        }
    }
    Err(io::Error::other("is a link behind too many links"))
}

/// An error of the file system, with the path that it is about.
pub(crate) fn at(path: &Path, error: &io::Error) -> Error {
    Error::Io(io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_and_the_permissions_stay() {
        let directory = tempfile::tempdir().expect("a directory");
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&file, "old").expect("a file");
        fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("its owner");
        std::os::unix::fs::symlink("file", &link).expect("a link");
        replace(&link, b"new").expect("written");
        assert_eq!(fs::read(&file).expect("the file"), b"new");
        assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
        assert_eq!(fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 2);
    }

    #[test]
    fn a_link_to_nothing_yet_stays_and_is_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("below")).expect("a directory");
        std::os::unix::fs::symlink("below/second", at("first")).expect("a link");
        std::os::unix::fs::symlink("../file", at("below/second")).expect("a link");
        replace(&at("first"), b"new").expect("written");
        assert_eq!(fs::read(at("file")).expect("the file"), b"new");
        for link in ["first", "below/second"] {
            assert!(fs::symlink_metadata(at(link)).expect("the link").is_symlink(), "{link}");
        }
    }

    #[test]
    fn a_device_is_written_to() {
        replace(Path::new("/dev/null"), b"nowhere").expect("written");
        assert!(!fs::metadata("/dev/null").expect("still there").is_file());
    }

    #[test]
    fn a_failure_names_the_file_and_leaves_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("no/such/file");
        let error = replace(&path, b"new").expect_err("there is no such directory");
        assert!(error.to_string().contains("no/such/file"), "{error}");
        assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 0);
    }
}
