//! Products of short numbers, as on paper and by Karatsuba's method.

/// Numbers of so many words are multiplied as on paper.
const ON_PAPER: usize = 32;

/// So many words are squared as on paper, which is half the work of a product.
const SQUARED_ON_PAPER: usize = 48;

/// Writes a b to `out`, which is as long as both together.
pub(super) fn product(out: &mut [u64], a: &[u64], b: &[u64]) {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    if short.len() < ON_PAPER {
        return on_paper(out, long, short);
    }
    let mut room = vec![0; room_for(short.len())];
    let mut part = vec![0; 2 * short.len()];
    out.fill(0);
    // As many numbers as long as the shorter one as are in the longer.
    for (at, block) in long.chunks(short.len()).enumerate() {
        let part = &mut part[..block.len() + short.len()];
        if block.len() == short.len() {
            karatsuba(part, block, short, &mut room);
        } else {
            product(part, block, short);
        }
        let carry = add(&mut out[at * short.len()..], part);
        debug_assert!(!carry, "a product is no longer than its factors together");
    }
}

/// Writes a^2 to `out`, which is twice as long as a.
pub(super) fn square(out: &mut [u64], a: &[u64]) {
    let mut room = if a.len() < SQUARED_ON_PAPER { Vec::new() } else { vec![0; room_for(a.len())] };
    karatsuba_square(out, a, &mut room);
}

/// How much room a product of two numbers of n words needs beside its result: four
/// halves, rounded up, on each level.
const fn room_for(n: usize) -> usize {
    4 * n + 4 * usize::BITS as usize
}

/// Two words of b at a time, so that a and `out` are read half as often, and two
/// chains of carries run side by side.
fn on_paper(out: &mut [u64], a: &[u64], b: &[u64]) {
    out.fill(0);
    let (pairs, last) = b.as_chunks::<2>();
    for (at, pair) in pairs.iter().enumerate() {
        let (sum, above) = out[2 * at..].split_at_mut(a.len());
        (above[0], above[1]) = add_two_products(sum, a, *pair);
    }
    if let [factor] = last {
        let (sum, above) = out[b.len() - 1..].split_at_mut(a.len());
        above[0] = add_product(sum, a, *factor);
    }
}

/// Adds a times two words to `sum`, which is as long as a, and returns the two words
/// that go above it.
fn add_two_products(sum: &mut [u64], a: &[u64], [low, high]: [u64; 2]) -> (u64, u64) {
    let (mut carry, mut above, mut before) = (0, 0, 0_u64);
    for (sum, &word) in sum.iter_mut().zip(a) {
        let part;
        (part, carry) = word.carrying_mul_add(low, *sum, carry);
        (*sum, above) = before.carrying_mul_add(high, part, above);
        before = word;
    }
    before.carrying_mul_add(high, carry, above)
}

/// The products of different words first, each of which counts twice.
fn square_on_paper(out: &mut [u64], a: &[u64]) {
    out.fill(0);
    for (at, factor) in a.iter().enumerate() {
        out[at + a.len()] = add_product(&mut out[2 * at + 1..at + a.len()], &a[at + 1..], *factor);
    }
    let (mut bit, mut carry) = (0, false);
    for (pair, word) in out.chunks_exact_mut(2).zip(a) {
        let (low, high) = word.carrying_mul(*word, 0);
        let doubled = (pair[0] << 1 | bit, pair[1] << 1 | pair[0] >> 63);
        bit = pair[1] >> 63;
        (pair[0], carry) = doubled.0.carrying_add(low, carry);
        (pair[1], carry) = doubled.1.carrying_add(high, carry);
    }
}

/// Adds a times `factor` to `sum`, which is as long, and returns what is carried.
fn add_product(sum: &mut [u64], a: &[u64], factor: u64) -> u64 {
    let mut carry = 0;
    for (sum, word) in sum.iter_mut().zip(a) {
        (*sum, carry) = word.carrying_mul_add(factor, *sum, carry);
    }
    carry
}

