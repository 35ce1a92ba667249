//! The general class: any closure, run when its value is first wanted.

use std::fmt;
use std::sync::OnceLock;

/// A value that `make` computes when it is first asked for, and that is kept.
///
/// "Computed" is a state of the cell and not a property of the value. The
/// lecture's `if not self._result` asks the value instead, and so computes a
/// zero, an empty list or `False` anew on every call. That is harmless for a
/// factorial, which is never zero, and wrong for the general class:
///
/// ```
/// use std::cell::Cell;
/// use lazy::Lazy;
///
/// let runs = Cell::new(0);
/// let zero = Lazy::new(|| {
///     runs.set(runs.get() + 1);
///     0
/// });
/// assert_eq!((*zero.compute(), *zero.compute(), runs.get()), (0, 0, 1));
/// ```
///
/// # Beside the standard library
///
/// | | `make` | after a panic in `make` | forced by |
/// |---|---|---|---|
/// | `Lazy` | `Fn`, kept | empty: the next call tries again | `compute()` |
/// | [`LazyLock`](std::sync::LazyLock) | `FnOnce`, consumed | poisoned: every use panics | deref |
/// | [`OnceLock`] | handed to each call | empty: the next call tries again | `get_or_init(make)` |
/// | [`LazyCell`](std::cell::LazyCell) | `FnOnce`, consumed | poisoned | deref, one thread only |
///
/// `Lazy` is a `OnceLock` with its closure beside it. A closure that may fail
/// and be tried again cannot be consumed, so it must be `Fn`; what a closure
/// has captured lives as long as the `Lazy`. For a value in a `static` that
/// cannot fail, take `LazyLock`.
///
/// # Panics and deadlocks
///
/// A panic in `make` goes to the caller that ran it; threads that were waiting
/// try it themselves. A `make` that asks for its own value never gets it:
/// `OnceLock` documents this as an error with unspecified outcome, and today
/// it deadlocks.
pub struct Lazy<T, F = fn() -> T> {
    value: OnceLock<T>,
    make: F,
}

impl<T, F> Lazy<T, F> {
    /// Puts `make` off. Costs what moving the closure costs.
    pub const fn new(make: F) -> Self {
        Self { value: OnceLock::new(), make }
    }

    /// The value if it has been computed; never computes.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }
}

impl<T, F: Fn() -> T> Lazy<T, F> {
    /// The value, made by the first call and looked up by all others.
    ///
    /// Threads that call at the same moment get one value: one of them makes
    /// it and the others block until it is there.
    ///
    /// # Panics
    /// If `make` panics, and then the value stays uncomputed.
    pub fn compute(&self) -> &T {
        self.value.get_or_init(&self.make)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for Lazy<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(value) => f.debug_tuple("Lazy").field(value).finish(),
            None => f.write_str("Lazy(<not computed>)"),
        }
    }
}
