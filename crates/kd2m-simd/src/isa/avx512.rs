//! Sixteen lanes in one AVX-512 register.

use super::{Kernel, LANES, Simd};
use std::arch::x86_64::*;

/// Proof that the processor has AVX-512 F, VL, BW and DQ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx512(());

impl Avx512 {
    /// The token, where the processor has the instructions.
    pub fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
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

impl Simd for Avx512 {
    type I = __m512i;
    type F = __m512;
    type D = [__m512d; 2];
    type M = __mmask16;
    const NAME: &'static str = "avx512";
    const SPLIT: usize = 1;
    const REGISTERS: usize = 32;

    #[inline]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,fma,bmi1,bmi2,popcnt,lzcnt")]
        fn inner<K: Kernel>(simd: Avx512, kernel: K) -> K::Output {
            kernel.call(simd)
        }
        // SAFETY: the token is proof of the instructions.
        unsafe { inner(self, kernel) }
    }

    #[inline(always)]
    fn splat(self, value: i32) -> Self::I {
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe { _mm512_set1_epi32(value) }
    }
    #[inline(always)]
    fn load(self, from: &[i32; LANES]) -> Self::I {
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }
    #[inline(always)]
    fn store(self, value: Self::I, to: &mut [i32; LANES]) {
        // SAFETY: the token is proof of the instructions, and there is room for sixteen numbers.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), value) }
    }
    #[inline(always)]
    fn add(self, a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_sub_epi32(a, b) }
    }
    #[inline(always)]
    fn min(self, a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_min_epi32(a, b) }
    }
    #[inline(always)]
    fn max(self, a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_max_epi32(a, b) }
    }
    #[inline(always)]
    fn less(self, a: Self::I, b: Self::I) -> Self::M {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_cmplt_epi32_mask(a, b) }
    }
    #[inline(always)]
    fn equal(self, a: Self::I, b: Self::I) -> Self::M {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_cmpeq_epi32_mask(a, b) }
    }
    #[inline(always)]
    fn select(self, mask: Self::M, yes: Self::I, no: Self::I) -> Self::I {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_mask_mov_epi32(no, mask, yes) }
    }
    #[inline(always)]
    fn least(self, a: Self::I) -> i32 {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_reduce_min_epi32(a) }
    }
    #[inline(always)]
    unsafe fn gather(self, base: &[i32], index: Self::I) -> Self::I {
        // SAFETY: the token is proof of the instructions, and the caller promises that every index lies inside `base`.
        unsafe { _mm512_i32gather_epi32::<4>(index, base.as_ptr().cast()) }
    }
    #[inline(always)]
    fn bits(self, mask: Self::M) -> u32 {
        u32::from(mask)
    }
    #[inline(always)]
    fn mask(self, bits: u32) -> Self::M {
        bits as u16
    }

    #[inline(always)]
    fn splat_f(self, value: f32) -> Self::F {
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    fn load_f(self, from: &[f32; LANES]) -> Self::F {
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn store_f(self, value: Self::F, to: &mut [f32; LANES]) {
        // SAFETY: the token is proof of the instructions, and there is room for sixteen numbers.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), value) }
    }
    #[inline(always)]
    fn add_f(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub_f(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul_f(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn min_f(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    fn max_f(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn less_f(self, a: Self::F, b: Self::F) -> Self::M {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b) }
    }
    #[inline(always)]
    fn equal_f(self, a: Self::F, b: Self::F) -> Self::M {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b) }
    }
    #[inline(always)]
    fn least_f(self, a: Self::F) -> f32 {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_reduce_min_ps(a) }
    }
    #[inline(always)]
    fn fma_f(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn truncate(self, a: Self::F) -> Self::I {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_cvttps_epi32(a) }
    }

    #[inline(always)]
    fn splat_d(self, value: f64) -> Self::D {
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe { [_mm512_set1_pd(value); 2] }
    }
    #[inline(always)]
    fn load_d(self, from: &[f64; LANES]) -> Self::D {
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe { [_mm512_loadu_pd(from.as_ptr()), _mm512_loadu_pd(from.as_ptr().add(8))] }
    }
    #[inline(always)]
    fn store_d(self, value: Self::D, to: &mut [f64; LANES]) {
        // SAFETY: the token is proof of the instructions, and there is room for sixteen numbers.
        unsafe {
            _mm512_storeu_pd(to.as_mut_ptr(), value[0]);
            _mm512_storeu_pd(to.as_mut_ptr().add(8), value[1]);
        }
    }
    #[inline(always)]
    fn sub_d(self, a: Self::D, b: Self::D) -> Self::D {
        both!(_mm512_sub_pd, a, b)
    }
    #[inline(always)]
    fn mul_d(self, a: Self::D, b: Self::D) -> Self::D {
        both!(_mm512_mul_pd, a, b)
    }
    #[inline(always)]
    fn min_d(self, a: Self::D, b: Self::D) -> Self::D {
        both!(_mm512_min_pd, a, b)
    }
    #[inline(always)]
    fn max_d(self, a: Self::D, b: Self::D) -> Self::D {
        both!(_mm512_max_pd, a, b)
    }
    #[inline(always)]
    fn fma_d(self, a: Self::D, b: Self::D, c: Self::D) -> Self::D {
        both!(_mm512_fmadd_pd, a, b, c)
    }
    #[inline(always)]
    fn add_d(self, a: Self::D, b: Self::D) -> Self::D {
        both!(_mm512_add_pd, a, b)
    }
    #[inline(always)]
    fn less_d(self, a: Self::D, b: Self::D) -> Self::M {
        let [low, high] = both!(_mm512_cmp_pd_mask::<_CMP_LT_OQ>, a, b);
        u16::from(low) | u16::from(high) << 8
    }
    #[inline(always)]
    fn equal_d(self, a: Self::D, b: Self::D) -> Self::M {
        let [low, high] = both!(_mm512_cmp_pd_mask::<_CMP_EQ_OQ>, a, b);
        u16::from(low) | u16::from(high) << 8
    }
    #[inline(always)]
    fn least_d(self, a: Self::D) -> f64 {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe { _mm512_reduce_min_pd(_mm512_min_pd(a[0], a[1])) }
    }
    #[inline(always)]
    fn widen(self, from: &[f32; LANES]) -> Self::D {
        // SAFETY: the token is proof of the instructions, and sixteen numbers are there to read.
        unsafe {
            let (low, high) = (_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8)));
            [_mm512_cvtps_pd(low), _mm512_cvtps_pd(high)]
        }
    }
    #[inline(always)]
    fn truncate_d(self, a: Self::D) -> Self::I {
        // SAFETY: the token is proof of the instructions; they read and write registers.
        unsafe {
            let low = _mm512_castsi256_si512(_mm512_cvttpd_epi32(a[0]));
            _mm512_inserti64x4::<1>(low, _mm512_cvttpd_epi32(a[1]))
        }
    }
}
