//! One suite, two drivers.
//!
//! A bench's `main` hands its suite to [`drive`]. Under `cargo bench` that is
//! criterion, one model after the other; when `report run` starts the same
//! binary it is the interleaved sampler.

mod criterion;

use std::process::ExitCode;

use crate::suite::{Scale, Suite};

/// Runs a suite as the command line asks; a bench's `main` is this call, after
/// the worker entry where other processes are involved.
///
/// ```no_run
/// # use report::suite::{Scale, Suite};
/// # fn suite(_: Scale) -> Suite { Suite::new("lazy") }
/// fn main() -> std::process::ExitCode {
///     report::drive(suite)
/// }
/// ```
pub fn drive(suite: fn(Scale) -> Suite) -> ExitCode {
    criterion::run(&suite(Scale::Quick))
}
