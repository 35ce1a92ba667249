//! The lecture's class: a factorial that costs nothing until it is wanted.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;

use num_bigint::BigUint;

use crate::factorial;

/// n!, computed when it is first asked for and kept from then on.
///
/// Creating one is a store of `n`. Threads can share it by reference: however
/// many ask at the same moment, one computes and the others wait for it, which
/// the lecture's class does not promise (two threads may both find `_result`
/// empty).
///
/// Comparing, hashing and printing look at `n` alone and never compute. The
/// order by `n` is the order by value from n = 1 on; 0 and 1 differ here
/// although 0! = 1!, as they do in the lecture.
///
/// ```
/// use lazy::LazyFactorial;
///
/// let (hundred, thousand) = (LazyFactorial::new(100), LazyFactorial::new(1000));
/// assert!(hundred < thousand);
/// assert_eq!(format!("{thousand:?}"), "LazyFactorial(1000)");
/// assert!(!thousand.is_computed(), "neither comparing nor printing computes");
///
/// assert_eq!(thousand.compute().to_string().len(), 2568);
/// assert!(std::ptr::eq(thousand.compute(), thousand.compute()));
/// ```
pub struct LazyFactorial {
    n: u32,
    value: OnceLock<BigUint>,
}

impl LazyFactorial {
    /// Puts n! off. Costs about a nanosecond, whatever `n` is.
    pub const fn new(n: u32) -> Self {
        Self { n, value: OnceLock::new() }
    }

    /// What it is the factorial of.
    pub const fn n(&self) -> u32 {
        self.n
    }

    /// n!, computed by the first call and looked up by all others.
    ///
    /// The value is lent, not copied: a clone of 1000! takes longer than a
    /// thousand look-ups and would be all that a measurement of this saw.
    pub fn compute(&self) -> &BigUint {
        self.value.get_or_init(|| factorial(self.n))
    }

    /// Whether the value is there, so that [`compute`](Self::compute) is a look-up.
    pub fn is_computed(&self) -> bool {
        self.value.get().is_some()
    }

    /// The value itself, moved out, and computed if it was not yet.
    pub fn into_value(self) -> BigUint {
        self.value.into_inner().unwrap_or_else(|| factorial(self.n))
    }
}

// The four of them by hand and by `n`: deriving them would compare the cells,
// so that an object changed its place in the order when it was computed.

impl PartialEq for LazyFactorial {
    fn eq(&self, other: &Self) -> bool {
        self.n == other.n
    }
}

impl Eq for LazyFactorial {}

impl PartialOrd for LazyFactorial {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LazyFactorial {
    fn cmp(&self, other: &Self) -> Ordering {
        self.n.cmp(&other.n)
    }
}

/// Agrees with `Eq`. The lecture's class defines `__eq__` without `__hash__`,
/// which makes it unhashable in Python.
impl Hash for LazyFactorial {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.n.hash(state);
    }
}

impl fmt::Debug for LazyFactorial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LazyFactorial").field(&self.n).finish()
    }
}
