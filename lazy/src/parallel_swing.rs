//! n! from its prime factors, on many threads.

use num_bigint::BigUint;

use crate::multiply::Crew;
use crate::prime_swing::{by_prime_swing, prime_swing};

/// From this n on two threads were faster than one.
const PAYS_FROM: u32 = 20_000;

/// [`prime_swing`] on the threads of rayon's pool, from n = 20,000 on, where that was
/// measured to pay; below, on the caller's own.
///
/// Three things are done side by side: a square and the swing that it will be
/// multiplied by; the transforms modulo two primes that a long product takes; and
/// the halves of each transform, and its two factors. So two threads are busy for
/// most of the time, and more than four for little of it.
///
/// The threads are rayon's global pool, or that in which the call is made
/// (`ThreadPool::install`). The first call starts the global pool, which is no part of
/// what the bench measures.
///
/// # Panics
/// If the global pool must be started and the system refuses a thread.
///
/// ```
/// assert_eq!(lazy::parallel_swing(30_000), lazy::prime_swing(30_000));
/// ```
pub fn parallel_swing(n: u32) -> BigUint {
    if n < PAYS_FROM { prime_swing(n) } else { by_prime_swing(n, Crew) }
}
