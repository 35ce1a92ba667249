//! Every folder below a root, in parallel.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::folder::Folder;
use crate::benchmark::Problem;
use crate::error::Error;

/// How deep folders may be nested. criterion nests four deep, and deeper only
/// for a baseline with slashes in its name.
const DEEPEST: usize = 32;

/// How many links a path may lead through, say a group's and a baseline's: where
/// links lead crosswise, paths multiply with every one.
const MOST_LINKS: usize = 2;

/// What a walk came upon.
pub(crate) struct Walk<T> {
    /// What the visitor made of the folders, in no order.
    pub(crate) found: Vec<T>,
    /// Folders and links that could not be followed.
    pub(crate) problems: Vec<Problem>,
}

/// Visits the root and every folder below it, with two or more cores in
/// parallel; the visitor adds what it finds to the list.
///
/// Links are followed, but never back to a folder that holds them.
///
/// # Errors
/// [`Error::NothingMeasured`] if there is no root, [`Error::BadFile`] if it is
/// no folder or cannot be read.
pub(crate) fn walk<T: Send>(
    root: &Path,
    visit: impl Fn(&Folder, &mut Vec<T>) + Sync,
) -> Result<Walk<T>, Error> {
    let folder = Folder::list(root.to_owned()).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Error::NothingMeasured(root.into()),
        io::ErrorKind::NotADirectory => {
            Error::BadFile { path: root.into(), why: "is no folder".into() }
        }
        _ => Error::BadFile { path: root.into(), why: format!("cannot be read: {e}") },
    })?;
    Ok(Walker { root, visit }.walk(folder, Depth::default()))
}

#[derive(Clone, Copy, Default)]
struct Depth {
    folders: usize,
    links: usize,
}

struct Walker<'a, V> {
    root: &'a Path,
    visit: V,
}

impl<V> Walker<'_, V> {
    fn walk<T: Send>(&self, folder: Folder, depth: Depth) -> Walk<T>
    where
        V: Fn(&Folder, &mut Vec<T>) + Sync,
    {
        let mut walk = Walk { found: Vec::new(), problems: Vec::new() };
        (self.visit)(&folder, &mut walk.found);
        let Folder { path, folders, links, broken, .. } = folder;
        walk.problems.extend(broken.into_iter().map(|(name, e)| {
            Problem::lost(path.join(name), None, format!("is a link that leads nowhere: {e}"))
        }));
        if folders.is_empty() && links.is_empty() {
            return walk;
        }
        if depth.folders == DEEPEST {
            let what = format!("holds folders more than {DEEPEST} deep, which were not read");
            walk.problems.push(Problem::lost(path, None, what));
            return walk;
        }
        let below = folders
            .into_par_iter()
            .map(|name| self.descend(path.join(name), depth))
            .chain(links.into_par_iter().map(|name| self.follow(&path, name, depth)))
            .reduce(|| Walk { found: Vec::new(), problems: Vec::new() }, Walk::and);
        walk.and(below)
    }

    fn descend<T: Send>(&self, path: PathBuf, depth: Depth) -> Walk<T>
    where
        V: Fn(&Folder, &mut Vec<T>) + Sync,
    {
        let depth = Depth { folders: depth.folders + 1, ..depth };
        match Folder::list(path.clone()) {
            Ok(folder) => self.walk(folder, depth),
            Err(e) => Walk {
                found: Vec::new(),
                problems: vec![Problem::lost(path, None, format!("cannot be read: {e}"))],
            },
        }
    }

    fn follow<T: Send>(&self, folder: &Path, name: OsString, depth: Depth) -> Walk<T>
    where
        V: Fn(&Folder, &mut Vec<T>) + Sync,
    {
        let path = folder.join(name);
        let refused = |problem| Walk { found: Vec::new(), problems: vec![problem] };
        match self.leads_back(folder, &path) {
            Ok(true) => {
                // What it leads to is read where it stands.
                let what = "is a link back to a folder that holds it: not followed";
                refused(Problem::note(path, None, what))
            }
            Err(e) => {
                let what = format!("is a link that cannot be followed: {e}");
                refused(Problem::lost(path, None, what))
            }
            Ok(false) if depth.links == MOST_LINKS => {
                let what = "is a link behind a link behind a link: not followed";
                refused(Problem::lost(path, None, what))
            }
            Ok(false) => self.descend(path, Depth { links: depth.links + 1, ..depth }),
        }
    }

    /// Whether a link leads to a folder on its own path, or above the root.
    fn leads_back(&self, folder: &Path, link: &Path) -> io::Result<bool> {
        let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        let target = identity(&fs::metadata(link)?);
        let root = self.root.canonicalize()?;
        let inside = folder.ancestors().take_while(|above| *above != self.root);
        for above in inside.chain(root.ancestors()) {
            if identity(&fs::metadata(above)?) == target {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl<T> Walk<T> {
    fn and(mut self, other: Self) -> Self {
        self.found.extend(other.found);
        self.problems.extend(other.problems);
        self
    }
}
