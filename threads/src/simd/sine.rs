//! The sine's method and its numbers, written once for every set of
//! instructions.
//!
//! # Method
//!
//! `x = k pi/16 + r` with `k` an integer and `|r| <= pi/32`, and then
//!
//! ```text
//! sin x = S cos r + C sin r = S + C r + S (cos r - 1) + C (sin r - r)
//! ```
//!
//! where `S` and `C` are the sine and the cosine of `k pi/16`, out of a table of
//! 16 rows; half a turn more only changes the sign. This is P. Tang's
//! table-driven method ("Table-driven implementation of the exponential
//! function", ACM TOMS 15, 1989, and its sequels) with a table that fits into
//! registers. What makes it accurate:
//!
//! - `r` has two parts. `k PI_16` leaves `x` exactly, for what remains is a
//!   multiple of the last place of `PI_16` and fits into an `f64`; the fused
//!   multiply-add does not round in between. The rest of pi goes into `r` and
//!   into `r_low`, what `r` could not hold.
//! - `S + C r` is rounded once, and what was lost is computed exactly.
//! - So all that is rounded more than once is what the polynomials give, which
//!   is less than a hundredth of the result.
//!
//! # Where it does not hold
//!
//! `r` loses its accuracy where almost nothing of `x` remains: next to a
//! multiple of pi/16, and everywhere if `x` is huge. A lane with `|r| <= |k| 2^-47`
//! is therefore refused, and done again by `f64::sin`; up to 1e6 that is less
//! than one in a million, up to 1e8 one in some fifty thousand. With no further
//! test this refuses infinities and NaN, every `|x|` above some 1e13, and what is
//! so small that its square vanishes, zero among them. In the lanes that are not
//! refused the errors of `r` and `r_low` together are less than 2^-62 of `r`.
//!
//! # Numbers
//!
//! The polynomials are minimax approximations (Remez's algorithm with 60 digits)
//! of `(sin r - r) / r^3` and `(cos r - 1 + r^2 / 2) / r^4` in `r^2`, with an error
//! of less than 2^-63 in the result.

/// 1.5 * 2^52: added to a small number it leaves the integer nearest to it in
/// the low bits of the sum.
pub(super) const TO_INTEGER: f64 = 6_755_399_441_055_744.0;

/// 16 / pi.
pub(super) const STEPS_PER_RADIAN: f64 = 5.092_958_178_940_651;

/// pi / 16, rounded.
pub(super) const PI_16: f64 = std::f64::consts::PI / 16.0;

/// What `PI_16` lacks: the next 53 bits.
pub(super) const PI_16_LOW: f64 = 7.654_042_494_670_958e-18;

/// A lane whose `r` is smaller than this times `k` is refused: 2^-47.
pub(super) const LEAST_REST: f64 = 1.0 / (1_u64 << 47) as f64;

/// `(sin r - r) / r^3` by powers of `r^2`.
pub(super) const SIN: [f64; 4] = [
    -0.166_666_666_666_666_66,
    0.008_333_333_333_318_127,
    -0.000_198_412_693_647_586_17,
    2.755_143_471_836_839e-6,
];

/// `(cos r - 1 + r^2 / 2) / r^4` by powers of `r^2`.
pub(super) const COS: [f64; 3] =
    [0.041_666_666_666_590_32, -0.001_388_888_851_396_591, 2.479_587_372_561_382_4e-5];

/// The sine of k pi/16 for k from 0 to 8, a quarter of the circle.
const QUARTER: [f64; 9] = [
    0.0,
    0.195_090_322_016_128_28,
    0.382_683_432_365_089_8,
    0.555_570_233_019_602_2,
    std::f64::consts::FRAC_1_SQRT_2,
    0.831_469_612_302_545_2,
    0.923_879_532_511_286_7,
    0.980_785_280_403_230_4,
    1.0,
];

/// What `QUARTER` lacks: the next 53 bits.
const QUARTER_LOW: [f64; 9] = [
    0.0,
    -7.991_079_068_461_731e-18,
    -1.005_077_269_646_158_8e-17,
    4.709_410_940_561_677e-17,
    -4.833_646_656_726_457e-17,
    1.407_385_698_472_802_4e-18,
    1.764_504_708_433_667_7e-17,
    1.854_693_999_782_500_6e-17,
    0.0,
];

/// The sine of k pi/16 for k from 0 to 15, and what it lacks.
pub(super) const SINES: [f64; 16] = sines(&QUARTER);
pub(super) const SINES_LOW: [f64; 16] = sines(&QUARTER_LOW);

