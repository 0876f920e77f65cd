//! Sixteen lanes as plain arrays: loops that the compiler turns into the vectors that every processor of the target has.

use super::{Kernel, LANES, Simd};

/// Needs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portable;

macro_rules! lanes {
    ($k:ident => $value:expr) => {{
        let mut out = [Default::default(); LANES];
        let mut $k = 0;
        while $k < LANES {
            out[$k] = $value;
            $k += 1;
        }
        out
    }};
}

/// Combines sixteen lanes in four steps: a chain would wait for fifteen.
#[inline(always)]
fn by_halves<T: Copy>(mut a: [T; LANES], combine: impl Fn(T, T) -> T) -> T {
    for half in [8, 4, 2, 1] {
        for k in 0..half {
            a[k] = combine(a[k], a[k + half]);
        }
    }
    a[0]
}

impl Simd for Portable {
    type I = [i32; LANES];
    type F = [f32; LANES];
    type D = [f64; LANES];
    type M = [bool; LANES];
    const NAME: &'static str = "portable";
    const SPLIT: usize = 4;
    const REGISTERS: usize = 16;

    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.call(self)
    }

    #[inline(always)]
    fn splat(self, value: i32) -> Self::I {
        [value; LANES]
    }
    #[inline(always)]
    fn load(self, from: &[i32; LANES]) -> Self::I {
        *from
    }
    #[inline(always)]
    fn store(self, value: Self::I, to: &mut [i32; LANES]) {
        *to = value;
    }
    #[inline(always)]
    fn add(self, a: Self::I, b: Self::I) -> Self::I {
        lanes!(k => a[k].wrapping_add(b[k]))
    }
    #[inline(always)]
    fn sub(self, a: Self::I, b: Self::I) -> Self::I {
        lanes!(k => a[k].wrapping_sub(b[k]))
    }
    #[inline(always)]
    fn min(self, a: Self::I, b: Self::I) -> Self::I {
        lanes!(k => if a[k] < b[k] { a[k] } else { b[k] })
    }
    #[inline(always)]
    fn max(self, a: Self::I, b: Self::I) -> Self::I {
        lanes!(k => if a[k] > b[k] { a[k] } else { b[k] })
    }
    #[inline(always)]
    fn less(self, a: Self::I, b: Self::I) -> Self::M {
        lanes!(k => a[k] < b[k])
    }
    #[inline(always)]
    fn equal(self, a: Self::I, b: Self::I) -> Self::M {
        lanes!(k => a[k] == b[k])
    }
    #[inline(always)]
    fn select(self, mask: Self::M, yes: Self::I, no: Self::I) -> Self::I {
        lanes!(k => if mask[k] { yes[k] } else { no[k] })
    }
    #[inline(always)]
    fn least(self, a: Self::I) -> i32 {
        let mut least = a[0];
        for &lane in &a[1..] {
            least = least.min(lane);
        }
        least
    }
    #[inline(always)]
    unsafe fn gather(self, base: &[i32], index: Self::I) -> Self::I {
        // SAFETY: the caller promises that every index lies inside `base`.
        lanes!(k => unsafe { *base.get_unchecked(index[k] as usize) })
    }
    #[inline(always)]
    fn bits(self, mask: Self::M) -> u32 {
        let mut bits = 0;
        for (k, &set) in mask.iter().enumerate() {
            bits |= u32::from(set) << k;
        }
        bits
    }
    #[inline(always)]
    fn mask(self, bits: u32) -> Self::M {
        lanes!(k => bits >> k & 1 == 1)
    }

    #[inline(always)]
    fn splat_f(self, value: f32) -> Self::F {
        [value; LANES]
    }
    #[inline(always)]
    fn load_f(self, from: &[f32; LANES]) -> Self::F {
        *from
    }
    #[inline(always)]
    fn store_f(self, value: Self::F, to: &mut [f32; LANES]) {
        *to = value;
    }
    #[inline(always)]
    fn add_f(self, a: Self::F, b: Self::F) -> Self::F {
        lanes!(k => a[k] + b[k])
    }
    #[inline(always)]
    fn sub_f(self, a: Self::F, b: Self::F) -> Self::F {
        lanes!(k => a[k] - b[k])
    }
    #[inline(always)]
    fn mul_f(self, a: Self::F, b: Self::F) -> Self::F {
        lanes!(k => a[k] * b[k])
    }
    #[inline(always)]
    fn min_f(self, a: Self::F, b: Self::F) -> Self::F {
        lanes!(k => if a[k] < b[k] { a[k] } else { b[k] })
    }
    #[inline(always)]
    fn max_f(self, a: Self::F, b: Self::F) -> Self::F {
        lanes!(k => if a[k] > b[k] { a[k] } else { b[k] })
    }
    #[inline(always)]
    fn less_f(self, a: Self::F, b: Self::F) -> Self::M {
        lanes!(k => a[k] < b[k])
    }
    #[inline(always)]
    fn equal_f(self, a: Self::F, b: Self::F) -> Self::M {
        lanes!(k => a[k] == b[k])
    }
    #[inline(always)]
    fn least_f(self, a: Self::F) -> f32 {
        by_halves(a, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn fma_f(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        // Not `mul_add`: where the target has no fused form that is a library call.
        lanes!(k => a[k] * b[k] + c[k])
    }
    #[inline(always)]
    fn truncate(self, a: Self::F) -> Self::I {
        // SAFETY: the trait asks that lanes fit an i32; `as` would add a saturating comparison to each.
        lanes!(k => unsafe { a[k].to_int_unchecked::<i32>() })
    }

    #[inline(always)]
    fn splat_d(self, value: f64) -> Self::D {
        [value; LANES]
    }
    #[inline(always)]
    fn load_d(self, from: &[f64; LANES]) -> Self::D {
        *from
    }
    #[inline(always)]
    fn store_d(self, value: Self::D, to: &mut [f64; LANES]) {
        *to = value;
    }
    #[inline(always)]
    fn sub_d(self, a: Self::D, b: Self::D) -> Self::D {
        lanes!(k => a[k] - b[k])
    }
    #[inline(always)]
    fn mul_d(self, a: Self::D, b: Self::D) -> Self::D {
        lanes!(k => a[k] * b[k])
    }
    #[inline(always)]
    fn min_d(self, a: Self::D, b: Self::D) -> Self::D {
        lanes!(k => if a[k] < b[k] { a[k] } else { b[k] })
    }
    #[inline(always)]
    fn max_d(self, a: Self::D, b: Self::D) -> Self::D {
        lanes!(k => if a[k] > b[k] { a[k] } else { b[k] })
    }
    #[inline(always)]
    fn fma_d(self, a: Self::D, b: Self::D, c: Self::D) -> Self::D {
        lanes!(k => a[k] * b[k] + c[k])
    }
    #[inline(always)]
    fn add_d(self, a: Self::D, b: Self::D) -> Self::D {
        lanes!(k => a[k] + b[k])
    }
    #[inline(always)]
    fn less_d(self, a: Self::D, b: Self::D) -> Self::M {
        lanes!(k => a[k] < b[k])
    }
    #[inline(always)]
    fn equal_d(self, a: Self::D, b: Self::D) -> Self::M {
        lanes!(k => a[k] == b[k])
    }
    #[inline(always)]
    fn least_d(self, a: Self::D) -> f64 {
        by_halves(a, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn widen(self, from: &[f32; LANES]) -> Self::D {
        lanes!(k => f64::from(from[k]))
    }
    #[inline(always)]
    fn truncate_d(self, a: Self::D) -> Self::I {
        // SAFETY: the trait asks that lanes fit an i32.
        lanes!(k => unsafe { a[k].to_int_unchecked::<i32>() })
    }
}
