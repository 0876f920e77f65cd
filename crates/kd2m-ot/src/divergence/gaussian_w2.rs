//! W₂² between the Gaussians fitted to the two clouds: ‖μ − μ'‖² + tr Σ + tr Σ' − 2 tr(Σ^½ Σ' Σ^½)^½, moments with 1/n.
//! The trace of the root is a nuclear norm ‖F F'ᵀ‖_* for any factors FᵀF = Σ: the centred rows where n ≤ d, else a triangle.
//! Next: [`super::fid`], the same with n − 1.

use faer::{Mat, MatRef};

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    decomposition::{Cholesky, Svd, eigenvalues, qr, svd},
    error::OtError,
    matrix::{norm_squared, product, view, view_mut},
    moments::Moments,
    parameters::parameters,
    precision::{
        Estimate, Estimated, evaluate, non_negative, of_square,
        sets::{EstimatedOfSets, evaluate_sets},
    },
    real::Real,
    sets::{Over, Set, moments, tiles::Reader},
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "gaussian-w2",
    aliases: &["gw2", "bures"],
    formula: "‖μ − μ'‖² + tr(Σ + Σ' − 2 (Σ^½ Σ' Σ^½)^½), moments with 1/n",
    source: "Dowson and Landau (1982), Gelbrich (1990); KD²M, W2 (G) with full covariances",
    cost: "O((n + m) d² + d³), or O(n m (d + min(n, m))) where n, m < d; memory O((n + m) d)",
    when: "mean and all correlations at once, finite for any n; a lower bound of w2 that needs no coupling",
    traits: Traits { sets: true, ..Traits::SQUARED },
    options: GaussianW2::OPTIONS,
    build: build::<GaussianW2>,
};

parameters! {
    /// W₂² of the fitted Gaussians (Bures distance of the covariances).
    pub struct GaussianW2 for ENTRY;
}

impl<T: Real> Divergence<T> for GaussianW2 {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }

    fn evaluate_sets(
        &self,
        a: &Set<T>,
        b: &Set<T>,
        request: Request,
        over: Over,
    ) -> Option<Result<Solution<T>, OtError>> {
        Some(evaluate_sets(self, a, b, request, over))
    }
}

impl<T: Real> EstimatedOfSets<T> for GaussianW2 {
    fn estimate_sets(
        &self,
        a: &Reader<T>,
        b: &Reader<T>,
        request: Request,
        over: Over,
    ) -> Result<Estimate<T>, OtError> {
        let (of_a, of_b) = (moments::of(ENTRY.name, over.ranks, a)?, moments::of(ENTRY.name, over.ranks, b)?);
        bures(ENTRY.name, &of_a, &of_b, request)
    }
}

impl<T: Real> Estimated<T> for GaussianW2 {
    const WIDE: bool = true;

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        let (a, b) = rayon::join(|| Moments::new(ENTRY.name, a), || Moments::new(ENTRY.name, b));
        bures(ENTRY.name, &a?, &b?, request)
    }
}

