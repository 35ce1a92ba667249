//! Which workers have a copy of which value: a set of pairs.

use super::relation::Relation;
use super::task::Slot;
use super::worker::Seat;
use crate::hash::FastSet;

/// A value with more copies than this has them in a hash table as well.
const MANY: usize = 8;

/// Of which value (left) there is a copy with which worker (right).
///
/// Nearly all values have one copy, and a short list says all about it. A value
/// that a thousand workers fetched would take a thousand steps for each report,
/// so its pairs can be looked up, too.
#[derive(Clone, Debug)]
pub(super) struct Copies {
    pairs: Relation,
    of_many: FastSet<(Slot, Seat)>,
}

impl Copies {
    pub(super) fn new() -> Self {
        Self { pairs: Relation::new(), of_many: FastSet::default() }
    }

    /// Adds a copy; whether it was new.
    pub(super) fn add(&mut self, slot: Slot, seat: Seat) -> bool {
        let (mut count, mut known) = (0, false);
        for holder in self.pairs.rights_of(slot).take(MANY) {
            count += 1;
            known |= holder == seat;
        }
        if known {
            return false;
        }
        if count == MANY {
            // From one more on, all are in the table.
            if self.pairs.rights_of(slot).nth(MANY).is_none() {
                self.of_many.extend(self.pairs.rights_of(slot).map(|holder| (slot, holder)));
            }
            if !self.of_many.insert((slot, seat)) {
                return false;
            }
        }
        self.pairs.link(slot, seat);
        true
    }

    /// Takes a copy out; whether there was one. Costs a step for each copy of
    /// the value.
    pub(super) fn remove(&mut self, slot: Slot, seat: Seat) -> bool {
        self.forget(slot, seat);
        self.pairs.unlink(slot, seat)
    }

    /// Takes any copy of a value out; whose it was.
    pub(super) fn pop(&mut self, slot: Slot) -> Option<Seat> {
        let seat = self.pairs.pop_right(slot)?;
        self.forget(slot, seat);
        Some(seat)
    }

    fn forget(&mut self, slot: Slot, seat: Seat) {
        if !self.of_many.is_empty() {
            self.of_many.remove(&(slot, seat));
        }
    }

    /// Whether there is any copy of the value.
    pub(super) fn has_any(&self, slot: Slot) -> bool {
        self.pairs.has_right(slot)
    }

    /// Whether the worker has a copy of any value.
    pub(super) fn holds_any(&self, seat: Seat) -> bool {
        self.pairs.has_left(seat)
    }

    /// The workers with a copy of the value.
    pub(super) fn holders(&self, slot: Slot) -> impl Iterator<Item = Seat> + '_ {
        self.pairs.rights_of(slot)
    }

    /// The values of which the worker has a copy.
    pub(super) fn held_by(&self, seat: Seat) -> impl Iterator<Item = Slot> + '_ {
        self.pairs.lefts_of(seat)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_set_of_pairs(
            steps in proptest::collection::vec((0_u8..8, 0_u32..2, 0_u32..20), 0..150),
        ) {
            let mut copies = Copies::new();
            let mut pairs = BTreeSet::new();
            for (kind, slot, seat) in steps {
                match kind {
                    0 => {
                        let popped = copies.pop(slot);
                        prop_assert!(popped.is_none_or(|seat| pairs.remove(&(slot, seat))));
                    }
                    1 | 2 => {
                        prop_assert_eq!(copies.remove(slot, seat), pairs.remove(&(slot, seat)));
                    }
                    _ => prop_assert_eq!(copies.add(slot, seat), pairs.insert((slot, seat))),
                }
                let mut holders: Vec<Seat> = copies.holders(slot).collect();
                holders.sort_unstable();
                let expected = pairs.iter().filter(|pair| pair.0 == slot).map(|pair| pair.1);
                prop_assert_eq!(holders, expected.collect::<Vec<_>>());
                let mut held: Vec<Slot> = copies.held_by(seat).collect();
                held.sort_unstable();
                let expected = pairs.iter().filter(|pair| pair.1 == seat).map(|pair| pair.0);
                prop_assert_eq!(held, expected.collect::<Vec<_>>());
            }
        }
    }
}
