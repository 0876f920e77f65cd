//! Matrices of distances `[n, m]`, and the largest of them.

use super::{centring::Centring, pairwise::Pairwise, rounded::Rounded, rows::Ground, single::squared_distance};
use crate::{
    cloud::Cloud,
    error::OtError,
    pool::Pool,
    real::Real,
    stop::{Interrupted, Stop, unstoppable},
};

/// All squared distances, row-major `[n, m]`; entries so small that the product may have cancelled are computed as differences.
pub fn squared_distances<T: Real>(a: &Cloud<T>, b: &Cloud<T>) -> Vec<T> {
    unstoppable(|stop| rounded_distances(a, b, Ground::Squared, stop)).cost.into_owned()
}

/// max ‖x_i − y_j‖² in double precision, block by block of A: what rounding leaves in question is computed anew.
///
/// # Errors
/// [`OtError::Interrupted`] if it was told to stop; none of its own, for the clouds were checked.
pub(crate) fn largest<T: Real>(a: &Cloud<T>, b: &Cloud<T>, stop: &Stop) -> Result<f64, OtError> {
    const BLOCK: usize = 256;
    let d = a.width();
    a.features().chunks(BLOCK * d).try_fold(0.0, |most: f64, rows| {
        let block = Cloud::new(a.side(), rows, rows.len() / d, d)?;
        Ok(most.max(largest_of(&rounded_distances(&block, b, Ground::Squared, stop)?, &block, b)))
    })
}

/// The largest squared distance behind a matrix of them.
pub(crate) fn largest_of<T: Real>(rounded: &Rounded<T>, a: &Cloud<T>, b: &Cloud<T>) -> f64 {
    let rows = || (0..a.len()).map(|i| (i, rounded.row(i).iter().fold(0.0, |most: f64, c| most.max(c.wide()))));
    let certain = rows().fold(0.0, |most: f64, (i, c)| most.max(c - rounded.bound(i, c)));
    let in_question = |i: usize, c: f64| c + rounded.bound(i, c) >= certain;
    let of_row = |most: f64, i: usize| {
        let near = rounded.row(i).iter().enumerate().filter(|(_, c)| in_question(i, c.wide()));
        near.fold(most, |most, (j, _)| most.max(squared_distance(a.row(i), b.row(j))))
    };
    rows().filter(|&(i, c)| in_question(i, c)).fold(0.0, |most, (i, _)| of_row(most, i))
}

/// All distances, squared or not, with bounds on how far each entry lies from the distance in real arithmetic.
///
/// # Errors
/// Told to stop.
pub(crate) fn rounded_distances<T: Real>(
    a: &Cloud<T>,
    b: &Cloud<T>,
    ground: Ground,
    stop: &Stop,
) -> Result<Rounded<'static, T>, Interrupted> {
    let pairs = Pairwise::new(a, b, Centring::Each, stop);
    let parallel = a.len() * b.len() * a.width() >= 1 << 22;
    let mut cost = Pool::with(parallel, stop, |pool| Ok(pairs.matrix(pool)?.to_vec()))?;
    // Centring moves each cost by what the means differ; that is put back row by row, column by column.
    let absolute = pairs.restore(a, b, &mut cost)?;
    if ground == Ground::Distance {
        cost.iter_mut().for_each(|c| *c = c.sqrt());
    }
    Ok(Rounded { cost: cost.into(), columns: b.len(), absolute, relative: T::epsilon().wide(), ground })
}