/// The cosine of k pi/16 for k from 0 to 15, and what it lacks.
pub(super) const COSINES: [f64; 16] = cosines(&QUARTER);
pub(super) const COSINES_LOW: [f64; 16] = cosines(&QUARTER_LOW);

/// Half a circle of sines: they rise and fall again.
const fn sines(quarter: &[f64; 9]) -> [f64; 16] {
    let mut half = [0.0; 16];
    let mut k = 0;
    while k < 16 {
        half[k] = if k <= 8 { quarter[k] } else { quarter[16 - k] };
        k += 1;
    }
    half
}

/// Half a circle of cosines: sines that began a quarter earlier.
const fn cosines(quarter: &[f64; 9]) -> [f64; 16] {
    let mut half = [0.0; 16];
    let mut k = 0;
    while k < 16 {
        half[k] = if k <= 8 { quarter[8 - k] } else { -quarter[k - 8] };
        k += 1;
    }
    half
}

/// Writes the kernel for a set of instructions, from what the module around it
/// has: a vector `V` of `LANES` numbers, its arithmetic, `lookup`, `not_greater` and
/// `flip_odd_halves`. A macro for the same reason as
/// [`vector_operations`](super::vector::vector_operations).
macro_rules! sine_kernel {
    ($instructions:literal) => {
        /// The sine of each lane, and which lanes must be done by `f64::sin`.
        #[inline]
        #[target_feature(enable = $instructions)]
        fn sine_of(x: V) -> (V, u8) {
            use $crate::simd::sine::{
                COS, LEAST_REST, PI_16, PI_16_LOW, SIN, STEPS_PER_RADIAN, TO_INTEGER,
            };
            let integer = fma(x, splat(STEPS_PER_RADIAN), splat(TO_INTEGER));
            let k = sub(integer, splat(TO_INTEGER));
            let exact = fnma(k, splat(PI_16), x);
            let r = fnma(k, splat(PI_16_LOW), exact);
            let r_low = fnma(k, splat(PI_16_LOW), sub(exact, r));
            let z = mul(r, r);

            let [s, s_low, c, c_low] = lookup(integer);
            let sum = fma(c, r, s);
            let lost = fma(c, r, sub(s, sum));

            let sine = fma(splat(SIN[3]), z, splat(SIN[2]));
            let sine = fma(sine, z, splat(SIN[1]));
            let sine = fma(sine, z, splat(SIN[0]));
            // Without its first term, which is the largest of all and comes last.
            let cosine = fma(splat(COS[2]), z, splat(COS[1]));
            let cosine = mul(fma(cosine, z, splat(COS[0])), z);
            let curved = fma(s, cosine, mul(mul(c, r), sine));

            // From the smallest to the largest.
            let across = mul(s, r);
            let rest = fma(c_low, r, add(s_low, lost));
            let rest = fma(sub(c, across), r_low, rest);
            let rest = fma(z, curved, rest);
            let rest = fma(across, mul(r, splat(-0.5)), rest);
            let result = flip_odd_halves(add(sum, rest), integer);

            let least = mul(k, splat(LEAST_REST));
            (result, not_greater(z, mul(least, least)))
        }

        /// Replaces each element by its sine. The bits of an element do not depend
        /// on its neighbours: what does not fill a vector is computed in one too.
        #[target_feature(enable = $instructions)]
        pub(super) fn sin(x: &mut [f64]) {
            let (vectors, tail) = x.as_chunks_mut::<LANES>();
            for vector in vectors {
                sine_in_place(vector);
            }
            if !tail.is_empty() {
                // Filled up with ones, which are cheap: zero would be refused.
                let mut vector = [1.0; LANES];
                vector[..tail.len()].copy_from_slice(tail);
                sine_in_place(&mut vector);
                tail.copy_from_slice(&vector[..tail.len()]);
            }
        }

        #[inline]
        #[target_feature(enable = $instructions)]
        fn sine_in_place(vector: &mut [f64; LANES]) {
            $crate::simd::memory::prefetch_for_arithmetic(vector);
            let x = load(vector);
            let (sines, refused) = sine_of(x);
            store(vector, sines);
            if refused != 0 {
                let mut angles = [0.0; LANES];
                store(&mut angles, x);
                $crate::simd::sine::one_by_one(vector, &angles, refused);
            }
        }
    };
}
pub(super) use sine_kernel;

/// The sines of the lanes whose bit is set in `which`.
#[cold]
#[inline(never)]
pub(super) fn one_by_one(sines: &mut [f64], angles: &[f64], which: u8) {
    for (lane, (sine, angle)) in sines.iter_mut().zip(angles).enumerate() {
        if which >> lane & 1 == 1 {
            *sine = angle.sin();
        }
    }
}
