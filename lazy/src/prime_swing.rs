//! n! from its prime factors: the same value, by a better algorithm.

use std::f64::consts::LOG2_E;

use num_bigint::BigUint;

use crate::multiply::{Alone, Join, Multiplier, shifted, times_word};
use crate::primes::odd_primes;

/// The largest n whose factorial, without its twos, fits into a `u64`.
const LARGEST_IN_A_WORD: u32 = 25;

/// Up to so many words are multiplied up one after the other: below that a word
/// at a time beats halves that must be allocated.
const WORDS_IN_A_LOOP: usize = 24;

/// From this n on a square and a swing are worth being computed side by side.
const WORTH_A_THREAD: u32 = 20_000;

/// n! by prime swing: a few long multiplications instead of n short ones.
///
/// `n! = (n/2)!^2 swing(n)`, where `swing(n)`, the swinging factorial, is a
/// product of few primes to known powers: `p` divides it as often as there are
/// odd numbers among n/p, n/p^2, and so on, rounded down. The primes are
/// multiplied as a balanced tree, so that long numbers meet long numbers, and
/// all the twos are one shift at the end.
///
/// Source: P. Luschny, "Swing, divide and conquer the factorial" (2008); with
/// another recursion over the same primes also A. Schönhage, A. Grotefeld and
/// E. Vetter, *Fast Algorithms* (1994), section 6.7.
///
/// Cost: that of multiplying two numbers of half the length, some times over, by
/// [`multiply`](crate::multiply). Memory: a byte for every odd number below n, and
/// some nine times the result's, which is 2 MB at n = 1,000,000.
///
/// # If you need factorials
///
/// Whoever may use LGPL software should take `rug` (GMP) or malachite: they are tested
/// by many, and at n = 10,000 faster. 1000! took 5.2 µs here, 3.7 by GMP and 5.4 by
/// malachite; 10,000! 250, 167 and 198 µs; 100,000! 5.1, 5.5 and 4.1 ms (Intel Xeon,
/// virtual, Linux 6.18, 2026-11-29).
///
/// ```
/// use lazy::{factorial, prime_swing};
///
/// assert_eq!(prime_swing(0), 1_u32.into());
/// assert_eq!(prime_swing(1000), factorial(1000));
/// ```
pub fn prime_swing(n: u32) -> BigUint {
    by_prime_swing(n, Alone)
}

/// Prime swing on as many threads as there are to join.
pub(crate) fn by_prime_swing(n: u32, join: impl Join) -> BigUint {
    let primes = odd_primes(n);
    let multiplier = Multiplier::up_to(words_of(n), join);
    let halvings = (n / (LARGEST_IN_A_WORD + 1)).checked_ilog2().map_or(0, |log| log + 1);
    let mut odd = vec![odd_part(n >> halvings)];
    let (mut square, mut factors) = (Vec::new(), Vec::new());
    for n in (0..halvings).rev().map(|level| n >> level) {
        join.both(
            n >= WORTH_A_THREAD,
            || multiplier.square(&mut square, &odd),
            || {
                swing(&mut factors, n, &primes);
                multiply_up(&mut factors, &multiplier);
            },
        );
        multiplier.product(&mut odd, &square, &factors);
    }
    shifted(&odd, n - n.count_ones())
}

/// How many words n! has at most, by Stirling: log n! < n (log n - 1) + log n + 2.
fn words_of(n: u32) -> usize {
    let (n, log) = (f64::from(n), f64::from(n.max(2)).log2());
    ((n * (log - LOG2_E) + log + 3.0) / 64.0) as usize + 1
}

/// n! without its factors of two, of an n whose fits into a word.
fn odd_part(n: u32) -> u64 {
    (1..=u64::from(n)).map(|factor| factor >> factor.trailing_zeros()).product()
}

/// Leaves in `words` the odd primes of the swinging factorial of n, each as often as
/// it divides it, some to a word.
fn swing(words: &mut Vec<u64>, n: u32, primes: &[u32]) {
    let fit = u64::BITS / (u32::BITS - n.leading_zeros());
    let (mut word, mut taken) = (1, 0);
    words.clear();
    // Whether a prime is wanted is anybody's guess, so nothing jumps by it.
    let mut take = |p: u32, wanted: bool| {
        word *= if wanted { u64::from(p) } else { 1 };
        taken += u32::from(wanted);
        if taken == fit {
            words.push(word);
            (word, taken) = (1, 0);
        }
    };
    let below = |limit: u32| primes.partition_point(|p| *p <= limit);
    let (root, third, half, all) = (below(n.isqrt()), below(n / 3), below(n / 2), below(n));

    for &p in &primes[..root] {
        let mut rest = n / p;
        while rest > 0 {
            take(p, rest % 2 == 1);
            rest /= p;
        }
    }
    // From here on n/p^2 is nothing, between n/3 and n/2 n/p is 2, and above it is 1.
    primes[root.min(third)..third].iter().for_each(|p| take(*p, n / p % 2 == 1));
    primes[half..all].iter().for_each(|p| take(*p, true));
    words.push(word);
}

/// Puts the product of some words in their place, by a balanced tree.
fn multiply_up(words: &mut Vec<u64>, multiplier: &Multiplier<impl Join>) {
    if words.len() > WORDS_IN_A_LOOP {
        let mut right = words.split_off(words.len() / 2);
        let mut left = std::mem::take(words);
        multiply_up(&mut left, multiplier);
        multiply_up(&mut right, multiplier);
        return multiplier.product(words, &left, &right);
    }
    // The product of the first words is no longer than they are.
    let mut length = 1;
    for at in 1..words.len() {
        let factor = words[at];
        let carry = times_word(&mut words[..length], factor);
        if carry > 0 {
            words[length] = carry;
            length += 1;
        }
    }
    words.truncate(length);
}
