//! Hash tables for names that the program gives out itself.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map with a [`Mixer`].
pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<Mixer>>;
/// A set with a [`Mixer`].
pub(crate) type FastSet<K> = HashSet<K, BuildHasherDefault<Mixer>>;

/// One multiplication by 2^64 over the golden ratio (Fibonacci hashing, Knuth
/// 6.4), folded so that both ends of the word depend on all of it. The names
/// are our own, so nobody can choose them to collide.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0.rotate_left(32) ^ word) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_row_fall_into_different_places() {
        let hash = |word: u64| {
            let mut mixer = Mixer::default();
            mixer.write_u64(word);
            mixer.finish()
        };
        // As a table sees them: its low bits choose the place, its high seven
        // the tag.
        for stride in [1, 256, 1 << 32] {
            let places: HashSet<u64> = (0..1024).map(|n| hash(n * stride) % 4096).collect();
            let tags: HashSet<u64> = (0..1024).map(|n| hash(n * stride) >> 57).collect();
            assert!(places.len() > 700 && tags.len() > 100, "{} {}", places.len(), tags.len());
        }
    }
}
