//! The five linear maps of F(4×4, 3×3), each on vectors of channels: Bᵀ on inputs, G on weights, Aᵀ on products, and for gradients A and Gᵀ.
//! Points 0, ±1, ±2, ∞ of Toom–Cook; the matrices are those of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), section 4.
//! Read next: `tiles.rs`, where the numbers come from and go to.

use super::panels::LINE;
use crate::isa::Lanes;

/// A linear map from `FROM` to `TO` numbers, applied to columns and then to rows of a tile.
pub(super) trait Transform<const FROM: usize, const TO: usize> {
    fn apply<S: Lanes>(lanes: S, from: [S::F32; FROM]) -> [S::F32; TO];
}

/// Where a tile's numbers come from, in neighbouring vectors of channels.
pub(super) trait Source<S: Lanes> {
    /// # Safety
    /// What the implementing type promises about its pointers holds, for this vector too.
    unsafe fn load(&self, lanes: S, row: usize, column: usize, vector: usize) -> S::F32;
}

/// Where a tile's numbers go.
pub(super) trait Sink<S: Lanes> {
    /// # Safety
    /// As for [`Source::load`].
    unsafe fn store(&self, lanes: S, row: usize, column: usize, vector: usize, value: S::F32);
}

/// Vectors that make a cache line where they are half as long: taken together, as the cells of a tile often lie a power of two apart and
/// throw each other out of the nearest cache before the other half is asked for.
#[inline(always)]
pub(super) fn pairs<S: Lanes>() -> bool {
    2 * S::COUNT == LINE
}

/// `T · X · Tᵀ` of a `FROM × FROM` tile, for V vectors of channels.
///
/// # Safety
/// `from` and `to` may be read and written at all rows and columns of their tiles, for V vectors.
#[inline(always)]
pub(super) unsafe fn both_ways<T, S: Lanes, const FROM: usize, const TO: usize, const V: usize>(
    lanes: S,
    from: &impl Source<S>,
    to: &impl Sink<S>,
) where
    T: Transform<FROM, TO>,
{
    let mut half = [[[lanes.zero(); FROM]; V]; TO];
    for column in 0..FROM {
        let mut values = [[lanes.zero(); FROM]; V];
        for row in 0..FROM {
            for v in 0..V {
                // SAFETY: inside the tile.
                values[v][row] = unsafe { from.load(lanes, row, column, v) };
            }
        }
        for v in 0..V {
            let values = T::apply(lanes, values[v]);
            for row in 0..TO {
                half[row][v][column] = values[row];
            }
        }
    }
    for row in 0..TO {
        let mut values = [[lanes.zero(); TO]; V];
        for v in 0..V {
            values[v] = T::apply(lanes, half[row][v]);
        }
        for column in 0..TO {
            for v in 0..V {
                // SAFETY: inside the tile.
                unsafe { to.store(lanes, row, column, v, values[v][column]) };
            }
        }
    }
}

/// Bᵀ: a patch of the input.
///
/// ```text
/// 4  0 −5  0  1  0
/// 0 −4 −4  1  1  0
/// 0  4 −4 −1  1  0
/// 0 −2 −1  2  1  0
/// 0  2 −1 −2  1  0
/// 0  4  0 −5  0  1
/// ```
pub(super) struct Input;

impl Transform<6, 6> for Input {
    #[inline(always)]
    fn apply<S: Lanes>(lanes: S, d: [S::F32; 6]) -> [S::F32; 6] {
        let (four, minus_four, minus_five) = (lanes.splat(4.0), lanes.splat(-4.0), lanes.splat(-5.0));
        let even = lanes.mul_add(minus_four, d[2], d[4]);
        let odd = lanes.mul_add(minus_four, d[1], d[3]);
        let wide_even = lanes.sub(d[4], d[2]);
        let wide_odd = lanes.sub(d[3], d[1]);
        let wide_odd = lanes.add(wide_odd, wide_odd);
        [
            lanes.mul_add(four, d[0], lanes.mul_add(minus_five, d[2], d[4])),
            lanes.add(even, odd),
            lanes.sub(even, odd),
            lanes.add(wide_even, wide_odd),
            lanes.sub(wide_even, wide_odd),
            lanes.mul_add(four, d[1], lanes.mul_add(minus_five, d[3], d[5])),
        ]
    }
}

