//! The sine as a sum of two `f64`, to some 100 bits: quick enough for millions.
//!
//! T. Dekker, "A floating-point technique for extending the available
//! precision", Numerische Mathematik 18, 1971, with fused multiply-add in
//! place of his splitting.

/// A number as the sum of two that do not overlap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair(f64, f64);

/// pi/2, in four pieces of 53 bits.
const HALF_PI: [f64; 4] = [
    std::f64::consts::FRAC_PI_2,
    6.123_233_995_736_766e-17,
    -1.497_384_904_859_169_8e-33,
    5.562_271_104_316_826e-50,
];

/// How far `got` is from the sine of `x`, in units of the last place of the sine.
///
/// `x` is at most 2^30 in size and at least 2^-500.
pub(crate) fn error(x: f64, got: f64) -> f64 {
    let Pair(sine, low) = sine(x);
    let place = 2_f64.powi((sine.to_bits() >> 52 & 0x7FF) as i32 - 1_075);
    ((got - sine - low) / place).abs()
}

fn sine(x: f64) -> Pair {
    let quarters = (x * std::f64::consts::FRAC_2_PI).round();
    // What remains of the first piece has no more bits than an f64 holds.
    let mut rest = Pair((-quarters).mul_add(HALF_PI[0], x), 0.0);
    for piece in &HALF_PI[1..] {
        let Pair(high, low) = product(-quarters, *piece);
        rest = add(add(rest, high), low);
    }
    let half_turn = quarters.rem_euclid(4.0) >= 2.0;
    let from_one = quarters.rem_euclid(2.0) == 1.0;
    let Pair(high, low) = series(rest, from_one);
    if half_turn { Pair(-high, -low) } else { Pair(high, low) }
}

/// The Taylor series of the cosine, or of the sine, up to |r| = pi/4.
fn series(r: Pair, cosine: bool) -> Pair {
    let square = multiply(r, r);
    // 1 - z/(1 2) (1 - z/(3 4) (1 - ...)) and r (1 - z/(2 3) (1 - z/(4 5) (1 - ...))).
    let mut sum = Pair(1.0, 0.0);
    for step in (0..14).rev() {
        let n = f64::from(2 * step + if cosine { 1 } else { 2 });
        let Pair(high, low) = divide(multiply(square, sum), n * (n + 1.0));
        sum = add(Pair(-high, -low), 1.0);
    }
    if cosine { sum } else { multiply(r, sum) }
}

/// Exactly a + b.
fn sum(a: f64, b: f64) -> Pair {
    let high = a + b;
    let of_b = high - a;
    Pair(high, (a - (high - of_b)) + (b - of_b))
}

/// Exactly a b.
fn product(a: f64, b: f64) -> Pair {
    let high = a * b;
    Pair(high, a.mul_add(b, -high))
}

fn add(a: Pair, b: f64) -> Pair {
    let Pair(high, low) = sum(a.0, b);
    sum(high, low + a.1)
}

fn multiply(a: Pair, b: Pair) -> Pair {
    let Pair(high, low) = product(a.0, b.0);
    sum(high, low + (a.0 * b.1 + a.1 * b.0))
}

fn divide(a: Pair, b: f64) -> Pair {
    let high = a.0 / b;
    let rest = (-high).mul_add(b, a.0) + a.1;
    sum(high, rest / b)
}