/// ‖μ − μ'‖² + Bures of two sets of moments.
///
/// # Errors
/// A singular value decomposition that does not converge.
pub(super) fn bures<T: Real>(metric: &str, a: &Moments, b: &Moments, request: Request) -> Result<Estimate<T>, OtError> {
    let (delta, delta_error) = a.difference(b);
    let (factor_a, factor_b) = rayon::join(|| Factor::new(a, request.gradient), || Factor::new(b, false));
    let (f, g) = (factor_a.matrix(), factor_b.matrix());
    let cross = product(f, g.transpose());
    let cross = view(&cross, f.nrows(), g.nrows());
    let (trace, square) = (a.trace() + b.trace(), norm_squared(&delta));
    let bures = |values: &[f64]| non_negative(trace - 2.0 * values.iter().sum::<f64>());
    let of_factors = factor_a.unit() * a.trace() + factor_b.unit() * b.trace() + f64::MIN_POSITIVE;
    // Without vectors and with two good factors, the eigenvalues of F Gᵀ G Fᵀ are three times as quick, and as exact where the
    // value is not much smaller than the traces.
    if !request.gradient && factor_a.is_root() && factor_b.is_root() {
        let squares = product(cross, cross.transpose());
        if let Some(squares) = eigenvalues(view(&squares, cross.nrows(), cross.nrows())) {
            let values: Vec<f64> = squares.iter().map(|l| non_negative(*l).sqrt()).collect();
            let error = of_square(square, delta_error) + of_factors + error_of_roots(&values);
            let value = square + bures(&values);
            if error <= GOOD_EIGENVALUES * value {
                return Ok(Estimate::new(Solution::closed(value), error));
            }
        }
    }
    let Some(Svd { values, vectors }) = svd(cross, request.gradient) else {
        let message = "the singular value decomposition did not converge".to_owned();
        return Err(OtError::Numeric { metric: metric.to_owned(), message });
    };
    let value = square + bures(&values);
    let error = of_square(square, delta_error) + of_factors;
    let Some((u, v)) = vectors else {
        return Ok(Estimate::new(Solution::closed(value), error));
    };
    // Directions in which one cloud does not vary: a kink of the norm, whose gradient is taken as 0. The bound is the
    // rounding of the product, not of its largest singular value, which may itself be noise.
    let floor = f64::EPSILON * a.n.max(b.n).max(a.d) as f64 * (a.trace() * b.trace()).sqrt();
    let rank = values.iter().take_while(|s| **s > floor).count();
    let (u, v) = (u.subcols(0, rank), v.subcols(0, rank));
    // ∂‖F Gᵀ‖_*/∂F = U Vᵀ G
    let pull = factor_a.expand(product(u, view(&product(v.transpose(), g), rank, a.d)));
    let to_rows: Vec<f64> = a.rows.iter().zip(&pull).map(|(r, p)| 2.0 * (r - p)).collect();
    let to_mean: Vec<f64> = delta.iter().map(|x| 2.0 * x).collect();
    Ok(Estimate::new(Solution::closed(value).with_gradient(Some(a.gradient(&to_mean, &to_rows))), error))
}

/// Above this share of the value, errors of singular values by way of eigenvalues are worth a decomposition of the matrix itself.
const GOOD_EIGENVALUES: f64 = 1e-6;

/// Twice the error of Σ √λ where each λ is off by ε times the largest: small ones lose most.
fn error_of_roots(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0, |most: f64, s| most.max(*s));
    let off = 8.0 * f64::EPSILON * largest * largest;
    values.iter().map(|s| if s * s > off { off / s } else { 2.0 * off.sqrt() }).sum()
}

/// Above this reciprocal condition a Cholesky factor is good to ten digits or more.
const WELL_CONDITIONED: f64 = 1e-5;

