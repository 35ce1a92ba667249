//! Four `f64` at a time: AVX2 and FMA.

use std::arch::x86_64::*;

use super::memory::memory_kernels;
use super::sine::{COSINES, COSINES_LOW, SINES, SINES_LOW, sine_kernel};
use super::vector::vector_operations;

vector_operations!(
    "avx2,fma", __m256d of 4,
    _mm256_loadu_pd, _mm256_storeu_pd, _mm256_set1_pd,
    _mm256_add_pd, _mm256_sub_pd, _mm256_mul_pd, _mm256_fmadd_pd, _mm256_fnmadd_pd,
);
sine_kernel!("avx2,fma");
memory_kernels!(#[target_feature(enable = "avx2,fma")]);

/// The bits of the lanes in which `a > b` is false, those with a NaN among them.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn not_greater(a: V, b: V) -> u8 {
    _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_NGT_UQ>(a, b)) as u8
}

/// The table by rows: a row is one vector.
static ROWS: [Row; 16] = {
    let mut rows = [Row([0.0; LANES]); 16];
    let mut k = 0;
    while k < 16 {
        rows[k] = Row([SINES[k], SINES_LOW[k], COSINES[k], COSINES_LOW[k]]);
        k += 1;
    }
    rows
};

/// Aligned, so that no row lies in two cache lines.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Row([f64; LANES]);

/// The rows of the table that the four lowest bits of each lane name, turned
/// into columns. A table of 16 does not fit into this machine's registers, and
/// a gather for each column takes longer than this.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn lookup(integer: V) -> [V; 4] {
    let index = _mm256_castpd_si256(integer);
    let row = |k: i64| load(&ROWS[(k & 15) as usize].0);
    let (a, b) = (row(_mm256_extract_epi64::<0>(index)), row(_mm256_extract_epi64::<1>(index)));
    let (c, d) = (row(_mm256_extract_epi64::<2>(index)), row(_mm256_extract_epi64::<3>(index)));
    // Each half holds two lanes of a column, and of its neighbour.
    let (ab_first, ab_second) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
    let (cd_first, cd_second) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
    [
        _mm256_permute2f128_pd::<0x20>(ab_first, cd_first),
        _mm256_permute2f128_pd::<0x20>(ab_second, cd_second),
        _mm256_permute2f128_pd::<0x31>(ab_first, cd_first),
        _mm256_permute2f128_pd::<0x31>(ab_second, cd_second),
    ]
}

/// Changes the sign of the lanes whose fifth bit in `integer` is set.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn flip_odd_halves(v: V, integer: V) -> V {
    let to_sign = _mm256_slli_epi64::<59>(_mm256_castpd_si256(integer));
    let sign = _mm256_and_si256(to_sign, _mm256_set1_epi64x(i64::MIN));
    _mm256_xor_pd(v, _mm256_castsi256_pd(sign))
}
