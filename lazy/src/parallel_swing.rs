//! n! from its prime factors, on many threads.

use num_bigint::BigUint;

use crate::multiply::Crew;
use crate::prime_swing::{by_prime_swing, prime_swing};

/// Where two threads were measured to be faster than one. Handing over to a thread that
/// sleeps takes too much of what it saves below.
const PAYS_FROM: u32 = 300_000;

/// [`prime_swing`] on the threads of rayon's pool, from n = 300,000 on; below, on the
/// caller's own.
///
/// On two cores it took 0.73 [0.62, 0.77] of `prime_swing`'s time at 1,000,000 and 0.94
/// [0.84, 0.96] at 300,000; without the threshold 0.98 [0.86, 1.07] at 100,000
/// (interleaved; Intel Xeon, virtual, Linux 6.18, 2026-11-29). A later run says 0.66
/// [0.61, 0.74] and, at 300,000, 0.98 [0.95, 1.02]. With nothing else run in
/// between, which would put the other thread to deeper sleep, it was 0.77 already at
/// 100,000, and 1.14 at 15,000.
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
/// assert_eq!(lazy::parallel_swing(3_000), lazy::prime_swing(3_000));
/// ```
pub fn parallel_swing(n: u32) -> BigUint {
    if n < PAYS_FROM { prime_swing(n) } else { on_threads(n) }
}

/// A thread of the pool goes on with one half when it offers the other; a stranger would
/// sleep at each of some dozen halvings until the pool has done both. So the whole of it
/// is done in the pool.
fn on_threads(n: u32) -> BigUint {
    rayon::scope(|_| by_prime_swing(n, Crew))
}

#[cfg(test)]
mod tests {
    use rayon::ThreadPoolBuilder;

    use super::on_threads;
    use crate::prime_swing;

    /// Of no number, of one and of many, also where threads would not be asked for.
    #[test]
    fn threads_agree_with_prime_swing_however_many_there_are() {
        for threads in [1, 2, 5] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            for n in [0, 1, 2, 26, 1_000, 19_999, 20_000, 65_537] {
                assert_eq!(pool.install(|| on_threads(n)), prime_swing(n), "{n}! on {threads}");
            }
        }
    }
}
