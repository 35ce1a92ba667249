//! Each method on every length, and all of them beside num-bigint.

use num_bigint::BigUint;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Alone, Crew, LONG_SQUARE, Multiplier, digits, is_long, long, shifted};

/// Words of a number of about that length, all ones once in a while.
fn words(length: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<u64>> {
    let word = prop_oneof![4 => any::<u64>(), 2 => Just(u64::MAX), 1 => Just(0)];
    let length = length.into();
    prop_oneof![
        3 => vec(word, length.clone()),
        1 => vec(Just(u64::MAX), length),
    ]
}

fn number(words: &[u64]) -> BigUint {
    shifted(words, 0)
}

/// By every method, whether it is the one that would be chosen or not, over whatever
/// lay in the result before.
fn products_agree(a: &[u64], b: &[u64]) {
    let expected = number(a) * number(b);
    let mut out = vec![7; a.len() + b.len()];
    long::product(&mut out, a, b);
    assert_eq!(number(&out), expected, "on paper or by Karatsuba");
    let tables = digits::Tables::up_to(out.len());
    digits::product(&mut out, a, b, &tables, Alone);
    assert_eq!(number(&out), expected, "by transforms");
    out.fill(7);
    digits::product(&mut out, a, b, &tables, Crew);
    assert_eq!(number(&out), expected, "by transforms on threads");
    let mut out = vec![7; 3];
    Multiplier::up_to(a.len() + b.len(), Alone).product(&mut out, a, b);
    assert_eq!(number(&out), expected, "by the method of choice");
    assert_ne!(out.last(), Some(&0), "zeros are cut off");
}

fn squares_agree(a: &[u64]) {
    let expected = number(a) * number(a);
    let mut out = vec![7; 2 * a.len()];
    long::square(&mut out, a);
    assert_eq!(number(&out), expected, "on paper or by Karatsuba");
    let tables = digits::Tables::up_to(out.len());
    digits::square(&mut out, a, &tables, Alone);
    assert_eq!(number(&out), expected, "by a transform");
    out.fill(7);
    digits::square(&mut out, a, &tables, Crew);
    assert_eq!(number(&out), expected, "by a transform on threads");
    let mut out = vec![7; 3];
    Multiplier::up_to(2 * a.len(), Alone).square(&mut out, a);
    assert_eq!(number(&out), expected, "by the method of choice");
    assert_ne!(out.last(), Some(&0), "zeros are cut off");
}

proptest! {
    #[test]
    fn short_products(a in words(1..70), b in words(1..70)) {
        products_agree(&a, &b);
    }

    #[test]
    fn short_squares(a in words(1..150)) {
        squares_agree(&a);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn products_around_the_longest_on_paper(a in words(440..560), b in words(440..560)) {
        products_agree(&a, &b);
    }

    #[test]
    fn unbalanced_products(a in words(1..260), b in words(1_400..2_200)) {
        products_agree(&a, &b);
        products_agree(&b, &a);
    }

    #[test]
    fn long_squares(a in words(LONG_SQUARE - 20..LONG_SQUARE + 40)) {
        squares_agree(&a);
    }
}

/// The largest sums of products that there can be, in lengths on both sides of every
/// shape up to two thousand numbers.
#[test]
fn all_ones_times_all_ones() {
    let lengths = (1..40).chain((40..900).step_by(17)).chain([2_500, 15_000]);
    for length in lengths {
        let ones = vec![u64::MAX; length];
        products_agree(&ones, &ones);
        squares_agree(&ones);
    }
}

/// Where threads share a transform, and where they also share it with its tail. The
/// words of (2^64n - 1)^2 are known: on paper it would take too long.
#[test]
fn all_ones_where_threads_share_a_transform() {
    for length in [21_000, 35_000] {
        let ones = vec![u64::MAX; length];
        let mut expected = vec![0; length];
        expected[0] = 1;
        expected.push(u64::MAX - 1);
        expected.resize(2 * length, u64::MAX);
        let tables = digits::Tables::up_to(2 * length);
        let mut out = vec![7; 2 * length];
        digits::square(&mut out, &ones, &tables, Crew);
        assert!(out == expected, "the square of {length} words");
        out.fill(7);
        digits::product(&mut out, &ones, &ones, &tables, Crew);
        assert!(out == expected, "the product of {length} words");
    }
}

#[test]
fn nothing_and_one() {
    let multiplier = Multiplier::up_to(2_000, Alone);
    let long: Vec<u64> = (1..=1_000).collect();
    let mut out = vec![7; 5];
    for (a, b) in [(&[][..], &[][..]), (&[], &[1]), (&[], &long)] {
        multiplier.product(&mut out, a, b);
        assert_eq!(out, []);
        multiplier.product(&mut out, b, a);
        assert_eq!(out, []);
    }
    multiplier.square(&mut out, &[]);
    assert_eq!(out, []);
    multiplier.product(&mut out, &[1], &long);
    assert_eq!(out, long);
    multiplier.square(&mut out, &[1]);
    assert_eq!(out, [1]);
}

/// What the thresholds say of themselves.
#[test]
fn the_method_changes_once_as_numbers_grow() {
    for ratio in 1..12 {
        let long: Vec<_> = (1..1_000).map(|short| is_long(short, ratio * short)).collect();
        assert!(long.is_sorted() && !long[0] && long[998], "{ratio}");
    }
}
