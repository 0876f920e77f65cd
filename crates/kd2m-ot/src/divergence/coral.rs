//! CORAL ‖Σ_A − Σ_B‖²_F / 4d², covariances with n − 1: matches second moments, blind to the mean.
//! Sun and Saenko (2016), equation 1. With R the centred rows of A over those of B and J = ±1, Σ_A − Σ_B = Rᵀ J R; where
//! n + m < d the Gram matrix R Rᵀ gives norm and gradient without a d × d matrix.

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    matrix::{dot, norm_squared, product, view},
    moments::Moments,
    parameters::parameters,
    precision::{Estimate, Estimated, evaluate, growth, non_negative, of_square},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "coral",
    aliases: &[],
    formula: "‖Σ_A − Σ_B‖²_F / 4d², covariances by n − 1",
    source: "Sun and Saenko, Deep CORAL (2016)",
    cost: "O((n + m) d²) time and O(d²) memory, or O((n + m)² d) where n + m < d",
    when: "correlations of features without their means; add mmd-linear for these",
    traits: Traits::PLAIN,
    options: Coral::OPTIONS,
    build: build::<Coral>,
};

parameters! {
    /// Squared Frobenius distance of the covariances.
    pub struct Coral for ENTRY;
}

impl<T: Real> Divergence<T> for Coral {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for Coral {
    const WIDE: bool = true;

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        let (moments_a, moments_b) = (Moments::unbiased(ENTRY.name, a)?, Moments::unbiased(ENTRY.name, b)?);
        let d = a.width();
        let mut found = None;
        if a.len() + b.len() < d {
            let by_gram = by_gram(&moments_a, &moments_b, request.gradient);
            // Norms that cancel: the matrix itself loses only half as many digits.
            found = (d > LARGEST_MATRIX || by_gram.error <= GOOD_NORM * by_gram.norm).then_some(by_gram);
        }
        let Norm { norm, error, rows } =
            found.unwrap_or_else(|| by_covariance(&moments_a, &moments_b, request.gradient));
        let scale = 0.25 / (d as f64).powi(2);
        let gradient = rows.map(|mut rows| {
            rows.iter_mut().for_each(|g| *g *= 4.0 * scale);
            moments_a.gradient(&vec![0.0; d], &rows)
        });
        let error = scale * error + f64::MIN_POSITIVE;
        Ok(Estimate::new(Solution::closed(scale * norm).with_gradient(gradient), error))
    }
}

/// Up to this width a covariance is written out where the Gram matrix does not carry the value (32 MiB).
const LARGEST_MATRIX: usize = 2048;
/// The error of a norm by the Gram matrix that is not worth another way.
const GOOD_NORM: f64 = 1e-6;

/// ‖D‖², how far it may be off, and r_A D, a quarter of its derivative with respect to the rows of A.
struct Norm {
    norm: f64,
    error: f64,
    rows: Option<Vec<f64>>,
}

/// With D = Σ_A − Σ_B written out.
fn by_covariance(a: &Moments, b: &Moments, gradient: bool) -> Norm {
    let (mut difference, other) = rayon::join(|| a.covariance(), || b.covariance());
    difference.iter_mut().zip(&other).for_each(|(x, y)| *x -= y);
    let rows = gradient.then(|| product(a.matrix(), view(&difference, a.d, a.d)));
    let norm = norm_squared(&difference);
    Norm { norm, error: of_square(norm, a.unit() * a.trace() + b.unit() * b.trace()), rows }
}

/// The same from G = R Rᵀ: ‖D‖² = tr (J G)², and r_A D = (the rows of G that belong to A) J R.
fn by_gram(a: &Moments, b: &Moments, gradient: bool) -> Norm {
    let (n, total) = (a.n, a.n + b.n);
    let stacked = [a.rows.as_slice(), b.rows.as_slice()].concat();
    let rows = view(&stacked, total, a.d);
    let mut gram = product(rows, rows.transpose());
    // J G: the rows of B change sign. Then tr (J G)² is the sum over i, j of (J G)_ij (J G)_ji = ± G_ij².
    let size = norm_squared(&gram);
    let norm = gram.chunks_exact(total).enumerate().map(|(i, row)| {
        let (own, other) = row.split_at(n);
        let sign = if i < n { 1.0 } else { -1.0 };
        sign * (dot(own, own) - dot(other, other))
    });
    let norm: f64 = norm.sum();
    let to_rows = gradient.then(|| {
        gram.truncate(n * total);
        gram.chunks_exact_mut(total).for_each(|row| row[n..].iter_mut().for_each(|g| *g = -*g));
        product(view(&gram, n, total), rows)
    });
    Norm { norm: non_negative(norm), error: growth(total) * f64::EPSILON * size, rows: to_rows }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, testing};

    #[test]
    fn in_one_dimension_the_squared_difference_of_variances() {
        let (x, y) = ([1.0f64, 2.0, 6.0], [0.0f64, 4.0]);
        let (a, b) = (Cloud::new(Side::A, &x, 3, 1).unwrap(), Cloud::new(Side::B, &y, 2, 1).unwrap());
        assert!((Coral.evaluate(&a, &b, Request::VALUE).unwrap().value - 0.25).abs() < 1e-12);
    }

    #[test]
    fn both_forms_agree() {
        let (n, m, d) = (6, 5, 9);
        let (x, y) = (testing::normal(1, n * d), testing::normal(2, m * d));
        let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, m, d).unwrap());
        let (a, b) = (Moments::unbiased("test", &a).unwrap(), Moments::unbiased("test", &b).unwrap());
        let (by_d, by_n) = (by_covariance(&a, &b, true), by_gram(&a, &b, true));
        assert!((by_d.norm - by_n.norm).abs() < 1e-12 * by_d.norm);
        for (x, y) in by_d.rows.unwrap().iter().zip(by_n.rows.unwrap()) {
            assert!((x - y).abs() < 1e-12);
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        for (n, m, d) in [(4, 5, 12), (12, 9, 4)] {
            let (x, y) = (testing::normal(1, n * d), testing::normal(2, m * d));
            testing::check_gradient(&Coral, &x, n, &y, m, d, 1e-6);
        }
    }
}
