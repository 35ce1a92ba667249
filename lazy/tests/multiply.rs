//! Products and squares of num-bigint's numbers are num-bigint's own, whichever of the
//! two multiplies.

use lazy::multiply::{product, square};
use num_bigint::BigUint;
use proptest::collection::vec;
use proptest::prelude::*;

/// Numbers of up to so many words, the upper ones zero once in a while.
fn number(words: std::ops::Range<usize>) -> impl Strategy<Value = BigUint> {
    let word = prop_oneof![6 => any::<u32>(), 1 => Just(u32::MAX), 1 => Just(0)];
    vec(word, 2 * words.start..2 * words.end).prop_map(BigUint::new)
}

#[test]
fn of_nothing_and_of_one() {
    let (zero, one, long) =
        (BigUint::ZERO, BigUint::from(1_u32), BigUint::from(3_u32).pow(100_000));
    for (a, b) in [(&zero, &zero), (&zero, &one), (&one, &one), (&zero, &long), (&one, &long)] {
        assert_eq!(product(a, b), a * b);
        assert_eq!(product(b, a), a * b);
    }
    for a in [zero, one, long] {
        assert_eq!(square(&a), &a * &a);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn of_short_numbers(a in number(0..60), b in number(0..60)) {
        prop_assert_eq!(product(&a, &b), &a * &b);
        prop_assert_eq!(square(&a), &a * &a);
    }

    #[test]
    fn of_numbers_about_as_long_as_where_transforms_begin(a in number(450..560), b in number(450..560)) {
        prop_assert_eq!(product(&a, &b), &a * &b);
        prop_assert_eq!(square(&a), &a * &a);
    }

    #[test]
    fn of_a_long_and_a_short_number(a in number(140..260), b in number(1_400..2_200)) {
        prop_assert_eq!(product(&a, &b), &a * &b);
        prop_assert_eq!(product(&b, &a), &a * &b);
    }
}
