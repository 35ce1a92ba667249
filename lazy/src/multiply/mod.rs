//! Multiplication of long numbers, faster than num-bigint's.
//!
//! num-bigint multiplies on paper, by Karatsuba's method and by Toom-3, and a square
//! costs it as much as a product. Here a square of some dozen words costs a third less,
//! and what is longer than some hundred words is multiplied by
//! number-theoretic transforms, whose cost grows as n log n.
//!
//! [`prime_swing`](crate::prime_swing) is made of these.

mod digits;
mod field;
mod join;
mod long;
#[cfg(test)]
mod tests;
mod transform;

use num_bigint::BigUint;

use digits::Tables;

pub(crate) use join::{Alone, Crew, Join};

/// Squares of so many words are made by transforms.
const LONG_SQUARE: usize = 530;

/// Squares of fewer words than that are left to num-bigint, for reading and writing its
/// numbers takes as long as is saved.
const SHORT_SQUARE: usize = 24;

/// Whether a product is made by transforms: 500 words by 500 are, and 200 by 1,700.
const fn is_long(short: usize, long: usize) -> bool {
    short >= 150 && 4 * short + long >= 2_500
}

/// a b.
///
/// By num-bigint up to about 500 words of 64 bits each, where there is nothing to be
/// gained; from there on by transforms.
///
/// On the threshold a product takes as long either way; of 1,000 words by 1,000 it takes
/// 0.75 of num-bigint's time, and of 10,000 by 10,000 a quarter (the crate's README).
///
/// Cost: O(n log n) multiplications of words for the longer number's n of them. Memory:
/// some nine times that of the result.
///
/// ```
/// use num_bigint::BigUint;
///
/// let (a, b) = (BigUint::from(7_u32).pow(20_000), BigUint::from(5_u32).pow(30_000));
/// assert_eq!(lazy::multiply::product(&a, &b), a * b);
/// ```
pub fn product(a: &BigUint, b: &BigUint) -> BigUint {
    let (a_words, b_words) = (words_of(a), words_of(b));
    if !is_long(a_words.min(b_words), a_words.max(b_words)) {
        return a * b;
    }
    let mut out = Vec::new();
    let multiplier = Multiplier::up_to(a_words + b_words, Alone);
    multiplier.product(&mut out, &a.to_u64_digits(), &b.to_u64_digits());
    shifted(&out, 0)
}

/// a², in 0.7 of num-bigint's time at 100 words, and 0.56 at 1,000, 0.18 at 10,000.
///
/// Below 24 words it is num-bigint's own. Cost: as of a [`product`], with a transform
/// less where there are any.
///
/// ```
/// let a = num_bigint::BigUint::from(3_u32).pow(5_000);
/// assert_eq!(lazy::multiply::square(&a), &a * &a);
/// ```
pub fn square(a: &BigUint) -> BigUint {
    let words = words_of(a);
    if words < SHORT_SQUARE {
        return a * a;
    }
    // What is not made by transforms needs no roots.
    let most = if words < LONG_SQUARE { 0 } else { 2 * words };
    let mut out = Vec::new();
    Multiplier::up_to(most, Alone).square(&mut out, &a.to_u64_digits());
    shifted(&out, 0)
}

fn words_of(a: &BigUint) -> usize {
    a.iter_u64_digits().len()
}

/// What multiplies numbers given as words, the lowest first, up to some length.
pub(crate) struct Multiplier<J> {
    tables: Tables,
    join: J,
}

impl<J: Join> Multiplier<J> {
    /// For products of at most so many words.
    pub(crate) fn up_to(words: usize, join: J) -> Self {
        let worth = is_long(words / 2, words.div_ceil(2));
        Self { tables: Tables::up_to(if worth { words } else { 0 }), join }
    }

    /// Leaves a b in `out`, without zeros above it.
    pub(crate) fn product(&self, out: &mut Vec<u64>, a: &[u64], b: &[u64]) {
        out.resize(a.len() + b.len(), 0);
        if is_long(a.len().min(b.len()), a.len().max(b.len())) {
            digits::product(out, a, b, &self.tables, self.join);
        } else {
            long::product(out, a, b);
        }
        trim(out);
    }

    /// Leaves a^2 in `out`, without zeros above it.
    pub(crate) fn square(&self, out: &mut Vec<u64>, a: &[u64]) {
        out.resize(2 * a.len(), 0);
        if a.len() >= LONG_SQUARE {
            digits::square(out, a, &self.tables, self.join);
        } else {
            long::square(out, a);
        }
        trim(out);
    }
}

fn trim(words: &mut Vec<u64>) {
    while words.last() == Some(&0) {
        words.pop();
    }
}

/// Multiplies a number by a word, and returns what goes above it.
pub(crate) fn times_word(number: &mut [u64], factor: u64) -> u64 {
    let mut carry = 0;
    for word in number {
        (*word, carry) = word.carrying_mul(factor, carry);
    }
    carry
}

/// The number of some words, times a power of two.
pub(crate) fn shifted(words: &[u64], twos: u32) -> BigUint {
    let (skip, shift) = ((twos / 32) as usize, twos % 32);
    let mut digits = Vec::with_capacity(skip + 2 * words.len() + 1);
    digits.resize(skip, 0);
    let mut carry = 0;
    for word in words {
        let value = u128::from(*word) << shift | u128::from(carry);
        digits.extend([value as u32, (value >> 32) as u32]);
        carry = (value >> 64) as u32;
    }
    digits.push(carry);
    BigUint::new(digits)
}
