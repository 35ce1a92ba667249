//! Eight `f64` at a time: AVX-512F.

use std::arch::x86_64::*;

use super::memory::memory_kernels;
use super::sine::{COSINES, COSINES_LOW, SINES, SINES_LOW, sine_kernel};
use super::vector::vector_operations;

vector_operations!(
    "avx512f", __m512d of 8,
    _mm512_loadu_pd, _mm512_storeu_pd, _mm512_set1_pd,
    _mm512_add_pd, _mm512_sub_pd, _mm512_mul_pd, _mm512_fmadd_pd, _mm512_fnmadd_pd,
);
sine_kernel!("avx512f");
memory_kernels!(#[target_feature(enable = "avx512f")]);

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
