//! n! from its prime factors: the same value, by a better algorithm.

use num_bigint::BigUint;

/// The largest n whose factorial, without its twos, fits into a `u64`.
const LARGEST_IN_A_WORD: u32 = 25;

/// Up to so many words are multiplied up one after the other: below that a word
/// at a time beats halves that must be allocated.
const WORDS_IN_A_LOOP: usize = 16;

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
/// Cost: that of multiplying two numbers of half the length, some times over.
/// With num-bigint's multiplication (Toom-3 from 257 words on) 100,000! took
/// 20 ms, and 690 ms by [`factorial`](crate::factorial) (Intel Xeon, virtual,
/// Linux 6.18, 2026-11-28). Memory: a byte for every odd number below n.
///
/// # If you need factorials
///
/// This is as far as it goes with num-bigint. GMP (`rug`) and malachite, both
/// LGPL, multiply faster: 1000! takes them little more than half as long, 100,000!
/// half to a third.
///
/// ```
/// use lazy::{factorial, prime_swing};
///
/// assert_eq!(prime_swing(0), 1_u32.into());
/// assert_eq!(prime_swing(1000), factorial(1000));
/// ```
pub fn prime_swing(n: u32) -> BigUint {
    let primes = odd_primes(n);
    let twos = n - n.count_ones();
    odd_part(n, &primes, &mut Vec::new()) << twos
}

/// n! without its factors of two. `words` is room to work in.
fn odd_part(n: u32, primes: &[u32], words: &mut Vec<u64>) -> BigUint {
    if n <= LARGEST_IN_A_WORD {
        let odd = (1..=u64::from(n)).map(|factor| factor >> factor.trailing_zeros());
        return odd.product::<u64>().into();
    }
    let half = odd_part(n / 2, primes, words);
    let square = &half * &half;
    words.clear();
    swing(n, primes, words);
    square * product(words)
}

/// Appends the odd primes of the swinging factorial of n, each as often as it
/// divides it, as many to a word as fit.
fn swing(n: u32, primes: &[u32], words: &mut Vec<u64>) {
    let mut word = 1_u64;
    let mut take = |factor: u32| match word.checked_mul(factor.into()) {
        Some(product) => word = product,
        None => words.push(std::mem::replace(&mut word, factor.into())),
    };
    let below = |limit: u32| primes.partition_point(|p| *p <= limit);
    let (root, third, half, all) = (below(n.isqrt()), below(n / 3), below(n / 2), below(n));

    for &p in &primes[..root] {
        let mut rest = n / p;
        while rest > 0 {
            if rest % 2 == 1 {
                take(p);
            }
            rest /= p;
        }
    }
    // From here on n/p^2 is nothing, between n/3 and n/2 n/p is 2, and above it is 1.
    for &p in &primes[root.min(third)..third] {
        if n / p % 2 == 1 {
            take(p);
        }
    }
    primes[half..all].iter().for_each(|p| take(*p));
    words.push(word);
}

/// The product of some words, as a balanced tree.
fn product(words: &[u64]) -> BigUint {
    if words.len() > WORDS_IN_A_LOOP {
        let (left, right) = words.split_at(words.len() / 2);
        return product(left) * product(right);
    }
    let mut product = BigUint::from(1_u32);
    for word in words {
        product *= *word;
    }
    product
}

/// The odd primes up to n, by Eratosthenes' sieve over the odd numbers.
fn odd_primes(n: u32) -> Vec<u32> {
    // The number at place i is 2i + 1.
    let mut composite = vec![false; n.div_ceil(2) as usize];
    let mut primes = Vec::new();
    for place in 1..composite.len() {
        if composite[place] {
            continue;
        }
        let prime = 2 * place + 1;
        primes.push(prime as u32);
        // Smaller multiples have a smaller factor, which has crossed them out.
        let square = prime * prime / 2;
        composite.iter_mut().skip(square).step_by(prime).for_each(|other| *other = true);
    }
    primes
}
