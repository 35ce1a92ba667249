//! The contract of comparison: what makes one model's time comparable with
//! another's, and how the times become a report.
//!
//! | module | holds |
//! |---|---|
//! | [`suite`] | what a bench declares: workloads, models, known answers, claims |
//! | [`work`] | `busy`, the calibrated kernel whose duration is a parameter |
//! | [`peer`] | a Python child that is visited like any model |

#[cfg(not(target_os = "linux"))]
compile_error!(
    "Polyphony measures processes, signals and /proc as Linux has them: build it on Linux"
);

pub mod peer;
pub mod suite;
pub mod work;

#[cfg(feature = "drivers")]
mod drivers;

#[cfg(feature = "drivers")]
pub use drivers::drive;
