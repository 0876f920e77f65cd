//! Sixteen lanes in four NEON registers: what every 64-bit Arm processor has.

use super::{Kernel, LANES, Simd};
use std::arch::aarch64::*;

/// Proof that the processor has NEON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neon(());

impl Neon {
    /// The token, where the processor has the instructions.
    pub fn new() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }
}

/// Applies an intrinsic to all four quarters.
macro_rules! four {
    // SAFETY: the token is proof of the instructions, and values in registers are all that these read and write.
    ($f:path, $($a:expr),+) => { unsafe { [$f($($a[0]),+), $f($($a[1]),+), $f($($a[2]),+), $f($($a[3]),+)] } };
}

/// Applies an intrinsic to all eight pairs of doubles.
macro_rules! eight {
    ($f:path, $($a:expr),+) => {
        // SAFETY: as above.
        unsafe {
            [
                $f($($a[0]),+), $f($($a[1]),+), $f($($a[2]),+), $f($($a[3]),+),
                $f($($a[4]),+), $f($($a[5]),+), $f($($a[6]),+), $f($($a[7]),+),
            ]
        }
    };
}

/// Masks of doubles as masks of singles.
#[inline(always)]
fn narrow(mask: [uint64x2_t; 8]) -> [uint32x4_t; 4] {
    // SAFETY: values in registers.
    [0, 2, 4, 6].map(|k| unsafe { vcombine_u32(vmovn_u64(mask[k]), vmovn_u64(mask[k + 1])) })
}

impl Simd for Neon {
    type I = [int32x4_t; 4];
    type F = [float32x4_t; 4];
    type D = [float64x2_t; 8];
    type M = [uint32x4_t; 4];
    const NAME: &'static str = "neon";
    const SPLIT: usize = 4;
    const REGISTERS: usize = 32;

