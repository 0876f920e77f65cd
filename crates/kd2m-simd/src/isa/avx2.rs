//! Sixteen lanes in two AVX2 registers.

use super::{Kernel, LANES, Simd};
use std::arch::x86_64::*;

/// Proof that the processor has AVX2 and FMA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx2(());

impl Avx2 {
    /// The token, where the processor has the instructions.
    pub fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("lzcnt");
        has.then_some(Self(()))
    }
}

/// Applies an intrinsic to both halves.
macro_rules! both {
    // SAFETY: the token is proof of the instructions; they read and write registers.
    ($f:path, $($a:expr),+) => { unsafe { [$f($($a[0]),+), $f($($a[1]),+)] } };
}

/// Applies an intrinsic to all four quarters.
macro_rules! four {
    // SAFETY: the token is proof of the instructions; they read and write registers.
    ($f:path, $($a:expr),+) => { unsafe { [$f($($a[0]),+), $f($($a[1]),+), $f($($a[2]),+), $f($($a[3]),+)] } };
}

/// Masks of four times four doubles as masks of sixteen singles.
#[inline(always)]
fn narrow(mask: [__m256d; 4]) -> [__m256i; 2] {
    // SAFETY: the token is proof of the instructions; they read and write registers.
    unsafe {
        // The upper half of each mask repeats the lower: every second 32-bit word, in order of lanes.
        let pick = |a: __m256d, b: __m256d| {
            let mixed = _mm256_shuffle_ps::<0b10_00_10_00>(_mm256_castpd_ps(a), _mm256_castpd_ps(b));
            _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_castps_si256(mixed))
        };
        [pick(mask[0], mask[1]), pick(mask[2], mask[3])]
    }
}

impl Simd for Avx2 {
    type I = [__m256i; 2];
    type F = [__m256; 2];
    type D = [__m256d; 4];
    type M = [__m256i; 2];
    const NAME: &'static str = "avx2";
    const SPLIT: usize = 2;
    const REGISTERS: usize = 16;

