//! The vector sine against exact references: on the lecture's own million
//! angles, all of them; elsewhere densely, and where it is hardest.

mod big;
mod pair;

use std::f64::consts::PI;

use proptest::prelude::*;
use threads::simd::{self, Isa};
use threads::{scoped, serial, sin, work_stealing};

/// What NumPy 2.4 comes to on the lecture's angles, in units in the last place.
const NUMPY: f64 = 0.5153;

/// The kernels of this machine. What `f64::sin` comes to is the system's affair.
fn kernels() -> impl Iterator<Item = Isa> {
    supported().filter(|isa| *isa != Isa::Portable)
}

fn supported() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_supported())
}

fn sines_by(isa: Isa, angles: &[f64]) -> Vec<f64> {
    let mut x = angles.to_vec();
    isa.sin(&mut x);
    x
}

fn bits(x: &[f64]) -> Vec<u64> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// The largest error of each kernel over some angles, and where it is.
fn assert_accurate(what: &str, angles: &[f64]) {
    for isa in kernels() {
        let sines = sines_by(isa, angles);
        let errors = angles.iter().zip(&sines).map(|(&x, &sine)| (pair::error(x, sine), x));
        let (worst, at) = errors.max_by(|a, b| a.0.total_cmp(&b.0)).expect("some angles");
        println!("{what}: {isa:?} is {worst:.4} places off at {at:?}");
        assert!(worst <= NUMPY, "{what}: {isa:?} is {worst} places off at {at:?}");
    }
}

/// Numbers that look random and are the same each time (Marsaglia's xorshift).
fn noise() -> impl FnMut() -> f64 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The `f64` next to a multiple of pi/16, and some to both sides of it.
fn around(sixteenth: f64) -> impl Iterator<Item = f64> {
    // Twice rounded, so it may be the next but one.
    let near = (sixteenth * (PI / 16.0)).to_bits();
    (near.saturating_sub(3)..=near + 3).map(f64::from_bits)
}

#[test]
fn as_accurate_as_numpy_on_the_lectures_million_angles() {
    let angles: Vec<f64> = (1..1_000_000).map(f64::from).collect();
    assert_accurate("0 to 999,999", &angles);
}

#[test]
fn as_accurate_on_dense_samples_elsewhere() {
    let mut noise = noise();
    let mut sample = |from: f64, to: f64| -> Vec<f64> {
        (0..100_000).map(|_| from + (to - from) * noise()).collect()
    };
    assert_accurate("the first turn", &sample(-PI, PI));
    assert_accurate("the first step", &sample(-PI / 16.0, PI / 16.0));
    assert_accurate("thousands", &sample(-1e4, 1e4));
    assert_accurate("as far as 1e8", &sample(-1e8, 1e8));
    let exponents = sample(-100.0, 30.0);
    let every_size: Vec<f64> = exponents.into_iter().map(f64::exp2).collect();
    assert_accurate("every size", &every_size);
}

#[test]
fn as_accurate_where_almost_nothing_remains() {
    let first = (1..20_000).flat_map(|k| around(f64::from(k))).collect::<Vec<_>>();
    assert_accurate("around the first multiples of pi/16", &first);

    let of_pi = (1..20_000).flat_map(|k| around(16.0 * f64::from(k))).collect::<Vec<_>>();
    assert_accurate("around the first multiples of pi", &of_pi);

    let mut noise = noise();
    let far = (0..20_000).flat_map(|_| around((noise() * 5e8).round())).collect::<Vec<_>>();
    assert_accurate("around multiples of pi/16 as far as 1e8", &far);

    // Whole numbers next to a multiple of pi (OEIS A002485).
    let whole = [3.0, 22.0, 355.0, 103_993.0, 104_348.0, 312_689.0, 1_146_408.0, 80_143_857.0];
    assert_accurate("whole numbers next to a multiple of pi", &whole);
}

#[test]
fn what_no_kernel_can_do_is_left_to_the_library() {
    let mut angles = vec![0.0, f64::MIN_POSITIVE, 5e-324, 1e-310, 1e-200, f64::MAX, f64::INFINITY];
    angles.extend([1e14, 1e16, 1e22, 1e100, 1e300, 2_f64.powi(52), 2_f64.powi(53)]);
    // The f64 that is closest to a multiple of pi/2, relative to its size
    // (J.-M. Muller, Elementary Functions, 3rd ed., table 11.1).
    angles.push(6_381_956_970_095_103.0 * 2_f64.powi(797));
    let negative: Vec<f64> = angles.iter().map(|x| -x).collect();
    angles.extend(negative);

    let mut expected = angles.clone();
    sin(&mut expected);
    for isa in supported() {
        let sines = sines_by(isa, &angles);
        for ((x, sine), expected) in angles.iter().zip(sines).zip(&expected) {
            let same = sine.to_bits() == expected.to_bits() || sine.is_nan() && expected.is_nan();
            assert!(same, "{isa:?}: sin {x:e} is {sine:e}, not {expected:e}");
        }
        assert!(sines_by(isa, &[f64::NAN; 9]).iter().all(|sine| sine.is_nan()), "{isa:?}");
    }
}

