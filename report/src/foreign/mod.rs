//! What other tools measured, in the same tables: pyperf's and hyperfine's JSON.
//!
//! A foreign benchmark has one name. A [`Mapping`] makes an [`Id`] of it, so
//! that a Python or shell peer stands beside Rust's rows in their group.

pub mod hyperfine;
mod mapping;
pub mod pyperf;

use std::collections::HashMap;
use std::path::Path;

use rayon::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

pub use mapping::Mapping;

use crate::benchmark::{Benchmark, Id, Problem, Set};
use crate::error::Error;
use crate::snapshot::bad;

/// Nanoseconds a second: both tools count in seconds.
const SECOND: f64 = 1e9;

/// What could be made of one entry of a foreign file.
enum Entry {
    /// A benchmark, and what else is to be told of it.
    Read(Box<Benchmark>, Option<String>),
    /// None, and why; with the name, if it could be read.
    Broken(Option<Id>, String),
}

/// Reads JSON that is to be of a certain shape.
fn shape<'a, T: Deserialize<'a>>(path: &Path, text: &'a [u8], tool: &str) -> Result<T, Error> {
    serde_json::from_slice(text)
        .map_err(|e| bad(path, format!("is no {tool} file that can be read: {e}")))
}

/// A set of the entries of a file, each read by itself. Namesakes are told
/// apart by their places: the second `sleep 1` stands at `sleep 1 (2)`.
fn set<'a>(
    path: &Path,
    raws: &[&'a RawValue],
    read: impl Fn(usize, &'a RawValue) -> Entry + Sync,
) -> Set {
    // Each costs two bootstraps, some milliseconds.
    let entries: Vec<_> = raws.par_iter().enumerate().map(|(i, raw)| read(i + 1, raw)).collect();
    let mut set = Set::default();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for entry in entries {
        match entry {
            Entry::Broken(id, what) => set.problems.push(Problem::lost(path, id, what)),
            Entry::Read(mut benchmark, what) => {
                // What is drawn from good figures can still overflow.
                if let Some(what) = benchmark.flaw() {
                    let what = format!("{:?} {what}", benchmark.place);
                    set.problems.push(Problem::lost(path, Some(benchmark.id), what));
                    continue;
                }
                if let Some(what) = what {
                    set.problems.push(Problem::note(path, Some(benchmark.id.clone()), what));
                }
                let count = seen.entry(benchmark.place.clone()).or_default();
                *count += 1;
                if *count > 1 {
                    benchmark.place = format!("{} ({count})", benchmark.place);
                }
                set.benchmarks.push(*benchmark);
            }
        }
    }
    set.sort();
    set
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PYPERF: &[u8] = include_bytes!("../../tests/fixtures/pyperf.json");
    const HYPERFINE: &[u8] = include_bytes!("../../tests/fixtures/hyperfine.json");

    proptest! {
        // Each case costs some bootstraps.
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is changed in a real file, what is read makes sense.
        #[test]
        fn no_change_makes_nonsense(
            is_pyperf: bool,
            place: prop::sample::Index,
            length in 0_usize..9,
            by in "[-0-9.e,:\"\\[\\]{}]{0,6}",
        ) {
            let mut text = if is_pyperf { PYPERF } else { HYPERFINE }.to_vec();
            let start = place.index(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, by.into_bytes());
            let (path, mapping) = (Path::new("x"), Mapping::default());
            let set = match is_pyperf {
                true => pyperf::parse(path, &text, &mapping),
                false => hyperfine::parse(path, &text, &mapping),
            };
            for benchmark in set.into_iter().flat_map(|set| set.benchmarks) {
                prop_assert_eq!(benchmark.flaw(), None);
            }
        }
    }
}
