//! The lecture's operations as vector instructions: several elements at a time.
//!
//! An execution model can only be judged by work that is itself done as well as
//! the machine allows: where a loop leaves three quarters of a core unused,
//! threads look better than they are. [`sin`](crate::sin) is the loop as anybody
//! would write it; [`simd::sin`](sin) is the same work at the machine's limit.
//!
//! The instructions are chosen when the program runs ([`Isa::best`]), so no
//! compiler flag is needed, and a program that was built elsewhere is as fast.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod memory;
/// Without any instructions that some machine may lack.
mod portable {
    super::memory::memory_kernels!();
}
#[cfg(target_arch = "x86_64")]
mod sine;
#[cfg(target_arch = "x86_64")]
mod vector;

/// Calls a kernel of an [`Isa`], or what does without any instructions of its own.
macro_rules! by_instructions {
    ($isa:expr, $kernel:ident($($argument:expr),*), $portable:expr) => {{
        $isa.assert_supported();
        match $isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the assertion has found the instructions.
            #[expect(unsafe_code)]
            Isa::Avx512 => unsafe { avx512::$kernel($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the assertion has found the instructions.
            #[expect(unsafe_code)]
            Isa::Avx2 => unsafe { avx2::$kernel($($argument),*) },
            _ => $portable,
        }
    }};
}

/// A set of instructions for which there is a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// x86-64 with AVX-512F: eight `f64` at a time.
    Avx512,
    /// x86-64 with AVX2 and FMA: four `f64` at a time.
    Avx2,
    /// Any machine: one `f64` at a time, by the system's library.
    Portable,
}

impl Isa {
    /// All of them, the fastest first.
    pub const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Portable];

    /// Whether this machine has the instructions. Cost: an atomic load or two.
    pub fn is_supported(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::Avx2 => false,
            Self::Portable => true,
        }
    }

    /// The fastest that this machine has.
    pub fn best() -> Self {
        Self::ALL.into_iter().find(|isa| isa.is_supported()).unwrap_or(Self::Portable)
    }

    /// [`sin`] by these instructions: for tests and benches that want to see
    /// each of them.
    ///
    /// # Panics
    /// If this machine has them not.
    pub fn sin(self, x: &mut [f64]) {
        by_instructions!(self, sin(x), crate::sin(x));
    }

    /// [`scale`] by these instructions.
    ///
    /// # Panics
    /// If this machine has them not.
    pub fn scale(self, x: &mut [f64], c: f64) {
        by_instructions!(self, scale(x, c), portable::scale(x, c));
    }

    /// [`fill`] by these instructions.
    ///
    /// # Panics
    /// If this machine has them not.
    pub fn fill(self, out: &mut [u64], x: u64) {
        by_instructions!(self, fill(out, x), portable::fill(out, x));
    }

    /// [`squares_into`] by these instructions.
    ///
    /// # Panics
    /// If this machine has them not. As [`squares_into`] does.
    pub fn squares_into(self, out: &mut [u64]) {
        assert!(u32::try_from(out.len()).is_ok(), "the square of a larger number overflows");
        by_instructions!(self, squares_into(out), portable::squares_into(out));
    }

    fn assert_supported(self) {
        assert!(self.is_supported(), "this machine has no {self:?}");
    }
}

/// Replaces each element, in radians, by its sine, as [`crate::sin`] does: by
/// the fastest instructions of this machine.
///
/// Domain: all of `f64`; the sine of an infinity is NaN. Accuracy: within 0.512
/// units in the last place wherever it was measured, where 0.5 is the least
/// that is possible and `f64::sin` comes to 0.5153 by the GNU library; lanes
/// that are too near to a multiple of pi/16, or larger than some 1e13, are
/// `f64::sin`'s. How, and why, is told in `sine.rs`.
///
/// However the array is cut, the bits are the same, and they are the same with
/// AVX-512 and with AVX2. A machine that has neither gets `f64::sin`, which
/// rounds one in some six hundred of the lecture's sines to the other side.
///
/// Cost: 0.7 ns an element with AVX-512, 1.3 ns with AVX2, and 6 by `f64::sin`
/// (Intel Xeon, virtual, Linux 6.18, 2026-11-28); arrays that do not fit into
/// the caches cost what reading and writing them does.
///
/// ```
/// let mut x = [0.0, std::f64::consts::FRAC_PI_2, f64::INFINITY];
/// threads::simd::sin(&mut x);
/// assert_eq!(x[..2], [0.0, 1.0]);
/// assert!(x[2].is_nan());
/// ```
pub fn sin(x: &mut [f64]) {
    Isa::best().sin(x);
}

/// Multiplies each element by `c`, in place: NumPy's `x *= c`.
///
/// Each product is rounded once, as IEEE 754 has it, so the bits are the same by
/// whatever instructions. There is one multiplication for 16 bytes that are read
/// and written: no work in place can be quicker, which makes this the measure of
/// how near another kernel is to the limit.
///
/// ```
/// let mut x = [1.0, -2.0];
/// threads::simd::scale(&mut x, 1.5);
/// assert_eq!(x, [1.5, -3.0]);
/// ```
pub fn scale(x: &mut [f64], c: f64) {
    Isa::best().scale(x, c);
}

/// Writes `x` everywhere: memory's limit for whatever is written over what is there.
///
/// The standard library's `fill` is compiled for any machine and writes 16 bytes at a
/// time, so where memory is quick another kernel can be quicker than that.
///
/// ```
/// let mut out = [9; 4];
/// threads::simd::fill(&mut out, 1);
/// assert_eq!(out, [1; 4]);
/// ```
pub fn fill(out: &mut [u64], x: u64) {
    Isa::best().fill(out, x);
}

/// Writes the squares of 0, 1, 2 and so on over what is there.
///
/// [`squares`](crate::squares) makes a new list, as the lecture does, and most of
/// that is the first touch of its pages. This is what the arithmetic takes.
///
/// ```
/// let mut out = [9; 4];
/// threads::simd::squares_into(&mut out);
/// assert_eq!(out, [0, 1, 4, 9]);
/// ```
///
/// # Panics
/// If there are more elements than `u32` counts: their squares overflow.
pub fn squares_into(out: &mut [u64]) {
    Isa::best().squares_into(out);
}
