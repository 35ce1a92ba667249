//! From names to places: a table of pages, for names that follow each other.
//!
//! A page holds the places of 256 consecutive names, 4 bytes each; a small
//! hash table finds the page. Names that were given out one after the other
//! share pages, and mostly the one that was used last, so a look-up hashes
//! seldom. A name that stands alone costs a page of a KiB.

use crate::hash::FastMap;

/// The names on a page.
const NAMES: u64 = 256;
/// No place.
const NONE: u32 = u32::MAX;

/// An empty index keeps so many pages for the names to come.
const KEPT: usize = 64;

/// A map from `u64` to a place below `u32::MAX`.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    pages: Vec<Page>,
    /// Where the page stands whose names begin at the key times 256.
    directory: FastMap<u64, u32>,
    /// Pages without names, to be used again.
    vacant: Vec<u32>,
    /// The page that was written last, and its key.
    last: Option<(u64, u32)>,
}

#[derive(Clone, Debug)]
struct Page {
    places: Box<[u32; NAMES as usize]>,
    used: u32,
}

impl Index {
    pub(super) fn get(&self, name: u64) -> Option<u32> {
        let page = &self.pages[self.page(name / NAMES)? as usize];
        let place = page.places[(name % NAMES) as usize];
        (place != NONE).then_some(place)
    }

    /// Adds a name, which is not there.
    pub(super) fn insert(&mut self, name: u64, place: u32) {
        let key = name / NAMES;
        let at = self.page(key).unwrap_or_else(|| {
            let at = self.vacant.pop().unwrap_or_else(|| {
                self.pages.push(Page { places: Box::new([NONE; NAMES as usize]), used: 0 });
                self.pages.len() as u32 - 1
            });
            self.directory.insert(key, at);
            at
        });
        self.last = Some((key, at));
        let page = &mut self.pages[at as usize];
        debug_assert_eq!(page.places[(name % NAMES) as usize], NONE);
        page.places[(name % NAMES) as usize] = place;
        page.used += 1;
    }

    /// Takes a name out, which is there.
    pub(super) fn remove(&mut self, name: u64) {
        let key = name / NAMES;
        let at = self.page(key).expect("the name is there");
        let page = &mut self.pages[at as usize];
        page.places[(name % NAMES) as usize] = NONE;
        page.used -= 1;
        if page.used == 0 {
            self.directory.remove(&key);
            self.vacant.push(at);
            self.last = None;
        } else {
            self.last = Some((key, at));
        }
        if self.directory.is_empty() && self.pages.len() > KEPT {
            *self = Self::default();
        }
    }

    fn page(&self, key: u64) -> Option<u32> {
        match self.last {
            Some((last, at)) if last == key => Some(at),
            _ => self.directory.get(&key).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    /// Names of a few pages, and the two ends.
    fn name() -> impl Strategy<Value = u64> {
        prop_oneof![4 => 0_u64..1000, 1 => u64::MAX - 300..=u64::MAX]
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((any::<bool>(), name()), 0..200)) {
            let mut index = Index::default();
            let mut map = BTreeMap::new();
            for (place, (insert, name)) in (0_u32..).zip(steps) {
                prop_assert_eq!(index.get(name), map.get(&name).copied());
                if insert && !map.contains_key(&name) {
                    index.insert(name, place);
                    map.insert(name, place);
                } else if map.remove(&name).is_some() {
                    index.remove(name);
                }
                prop_assert_eq!(index.get(name), map.get(&name).copied());
            }
            for (name, place) in map {
                prop_assert_eq!(index.get(name), Some(place));
            }
        }
    }
}
