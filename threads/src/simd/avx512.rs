//! Eight `f64` at a time: AVX-512F.

use std::arch::x86_64::*;

use super::memory::memory_kernels;
use super::sine::{COSINES, COSINES_LOW, SINES, SINES_LOW, sine_kernel};

type V = __m512d;
const LANES: usize = 8;

sine_kernel!("avx512f");
memory_kernels!(#[target_feature(enable = "avx512f")]);

#[inline]
#[target_feature(enable = "avx512f")]
fn load(from: &[f64; LANES]) -> V {
    // SAFETY: the array has as many bytes as the vector, and need not be aligned.
    #[expect(unsafe_code)]
    unsafe {
        _mm512_loadu_pd(from.as_ptr())
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(to: &mut [f64; LANES], v: V) {
    // SAFETY: the array has as many bytes as the vector, and need not be aligned.
    #[expect(unsafe_code)]
    unsafe {
        _mm512_storeu_pd(to.as_mut_ptr(), v);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(x: f64) -> V {
    _mm512_set1_pd(x)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add(a: V, b: V) -> V {
    _mm512_add_pd(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn sub(a: V, b: V) -> V {
    _mm512_sub_pd(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn mul(a: V, b: V) -> V {
    _mm512_mul_pd(a, b)
}

/// a b + c, rounded once.
#[inline]
#[target_feature(enable = "avx512f")]
fn fma(a: V, b: V, c: V) -> V {
    _mm512_fmadd_pd(a, b, c)
}

/// c - a b, rounded once.
#[inline]
#[target_feature(enable = "avx512f")]
fn fnma(a: V, b: V, c: V) -> V {
    _mm512_fnmadd_pd(a, b, c)
}

/// The bits of the lanes in which `a > b` is false, those with a NaN among them.
#[inline]
#[target_feature(enable = "avx512f")]
fn not_greater(a: V, b: V) -> u8 {
    _mm512_cmp_pd_mask::<_CMP_NGT_UQ>(a, b)
}

/// The rows of the table that the four lowest bits of each lane name.
#[inline]
#[target_feature(enable = "avx512f")]
fn lookup(integer: V) -> [V; 4] {
    let index = _mm512_castpd_si512(integer);
    [&SINES, &SINES_LOW, &COSINES, &COSINES_LOW].map(|column| {
        let (halves, _) = column.as_chunks::<LANES>();
        _mm512_permutex2var_pd(load(&halves[0]), index, load(&halves[1]))
    })
}

/// Changes the sign of the lanes whose fifth bit in `integer` is set.
#[inline]
#[target_feature(enable = "avx512f")]
fn flip_odd_halves(v: V, integer: V) -> V {
    let to_sign = _mm512_slli_epi64::<59>(_mm512_castpd_si512(integer));
    let sign = _mm512_set1_epi64(i64::MIN);
    // 0x78 is a ^ (b & c).
    let flipped = _mm512_ternarylogic_epi64::<0x78>(_mm512_castpd_si512(v), to_sign, sign);
    _mm512_castsi512_pd(flipped)
}
