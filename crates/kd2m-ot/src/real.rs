//! The two scalar types that the solvers accept.

use std::fmt::{Debug, Display};

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};

/// `f32` or `f64`: the precision in which features come in and gradients go out.
///
/// Sums that decide a value are accumulated in `f64` whatever the type.
pub trait Real:
    crate::isa::Element
    + num_traits::Float
    + num_traits::NumAssign
    + std::iter::Sum
    + Debug
    + Display
    + Default
    + Send
    + Sync
    + 'static
{
    /// Rounds an `f64` to this precision.
    fn of(value: f64) -> Self;
    /// The same number as an `f64`, exactly.
    fn wide(self) -> f64;
    /// The same numbers where this is single precision already.
    #[doc(hidden)]
    fn singles(values: &[Self]) -> Option<&[f32]>;
    /// The same, to write to.
    #[doc(hidden)]
    fn singles_mut(values: &mut [Self]) -> Option<&mut [f32]>;
    /// c ← a · b, or c ← c + a · b, with this precision's matrix product.
    #[doc(hidden)]
    fn multiply(c: MatMut<'_, Self>, accumulate: Accum, a: MatRef<'_, Self>, b: MatRef<'_, Self>, par: Par);
    /// Replaces each x ≤ 0 by exp(x).
    #[doc(hidden)]
    fn exp_negative(values: &mut [Self]);
    /// Replaces `angles` by their sines and fills `cosines`, which must be as long.
    #[doc(hidden)]
    fn sin_cos_slices(angles: &mut [Self], cosines: &mut [Self]);
    /// Fills `order` with the indices by increasing value, equal values by index.
    #[doc(hidden)]
    fn sorted_order(values: &[Self], order: &mut Vec<u32>);
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }
    fn wide(self) -> f64 {
        f64::from(self)
    }
    fn singles(values: &[Self]) -> Option<&[f32]> {
        Some(values)
    }
    fn singles_mut(values: &mut [Self]) -> Option<&mut [f32]> {
        Some(values)
    }
    fn multiply(c: MatMut<'_, Self>, accumulate: Accum, a: MatRef<'_, Self>, b: MatRef<'_, Self>, par: Par) {
        matmul(c, accumulate, a, b, 1.0, par);
    }
    fn exp_negative(values: &mut [Self]) {
        crate::exp::exp_negative_f32(values);
    }
    fn sin_cos_slices(angles: &mut [Self], cosines: &mut [Self]) {
        crate::trigonometry::sin_cos_f32(angles, cosines);
    }
    fn sorted_order(values: &[Self], order: &mut Vec<u32>) {
        crate::sorting::sorted_order_f32(values, order);
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }
    fn wide(self) -> f64 {
        self
    }
    fn singles(_: &[Self]) -> Option<&[f32]> {
        None
    }
    fn singles_mut(_: &mut [Self]) -> Option<&mut [f32]> {
        None
    }
    fn multiply(c: MatMut<'_, Self>, accumulate: Accum, a: MatRef<'_, Self>, b: MatRef<'_, Self>, par: Par) {
        matmul(c, accumulate, a, b, 1.0, par);
    }
    fn exp_negative(values: &mut [Self]) {
        crate::exp::exp_negative_f64(values);
    }
    fn sin_cos_slices(angles: &mut [Self], cosines: &mut [Self]) {
        crate::trigonometry::sin_cos_f64(angles, cosines);
    }
    fn sorted_order(values: &[Self], order: &mut Vec<u32>) {
        crate::sorting::sorted_order_f64(values, order);
    }
}
