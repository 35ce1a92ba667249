//! Numbers as polynomials whose coefficients are digits of some dozens of bits.

use super::Join;
use super::field::{First, Prime, Second, exactly, inverse, montgomery, once};
use super::long::add;
use super::transform::{Roots, Shape, Transformed};

/// What is known modulo both primes is known up to 2^123.
const CAPACITY: u32 = 123;

/// The roots of unity of both primes.
pub(super) struct Tables {
    first: Roots<First>,
    second: Roots<Second>,
}

impl Tables {
    /// For products of at most so many words.
    pub(super) fn up_to(words: usize) -> Self {
        // Digits are the narrowest where both factors are half as long as the product.
        let digits = count(words, width(words.div_ceil(2).max(1)));
        let len = Shape::holding(digits + 1).len();
        Self { first: Roots::up_to(len), second: Roots::up_to(len) }
    }
}

/// Writes a^2 to `out`, which is twice as long.
pub(super) fn square(out: &mut [u64], a: &[u64], tables: &Tables, join: impl Join) {
    let bits = width(a.len());
    let shape = Shape::holding(2 * count(a.len(), bits) - 1);
    let digits = cut(a, bits);
    let (x, y) = join.both(
        true,
        || {
            let a = Transformed::new(&digits, shape, &tables.first, join);
            a.squared::<First>().coefficients(shape, &tables.first, join)
        },
        || {
            let a = Transformed::new(&digits, shape, &tables.second, join);
            a.squared::<Second>().coefficients(shape, &tables.second, join)
        },
    );
    glue(out, &x, &y, bits);
}

/// Writes a b to `out`, which is as long as both together. The shorter is transformed
/// once, and the longer in blocks.
pub(super) fn product(out: &mut [u64], a: &[u64], b: &[u64], tables: &Tables, join: impl Join) {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let bits = width(short.len());
    let (size, shape) = blocks(long.len(), short.len(), bits);
    let digits = cut(short, bits);
    let (first, second) = join.both(
        true,
        || Transformed::new(&digits, shape, &tables.first, join),
        || Transformed::new(&digits, shape, &tables.second, join),
    );
    let mut part = vec![0; size + short.len()];
    out.fill(0);
    for (at, block) in long.chunks(size).enumerate() {
        let digits = cut(block, bits);
        let (x, y) = join.both(
            true,
            || {
                let block = Transformed::new(&digits, shape, &tables.first, join);
                block.times::<First>(&first).coefficients(shape, &tables.first, join)
            },
            || {
                let block = Transformed::new(&digits, shape, &tables.second, join);
                block.times::<Second>(&second).coefficients(shape, &tables.second, join)
            },
        );
        let part = &mut part[..block.len() + short.len()];
        glue(part, &x, &y, bits);
        let carry = add(&mut out[at * size..], part);
        debug_assert!(!carry, "a product is no longer than its factors together");
    }
}

/// In blocks of how many words a number is best multiplied by a shorter one, and the
/// shape of each: two transforms a block, and one of the other factor.
fn blocks(long: usize, short: usize, bits: u32) -> (usize, Shape) {
    let plans = (1..=long.div_ceil(short)).map(|blocks| {
        let size = long.div_ceil(blocks);
        let shape = Shape::holding(count(size, bits) + count(short, bits) - 1);
        let work = (2 * blocks + 1) * shape.len() * (shape.len().ilog2() as usize + 4);
        (work, (size, shape))
    });
    plans.min_by_key(|(work, _)| *work).expect("there is one block at least").1
}

/// How wide digits may be so that the sum of as many products of two as the shorter
/// number has digits, at most two a word, stays below the capacity.
const fn width(words: usize) -> u32 {
    (CAPACITY - (2 * words as u64).ilog2() - 1) / 2
}

const fn count(words: usize, bits: u32) -> usize {
    (words * 64).div_ceil(bits as usize)
}

/// A number's digits, the lowest first.
fn cut(words: &[u64], bits: u32) -> Vec<u64> {
    let mask = (1 << bits) - 1;
    let mut digits = Vec::with_capacity(count(words.len(), bits));
    let (mut rest, mut have) = (0_u128, 0);
    for word in words {
        rest |= u128::from(*word) << have;
        have += 64;
        while have >= bits {
            digits.push(rest as u64 & mask);
            rest >>= bits;
            have -= bits;
        }
    }
    if have > 0 {
        digits.push(rest as u64);
    }
    digits
}

/// The number whose digits, each up to the capacity, are known modulo both primes.
fn glue(out: &mut [u64], x: &[u64], y: &[u64], bits: u32) {
    const INVERSE: u64 = inverse::<Second>(montgomery::<Second>(First::P));
    let mask = (1 << bits) - 1;
    let mut digits = x.iter().zip(y);
    // What is carried to the next digit, and what the digits so far leave to a word.
    let (mut carry, mut rest, mut have) = (0_u128, 0_u128, 0);
    for word in out {
        while have < 64 {
            if let Some((x, y)) = digits.next() {
                let times = exactly::<Second>(y + Second::P - once(*x, Second::P), INVERSE);
                carry += u128::from(times) * u128::from(First::P) + u128::from(*x);
            }
            rest |= (carry & mask) << have;
            carry >>= bits;
            have += bits;
        }
        *word = rest as u64;
        rest >>= 64;
        have -= 64;
    }
}
