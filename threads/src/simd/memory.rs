//! Operations that are next to no arithmetic: what they take is memory's time.
//!
//! The loops are plain ones, and the compiler makes vectors of them. Compiled
//! for each set of instructions it takes as many lanes as there are.

/// Asks for what comes next where there is hardly anything to compute: 2 KiB ahead,
/// into the second cache.
///
/// The processor looks ahead itself, but not beyond the end of a page. Without this
/// `x *= c` took 56 ms on 800 MB, 8 KiB ahead it took 55, and from 1 to 2 KiB ahead,
/// into either cache, 46 to 48 (virtual Xeon, 2026-11-29). Four streams at once, one
/// in each quarter of the array, took 45.5, but stand in each other's way where a
/// quarter is a whole number of pages.
#[inline(always)]
pub(super) fn prefetch_for_memory<T, const N: usize>(elements: &[T; N]) {
    prefetch::<2_048, false, T, N>(elements);
}

/// Asks for what comes next where there are many instructions between one load and
/// the next: 8 KiB ahead, into the first cache.
///
/// Then the processor does not look ahead at all. Without this a million sines took
/// 0.97 ms instead of 0.68; 1 KiB ahead, a hundred million took 97 ms instead of 86.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn prefetch_for_arithmetic<T, const N: usize>(elements: &[T; N]) {
    prefetch::<8_192, true, T, N>(elements);
}

/// Asks for the cache line so many bytes `AHEAD`. There need not be one: what is
/// asked for is not read.
#[inline(always)]
fn prefetch<const AHEAD: usize, const FIRST: bool, T, const N: usize>(elements: &[T; N]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        let line = elements.as_ptr().wrapping_byte_add(AHEAD).cast();
        // SAFETY: every x86-64 has SSE, and a prefetch does not fault.
        #[expect(unsafe_code)]
        unsafe {
            if FIRST {
                _mm_prefetch::<_MM_HINT_T0>(line);
            } else {
                _mm_prefetch::<_MM_HINT_T1>(line);
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = elements;
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
                super::memory::prefetch_for_memory(line);
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
