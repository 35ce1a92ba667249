//! The operations, and the reader of what threads printed, against known answers.

use threads::simd::Isa;
use threads::{Mapping, Pages, Transcript, sin, squares};

#[test]
fn squares_have_their_known_answers() {
    assert!(squares(0).is_empty());
    assert_eq!(squares(1), [0]);
    let many = squares(100_000);
    assert!(many.iter().zip(0_u64..).all(|(square, x)| *square == x * x));
    // Sum of squares below m: (m - 1) m (2m - 1) / 6.
    assert_eq!(many.iter().sum::<u64>(), 99_999 * 100_000 * 199_999 / 6);
}

#[test]
fn every_kernel_writes_the_same_over_what_is_there() {
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_supported()) {
        for length in (0..40).chain([100_000]) {
            let mut out = vec![7; length as usize];
            isa.squares_into(&mut out);
            assert_eq!(out, squares(length), "{isa:?} on {length}");
            isa.fill(&mut out, 3);
            assert_eq!(out, vec![3; length as usize], "{isa:?} on {length}");
        }
    }
}

#[test]
fn every_kernel_multiplies_as_one_multiplication_does() {
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_supported()) {
        // The last are long enough for several streams.
        for length in (0..40_u32).chain([524_287, 524_288, 1_000_003]) {
            let mut x: Vec<f64> = (0..length).map(|i| f64::from(i) / 3.0).collect();
            let expected: Vec<f64> = x.iter().map(|x| x * 0.1).collect();
            isa.scale(&mut x, 0.1);
            assert_eq!(x, expected, "{isa:?} on {length}");
        }
    }
}

/// Whether there are large pages is up to the system; that they are memory is not.
#[test]
fn a_mapping_is_zeros_that_can_be_written() {
    for pages in [Pages::Small, Pages::Large] {
        for length in [0, 1, 511, 512, 513, 3_000_000] {
            let mut numbers = Mapping::<u64>::new(length, pages).expect("24 MB");
            assert_eq!(numbers.len(), length);
            let misplaced = numbers.as_ptr().align_offset(2 << 20);
            assert!(pages == Pages::Small || misplaced == 0, "{length} in {pages:?} pages");
            assert!(numbers.iter().all(|x| *x == 0), "{length} in {pages:?} pages");
            for (i, x) in numbers.iter_mut().enumerate() {
                *x = i as u64;
            }
            assert!(numbers.iter().copied().eq(0..length as u64), "{length} in {pages:?} pages");
        }
    }
    let error = Mapping::<f64>::new(1 << 60, Pages::Small).expect_err("2^63 bytes");
    assert!(error.to_string().contains("1152921504606846976 elements"), "{error}");
}

/// A thousand times 80 MB would not fit, if they did not go back.
#[test]
fn a_mapping_goes_back_to_the_system() {
    for _ in 0..1_000 {
        let mut x = Mapping::<f64>::new(10_000_000, Pages::Small).expect("80 MB");
        x[9_999_999] = 1.0;
    }
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).expect("a size");
    let kilobytes: u64 = size.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 20_000_000, "{kilobytes} kB are mapped");
}

#[test]
fn sines_of_whole_numbers_have_their_known_sum() {
    let n = 10_000_u32;
    let mut x: Vec<f64> = (0..n).map(f64::from).collect();
    sin(&mut x);
    // Lagrange: the sum of sin k for k below n is sin((n-1)/2) sin(n/2) / sin(1/2).
    let half = f64::from(n) / 2.0;
    let expected = (half - 0.5).sin() * half.sin() / 0.5_f64.sin();
    assert!((x.iter().sum::<f64>() - expected).abs() < 1e-9);
}

#[test]
fn sine_keeps_the_sign_of_zero_and_is_nan_at_infinity() {
    let mut x = [-0.0, f64::INFINITY, f64::NAN];
    sin(&mut x);
    assert_eq!(x[0].to_bits(), (-0.0_f64).to_bits());
    assert!(x[1].is_nan() && x[2].is_nan());
}

#[test]
fn a_transcript_tells_whole_lines_from_mixed_ones() {
    let nothing = Transcript::of("");
    assert!(nothing.is_whole(0));
    assert!(!nothing.is_whole(1), "a line is missing");

    assert!(Transcript::of("Run 1.\nRun 0.\n").is_whole(2), "any order will do");
    assert!(!Transcript::of("Run 0.\nRun 0.\n").is_whole(2), "one is there twice");
    assert!(!Transcript::of("Run 0.\nRun 2.\n").is_whole(2), "one is not ours");
    assert!(!Transcript::of("Run 0.\n\nRun 1.\n").is_whole(2), "a line is empty");

    let mixed = Transcript::of("Run 0.Run 1.\n\nRun 2.\n");
    assert_eq!((mixed.runs.as_slice(), mixed.broken), (&[2][..], 2));
    assert!(!mixed.is_whole(3));

    assert_eq!(Transcript::of("Run 0.\nRun 3.\nRun 1.\nRun 2.\n").out_of_order(), 1);
    assert_eq!(Transcript::of("Run 0\nrun 1.\nRun -2.\nRun 3. \n").broken, 4);
}