/// A matrix F with FᵀF = Σ and at most d rows.
enum Factor<'m> {
    /// The centred rows themselves.
    Rows(&'m Moments),
    /// Lᵀ of Σ = L Lᵀ: quicker than QR for many rows, but it squares the condition.
    Root { moments: &'m Moments, cholesky: Cholesky },
    /// The triangle of rows = Q R, with Q `[n, d]` where a gradient will need it.
    Triangle { moments: &'m Moments, r: Mat<f64>, q: Option<Mat<f64>> },
}

impl<'m> Factor<'m> {
    fn new(moments: &'m Moments, with_q: bool) -> Self {
        if moments.height() <= moments.d {
            return Factor::Rows(moments);
        }
        let covariance = moments.covariance();
        let cholesky = Cholesky::new(view(&covariance, moments.d, moments.d));
        if let Some(cholesky) = cholesky.filter(|c| c.reciprocal_condition() > WELL_CONDITIONED) {
            return Factor::Root { moments, cholesky };
        }
        let (r, q) = qr(moments.matrix(), with_q);
        Factor::Triangle { moments, r, q }
    }

    /// How far ‖F G‖_* may be off, as a share of tr Σ.
    fn unit(&self) -> f64 {
        match self {
            Factor::Rows(moments) | Factor::Triangle { moments, .. } => moments.unit(),
            Factor::Root { moments, cholesky } => moments.unit() / cholesky.reciprocal_condition().sqrt(),
        }
    }

    fn is_root(&self) -> bool {
        matches!(self, Factor::Root { .. })
    }

    fn matrix(&self) -> MatRef<'_, f64> {
        match self {
            Factor::Rows(moments) => moments.matrix(),
            Factor::Root { cholesky, .. } => cholesky.lower().transpose(),
            Factor::Triangle { r, .. } => r.as_ref(),
        }
    }

    /// A gradient with respect to F as one with respect to the centred rows, row-major `[n, d]`.
    fn expand(&self, mut gradient: Vec<f64>) -> Vec<f64> {
        match self {
            // Q = rows · L⁻ᵀ
            Factor::Root { moments, cholesky } => {
                cholesky.solve_transposed(view_mut(&mut gradient, moments.d, moments.d));
                product(moments.matrix(), view(&gradient, moments.d, moments.d))
            }
            Factor::Triangle { r, q: Some(q), .. } => product(q.as_ref(), view(&gradient, r.nrows(), r.ncols())),
            _ => gradient,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, testing};

    fn value(x: &[f64], y: &[f64], d: usize) -> f64 {
        let a = Cloud::new(Side::A, x, x.len() / d, d).unwrap();
        let b = Cloud::new(Side::B, y, y.len() / d, d).unwrap();
        GaussianW2.evaluate(&a, &b, Request::VALUE).unwrap().value
    }

    #[test]
    fn a_symmetric_positive_map_is_optimal() {
        // y = P x + t with P ≻ 0 is the gradient of a convex function, so W₂² = ‖…‖² of the identity pairing, for Gaussians too.
        for (n, d) in [(5, 9), (60, 4), (9, 9)] {
            let x = testing::normal(1, n * d);
            let half = testing::normal(2, d * d);
            let map = |row: &[f64]| -> Vec<f64> {
                let inner: Vec<f64> = (0..d).map(|k| (0..d).map(|l| half[k * d + l] * row[l]).sum()).collect();
                (0..d)
                    .map(|l| 0.2 * row[l] + (0..d).map(|k| half[k * d + l] * inner[k]).sum::<f64>() + l as f64)
                    .collect()
            };
            let y: Vec<f64> = x.chunks(d).flat_map(map).collect();
            let paired = x.iter().zip(&y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>() / n as f64;
            let found = value(&x, &y, d);
            assert!((found - paired).abs() < 1e-9 * paired, "{n} {d}: {found} {paired}");
        }
    }

    #[test]
    fn gradients_match_finite_differences_for_every_shape() {
        for (n, m, d) in [(4, 5, 8), (12, 9, 4), (4, 12, 6), (12, 4, 6), (7, 7, 7), (8, 8, 7), (5, 6, 1)] {
            let (x, y) = (testing::normal(1, n * d), testing::normal(2, m * d));
            testing::check_gradient(&GaussianW2, &x, n, &y, m, d, 1e-6);
        }
        let (x, y) = (testing::normal(1, 6 * 3), testing::normal(2, 5 * 3));
        testing::check_weighted_gradient(
            &GaussianW2,
            &x,
            &[1.0, 0.0, 2.0, 1.0, 1.0, 3.0],
            &y,
            &[2.0, 1.0, 1.0, 0.0, 1.0],
            3,
            1e-6,
        );
    }

    #[test]
    fn constant_clouds_and_dead_units_are_finite() {
        let d = 6;
        let x = testing::normal(1, 9 * d);
        let dead: Vec<f64> = x.iter().enumerate().map(|(k, x)| if k % d < 3 { 0.0 } else { x.max(0.0) }).collect();
        let constant = vec![0.7; 9 * d];
        for (x, y) in
            [(&x, &dead), (&dead, &x), (&constant, &x), (&x, &constant), (&constant, &constant), (&dead, &dead)]
        {
            let (a, b) = (Cloud::new(Side::A, x, 9, d).unwrap(), Cloud::new(Side::B, y, 9, d).unwrap());
            let found = GaussianW2.evaluate(&a, &b, Request::GRADIENT).unwrap();
            assert!(found.value >= 0.0 && found.gradient.unwrap().features.iter().all(|g| g.is_finite()));
        }
        let (a, b) = (Cloud::new(Side::A, &dead, 9, d).unwrap(), Cloud::new(Side::B, &dead, 9, d).unwrap());
        let same = GaussianW2.evaluate(&a, &b, Request::GRADIENT).unwrap();
        assert!(same.value < 1e-13 && same.gradient.unwrap().features.iter().all(|g| g.abs() < 1e-12));
    }
}
