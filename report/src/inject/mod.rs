//! Where reports go: between the [markers](marker) of a README, and into the
//! [summary](github) of a step on GitHub.

mod difference;
mod github;
pub mod marker;

use std::fs;
use std::path::Path;

pub use difference::Difference;
pub use github::github;

use crate::atomic;
use crate::error::Error;
use crate::snapshot::bad;
use marker::Marker;

/// What became of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Injected {
    /// How many markers it has.
    pub markers: usize,
    /// Where it first differed from what it should say; `None` if it did not.
    pub difference: Option<Difference>,
}

/// Puts what `render` makes of each marker's arguments between the marker and
/// its end; with `check`, only says whether that would change the file.
///
/// All is rendered before anything is written, and the file is replaced whole:
/// it is as it was or as it should be. Its permissions, its line ends and what
/// is outside of the markers stay; symbolic links are followed. A file that
/// says already what it should is not written.
///
/// # Errors
/// [`Error::BadFile`] with the line for markers that make no sense and for what
/// `render` fails with, and for a file without markers, or that is no UTF-8.
pub fn inject(
    path: &Path,
    check: bool,
    mut render: impl FnMut(&Marker) -> Result<String, Error>,
) -> Result<Injected, Error> {
    let old = fs::read_to_string(path).map_err(|e| bad(path, e.to_string()))?;
    let markers = marker::find(&old).map_err(|fault| bad(path, fault.to_string()))?;
    if markers.is_empty() {
        let why =
            format!("holds no marker: a line `{}` and a line `{}`", marker::EXAMPLE, marker::END);
        return Err(bad(path, why));
    }
    let contents: Vec<String> = markers
        .iter()
        .map(|marker| render(marker).map_err(|e| bad(path, format!("line {}: {e}", marker.line))))
        .collect::<Result<_, _>>()?;
    let new =
        marker::fill(&old, &markers, &contents).map_err(|fault| bad(path, fault.to_string()))?;
    let difference = Difference::first(&old, &new);
    if difference.is_some() && !check {
        atomic::replace(path, new.as_bytes())?;
    }
    Ok(Injected { markers: markers.len(), difference })
}

#[cfg(test)]
mod tests;
