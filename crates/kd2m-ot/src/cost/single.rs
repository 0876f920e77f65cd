//! The distance of one pair.

use super::scan;
use crate::{isa::Isa, real::Real};

/// ‖x − y‖² of two rows, as a sum of squared differences in `f64`: no cancellation between nearby points.
pub(crate) fn squared_distance<T: Real>(x: &[T], y: &[T]) -> f64 {
    Isa::detect().run(scan::SquaredDistance { x, y })
}