/// Aᵀ: products back to a tile of the output.
///
/// ```text
/// 1  1  1  1  1  0
/// 0  1 −1  2 −2  0
/// 0  1  1  4  4  0
/// 0  1 −1  8 −8  1
/// ```
pub(super) struct Output;

impl Transform<6, 4> for Output {
    #[inline(always)]
    fn apply<S: Lanes>(lanes: S, m: [S::F32; 6]) -> [S::F32; 4] {
        let (sum, difference) = (lanes.add(m[1], m[2]), lanes.sub(m[1], m[2]));
        let (wide_sum, wide_difference) = (lanes.add(m[3], m[4]), lanes.sub(m[3], m[4]));
        [
            lanes.add(lanes.add(m[0], sum), wide_sum),
            lanes.mul_add(lanes.splat(2.0), wide_difference, difference),
            lanes.mul_add(lanes.splat(4.0), wide_sum, sum),
            lanes.mul_add(lanes.splat(8.0), wide_difference, lanes.add(difference, m[5])),
        ]
    }
}

/// A, the transpose of [`Output`]: the gradient of a tile of the output spread over the products.
pub(super) struct OutputGradient;

impl Transform<4, 6> for OutputGradient {
    #[inline(always)]
    fn apply<S: Lanes>(lanes: S, y: [S::F32; 4]) -> [S::F32; 6] {
        let four = lanes.splat(4.0);
        let (even, odd) = (lanes.add(y[0], y[2]), lanes.add(y[1], y[3]));
        let wide_even = lanes.mul_add(four, y[2], y[0]);
        let wide_odd = lanes.mul_add(four, y[3], y[1]);
        let wide_odd = lanes.add(wide_odd, wide_odd);
        [
            y[0],
            lanes.add(even, odd),
            lanes.sub(even, odd),
            lanes.add(wide_even, wide_odd),
            lanes.sub(wide_even, wide_odd),
            y[3],
        ]
    }
}

/// G: the taps of a kernel.
///
/// ```text
///  1/4    0    0
/// −1/6 −1/6 −1/6
/// −1/6  1/6 −1/6
/// 1/24 1/12  1/6
/// 1/24 −1/12 1/6
///    0    0    1
/// ```
pub(super) struct Weight;

impl Transform<3, 6> for Weight {
    #[inline(always)]
    fn apply<S: Lanes>(lanes: S, g: [S::F32; 3]) -> [S::F32; 6] {
        let outer = lanes.mul(lanes.splat(-1.0 / 6.0), lanes.add(g[0], g[2]));
        let inner = lanes.mul(lanes.splat(1.0 / 6.0), g[1]);
        let wide_outer = lanes.mul_add(lanes.splat(1.0 / 24.0), g[0], lanes.mul(lanes.splat(1.0 / 6.0), g[2]));
        let wide_inner = lanes.mul(lanes.splat(1.0 / 12.0), g[1]);
        [
            lanes.mul(lanes.splat(0.25), g[0]),
            lanes.sub(outer, inner),
            lanes.add(outer, inner),
            lanes.add(wide_outer, wide_inner),
            lanes.sub(wide_outer, wide_inner),
            g[2],
        ]
    }
}

/// Gᵀ, the transpose of [`Weight`]: gradients of the transformed taps back to the taps.
pub(super) struct WeightGradient;

impl Transform<6, 3> for WeightGradient {
    #[inline(always)]
    fn apply<S: Lanes>(lanes: S, u: [S::F32; 6]) -> [S::F32; 3] {
        let (minus_sixth, sixth) = (lanes.splat(-1.0 / 6.0), lanes.splat(1.0 / 6.0));
        let (twelfth, twenty_fourth) = (lanes.splat(1.0 / 12.0), lanes.splat(1.0 / 24.0));
        let (sum, difference) = (lanes.add(u[1], u[2]), lanes.sub(u[2], u[1]));
        let (wide_sum, wide_difference) = (lanes.add(u[3], u[4]), lanes.sub(u[3], u[4]));
        let wide = lanes.mul_add(lanes.splat(0.25), u[0], lanes.mul(twenty_fourth, wide_sum));
        [
            lanes.mul_add(minus_sixth, sum, wide),
            lanes.mul_add(sixth, difference, lanes.mul(twelfth, wide_difference)),
            lanes.add(lanes.mul_add(minus_sixth, sum, lanes.mul(sixth, wide_sum)), u[5]),
        ]
    }
}
