//! The inner loops of Sinkhorn: densities exp((f_i + g_j − c_ij)/ε) over a row, their weighted sum, and sums over columns.
//! Plain loops over fixed lanes, which the compiler turns into the widest vectors of the processor under [`pulp::Arch::dispatch`].
//! 2ᵗ = 2ᵏ · 2ʳ with r in ±½ and 2ʳ by its Taylor polynomial.

use pulp::{Simd, WithSimd};

use crate::real::Real;

/// Values handled together: one AVX-512 register of `f32`, two of `f64`.
const LANES: usize = 16;

/// Exponents outside are cut: above, an unsettled potential makes a large step instead of an infinite one; below, 2ᵗ is 0.
pub(super) const LARGEST_EXPONENT: f64 = 100.0;
pub(super) const SMALLEST_EXPONENT: f64 = -126.0;

/// A precision with a fast 2ᵗ.
pub(crate) trait Lane: Real {
    /// 2ᵗ for t in [−126, 100], relative error of a few units in the last place; t above is cut, below gives 0.
    fn power_of_two(t: Self) -> Self;
}

impl Lane for f32 {
    #[inline(always)]
    fn power_of_two(t: f32) -> f32 {
        // Adding 1.5 · 2²³ rounds to a whole number, which then stands in the low bits.
        const ROUND: f32 = 12_582_912.0;
        let cut = t.clamp(SMALLEST_EXPONENT as f32, LARGEST_EXPONENT as f32);
        let shifted = cut + ROUND;
        let r = cut - (shifted - ROUND);
        let mut p = 1.540_353e-4;
        for c in [1.333_356e-3, 9.618_129e-3, 5.550_411e-2, 2.402_265e-1, 6.931_472e-1, 1.0] {
            p = p * r + c;
        }
        let two_to_k = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
        if t < SMALLEST_EXPONENT as f32 { 0.0 } else { p * two_to_k }
    }
}

impl Lane for f64 {
    #[inline(always)]
    fn power_of_two(t: f64) -> f64 {
        const ROUND: f64 = 6_755_399_441_055_744.0;
        // ln(2)ᵏ / k! for k = 12 … 0.
        const TAYLOR: [f64; 13] = taylor();
        let cut = t.clamp(SMALLEST_EXPONENT, LARGEST_EXPONENT);
        let shifted = cut + ROUND;
        let r = cut - (shifted - ROUND);
        let mut p = TAYLOR[0];
        for c in &TAYLOR[1..] {
            p = p * r + c;
        }
        let two_to_k = f64::from_bits((shifted.to_bits() << 52).wrapping_add(0x3ff0_0000_0000_0000));
        if t < SMALLEST_EXPONENT { 0.0 } else { p * two_to_k }
    }
}

const fn taylor() -> [f64; 13] {
    let mut coefficients = [1.0; 13];
    let mut k = 1;
    while k <= 12 {
        coefficients[12 - k] = coefficients[13 - k] * std::f64::consts::LN_2 / k as f64;
        k += 1;
    }
    coefficients
}

/// out_j ← 2^(f + g_j + k·p_j); answers Σ b_j out_j.
pub(super) struct Densities<'a, T> {
    pub scores: &'a [T],
    pub g: &'a [T],
    pub b: &'a [T],
    pub k: T,
    pub f: T,
    pub out: &'a mut [T],
}

// A closure given to `dispatch` may be compiled on its own, without the vector instructions: a method that is always inlined is not.
impl<T: Lane> WithSimd for Densities<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self { scores, g, b, k, f, out } = self;
        let m = scores.len();
        let (g, b, out) = (&g[..m], &b[..m], &mut out[..m]);
        let mut sums = [T::zero(); LANES];
        let (p_chunks, p_rest) = scores.as_chunks::<LANES>();
        let (g_chunks, g_rest) = g.as_chunks::<LANES>();
        let (b_chunks, b_rest) = b.as_chunks::<LANES>();
        let (out_chunks, out_rest) = out.as_chunks_mut::<LANES>();
        for (((p, g), b), out) in p_chunks.iter().zip(g_chunks).zip(b_chunks).zip(out_chunks) {
            for lane in 0..LANES {
                let density = T::power_of_two(f + g[lane] + k * p[lane]);
                out[lane] = density;
                sums[lane] += b[lane] * density;
            }
        }
        let mut total: f64 = sums.iter().map(|s| s.wide()).sum();
        for (((p, g), b), out) in p_rest.iter().zip(g_rest).zip(b_rest).zip(out_rest) {
            *out = T::power_of_two(f + *g + k * *p);
            total += (*b * *out).wide();
        }
        total
    }
}

/// into_j ← into_j + scale · row_j.
pub(super) struct AddScaled<'a, T> {
    pub into: &'a mut [T],
    pub row: &'a [T],
    pub scale: T,
}

impl<T: Lane> WithSimd for AddScaled<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (t, r) in self.into.iter_mut().zip(self.row) {
            *t += self.scale * *r;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa;

    #[test]
    fn powers_of_two_agree_with_the_library() {
        for k in -12_600..10_000 {
            let t = k as f64 * 0.01;
            let (single, double) = (f64::from(f32::power_of_two(t as f32)), f64::power_of_two(t));
            let expected = f64::from(t as f32).exp2();
            assert!((single - expected).abs() < 3e-7 * expected, "{t}: {single} {expected}");
            assert!((double - t.exp2()).abs() < 1e-15 * t.exp2(), "{t}");
        }
        assert_eq!((f32::power_of_two(-1e30), f64::power_of_two(f64::NEG_INFINITY)), (0.0, 0.0));
        assert!((f64::power_of_two(1e30) / 2f64.powi(100) - 1.0).abs() < 1e-14);
    }

    #[test]
    fn rows_of_every_length_equal_the_naive_form() {
        for m in 0..70 {
            let numbers =
                |seed: usize| -> Vec<f64> { (0..m).map(|j| ((j * 37 + seed * 11) % 41) as f64 / 41.0).collect() };
            let (p, g, b) = (numbers(1), numbers(2), numbers(3));
            let mut out = vec![0.0; m];
            let densities = Densities { scores: &p, g: &g, b: &b, k: -1.5, f: 0.25, out: &mut out };
            let sum = isa::arch().dispatch(densities);
            let naive: Vec<f64> = p.iter().zip(&g).map(|(p, g)| (0.25 + g - 1.5 * p).exp2()).collect();
            assert!(out.iter().zip(&naive).all(|(x, y)| (x - y).abs() < 1e-14));
            let expected: f64 = naive.iter().zip(&b).map(|(x, b)| x * b).sum();
            assert!((sum - expected).abs() < 1e-13);
        }
    }
}
