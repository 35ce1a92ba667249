//! A relation between two kinds of things, each named by a small number: which
//! task takes which value, and which value has copies on which worker.
//!
//! Each pair stands in two lists that run through one arena: that of its left
//! side and that of its right side. So a pair costs 20 bytes and no allocation
//! of its own, and can be taken out in the middle of a list of a million.

/// No pair.
const END: u32 = u32::MAX;

/// An empty relation keeps the memory of so many pairs, and not that of a
/// million for the next ten.
const KEPT: usize = 1 << 14;

/// Pairs of a left and a right side. The same pair may stand here twice.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pairs: Vec<Pair>,
    /// The first pair of each left side; short if the last ones have none.
    left: Vec<u32>,
    /// The first pair of each right side.
    right: Vec<u32>,
    /// Places in `pairs` that are free, in a list through `next_left`.
    free: u32,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Pair {
    left: u32,
    right: u32,
    /// Lists of left sides are short, or taken apart from the front, so one
    /// direction will do.
    next_left: u32,
    next_right: u32,
    previous_right: u32,
}

impl Relation {
    pub(super) fn new() -> Self {
        Self { pairs: Vec::new(), left: Vec::new(), right: Vec::new(), free: END, len: 0 }
    }

    /// The number of pairs.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a pair. It comes first in both its lists.
    pub(super) fn link(&mut self, left: u32, right: u32) {
        let place = if self.free == END { self.pairs.len() as u32 } else { self.free };
        let next_left = std::mem::replace(head_mut(&mut self.left, left), place);
        let next_right = std::mem::replace(head_mut(&mut self.right, right), place);
        if next_right != END {
            self.pairs[next_right as usize].previous_right = place;
        }
        let pair = Pair { left, right, next_left, next_right, previous_right: END };
        if self.free == END {
            self.pairs.push(pair);
        } else {
            self.free = std::mem::replace(&mut self.pairs[place as usize], pair).next_left;
        }
        self.len += 1;
    }

    /// The right sides of a left side, the latest first.
    pub(super) fn rights_of(&self, left: u32) -> impl Iterator<Item = u32> + '_ {
        let mut place = head(&self.left, left);
        std::iter::from_fn(move || {
            let pair = self.pairs.get(place as usize)?;
            place = pair.next_left;
            Some(pair.right)
        })
    }

    /// The left sides of a right side, the latest first.
    pub(super) fn lefts_of(&self, right: u32) -> impl Iterator<Item = u32> + '_ {
        let mut place = head(&self.right, right);
        std::iter::from_fn(move || {
            let pair = self.pairs.get(place as usize)?;
            place = pair.next_right;
            Some(pair.left)
        })
    }

    /// Whether the left side stands in any pair.
    pub(super) fn has_right(&self, left: u32) -> bool {
        head(&self.left, left) != END
    }

    /// Whether the right side stands in any pair.
    pub(super) fn has_left(&self, right: u32) -> bool {
        head(&self.right, right) != END
    }

    /// Takes the latest pair of a left side out; its right side.
    pub(super) fn pop_right(&mut self, left: u32) -> Option<u32> {
        let place = head(&self.left, left);
        let pair = *self.pairs.get(place as usize)?;
        self.left[left as usize] = pair.next_left;
        self.drop_from_right(place);
        Some(pair.right)
    }

    /// Takes one pair out; whether there was one. Costs a step for each pair
    /// of the left side.
    pub(super) fn unlink(&mut self, left: u32, right: u32) -> bool {
        let (mut before, mut place) = (END, head(&self.left, left));
        while let Some(pair) = self.pairs.get(place as usize).copied() {
            if pair.right == right {
                if before == END {
                    self.left[left as usize] = pair.next_left;
                } else {
                    self.pairs[before as usize].next_left = pair.next_left;
                }
                self.drop_from_right(place);
                return true;
            }
            (before, place) = (place, pair.next_left);
        }
        false
    }

    /// Takes a pair, which is out of its left side's list, out of the other.
    fn drop_from_right(&mut self, place: u32) {
        let pair = self.pairs[place as usize];
        if pair.next_right != END {
            self.pairs[pair.next_right as usize].previous_right = pair.previous_right;
        }
        if pair.previous_right == END {
            self.right[pair.right as usize] = pair.next_right;
        } else {
            self.pairs[pair.previous_right as usize].next_right = pair.next_right;
        }
        self.pairs[place as usize].next_left = self.free;
        self.free = place;
        self.len -= 1;
        if self.len == 0 && self.pairs.len() > KEPT {
            *self = Self::new();
        }
    }
}

fn head(heads: &[u32], side: u32) -> u32 {
    heads.get(side as usize).copied().unwrap_or(END)
}

fn head_mut(heads: &mut Vec<u32>, side: u32) -> &mut u32 {
    if side as usize >= heads.len() {
        heads.resize(side as usize + 1, END);
    }
    &mut heads[side as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Link(u32, u32),
        Unlink(u32, u32),
        Pop(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0_u32..6, 0_u32..6).prop_map(|(l, r)| Step::Link(l, r)),
            1 => (0_u32..6, 0_u32..6).prop_map(|(l, r)| Step::Unlink(l, r)),
            1 => (0_u32..6).prop_map(Step::Pop),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_list_of_pairs(steps in proptest::collection::vec(step(), 0..60)) {
            let mut relation = Relation::new();
            // The latest first, as in both lists.
            let mut pairs: Vec<(u32, u32)> = Vec::new();
            for step in steps {
                match step {
                    Step::Link(l, r) => {
                        relation.link(l, r);
                        pairs.insert(0, (l, r));
                    }
                    Step::Unlink(l, r) => {
                        let at = pairs.iter().position(|pair| *pair == (l, r));
                        prop_assert_eq!(relation.unlink(l, r), at.is_some());
                        at.map(|at| pairs.remove(at));
                    }
                    Step::Pop(l) => {
                        let at = pairs.iter().position(|pair| pair.0 == l);
                        prop_assert_eq!(relation.pop_right(l), at.map(|at| pairs.remove(at).1));
                    }
                }
                prop_assert_eq!(relation.len(), pairs.len());
                for side in 0..7 {
                    let rights: Vec<u32> =
                        pairs.iter().filter(|p| p.0 == side).map(|p| p.1).collect();
                    prop_assert_eq!(relation.has_right(side), !rights.is_empty());
                    prop_assert_eq!(relation.rights_of(side).collect::<Vec<_>>(), rights);
                    let lefts: Vec<u32> =
                        pairs.iter().filter(|p| p.1 == side).map(|p| p.0).collect();
                    prop_assert_eq!(relation.has_left(side), !lefts.is_empty());
                    prop_assert_eq!(relation.lefts_of(side).collect::<Vec<_>>(), lefts);
                }
            }
        }
    }
}
