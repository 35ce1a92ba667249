//! The contract of comparison: what makes one model's time comparable with
//! another's, and how the times become a report.
//!
//! A bench sees `suite`, [`work`] and `drive` (feature `drivers`); the rest is
//! how times are taken, kept and told.
//!
//! | module | holds |
//! |---|---|
//! | `suite` | what a bench declares: workloads, models, known answers, claims |
//! | [`work`] | `busy`, the calibrated kernel whose duration is a parameter |
//! | `drivers` | one suite, two drivers: criterion and the interleaved sampler |
//! | `peer`, `python` | a Python child that is visited like any model, and where it comes from |
//! | [`stats`] | medians and ratios, with how far they can be trusted |
//! | [`benchmark`] | what was measured, whoever measured it |
//! | `pivot` | `report table`: models by values |
//! | `diff` | `report diff`: what moved between runs, and how sure that is |
//! | `doctor` | what is wrong with a tree, and what to do about it |
//! | [`layout`] | criterion's files, and the only code that knows them |
//! | [`record`] | what criterion does not record: machine, run, meaning, outcome |
//! | `source` | what a name on the command line means, and where criterion's data is |
//! | `snapshot`, `history`, `foreign` | what is not criterion's and stands in the same tables |
//! | `inject` | where tables go: a README's markers, a step's summary on GitHub |
//! | `topics` | which topics there are, asked of cargo |
//! | `run`, [`protocol`] | `report run`: benches as children, progress, resuming |
//! | `pair` | `report pair`: two checkouts, visited in turn |
//! | [`comparison`], [`verdict`], `summary` | what the workspace's report says |
//! | `page` | and in which order, as a document |
//! | `document`, [`units`] | how any document is written |

#[cfg(not(target_os = "linux"))]
compile_error!(
    "Polyphony measures processes, signals and /proc as Linux has them: build it on Linux"
);

pub mod benchmark;
pub mod claim;
pub mod comparison;
pub mod description;
pub mod layout;
pub mod machine;
pub mod protocol;
pub mod record;
pub mod stats;
pub mod units;
pub mod verdict;
pub mod work;

#[cfg(feature = "drivers")]
mod drivers;
#[cfg(feature = "drivers")]
pub mod peer;
#[cfg(feature = "drivers")]
pub mod suite;

#[cfg(feature = "cli")]
mod atomic;
#[cfg(feature = "cli")]
mod bench_process;
#[cfg(feature = "cli")]
pub mod diff;
#[cfg(feature = "cli")]
pub mod doctor;
#[cfg(feature = "cli")]
pub mod document;
#[cfg(feature = "cli")]
pub mod error;
#[cfg(feature = "cli")]
pub mod foreign;
#[cfg(feature = "cli")]
pub mod history;
#[cfg(feature = "cli")]
pub mod inject;
#[cfg(feature = "cli")]
mod interrupt;
#[cfg(feature = "cli")]
pub mod page;
#[cfg(feature = "cli")]
pub mod pair;
#[cfg(feature = "cli")]
pub mod pivot;
#[cfg(feature = "cli")]
mod progress;
#[cfg(feature = "cli")]
mod python;
#[cfg(feature = "cli")]
pub mod render;
#[cfg(feature = "cli")]
pub mod run;
#[cfg(feature = "cli")]
mod saved;
#[cfg(feature = "cli")]
pub mod snapshot;
#[cfg(feature = "cli")]
pub mod source;
#[cfg(feature = "cli")]
pub mod summary;
#[cfg(feature = "cli")]
pub mod topics;

#[cfg(feature = "drivers")]
pub use drivers::drive;
