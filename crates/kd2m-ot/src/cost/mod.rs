//! Costs between the samples of two clouds: single pairs, and whole matrices `[n, m]` by blocked products of centred features.
//! Next: [`paired`] for clouds that need no matrix, [`pairwise`] for the product and its rounding bound, [`rows`] for what the assignment solver sees of it.

pub mod centring;
pub(crate) mod paired;
pub mod pairwise;
pub mod rows;
pub(crate) mod scan;
#[cfg(target_arch = "x86_64")]
pub(crate) mod words;

use crate::{cloud::Cloud, crew::Crew, isa::Isa, real::Real};

/// ‖x − y‖² of two rows, as a sum of squared differences in `f64`: no cancellation between nearby points.
pub fn squared_distance<T: Real>(x: &[T], y: &[T]) -> f64 {
    Isa::detect().run(scan::SquaredDistance { x, y })
}

/// All squared distances, row-major `[n, m]`; entries so small that the product may have cancelled are computed as differences.
pub fn squared_distances<T: Real>(a: &Cloud<T>, b: &Cloud<T>) -> Vec<T> {
    let pairs = pairwise::Pairwise::new(a, b, centring::Centring::Each);
    let parallel = a.len() * b.len() * a.width() >= 1 << 22;
    let mut cost = Crew::with(parallel, |crew| pairs.matrix(crew).to_vec());
    // Centring moves each cost by what the means differ; that is put back row by row, column by column.
    pairs.restore(a, b, &mut cost);
    cost
}
