//! Costs between the samples of two clouds: single pairs, and whole matrices `[n, m]` by blocked products of centred features.
//! Next: [`pairwise`] for the product and its rounding bound, [`rows`] for what the assignment solver sees of it.

pub mod pairwise;
pub mod rows;

use crate::{cloud::Cloud, real::Real};

/// ‖x − y‖² of two rows, as a sum of squared differences in `f64`: no cancellation between nearby points.
pub fn squared_distance<T: Real>(x: &[T], y: &[T]) -> f64 {
    const LANES: usize = 8;
    let (x_chunks, x_tail) = x.as_chunks::<LANES>();
    let (y_chunks, y_tail) = y.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (x, y) in x_chunks.iter().zip(y_chunks) {
        for k in 0..LANES {
            let difference = x[k].wide() - y[k].wide();
            sums[k] += difference * difference;
        }
    }
    let rest: f64 = x_tail.iter().zip(y_tail).map(|(x, y)| (x.wide() - y.wide()).powi(2)).sum();
    sums.iter().sum::<f64>() + rest
}

/// All squared distances, row-major `[n, m]`; entries so small that the product may have cancelled are computed as differences.
pub fn squared_distances<T: Real>(a: &Cloud<T>, b: &Cloud<T>) -> Vec<T> {
    let pairs = pairwise::Pairwise::new(a, b, pairwise::Centring::Each);
    let mut cost = pairs.matrix();
    // Centring moves each cost by what the means differ; that is put back row by row, column by column.
    pairs.restore(a, b, &mut cost);
    cost
}
