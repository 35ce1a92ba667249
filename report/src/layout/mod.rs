//! criterion's files: the one module that knows their format.
//!
//! criterion 0.8 keeps a benchmark in
//! `<root>/<group>/<function>/<value>/<baseline>/`, where each component has
//! `? " / \ * < > : | ^` replaced by `_` and is cut at 64 bytes. Names are
//! therefore read from `benchmark.json`, never from paths. That file is
//! written last, so a directory without it is a benchmark that was cut off.
//!
//! The sampler writes the same files under the baseline `interleaved`, so that
//! critcmp, criterion (`--baseline interleaved`) and any other reader of this
//! layout can use them.

use std::path::PathBuf;

use crate::benchmark::Id;

mod files;
mod folder;
mod read;
#[cfg(feature = "cli")]
mod sets;
#[cfg(feature = "cli")]
mod untimed;
#[cfg(feature = "cli")]
mod walk;
mod write;

pub use read::read;
#[cfg(feature = "cli")]
pub(crate) use sets::{Tree, read_tree};
#[cfg(feature = "cli")]
pub use sets::{baselines, read_sets};
pub use write::{remove, write};

#[cfg(feature = "cli")]
pub(crate) use files::{BENCHMARK, PART};
pub(crate) use files::{MARK, read_json, write_json};
#[cfg(feature = "cli")]
pub(crate) use folder::Folder;
#[cfg(feature = "cli")]
pub(crate) use read::{Dataset, dataset, readable};
#[cfg(feature = "cli")]
pub(crate) use walk::walk;

/// The baseline under which the sampler keeps what it measured.
pub const INTERLEAVED: &str = "interleaved";

/// The baseline under which criterion keeps its latest run.
pub const NEW: &str = "new";

impl Id {
    /// Where criterion keeps this benchmark, below its root.
    pub fn directory(&self) -> PathBuf {
        let mut path = PathBuf::from(file_name(&self.group));
        path.extend(
            [&self.function, &self.value]
                .into_iter()
                .filter(|x| !x.is_empty())
                .map(|x| file_name(x)),
        );
        path
    }
}

/// The text as criterion makes a path component of it.
///
/// ```
/// assert_eq!(report::layout::file_name("threads/sin"), "threads_sin");
/// ```
pub fn file_name(text: &str) -> String {
    const LONGEST: usize = 64;
    let mut safe: String = text
        .chars()
        .map(|c| {
            if matches!(c, '?' | '"' | '/' | '\\' | '*' | '<' | '>' | ':' | '|' | '^') {
                '_'
            } else {
                c
            }
        })
        .collect();
    let mut end = safe.len().min(LONGEST);
    while !safe.is_char_boundary(end) {
        end -= 1;
    }
    safe.truncate(end);
    safe
}