#[test]
fn huge_angles_are_right() {
    let big = big::Sine::new();
    let mut noise = noise();
    let angles: Vec<f64> = (0..300).map(|_| (26.0 + 990.0 * noise()).exp2()).collect();
    for isa in supported() {
        for (&x, &sine) in angles.iter().zip(&sines_by(isa, &angles)) {
            let error = big.error(x, sine);
            // Most of these are the system's; ours are better.
            assert!(error < 1.0, "{isa:?}: sin {x:e} is {error} places off");
        }
    }
}

#[test]
fn the_two_references_agree() {
    let big = big::Sine::new();
    let mut noise = noise();
    let mut angles: Vec<f64> = (0..300).map(|_| (130.0 * noise() - 100.0).exp2()).collect();
    angles.extend((0..100).flat_map(|_| around(16.0 * (noise() * 2e7).round())));
    for x in angles {
        let sine = x.sin();
        let (quick, slow) = (pair::error(x, sine), big.error(x, sine));
        assert!((quick - slow).abs() < 1e-5, "sin {x:e}: {quick} and {slow} places off");
    }
}

#[test]
fn kernels_agree_bit_for_bit() {
    let mut noise = noise();
    let angles: Vec<f64> = (0..100_000).map(|_| 1e9 * (noise() - 0.5)).collect();
    let all: Vec<_> = kernels().map(|isa| bits(&sines_by(isa, &angles))).collect();
    assert!(all.windows(2).all(|two| two[0] == two[1]), "AVX-512 and AVX2 differ");
}

/// With 0 to 40 elements every length of a last, incomplete vector occurs, and
/// with lanes that are refused next to lanes that are not.
#[test]
fn an_element_does_not_depend_on_its_neighbours() {
    let mixed = |length: u32| -> Vec<f64> {
        (0..length).map(|i| if i % 5 == 3 { 1e300 } else { f64::from(i) * 1.7 }).collect()
    };
    for isa in supported() {
        for length in 0..40 {
            let angles = mixed(length);
            let alone: Vec<f64> =
                angles.iter().flat_map(|x| sines_by(isa, std::slice::from_ref(x))).collect();
            assert_eq!(bits(&sines_by(isa, &angles)), bits(&alone), "{isa:?} on {length}");
        }
    }
}

#[test]
fn only_the_slice_is_changed() {
    for isa in supported() {
        let mut x = [0.5; 64];
        isa.sin(&mut x[3..60]);
        let changed: Vec<_> = x.iter().map(|x| *x != 0.5).collect();
        assert_eq!(changed, (0..64).map(|i| (3..60).contains(&i)).collect::<Vec<_>>(), "{isa:?}");
    }
}

/// The lecture's `(arr1 == arr2).all()`.
#[test]
fn every_model_gives_the_serial_bits() {
    for length in [0, 1, 7, 8, 9, 1_000, 10_007] {
        let angles: Vec<f64> = (0..length).map(f64::from).collect();
        let mut expected = angles.clone();
        serial::for_each_chunk(&mut expected, simd::sin);

        let mut stolen = angles.clone();
        work_stealing::for_each_chunk(&mut stolen, simd::sin);
        assert_eq!(bits(&stolen), bits(&expected), "work stealing on {length}");
        for parts in [1, 2, 3, 7, 10] {
            let mut scoped = angles.clone();
            scoped::for_each_chunk(&mut scoped, parts, simd::sin);
            assert_eq!(bits(&scoped), bits(&expected), "{length} in {parts} parts");
        }
    }
}

proptest! {
    /// Any bits at all: as the library has it, to the last place but one.
    #[test]
    fn no_f64_is_far_from_the_library(any in any::<u64>()) {
        let x = f64::from_bits(any);
        for isa in supported() {
            let (got, expected) = (sines_by(isa, &[x])[0], x.sin());
            let apart = got.to_bits().abs_diff(expected.to_bits());
            prop_assert!(apart <= 1 || got.is_nan() && expected.is_nan(), "sin {x:e} is {got:e}");
        }
    }

    #[test]
    fn any_slice_may_be_cut_anywhere(
        angles in prop::collection::vec(-1e6..1e6_f64, 0..50), cut in 0_usize..50,
    ) {
        for isa in supported() {
            let whole = sines_by(isa, &angles);
            let mut halves = angles.clone();
            let (left, right) = halves.split_at_mut(cut.min(angles.len()));
            isa.sin(left);
            isa.sin(right);
            prop_assert_eq!(bits(&halves), bits(&whole));
        }
    }
}
