//! Cost matrices between the samples of two clouds, row-major `[n, m]`.

use crate::{cloud::Cloud, real::Real};

/// ‖x − y‖² of two rows, as a sum of squared differences in `f64`: no cancellation between nearby points.
pub fn squared_distance<T: Real>(x: &[T], y: &[T]) -> f64 {
    x.iter()
        .zip(y)
        .map(|(x, y)| {
            let d = x.wide() - y.wide();
            d * d
        })
        .sum()
}

/// All squared distances, each computed as a difference.
pub fn squared_distances<T: Real>(a: &Cloud<T>, b: &Cloud<T>) -> Vec<T> {
    let mut cost = Vec::with_capacity(a.len() * b.len());
    for i in 0..a.len() {
        cost.extend((0..b.len()).map(|j| T::of(squared_distance(a.row(i), b.row(j)))));
    }
    cost
}
