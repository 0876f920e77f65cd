//! Costs of two clouds computed anew from differences of features in double precision: nothing cancels, so each is right to a few
//! units of rounding of itself, whatever lies far away. Ten times the work of a product, for the plans that need it.

use super::{rows::Ground, scan::DistanceRow};
use crate::{cloud::Cloud, isa::Isa, real::Real, solver::costs::Costs};

/// ‖x_i − y_j‖² or ‖x_i − y_j‖ of two clouds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anew<'a, T> {
    isa: Isa,
    a: &'a Cloud<'a, T>,
    b: &'a Cloud<'a, T>,
    ground: Ground,
}

impl<'a, T: Real> Anew<'a, T> {
    /// Of two clouds of equal width.
    pub(crate) fn new(a: &'a Cloud<'a, T>, b: &'a Cloud<'a, T>, ground: Ground) -> Self {
        Self { isa: Isa::detect(), a, b, ground }
    }
}

impl<T: Real> Costs for Anew<'_, T> {
    fn shape(&self) -> (usize, usize) {
        (self.a.len(), self.b.len())
    }

    fn pair(&self, i: usize, j: usize) -> f64 {
        self.ground.of_squared(super::squared_distance(self.a.row(i), self.b.row(j)))
    }

    fn fill_row(&self, i: usize, out: &mut [f64]) {
        self.isa.run(DistanceRow { x: self.a.row(i), ys: self.b.features(), out });
        if self.ground == Ground::Distance {
            out.iter_mut().for_each(|c| *c = c.sqrt());
        }
    }

    fn relative_error(&self) -> f64 {
        relative_error(self.a.width())
    }
}

/// How far a squared distance over d coordinates, or its root, can be off as a share of itself: a difference and a square err by a
/// unit each, the sum by one for each addition on the way (d/16 in a lane, four between lanes, at most fifteen of the tail); the root
/// halves it and adds one.
pub(crate) fn relative_error(d: usize) -> f64 {
    f64::EPSILON / 2.0 * (d as f64 / 16.0 + 24.0)
}
