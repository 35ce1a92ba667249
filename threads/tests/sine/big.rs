//! The sine of any `f64` in integers of any length: slow, and right by its
//! simplicity. It is what the faster reference is held against.

use num_bigint::BigInt;

/// Bits behind the point while turns are taken away: an `f64` may have 1,024
/// before it, and that many are lost of pi.
const REDUCING: u32 = 1_400;

/// Bits behind the point of a sine.
const BITS: u32 = 300;

/// Computes sines. It holds pi.
pub(crate) struct Sine {
    pi: BigInt,
}

impl Sine {
    /// Computes pi by Machin's formula (1706).
    pub(crate) fn new() -> Self {
        Self { pi: 16 * arctangent_of_inverse(5) - 4 * arctangent_of_inverse(239) }
    }

    /// How far `got` is from the sine of a finite `x` with `|x| >= 2^-200`, in
    /// units of the last place of `got`; `got` is no smaller than that either.
    pub(crate) fn error(&self, x: f64, got: f64) -> f64 {
        let (_, place) = parts(got);
        let millionths: BigInt = (fixed(got, BITS) - self.of(x)) >> (BITS as i32 + place - 20);
        let millionths = i64::try_from(millionths).expect("an error of few places");
        (millionths as f64 / f64::from(1 << 20)).abs()
    }

    /// The sine times 2^BITS, with an error of some units in the last place.
    fn of(&self, x: f64) -> BigInt {
        let angle = fixed(x.abs(), REDUCING);
        let turns: BigInt = (&angle + (&self.pi >> 1)) / &self.pi;
        let rest: BigInt = (angle - &turns * &self.pi) >> (REDUCING - BITS);

        let square: BigInt = (&rest * &rest) >> BITS;
        let (mut term, mut sum, mut n) = (rest.clone(), rest, 1_u32);
        while term != BigInt::ZERO {
            // Division goes towards zero, so the terms come to an end.
            term = -(term * &square) / (BigInt::from((n + 1) * (n + 2)) << BITS);
            sum += &term;
            n += 2;
        }
        if turns.bit(0) == x.is_sign_positive() { -sum } else { sum }
    }
}

/// The arctangent of 1 / n, times 2^REDUCING.
fn arctangent_of_inverse(n: u32) -> BigInt {
    let mut power = (BigInt::from(1) << REDUCING) / n;
    let (mut sum, mut k) = (power.clone(), 1_u32);
    while power != BigInt::ZERO {
        power = -power / (n * n);
        k += 2;
        sum += &power / k;
    }
    sum
}

/// A number times 2^bits. It must have no bits beyond those.
fn fixed(x: f64, bits: u32) -> BigInt {
    let (mantissa, exponent) = parts(x);
    let shift = u32::try_from(bits as i32 + exponent).expect("no bits beyond the last");
    BigInt::from(mantissa) << shift
}

/// Mantissa and exponent of a finite, normal number: `x = m 2^e`.
fn parts(x: f64) -> (i64, i32) {
    let bits = x.to_bits();
    let exponent = (bits >> 52 & 0x7FF) as i32 - 1_075;
    let mantissa = (bits & ((1 << 52) - 1) | 1 << 52) as i64;
    (if x < 0.0 { -mantissa } else { mantissa }, exponent)
}

#[test]
fn sine_of_one_has_its_published_digits() {
    let digits = (Sine::new().of(1.0) * BigInt::from(10).pow(80)) >> BITS;
    // OEIS A049469.
    let published =
        "84147098480789650665250232163029899962256306079837106567275170999191040439123966";
    assert_eq!(digits.to_string(), published);
}
