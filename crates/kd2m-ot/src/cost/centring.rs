//! The points that features are measured from. Subtracting each cloud's own mean changes squared distances only by terms of one
//! sample each, which leave every optimal plan as it is, and makes norms small, so that little cancels in products.

use super::scan;
use crate::{cloud::Cloud, isa::Isa, pool::Pool, real::Real};

/// What is subtracted from the features before they are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Centring {
    /// From each cloud its own mean: squared costs lose a separable part.
    Each,
    /// From both the same point: all distances stay as they are.
    Common,
}

/// A point for each cloud, in the features' units.
#[derive(Debug, Clone)]
pub(crate) struct Centres<T> {
    pub a: Vec<T>,
    pub b: Vec<T>,
}

impl<T: Real> Centres<T> {
    /// The means, or the point between them. Any point is allowed: exact costs are taken from this one.
    pub(crate) fn of(isa: Isa, pool: &Pool, a: &Cloud<T>, b: &Cloud<T>, centring: Centring) -> Self {
        let (mean_a, mean_b) = pool.join(|| mean(isa, a), || mean(isa, b));
        Self::from_means(mean_a, mean_b, centring)
    }

    /// The same of means that are known, in `f64`.
    pub(crate) fn from_means(mut mean_a: Vec<f64>, mut mean_b: Vec<f64>, centring: Centring) -> Self {
        if centring == Centring::Common {
            for (p, q) in mean_a.iter_mut().zip(&mut mean_b) {
                *p = 0.5 * (*p + *q);
                *q = *p;
            }
        }
        let round = |mean: Vec<f64>| mean.into_iter().map(T::of).collect::<Vec<T>>();
        Self { a: round(mean_a), b: round(mean_b) }
    }

    /// How far the clouds' points lie apart, coordinate by coordinate.
    pub(crate) fn shift(&self) -> Vec<f64> {
        self.a.iter().zip(&self.b).map(|(p, q)| p.wide() - q.wide()).collect()
    }

    /// The same as one length.
    pub(crate) fn distance(&self) -> f64 {
        self.shift().iter().map(|s| s * s).sum::<f64>().sqrt()
    }
}

fn mean<T: Real>(isa: Isa, cloud: &Cloud<T>) -> Vec<f64> {
    let mut sums = vec![0.0; cloud.width()];
    isa.run(scan::ColumnSums { features: cloud.features(), sums: &mut sums });
    sums.iter_mut().for_each(|s| *s /= cloud.len() as f64);
    sums
}
