//! Operations that are next to no arithmetic: what they take is memory's time.
//!
//! The loops are plain ones, and the compiler makes vectors of them. Compiled
//! for each set of instructions it takes as many lanes as there are.

/// Writes the loops for a set of instructions.
macro_rules! memory_kernels {
    ($(#[$instructions:meta])?) => {
        /// Multiplies each element by `c`.
        $(#[$instructions])?
        pub(super) fn scale(x: &mut [f64], c: f64) {
            for x in x {
                *x *= c;
            }
        }

        /// Writes the squares of 0, 1, 2 and so on, of which all must be `u32`s.
        $(#[$instructions])?
        pub(super) fn squares_into(out: &mut [u64]) {
            for (x, out) in out.iter_mut().enumerate() {
                // Said so that it is seen: a product of two halves of a lane is one
                // instruction, a product of two whole lanes is many.
                let x = x as u32;
                *out = u64::from(x) * u64::from(x);
            }
        }
    };
}
pub(super) use memory_kernels;
