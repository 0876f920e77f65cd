//! Moments of a set: its mean, and a triangle R with RᵀR = Σ in place of its centred rows, by QR of tiles one upon the other (Golub et al.
//! 1988), which squares no condition. Everything that asks [`Moments`] for mean and covariance can ask them of a set.

use faer::Mat;
use kd2m_simd::ranks::Ranks;

use super::tiles::{Reader, height, over_all};
use crate::{
    decomposition::qr,
    error::OtError,
    isa,
    matrix::view,
    moments::{Mean, Moments},
    real::Real,
    stop::Interrupted,
};

/// Triangles that are made of a set, each of its part of the rows; so many whatever the ranks.
const PARTS: usize = 16;

/// Moments with 1/n.
///
/// # Errors
/// One sample; told to stop.
pub(crate) fn of<T: Real>(metric: &str, ranks: &dyn Ranks, of: &Reader<T>) -> Result<Moments, OtError> {
    at_least_two(metric, of)?;
    Ok(scaled(ranks, of, 1.0)?)
}

/// The same with covariances by n − 1, or 1 − Σ a² under weights.
///
/// # Errors
/// One sample, or a single one with weight; told to stop.
pub(crate) fn unbiased<T: Real>(metric: &str, ranks: &dyn Ranks, of: &Reader<T>) -> Result<Moments, OtError> {
    at_least_two(metric, of)?;
    let rest = effective_rest(metric, of)?;
    Ok(scaled(ranks, of, 1.0 / rest)?)
}

/// 1 − Σ a_i², as of a cloud ([`crate::moments::effective_rest`]).
///
/// # Errors
/// [`OtError::TooFewSamples`] when a single sample carries all the weight.
pub(crate) fn effective_rest<T: Real>(metric: &str, of: &Reader<T>) -> Result<f64, OtError> {
    let found = (0..of.len()).filter(|&i| of.set.weight(i) > 0.0).count();
    if found < 2 {
        return Err(OtError::TooFewSamples { metric: metric.to_owned(), side: of.set.side(), needed: 2, found });
    }
    Ok(1.0 - (0..of.len()).map(|i| of.set.weight(i).powi(2)).sum::<f64>())
}

fn at_least_two<T: Real>(metric: &str, of: &Reader<T>) -> Result<(), OtError> {
    if of.len() >= 2 {
        return Ok(());
    }
    Err(OtError::TooFewSamples { metric: metric.to_owned(), side: of.set.side(), needed: 2, found: of.len() })
}

fn scaled<T: Real>(ranks: &dyn Ranks, of: &Reader<T>, scale: f64) -> Result<Moments, Interrupted> {
    let (n, d) = (of.len(), of.width());
    let mean = mean(ranks, of)?;
    let part = n.div_ceil(PARTS);
    let parts: Vec<_> = (0..n).step_by(part).map(|start| start..(start + part).min(n)).collect();
    let triangles = over_all(
        ranks,
        &parts,
        || of.check(),
        |part| {
            let mut triangle = Vec::new();
            for start in part.clone().step_by(height(n)) {
                let rows = start..(start + height(n)).min(part.end);
                for (i, row) in rows.clone().zip(of.rows(rows).values.chunks_exact(d)) {
                    let root = (of.set.weight(i) * scale).sqrt();
                    triangle.extend(mean.residuals(row).map(|r| root * r));
                }
                triangle = shortened(triangle, d);
            }
            triangle
        },
    )?;
    let rows = shortened(triangles.concat(), d);
    Ok(Moments::of_rows(n, mean, rows))
}

/// No more than d rows with the same Gram matrix.
fn shortened(rows: Vec<f64>, d: usize) -> Vec<f64> {
    if rows.len() <= d * d {
        return rows;
    }
    let r: Mat<f64> = qr(view(&rows, rows.len() / d, d), false).0;
    (0..r.nrows()).flat_map(|i| (0..d).map(move |j| (i, j))).map(|place| r[place]).collect()
}

fn mean<T: Real>(ranks: &dyn Ranks, of: &Reader<T>) -> Result<Mean, Interrupted> {
    let origin: Vec<f64> = of.middle().iter().map(|x| x.wide()).collect();
    let parts = over_all(
        ranks,
        &of.tiles(),
        || of.check(),
        |tile| {
            let mut shift = vec![0.0; of.width()];
            for (i, row) in tile.clone().zip(of.rows(tile.clone()).values.chunks_exact(of.width())) {
                let (a, columns) = (of.set.weight(i), shift.iter_mut().zip(row).zip(&origin));
                isa::arch().dispatch(|| columns.for_each(|((s, x), o)| *s += a * (x.wide() - o)));
            }
            shift
        },
    )?;
    let mut shift = vec![0.0; of.width()];
    for part in parts {
        shift.iter_mut().zip(part).for_each(|(s, part)| *s += part);
    }
    Ok(Mean { origin, shift })
}
