//! The work that is put off: n! by the lecture's loop.

use num_bigint::BigUint;

/// `n! = 1 x 2 x ... x n`, multiplied up one factor after the other, and
/// `0! = 1`, the empty product.
///
/// The loop is the lecture's. It multiplies an ever longer number by a machine
/// word, so it costs O(n^2 log n) bit operations: 1000! has 2,568 digits and
/// takes some tens of microseconds. [`prime_swing`](crate::prime_swing) is faster
/// by an order of magnitude at n in the ten thousands, but then it would no
/// longer be the lecture's work that is compared.
///
/// ```
/// assert_eq!(lazy::factorial(0).to_string(), "1");
/// assert_eq!(lazy::factorial(25).to_string(), "15511210043330985984000000");
/// ```
///
/// Python's `range(1, n + 1)` is empty for a negative `n`, so the lecture's
/// class says that (-3)! is 1. Here the question cannot be asked:
///
/// ```compile_fail,E0600
/// lazy::factorial(-3);
/// ```
pub fn factorial(n: u32) -> BigUint {
    let mut product = BigUint::from(1_u32);
    for factor in 1..=n {
        product *= factor;
    }
    product
}
