//! The lecture's work: `fn(x)` returns `x**3`.

use processes::{Registry, Task};

/// The largest integer whose cube fits 64 bits.
pub const LARGEST: u64 = 2_642_245;

/// The cube of `x`, or `None` above [`LARGEST`], where it needs more than 64
/// bits (Python's integers grow instead).
///
/// ```
/// use pool::cube::{LARGEST, cube};
/// assert_eq!(cube(99), Some(970_299));
/// assert_eq!(cube(LARGEST), Some(18_446_724_184_312_856_125));
/// assert_eq!(cube(LARGEST + 1), None);
/// ```
pub const fn cube(x: u64) -> Option<u64> {
    x.checked_pow(3)
}

/// [`cube`] under a name, so that another process can be asked for it.
pub const CUBE: Task<u64, Option<u64>> = Task::new("pool/cube", cube);

/// The tasks of this crate, for a program that uses no others.
pub fn registry() -> Registry {
    Registry::new().with(&CUBE)
}
