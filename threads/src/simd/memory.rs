//! Operations that are next to no arithmetic: what they take is memory's time.
//!
//! The loops are plain ones, and the compiler makes vectors of them. Compiled
//! for each set of instructions it takes as many lanes as there are.

/// So many bytes ahead of what is computed the memory is asked for, where there is
/// hardly anything to compute. The processor looks ahead itself, but not beyond the
/// end of a page: without this 800 MB took 54 ms, and asked for 8 KiB ahead, 55;
/// from 768 to 2,048 bytes ahead it was 48 (virtual Xeon, 2026-11-29).
pub(super) const SHORTLY_AHEAD: usize = 1_024;

/// The same where there are many instructions between one load and the next, and
/// the processor does not look ahead at all: without this a million sines took 0.97
/// ms instead of 0.68, and 1 KiB ahead, a hundred million took 97 instead of 86.
#[cfg(target_arch = "x86_64")]
pub(super) const FAR_AHEAD: usize = 8_192;

/// Asks for the cache line so many bytes `AHEAD` of some elements. There need not be
/// one: what is asked for is not read.
#[inline(always)]
pub(super) fn prefetch<const AHEAD: usize, T, const LANES: usize>(vector: &[T; LANES]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has SSE, and a prefetch does not fault.
        #[expect(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(vector.as_ptr().wrapping_byte_add(AHEAD).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = vector;
}

/// Elements in a cache line.
pub(super) const LINE: usize = 8;

/// Writes the loops for a set of instructions.
macro_rules! memory_kernels {
    ($(#[$instructions:meta])?) => {
        /// Multiplies each element by `c`.
        $(#[$instructions])?
        pub(super) fn scale(x: &mut [f64], c: f64) {
            let (lines, tail) = x.as_chunks_mut::<{ super::memory::LINE }>();
            for line in lines {
                super::memory::prefetch::<{ super::memory::SHORTLY_AHEAD }, _, _>(line);
                line.iter_mut().for_each(|x| *x *= c);
            }
            tail.iter_mut().for_each(|x| *x *= c);
        }

        /// Writes `x` everywhere.
        $(#[$instructions])?
        pub(super) fn fill(out: &mut [u64], x: u64) {
            out.fill(x);
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
