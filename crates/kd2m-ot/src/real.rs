//! The two scalar types that the solvers accept.

use std::fmt::{Debug, Display};

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
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }
    fn wide(self) -> f64 {
        self
    }
}
