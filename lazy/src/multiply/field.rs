//! Numbers modulo a prime just below 2^62, multiplied without a division.

/// A prime p of the form k 2^40 + 1, so that it has roots of unity of every order
/// up to 2^40.
pub(super) trait Prime: Send + Sync + Sized {
    /// p itself, between 2^61 and 2^62, so that 4p fits into a word.
    const P: u64;
    /// A number that is no square modulo p.
    const NO_SQUARE: u64;
    /// The inverse of p modulo 2^64: the square of k 2^40 is a multiple of 2^64.
    const INVERSE: u64 = 2_u64.wrapping_sub(Self::P);
    /// 2^64 modulo p: 1 in Montgomery's form.
    const ONE: u64 = ((1_u128 << 64) % Self::P as u128) as u64;
    /// Roots of unity in Montgomery's form: at place i one of order 2^i, the square of
    /// the next.
    const ROOTS: [u64; 41] = roots::<Self>();
}

pub(super) struct First;

impl Prime for First {
    const P: u64 = (4_194_240 << 40) + 1;
    const NO_SQUARE: u64 = 7;
}

pub(super) struct Second;

impl Prime for Second {
    const P: u64 = (4_194_238 << 40) + 1;
    const NO_SQUARE: u64 = 3;
}

/// a b / 2^64 modulo p, below 2p. a b must be below 2^64 p: any word times a
/// number below p, or two numbers below 2p.
///
/// Source: P. Montgomery, "Modular multiplication without trial division" (1985).
#[inline]
pub(super) const fn times<F: Prime>(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    let quotient = (product as u64).wrapping_mul(F::INVERSE);
    let excess = (quotient as u128 * F::P as u128) >> 64;
    // Their low words are equal, so only the high ones are left to subtract.
    (product >> 64) as u64 + F::P - excess as u64
}

/// a modulo p, or modulo 2p, of an a below twice that.
#[inline]
pub(super) const fn once(a: u64, modulus: u64) -> u64 {
    // The smaller of the two is the one that did not wrap around.
    let less = a.wrapping_sub(modulus);
    if less < a { less } else { a }
}

/// a b / 2^64 modulo p, below p.
pub(super) const fn exactly<F: Prime>(a: u64, b: u64) -> u64 {
    once(times::<F>(a, b), F::P)
}

/// a in Montgomery's form: a 2^64 modulo p.
pub(super) const fn montgomery<F: Prime>(a: u64) -> u64 {
    ((a as u128 * F::ONE as u128) % F::P as u128) as u64
}

/// `base` to a power; base and result are in Montgomery's form.
const fn power<F: Prime>(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = F::ONE;
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = exactly::<F>(result, base);
        }
        base = exactly::<F>(base, base);
        exponent /= 2;
    }
    result
}

/// The inverse of a number in Montgomery's form, in the same form.
pub(super) const fn inverse<F: Prime>(a: u64) -> u64 {
    power::<F>(a, F::P - 2)
}

const fn roots<F: Prime>() -> [u64; 41] {
    let mut place = 40;
    let mut roots = [power::<F>(montgomery::<F>(F::NO_SQUARE), (F::P - 1) >> place); 41];
    while place > 0 {
        place -= 1;
        roots[place] = exactly::<F>(roots[place + 1], roots[place + 1]);
    }
    roots
}
