//! Batches that somebody has made to do harm: cut, changed, or with numbers that
//! promise too much. They are refused, or what they hold is there.

use super::*;

/// A number of items or a length as no honest sender writes it, or as one does.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![
        0..9_u32,
        Just(FAILED),
        Just(FAILED - 1),
        Just(u32::MAX),
        (0..9_u32).prop_map(|few| FAILED | few),
        any::<u32>(),
    ]
}

/// The body of a frame of these parts, whatever they say of each other.
fn body(bytes: &[u8], runs: &[(u32, u32)], counted: u32, header: u32) -> Vec<u8> {
    let mut body = bytes.to_vec();
    for (items, length) in runs {
        body.extend_from_slice(&items.to_le_bytes());
        body.extend_from_slice(&length.to_le_bytes());
    }
    body.extend_from_slice(&counted.to_le_bytes());
    body.extend_from_slice(&header.to_le_bytes());
    body
}

/// Looks at all that a body holds, in both ways. A batch of items without bytes
/// can be as long as it says; of such a one the beginning is looked at.
fn look(body: &[u8]) -> Result<bool, TestCaseError> {
    const ENOUGH: usize = 5_000;
    let Some((header, items)) = Items::of(body) else { return Ok(false) };
    let (mut one_by_one, mut taken, mut bytes) = (items.clone(), 0, 0);
    while taken < ENOUGH
        && let Some((failed, item)) = one_by_one.next()
    {
        taken += 1;
        bytes += item.len();
        prop_assert_eq!(one_by_one.left(), items.left() - taken);
        // Whatever stands there, it is an output, a failure or neither.
        let _ = crate::reply::output::<Vec<u64>>("task", failed, item);
    }
    prop_assert!(taken == items.left() || taken == ENOUGH);
    prop_assert!(header.len() + bytes <= body.len());
    let mut together = items.clone();
    while let Some((count, length, bytes)) = together.successes() {
        prop_assert!(count > 0 && count <= together.left());
        prop_assert_eq!(bytes.len(), count * length);
        together.advance(count);
    }
    prop_assert!(together.left() == 0 || together.next().is_some_and(|(failed, _)| failed));
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 16 } else { 2_000 }))]

    #[test]
    fn whatever_the_runs_promise(
        bytes in vec(any::<u8>(), 0..64),
        runs in vec((number(), number()), 0..6),
        counted in prop_oneof![Just(None), number().prop_map(Some)],
        header in prop_oneof![Just(0), number()],
    ) {
        let counted = counted.unwrap_or(runs.len() as u32);
        look(&body(&bytes, &runs, counted, header))?;
    }

    #[test]
    fn whatever_is_cut_off_or_changed(
        values in vec(any::<(u16, bool, Option<String>)>(), 0..12),
        cut in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut frame = Frame::default();
        frame.start(&7_u8).expect("it encodes");
        for value in &values {
            frame.push(value.1, |to| codec::append(value, to)).expect("it encodes");
        }
        frame.seal().expect("it fits");
        let whole = &frame.bytes()[4..];
        prop_assert!(look(whole)?, "it is as it was sent");
        look(&whole[..cut.index(whole.len())])?;
        let mut changed = whole.to_vec();
        for (at, byte) in changes {
            let at = at.index(changed.len());
            changed[at] = byte;
        }
        look(&changed)?;
    }
}

#[test]
fn promises_that_no_number_holds_are_refused() {
    let most = (u32::MAX, FAILED - 1);
    for runs in [vec![most], vec![most; 2], vec![most; 3], vec![(u32::MAX, 0); 3]] {
        assert!(Items::of(&body(&[1; 9], &runs, runs.len() as u32, 0)).is_none(), "{runs:?}");
    }
    // More runs, or more of a header, than there are bytes at all.
    assert!(Items::of(&body(&[1; 9], &[(9, 1)], u32::MAX, 0)).is_none());
    assert!(Items::of(&body(&[1; 9], &[(9, 1)], 1, u32::MAX)).is_none());
    // Items without bytes are as many as they say, and cost nothing.
    let empty = body(&[], &[(u32::MAX, 0)], 1, 0);
    let (_, items) = Items::of(&empty).expect("a batch");
    assert_eq!(items.left(), u32::MAX as usize);
}
