//! n! from its prime factors, on many threads.

use num_bigint::BigUint;

use crate::multiply::Crew;
use crate::prime_swing::{by_prime_swing, prime_swing};

/// Below, handing over to a thread that sleeps costs more than it saves.
const PAYS_FROM: u32 = 30_000;

/// [`prime_swing`] on the threads of rayon's pool, from n = 30,000 on; below, on the
/// caller's own.
///
/// On two cores, in turn with `prime_swing`, it took 1.14 times as long at 15,000, as
/// long at 20,000, 0.89 at 30,000, 0.77 at 100,000 and 0.68 at 1,000,000 (Intel Xeon,
/// virtual, Linux 6.18, 2026-11-29; medians, the threshold taken away).
///
/// Side by side are a square and the swing that it will be multiplied by; what a long
/// product takes modulo one prime and modulo another; and, from n in the hundred
/// thousands, the halves of each transform. So two threads are busy for most of the
/// time, and more than four for little of it.
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
    if n < PAYS_FROM {
        return prime_swing(n);
    }
    // A thread of the pool goes on with one half when it offers the other; a stranger
    // would sleep at each of some dozen halvings until the pool has done both.
    rayon::scope(|_| by_prime_swing(n, Crew))
}
