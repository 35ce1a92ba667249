//! Maps from tasks and workers, whose names are small numbers that follow each
//! other: a multiplication spreads them well enough, and costs a nanosecond
//! where the standard library's hash, made for strangers' keys, costs twenty.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::scheduler::TaskId;

/// A map from tasks.
pub(crate) type TaskMap<T> = HashMap<TaskId, T, BuildHasherDefault<IdHasher>>;

/// Fibonacci hashing (Knuth, "The Art of Computer Programming", vol. 3, 6.4).
#[derive(Clone, Copy, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, n: u64) {
        // hashbrown takes its buckets from the low bits and its tags from the
        // high ones, so both halves have to depend on all of the number.
        let n = (self.0 ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = n ^ (n >> 32);
    }
}
