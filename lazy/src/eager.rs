//! The baseline: the value is computed when the object is made.

use num_bigint::BigUint;

use crate::factorial;

/// A factorial that is computed at once, wanted or not.
///
/// It has the value, so it compares by the value. That is where it differs
/// from [`LazyFactorial`](crate::LazyFactorial), which compares what it was
/// made from: 0! equals 1! here, and not there.
///
/// ```
/// use lazy::EagerFactorial;
/// assert_eq!(EagerFactorial::new(5).compute(), &120_u32.into());
/// assert_eq!(EagerFactorial::new(0), EagerFactorial::new(1));
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EagerFactorial(BigUint);

impl EagerFactorial {
    /// Computes n!. All of the cost is here: see [`factorial`].
    pub fn new(n: u32) -> Self {
        Self(factorial(n))
    }

    /// The value, which has been there all along.
    pub fn compute(&self) -> &BigUint {
        &self.0
    }

    /// The value itself, moved out.
    pub fn into_value(self) -> BigUint {
        self.0
    }
}
