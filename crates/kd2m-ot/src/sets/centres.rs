//! The points that the features of two sets are measured from, and what is known of all rows once they are.

use kd2m_simd::ranks::Ranks;

use super::tiles::{Reader, over_all};
use crate::{
    cost::{
        centring::{Centres, Centring},
        scan,
    },
    isa::Isa,
    matrix::norm_squared,
    real::Real,
    stop::Interrupted,
};

/// The means of two sets, or the point between them, as of clouds.
///
/// # Errors
/// Told to stop.
pub(crate) fn of<T: Real>(
    ranks: &dyn Ranks,
    a: &Reader<T>,
    b: &Reader<T>,
    centring: Centring,
) -> Result<Centres<T>, Interrupted> {
    let (mean_a, mean_b) = (mean(ranks, a)?, mean(ranks, b)?);
    Ok(Centres::from_means(mean_a, mean_b, centring))
}

/// Unweighted column means.
fn mean<T: Real>(ranks: &dyn Ranks, of: &Reader<T>) -> Result<Vec<f64>, Interrupted> {
    let isa = Isa::detect();
    let parts = over_all(
        ranks,
        &of.tiles(),
        || of.check(),
        |tile| {
            let mut sums = vec![0.0; of.width()];
            isa.run(scan::ColumnSums { features: &of.rows(tile.clone()).values, sums: &mut sums });
            sums
        },
    )?;
    let mut mean = vec![0.0; of.width()];
    for part in parts {
        mean.iter_mut().zip(part).for_each(|(mean, part)| *mean += part);
    }
    mean.iter_mut().for_each(|x| *x /= of.len() as f64);
    Ok(mean)
}

/// What is known of every row of a set around its centre.
pub(crate) struct Around {
    /// What centring took from the row's costs, beside what is the same for all.
    pub along: Vec<f64>,
    /// The largest norm of a centred row.
    pub largest: f64,
}

/// ⟨x_i − centre, shift⟩ · `factor` of each row, and the largest ‖x_i − centre‖.
///
/// # Errors
/// Told to stop.
pub(crate) fn around<T: Real>(
    ranks: &dyn Ranks,
    of: &Reader<T>,
    centre: &[T],
    shift: &[f64],
    factor: f64,
) -> Result<Around, Interrupted> {
    let isa = Isa::detect();
    let parts = over_all(
        ranks,
        &of.tiles(),
        || of.check(),
        |tile| {
            let rows = of.rows(tile.clone()).values;
            let mut along = vec![0.0; tile.len()];
            isa.run(scan::Along { features: &rows, centre, direction: shift, out: &mut along });
            along.iter_mut().for_each(|x| *x *= factor);
            let norm = |row: &[T]| {
                let centred: Vec<f64> = row.iter().zip(centre).map(|(x, c)| x.wide() - c.wide()).collect();
                norm_squared(&centred)
            };
            let largest = rows.chunks_exact(of.width()).map(norm).fold(0.0, f64::max).sqrt();
            (along, largest)
        },
    )?;
    let mut found = Around { along: Vec::with_capacity(of.len()), largest: 0.0 };
    for (along, largest) in parts {
        found.along.extend(along);
        found.largest = found.largest.max(largest);
    }
    Ok(found)
}
