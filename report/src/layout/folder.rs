//! What lies in one folder, told without opening any of it.

#[cfg(feature = "cli")]
use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;

#[cfg(feature = "cli")]
use super::files::{BENCHMARK, ESTIMATES, MARK, PART, SAMPLE, TUKEY};

/// A folder and the names in it.
pub(crate) struct Folder {
    /// The folder itself.
    pub(crate) path: PathBuf,
    /// What is no folder: files, links to files, pipes.
    pub(crate) files: Vec<OsString>,
    /// Folders.
    pub(crate) folders: Vec<OsString>,
    /// Links to folders.
    pub(crate) links: Vec<OsString>,
    /// Links that lead nowhere, and why.
    pub(crate) broken: Vec<(OsString, io::Error)>,
}

impl Folder {
    /// Lists a folder. Costs no more than reading it where the file system tells
    /// files from folders; each link costs a look at what it leads to.
    pub(crate) fn list(path: PathBuf) -> io::Result<Self> {
        let entries = fs::read_dir(&path)?;
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        let (mut links, mut broken) = (Vec::new(), Vec::new());
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = entry.file_name();
            if kind.is_dir() {
                folders.push(name);
            } else if !kind.is_symlink() {
                files.push(name);
            } else {
                match fs::metadata(path.join(&name)) {
                    Ok(target) if target.is_dir() => links.push(name),
                    Ok(_) => files.push(name),
                    Err(e) => broken.push((name, e)),
                }
            }
        }
        Ok(Self { path, files, folders, links, broken })
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        [&self.files, &self.folders, &self.links].iter().all(|names| names.is_empty())
            && self.broken.is_empty()
    }

    /// Whether it holds something of this name that is no folder, or a link
    /// that should lead to it.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.files.iter().chain(self.broken.iter().map(|(name, _)| name)).any(|x| x == name)
    }

    /// Whether a folder of this name is in it.
    pub(crate) fn holds_folder(&self, name: &str) -> bool {
        self.folders.iter().chain(&self.links).any(|x| x == name)
    }
}

/// What criterion and the sampler write about one benchmark.
#[cfg(feature = "cli")]
const DATA: [&str; 4] = [BENCHMARK, SAMPLE, ESTIMATES, TUKEY];

#[cfg(feature = "cli")]
impl Folder {
    /// Whether one measurement lies here, whole or not.
    ///
    /// The name alone does not say: there are groups called `new` and functions
    /// called `base`, and a folder may hold a measurement and others below it.
    /// What criterion keeps in `change` is a comparison, and its files have the
    /// names of a measurement's.
    pub(crate) fn is_dataset(&self) -> bool {
        let holds_data = || DATA.iter().chain(&[MARK]).any(|name| self.holds(name));
        !self.is_change() && (holds_data() || self.parts().next().is_some())
    }

    /// Whether this is where criterion keeps its comparison with a baseline.
    pub(crate) fn is_change(&self) -> bool {
        self.path.file_name() == Some(OsStr::new("change"))
    }

    /// Whether there is a measurement, not only the mark of one that failed.
    pub(crate) fn has_data(&self) -> bool {
        self.is_dataset() && DATA.iter().any(|name| self.holds(name))
    }

    /// Files of a measurement that were being written when the writer was
    /// stopped.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &OsString> {
        self.files.iter().filter(|name| {
            let stem = name.as_encoded_bytes().strip_suffix(PART.as_bytes());
            let is = |of: &&str| of.strip_suffix("json").map(str::as_bytes) == stem;
            stem.is_some() && DATA.iter().chain(&[MARK]).any(is)
        })
    }
}