    #[inline]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma,bmi1,bmi2,popcnt,lzcnt")]
        fn inner<K: Kernel>(simd: Avx2, kernel: K) -> K::Output {
            kernel.call(simd)
        }
        // SAFETY: the token is proof of the instructions.
        unsafe { inner(self, kernel) }
    }

    #[inline(always)]
    fn splat(self, value: i32) -> Self::I {
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe { [_mm256_set1_epi32(value); 2] }
    }
    #[inline(always)]
    fn load(self, from: &[i32; LANES]) -> Self::I {
        let at = from.as_ptr();
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe { [_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(8).cast())] }
    }
    #[inline(always)]
    fn store(self, value: Self::I, to: &mut [i32; LANES]) {
        let at = to.as_mut_ptr();
        // SAFETY: the token is proof of the instructions, and there is room for sixteen numbers.
        unsafe {
            _mm256_storeu_si256(at.cast(), value[0]);
            _mm256_storeu_si256(at.add(8).cast(), value[1]);
        }
    }
    #[inline(always)]
    fn add(self, a: Self::I, b: Self::I) -> Self::I {
        both!(_mm256_add_epi32, a, b)
    }
    #[inline(always)]
    fn sub(self, a: Self::I, b: Self::I) -> Self::I {
        both!(_mm256_sub_epi32, a, b)
    }
    #[inline(always)]
    fn min(self, a: Self::I, b: Self::I) -> Self::I {
        both!(_mm256_min_epi32, a, b)
    }
    #[inline(always)]
    fn max(self, a: Self::I, b: Self::I) -> Self::I {
        both!(_mm256_max_epi32, a, b)
    }
    #[inline(always)]
    fn less(self, a: Self::I, b: Self::I) -> Self::M {
        both!(_mm256_cmpgt_epi32, b, a)
    }
    #[inline(always)]
    fn equal(self, a: Self::I, b: Self::I) -> Self::M {
        both!(_mm256_cmpeq_epi32, a, b)
    }
    #[inline(always)]
    fn select(self, mask: Self::M, yes: Self::I, no: Self::I) -> Self::I {
        both!(_mm256_blendv_epi8, no, yes, mask)
    }
    #[inline(always)]
    fn least(self, a: Self::I) -> i32 {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe {
            let m = _mm256_min_epi32(a[0], a[1]);
            let m = _mm_min_epi32(_mm256_castsi256_si128(m), _mm256_extracti128_si256::<1>(m));
            let m = _mm_min_epi32(m, _mm_shuffle_epi32::<0b01_00_11_10>(m));
            let m = _mm_min_epi32(m, _mm_shuffle_epi32::<0b10_11_00_01>(m));
            _mm_cvtsi128_si32(m)
        }
    }
    #[inline(always)]
    unsafe fn gather(self, base: &[i32], index: Self::I) -> Self::I {
        let at = base.as_ptr();
        // SAFETY: the token is proof of the instructions, and the caller promises that every index lies inside `base`.
        unsafe { [_mm256_i32gather_epi32::<4>(at, index[0]), _mm256_i32gather_epi32::<4>(at, index[1])] }
    }
    #[inline(always)]
    fn bits(self, mask: Self::M) -> u32 {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe {
            let low = _mm256_movemask_ps(_mm256_castsi256_ps(mask[0]));
            let high = _mm256_movemask_ps(_mm256_castsi256_ps(mask[1]));
            low as u32 | (high as u32) << 8
        }
    }
    #[inline(always)]
    fn mask(self, bits: u32) -> Self::M {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe {
            let lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let set = |byte: u32| _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(byte as i32), lane), lane);
            [set(bits & 255), set(bits >> 8)]
        }
    }

    #[inline(always)]
    fn splat_f(self, value: f32) -> Self::F {
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe { [_mm256_set1_ps(value); 2] }
    }
    #[inline(always)]
    fn load_f(self, from: &[f32; LANES]) -> Self::F {
        let at = from.as_ptr();
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe { [_mm256_loadu_ps(at), _mm256_loadu_ps(at.add(8))] }
    }
    #[inline(always)]
    fn store_f(self, value: Self::F, to: &mut [f32; LANES]) {
        let at = to.as_mut_ptr();
        // SAFETY: the token is proof of the instructions, and there is room for sixteen numbers.
        unsafe {
            _mm256_storeu_ps(at, value[0]);
            _mm256_storeu_ps(at.add(8), value[1]);
        }
    }
    #[inline(always)]
    fn add_f(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_add_ps, a, b)
    }
    #[inline(always)]
    fn sub_f(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_sub_ps, a, b)
    }
    #[inline(always)]
    fn mul_f(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_mul_ps, a, b)
    }
    #[inline(always)]
    fn min_f(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_min_ps, a, b)
    }
    #[inline(always)]
    fn max_f(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_max_ps, a, b)
    }
    #[inline(always)]
    fn less_f(self, a: Self::F, b: Self::F) -> Self::M {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe {
            let low = _mm256_cmp_ps::<_CMP_LT_OQ>(a[0], b[0]);
            let high = _mm256_cmp_ps::<_CMP_LT_OQ>(a[1], b[1]);
            [_mm256_castps_si256(low), _mm256_castps_si256(high)]
        }
    }
    #[inline(always)]
    fn equal_f(self, a: Self::F, b: Self::F) -> Self::M {
        let [low, high] = both!(_mm256_cmp_ps::<_CMP_EQ_OQ>, a, b);
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { [_mm256_castps_si256(low), _mm256_castps_si256(high)] }
    }
    #[inline(always)]
    fn least_f(self, a: Self::F) -> f32 {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe {
            let m = _mm256_min_ps(a[0], a[1]);
            let m = _mm_min_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps::<1>(m));
            let m = _mm_min_ps(m, _mm_movehl_ps(m, m));
            _mm_cvtss_f32(_mm_min_ss(m, _mm_shuffle_ps::<0b01>(m, m)))
        }
    }
    #[inline(always)]
    fn fma_f(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        both!(_mm256_fmadd_ps, a, b, c)
    }
    #[inline(always)]
    fn truncate(self, a: Self::F) -> Self::I {
        both!(_mm256_cvttps_epi32, a)
    }

    #[inline(always)]
    fn splat_d(self, value: f64) -> Self::D {
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe { [_mm256_set1_pd(value); 4] }
    }
    #[inline(always)]
    fn load_d(self, from: &[f64; LANES]) -> Self::D {
        let at = from.as_ptr();
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe {
            [_mm256_loadu_pd(at), _mm256_loadu_pd(at.add(4)), _mm256_loadu_pd(at.add(8)), _mm256_loadu_pd(at.add(12))]
        }
    }
    #[inline(always)]
    fn store_d(self, value: Self::D, to: &mut [f64; LANES]) {
        for (q, quarter) in value.into_iter().enumerate() {
            // SAFETY: the token is proof of the instructions, and there is room for sixteen numbers.
            unsafe { _mm256_storeu_pd(to.as_mut_ptr().add(4 * q), quarter) }
        }
    }
    #[inline(always)]
    fn sub_d(self, a: Self::D, b: Self::D) -> Self::D {
        four!(_mm256_sub_pd, a, b)
    }
    #[inline(always)]
    fn mul_d(self, a: Self::D, b: Self::D) -> Self::D {
        four!(_mm256_mul_pd, a, b)
    }
    #[inline(always)]
    fn min_d(self, a: Self::D, b: Self::D) -> Self::D {
        four!(_mm256_min_pd, a, b)
    }
    #[inline(always)]
    fn max_d(self, a: Self::D, b: Self::D) -> Self::D {
        four!(_mm256_max_pd, a, b)
    }
    #[inline(always)]
    fn fma_d(self, a: Self::D, b: Self::D, c: Self::D) -> Self::D {
        four!(_mm256_fmadd_pd, a, b, c)
    }
    #[inline(always)]
    fn add_d(self, a: Self::D, b: Self::D) -> Self::D {
        four!(_mm256_add_pd, a, b)
    }
    #[inline(always)]
    fn less_d(self, a: Self::D, b: Self::D) -> Self::M {
        narrow(four!(_mm256_cmp_pd::<_CMP_LT_OQ>, a, b))
    }
    #[inline(always)]
    fn equal_d(self, a: Self::D, b: Self::D) -> Self::M {
        narrow(four!(_mm256_cmp_pd::<_CMP_EQ_OQ>, a, b))
    }
    #[inline(always)]
    fn least_d(self, a: Self::D) -> f64 {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe {
            let m = _mm256_min_pd(_mm256_min_pd(a[0], a[1]), _mm256_min_pd(a[2], a[3]));
            let m = _mm_min_pd(_mm256_castpd256_pd128(m), _mm256_extractf128_pd::<1>(m));
            _mm_cvtsd_f64(_mm_min_sd(m, _mm_unpackhi_pd(m, m)))
        }
    }
    #[inline(always)]
    fn widen(self, from: &[f32; LANES]) -> Self::D {
        let at = from.as_ptr();
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe { [0, 4, 8, 12].map(|k| _mm256_cvtps_pd(_mm_loadu_ps(at.add(k)))) }
    }
    #[inline(always)]
    fn truncate_d(self, a: Self::D) -> Self::I {
        let [q0, q1, q2, q3] = four!(_mm256_cvttpd_epi32, a);
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { [_mm256_set_m128i(q1, q0), _mm256_set_m128i(q3, q2)] }
    }
}
