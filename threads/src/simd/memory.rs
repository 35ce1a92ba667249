//! Operations that are next to no arithmetic: what they take is memory's time.
//!
//! The loops are plain ones, and the compiler makes vectors of them. Compiled
//! for each set of instructions it takes as many lanes as there are.

/// Asks for what comes next where there is hardly anything to compute: 1 KiB ahead.
///
/// The processor looks ahead itself, but not beyond the end of a page. Without this
/// `x *= c` took 56 ms on 800 MB, 8 KiB ahead it took 55, and from 1 to 2 KiB ahead
/// 46 to 48 (virtual Xeon, 2026-11-29).
#[inline(always)]
pub(super) fn prefetch_for_memory<T, const N: usize>(elements: &[T; N]) {
    prefetch::<1_024, T, N>(elements);
}

/// Asks for what comes next where there are many instructions between one load and
/// the next: 8 KiB ahead.
///
/// Then the processor does not look ahead at all. Without this a million sines took
/// 0.97 ms instead of 0.68; 1 KiB ahead, a hundred million took 97 ms instead of 86.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn prefetch_for_arithmetic<T, const N: usize>(elements: &[T; N]) {
    prefetch::<8_192, T, N>(elements);
}

/// Asks for the cache line so many bytes `AHEAD`. There need not be one: what is
/// asked for is not read.
#[inline(always)]
fn prefetch<const AHEAD: usize, T, const N: usize>(elements: &[T; N]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has SSE, and a prefetch does not fault.
        #[expect(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(elements.as_ptr().wrapping_byte_add(AHEAD).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = elements;
}

/// Elements in a cache line.
pub(super) const LINE: usize = 8;

/// How many of so many cache lines are a stream, if four are read at once; 0 if they
/// are too few for that to pay.
///
/// One core has more lines on their way to it where they come from four places: 45.5
/// ms instead of 46.5 to 48 on 800 MB. The places differ by a quarter of a page, for
/// a store delays a load from the same place in another page.
pub(super) fn stream(lines: usize) -> usize {
    const PAGE: usize = 4_096 / 64;
    let pages = lines / 4 / PAGE;
    if pages < 256 { 0 } else { (pages - 1) * PAGE + PAGE / 4 }
}

/// Writes the loops for a set of instructions.
macro_rules! memory_kernels {
    ($(#[$instructions:meta])?) => {
        /// Multiplies each element by `c`.
        $(#[$instructions])?
        pub(super) fn scale(x: &mut [f64], c: f64) {
            let (lines, tail) = x.as_chunks_mut::<{ super::memory::LINE }>();
            let stream = super::memory::stream(lines.len());
            let (first, rest) = lines.split_at_mut(stream);
            let (second, rest) = rest.split_at_mut(stream);
            let (third, rest) = rest.split_at_mut(stream);
            let (fourth, rest) = rest.split_at_mut(stream);
            let four = first.iter_mut().zip(second).zip(third.iter_mut().zip(fourth));
            for ((first, second), (third, fourth)) in four {
                for line in [first, second, third, fourth] {
                    super::memory::prefetch_for_memory(line);
                    line.iter_mut().for_each(|x| *x *= c);
                }
            }
            for line in rest {
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
