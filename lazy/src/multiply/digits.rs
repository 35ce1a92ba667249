//! Numbers as polynomials whose coefficients are digits of some dozens of bits.

use super::Join;
use super::field::{First, Prime, Second, exactly, inverse, montgomery, once};
use super::long::add;
use super::transform::{Roots, Shape, Transformed};

/// What is known modulo both primes is known up to 2^123.
const CAPACITY: u32 = 123;

/// From so many digits on the two primes are worth a thread each.
const WORTH_A_THREAD: usize = 1 << 12;

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
        shape.len() >= WORTH_A_THREAD,
        || squared(&digits, shape, &tables.first, join),
        || squared(&digits, shape, &tables.second, join),
    );
    glue(out, &x, &y, bits);
}

fn squared<F: Prime>(digits: &[u64], shape: Shape, roots: &Roots<F>, join: impl Join) -> Vec<u64> {
    Transformed::new(digits, shape, roots, join).squared::<F>().coefficients(shape, roots, join)
}

/// Writes a b to `out`, which is as long as both together. The shorter is transformed
/// once, and the longer in blocks.
pub(super) fn product(out: &mut [u64], a: &[u64], b: &[u64], tables: &Tables, join: impl Join) {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let bits = width(short.len());
    let (size, shape) = blocks(long.len(), short.len(), bits);
    let blocks: Vec<_> = long.chunks(size).map(|block| cut(block, bits)).collect();
    let digits = cut(short, bits);
    let (x, y) = join.both(
        shape.len() * blocks.len() >= WORTH_A_THREAD,
        || products(&blocks, &digits, shape, &tables.first, join),
        || products(&blocks, &digits, shape, &tables.second, join),
    );
    if let ([x], [y]) = (&x[..], &y[..]) {
        return glue(out, x, y, bits);
    }
    let mut part = vec![0; size + short.len()];
    out.fill(0);
    for (at, (x, y)) in x.iter().zip(&y).enumerate() {
        let above = &mut out[at * size..];
        let length = part.len().min(above.len());
        glue(&mut part[..length], x, y, bits);
        let carry = add(above, &part[..length]);
        debug_assert!(!carry, "a product is no longer than its factors together");
    }
}

/// Each block times the same other number.
fn products<F: Prime>(
    blocks: &[Vec<u64>],
    other: &[u64],
    shape: Shape,
    roots: &Roots<F>,
    join: impl Join,
) -> Vec<Vec<u64>> {
    let other = Transformed::new(other, shape, roots, join);
    let product = |block: &Vec<u64>| {
        let block = Transformed::new(block, shape, roots, join);
        block.times::<F>(&other).coefficients(shape, roots, join)
    };
    blocks.iter().map(product).collect()
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
