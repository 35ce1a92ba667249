//! malachite's rows: its numbers are turned into num-bigint's outside the clock.

use std::hint::black_box;
use std::time::{Duration, Instant};

use malachite_base::num::arithmetic::traits::{Factorial, Pow};
use malachite_nz::natural::Natural;
use num_bigint::BigUint;
use report::suite::{Routine, timed};

/// n! by malachite.
pub(crate) fn factorial(n: u32) -> Routine<BigUint> {
    numbers(move || Natural::factorial(black_box(n.into())))
}

/// The square of a power of 7 by malachite.
pub(crate) fn square(power: u32) -> Routine<BigUint> {
    let number = Natural::from(7_u32).pow(power.into());
    numbers(move || black_box(&number) * black_box(&number))
}

/// `repeat` for malachite's numbers, in batches that last as long as its own: with more
/// results alive the allocator gives memory back and faults it in again.
fn numbers(work: impl Fn() -> Natural + 'static) -> Routine<BigUint> {
    const BATCH: Duration = Duration::from_micros(20);
    let (mut at_a_time, mut batch) = (1, Vec::new());
    timed(move |iterations| {
        let (mut taken, mut results) = (Duration::ZERO, Vec::new());
        let mut left = iterations;
        while left > 0 {
            let size = left.min(at_a_time);
            batch.reserve(size as usize);
            let start = Instant::now();
            batch.extend((0..size).map(|_| work()));
            let lasted = start.elapsed();
            taken += lasted;
            // Equal results are checked, and kept, once.
            batch.dedup();
            results.extend(batch.iter().map(biguint));
            results.dedup();
            batch.clear();
            left -= size;
            if lasted < BATCH / 2 && size == at_a_time {
                at_a_time *= 2;
            } else if lasted > BATCH * 2 {
                at_a_time = (at_a_time / 2).max(1);
            }
        }
        Ok((taken, results))
    })
}

fn biguint(number: &Natural) -> BigUint {
    let halves = |limb: &u64| [*limb as u32, (*limb >> 32) as u32];
    BigUint::new(number.to_limbs_asc().iter().flat_map(halves).collect())
}