/// a b = H B^2h + (H + L - (a0 - a1)(b0 - b1)) B^h + L, where L = a0 b0, H = a1 b1
/// and B^h is where a and b are halved: three short products instead of four.
///
/// Source: A. Karatsuba and Y. Ofman, "Multiplication of many-digital numbers by
/// automatic computers" (1962), with differences as in D. Knuth, *The Art of
/// Computer Programming*, volume 2, section 4.3.3.
fn karatsuba(out: &mut [u64], a: &[u64], b: &[u64], room: &mut [u64]) {
    if a.len() < ON_PAPER {
        return on_paper(out, a, b);
    }
    let half = a.len().div_ceil(2);
    let ((a0, a1), (b0, b1)) = (a.split_at(half), b.split_at(half));
    let (middle, room) = room.split_at_mut(2 * half);
    let (da, db) = out[..2 * half].split_at_mut(half);
    let negative = difference(da, a0, a1) != difference(db, b0, b1);
    karatsuba(middle, da, db, room);
    let (low, high) = out.split_at_mut(2 * half);
    karatsuba(low, a0, b0, room);
    karatsuba(high, a1, b1, room);
    combine(out, middle, negative, room);
}

/// [`karatsuba`] of a number and itself.
fn karatsuba_square(out: &mut [u64], a: &[u64], room: &mut [u64]) {
    if a.len() < SQUARED_ON_PAPER {
        return square_on_paper(out, a);
    }
    let half = a.len().div_ceil(2);
    let (a0, a1) = a.split_at(half);
    let (middle, room) = room.split_at_mut(2 * half);
    difference(&mut out[..half], a0, a1);
    karatsuba_square(middle, &out[..half], room);
    let (low, high) = out.split_at_mut(2 * half);
    karatsuba_square(low, a0, room);
    karatsuba_square(high, a1, room);
    combine(out, middle, false, room);
}

/// Adds low + high - middle, or low + high + middle if that is negative, to where
/// low and high meet.
fn combine(out: &mut [u64], middle: &[u64], negative: bool, room: &mut [u64]) {
    let (low, high) = out.split_at(middle.len());
    let sum = &mut room[..middle.len()];
    sum.copy_from_slice(low);
    let mut above = u64::from(add(sum, high));
    if negative {
        above += u64::from(add(sum, middle));
    } else {
        above -= u64::from(subtract(sum, middle));
    }
    let (place, rest) = out[middle.len() / 2..].split_at_mut(middle.len());
    above += u64::from(add(place, sum));
    let carry = add(rest, &[above]);
    debug_assert!(!carry, "a product is no longer than its factors together");
}

/// Writes |a - b| to `out`, and says whether a was less; b may be shorter than a.
fn difference(out: &mut [u64], a: &[u64], b: &[u64]) -> bool {
    let less =
        a[b.len()..].iter().all(|word| *word == 0) && a[..b.len()].iter().rev().lt(b.iter().rev());
    if less {
        out.fill(0);
        out[..b.len()].copy_from_slice(b);
        subtract(out, &a[..b.len()]);
    } else {
        out.copy_from_slice(a);
        subtract(out, b);
    }
    less
}

/// Adds b to a, which is at least as long, and returns whether it overflowed.
pub(super) fn add(a: &mut [u64], b: &[u64]) -> bool {
    let (low, high) = a.split_at_mut(b.len());
    let mut carry = false;
    for (a, b) in low.iter_mut().zip(b) {
        (*a, carry) = a.carrying_add(*b, carry);
    }
    for a in high {
        if !carry {
            break;
        }
        (*a, carry) = a.overflowing_add(1);
    }
    carry
}

/// Subtracts b from a, which is at least as long, and returns whether it was less.
fn subtract(a: &mut [u64], b: &[u64]) -> bool {
    let (low, high) = a.split_at_mut(b.len());
    let mut borrow = false;
    for (a, b) in low.iter_mut().zip(b) {
        (*a, borrow) = a.borrowing_sub(*b, borrow);
    }
    for a in high {
        if !borrow {
            break;
        }
        (*a, borrow) = a.overflowing_sub(1);
    }
    borrow
}