    #[inline]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "neon")]
        fn inner<K: Kernel>(simd: Neon, kernel: K) -> K::Output {
            kernel.call(simd)
        }
        // SAFETY: the token is proof of the instructions.
        unsafe { inner(self, kernel) }
    }

    #[inline(always)]
    fn splat(self, value: i32) -> Self::I {
        // SAFETY: values in registers.
        unsafe { [vdupq_n_s32(value); 4] }
    }
    #[inline(always)]
    fn load(self, from: &[i32; LANES]) -> Self::I {
        // SAFETY: four times four numbers lie within the sixteen.
        [0, 4, 8, 12].map(|k| unsafe { vld1q_s32(from.as_ptr().add(k)) })
    }
    #[inline(always)]
    fn store(self, value: Self::I, to: &mut [i32; LANES]) {
        for (q, quarter) in value.into_iter().enumerate() {
            // SAFETY: four times four numbers lie within the sixteen.
            unsafe { vst1q_s32(to.as_mut_ptr().add(4 * q), quarter) }
        }
    }
    #[inline(always)]
    fn add(self, a: Self::I, b: Self::I) -> Self::I {
        four!(vaddq_s32, a, b)
    }
    #[inline(always)]
    fn sub(self, a: Self::I, b: Self::I) -> Self::I {
        four!(vsubq_s32, a, b)
    }
    #[inline(always)]
    fn min(self, a: Self::I, b: Self::I) -> Self::I {
        four!(vminq_s32, a, b)
    }
    #[inline(always)]
    fn max(self, a: Self::I, b: Self::I) -> Self::I {
        four!(vmaxq_s32, a, b)
    }
    #[inline(always)]
    fn less(self, a: Self::I, b: Self::I) -> Self::M {
        four!(vcltq_s32, a, b)
    }
    #[inline(always)]
    fn equal(self, a: Self::I, b: Self::I) -> Self::M {
        four!(vceqq_s32, a, b)
    }
    #[inline(always)]
    fn select(self, mask: Self::M, yes: Self::I, no: Self::I) -> Self::I {
        four!(vbslq_s32, mask, yes, no)
    }
    #[inline(always)]
    fn least(self, a: Self::I) -> i32 {
        // SAFETY: values in registers.
        unsafe { vminvq_s32(vminq_s32(vminq_s32(a[0], a[1]), vminq_s32(a[2], a[3]))) }
    }
    #[inline(always)]
    unsafe fn gather(self, base: &[i32], index: Self::I) -> Self::I {
        let mut at = [0; LANES];
        self.store(index, &mut at);
        // SAFETY: the caller promises that every index lies inside `base`.
        self.load(&at.map(|k| unsafe { *base.get_unchecked(k as usize) }))
    }
    #[inline(always)]
    fn bits(self, mask: Self::M) -> u32 {
        const LANE: [u32; 4] = [1, 2, 4, 8];
        // SAFETY: four numbers are read.
        let lane = unsafe { vld1q_u32(LANE.as_ptr()) };
        // SAFETY: values in registers.
        let quarter = |q: usize| unsafe { vaddvq_u32(vandq_u32(mask[q], lane)) } << (4 * q);
        quarter(0) | quarter(1) | quarter(2) | quarter(3)
    }
    #[inline(always)]
    fn mask(self, bits: u32) -> Self::M {
        const LANE: [u32; 4] = [1, 2, 4, 8];
        // SAFETY: four numbers are read.
        let lane = unsafe { vld1q_u32(LANE.as_ptr()) };
        // SAFETY: values in registers.
        [0, 4, 8, 12].map(|shift| unsafe { vtstq_u32(vdupq_n_u32(bits >> shift), lane) })
    }

    #[inline(always)]
    fn splat_f(self, value: f32) -> Self::F {
        // SAFETY: values in registers.
        unsafe { [vdupq_n_f32(value); 4] }
    }
    #[inline(always)]
    fn load_f(self, from: &[f32; LANES]) -> Self::F {
        // SAFETY: four times four numbers lie within the sixteen.
        [0, 4, 8, 12].map(|k| unsafe { vld1q_f32(from.as_ptr().add(k)) })
    }
    #[inline(always)]
    fn store_f(self, value: Self::F, to: &mut [f32; LANES]) {
        for (q, quarter) in value.into_iter().enumerate() {
            // SAFETY: four times four numbers lie within the sixteen.
            unsafe { vst1q_f32(to.as_mut_ptr().add(4 * q), quarter) }
        }
    }
    #[inline(always)]
    fn add_f(self, a: Self::F, b: Self::F) -> Self::F {
        four!(vaddq_f32, a, b)
    }
    #[inline(always)]
    fn sub_f(self, a: Self::F, b: Self::F) -> Self::F {
        four!(vsubq_f32, a, b)
    }
    #[inline(always)]
    fn mul_f(self, a: Self::F, b: Self::F) -> Self::F {
        four!(vmulq_f32, a, b)
    }
    #[inline(always)]
    fn min_f(self, a: Self::F, b: Self::F) -> Self::F {
        four!(vminq_f32, a, b)
    }
    #[inline(always)]
    fn max_f(self, a: Self::F, b: Self::F) -> Self::F {
        four!(vmaxq_f32, a, b)
    }
    #[inline(always)]
    fn less_f(self, a: Self::F, b: Self::F) -> Self::M {
        four!(vcltq_f32, a, b)
    }
    #[inline(always)]
    fn equal_f(self, a: Self::F, b: Self::F) -> Self::M {
        four!(vceqq_f32, a, b)
    }
    #[inline(always)]
    fn least_f(self, a: Self::F) -> f32 {
        // SAFETY: values in registers.
        unsafe { vminvq_f32(vminq_f32(vminq_f32(a[0], a[1]), vminq_f32(a[2], a[3]))) }
    }
    #[inline(always)]
    fn fma_f(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        // The sum comes first.
        four!(vfmaq_f32, c, a, b)
    }
    #[inline(always)]
    fn truncate(self, a: Self::F) -> Self::I {
        four!(vcvtq_s32_f32, a)
    }

    #[inline(always)]
    fn splat_d(self, value: f64) -> Self::D {
        // SAFETY: values in registers.
        unsafe { [vdupq_n_f64(value); 8] }
    }
    #[inline(always)]
    fn load_d(self, from: &[f64; LANES]) -> Self::D {
        // SAFETY: eight times two numbers lie within the sixteen.
        [0, 2, 4, 6, 8, 10, 12, 14].map(|k| unsafe { vld1q_f64(from.as_ptr().add(k)) })
    }
    #[inline(always)]
    fn store_d(self, value: Self::D, to: &mut [f64; LANES]) {
        for (p, pair) in value.into_iter().enumerate() {
            // SAFETY: eight times two numbers lie within the sixteen.
            unsafe { vst1q_f64(to.as_mut_ptr().add(2 * p), pair) }
        }
    }
    #[inline(always)]
    fn sub_d(self, a: Self::D, b: Self::D) -> Self::D {
        eight!(vsubq_f64, a, b)
    }
    #[inline(always)]
    fn mul_d(self, a: Self::D, b: Self::D) -> Self::D {
        eight!(vmulq_f64, a, b)
    }
    #[inline(always)]
    fn min_d(self, a: Self::D, b: Self::D) -> Self::D {
        eight!(vminq_f64, a, b)
    }
    #[inline(always)]
    fn max_d(self, a: Self::D, b: Self::D) -> Self::D {
        eight!(vmaxq_f64, a, b)
    }
    #[inline(always)]
    fn fma_d(self, a: Self::D, b: Self::D, c: Self::D) -> Self::D {
        eight!(vfmaq_f64, c, a, b)
    }
    #[inline(always)]
    fn add_d(self, a: Self::D, b: Self::D) -> Self::D {
        eight!(vaddq_f64, a, b)
    }
    #[inline(always)]
    fn less_d(self, a: Self::D, b: Self::D) -> Self::M {
        narrow(eight!(vcltq_f64, a, b))
    }
    #[inline(always)]
    fn equal_d(self, a: Self::D, b: Self::D) -> Self::M {
        narrow(eight!(vceqq_f64, a, b))
    }
    #[inline(always)]
    fn least_d(self, a: Self::D) -> f64 {
        // SAFETY: values in registers.
        let least = |x: float64x2_t, y: float64x2_t| unsafe { vminq_f64(x, y) };
        let (low, high) = (least(least(a[0], a[1]), least(a[2], a[3])), least(least(a[4], a[5]), least(a[6], a[7])));
        // SAFETY: as above.
        unsafe { vminvq_f64(least(low, high)) }
    }
    #[inline(always)]
    fn widen(self, from: &[f32; LANES]) -> Self::D {
        // SAFETY: eight times two numbers lie within the sixteen.
        [0, 2, 4, 6, 8, 10, 12, 14].map(|k| unsafe { vcvt_f64_f32(vld1_f32(from.as_ptr().add(k))) })
    }
    #[inline(always)]
    fn truncate_d(self, a: Self::D) -> Self::I {
        // SAFETY: values in registers; the trait asks that lanes fit an `i32`.
        let half = |pair: float64x2_t| unsafe { vmovn_s64(vcvtq_s64_f64(pair)) };
        // SAFETY: as above.
        [0, 2, 4, 6].map(|k| unsafe { vcombine_s32(half(a[k]), half(a[k + 1])) })
    }
}
