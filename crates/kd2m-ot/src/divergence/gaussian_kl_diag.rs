//! Kullback–Leibler divergence of Gaussians with diagonal covariances, the paper's KL (G):
//! KL(A‖B) = ½ Σ_k (v_A/v_B + δ²/v_B − 1 + ln v_B − ln v_A), variances with 1/n.
//! A variance below a small share of the mean one (a dead unit) is raised to it, with gradient 0. Next: [`super::gaussian_kl`].

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    gaussian::mean_variance,
    moments::Moments,
    parameters::{
        domain::{Domain, SHARE},
        parameters,
    },
    precision::{Estimate, Estimated, evaluate},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "gaussian-kl-diag",
    aliases: &["kl-diag"],
    formula: "½ Σ_k (v_A/v_B + (μ_A − μ_B)²/v_B − 1 + ln v_B/v_A), variances per feature with 1/n",
    source: "KD²M, KL (G)",
    cost: "O((n + m) d) time and memory",
    when: "the paper's KL: scale-free and cheap; large where B hardly varies, so mind dead units",
    traits: Traits::PLAIN,
    options: GaussianKlDiag::OPTIONS,
    build: build::<GaussianKlDiag>,
};

pub use super::gaussian_kl::Direction;

const FLOORS: Domain<f64> = Domain::new("a number above 0 and below 1", |floor| *floor > 0.0 && *floor < 1.0);

parameters! {
    /// KL of diagonal Gaussians.
    #[derive(Copy)]
    pub struct GaussianKlDiag for ENTRY {
        direction: Direction,
        /// share s of the mean variance in each: (1 − s) v + s mean(v), a number from 0 to 1
        shrinkage: f64 = 0 in SHARE,
        /// least variance, as a share of the mean variance of both clouds: keeps dead units finite
        floor: f64 = 1e-4 in FLOORS,
    }
}

impl<T: Real> Divergence<T> for GaussianKlDiag {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for GaussianKlDiag {
    const WIDE: bool = true;

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        let (moments_a, moments_b) = (Moments::new(ENTRY.name, a)?, Moments::new(ENTRY.name, b)?);
        let delta = moments_a.mean.minus(&moments_b.mean);
        let scale = mean_variance(&moments_a, &moments_b, &delta);
        if scale == 0.0 {
            return Ok(Estimate::of_coincident(a, b, request.gradient));
        }
        let least = self.floor * scale;
        let (v_a, v_b) = (self.variances(&moments_a), self.variances(&moments_b));
        let d = a.width();
        let unit = moments_a.unit().max(moments_b.unit());
        let mut error = 0.0;
        let (mut value, mut to_mean, mut to_variance) = (0.0, Vec::with_capacity(d), Vec::with_capacity(d));
        for (k, ((&v_a, &v_b), &delta)) in v_a.iter().zip(&v_b).zip(&delta).enumerate() {
            let (p, q) = (v_a.max(least), v_b.max(least));
            let (term, slope, pull) = match self.direction {
                Direction::AToB => (divergence(p, q, delta), 0.5 * (1.0 / q - 1.0 / p), delta / q),
                Direction::BToA => (divergence(q, p, delta), 0.5 * (1.0 - (q + delta * delta) / p) / p, delta / p),
            };
            value += term;
            let (p, q) = if self.direction == Direction::AToB { (p, q) } else { (q, p) };
            let shifts = moments_a.mean.shift[k].abs() + moments_b.mean.shift[k].abs();
            error += error_of(p, q, delta, unit, unit * (p.sqrt() + q.sqrt() + shifts));
            to_mean.push(pull);
            to_variance.push(if v_a > least { slope } else { 0.0 });
        }
        let gradient = request.gradient.then(|| {
            let shared = self.shrinkage * to_variance.iter().sum::<f64>() / d as f64;
            let slopes: Vec<f64> = to_variance.iter().map(|s| 2.0 * ((1.0 - self.shrinkage) * s + shared)).collect();
            let to_rows: Vec<f64> =
                moments_a.rows.chunks_exact(d).flat_map(|row| row.iter().zip(&slopes).map(|(r, s)| r * s)).collect();
            moments_a.gradient(&to_mean, &to_rows)
        });
        Ok(Estimate::new(Solution::closed(value).with_gradient(gradient), error))
    }
}

impl GaussianKlDiag {
    fn variances(&self, moments: &Moments) -> Vec<f64> {
        let shared = self.shrinkage * moments.trace() / moments.d as f64;
        moments.variances().iter().map(|v| (1.0 - self.shrinkage) * v + shared).collect()
    }
}

/// KL of N(δ, p) from N(0, q).
fn divergence(p: f64, q: f64, delta: f64) -> f64 {
    0.5 * (excess((p - q) / q, p / q) + delta * delta / q)
}

/// h − ln r with r = 1 + h, also where both are nearly equal: a series in h there, since the difference would cancel.
fn excess(h: f64, r: f64) -> f64 {
    if h.abs() > 1e-2 {
        return h - r.ln();
    }
    // h²/2 − h³/3 + h⁴/4 − …, to the rounding of f64 for |h| ≤ 1e-2.
    let tail = (2..=9).rev().fold(0.0, |sum, k| 1.0 / f64::from(k) - h * sum);
    h * h * tail
}

/// How far a term may be off, where variances have a relative error of `unit` and δ an error of `off`.
fn error_of(p: f64, q: f64, delta: f64, unit: f64, off: f64) -> f64 {
    let of_variances = unit * (2.0 * ((p - q) / q).abs() + (p / q).ln().abs() + delta * delta / q);
    of_variances + (delta.abs() * off + off * off) / q
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, testing};

    fn with(direction: Direction, shrinkage: f64) -> GaussianKlDiag {
        GaussianKlDiag { direction, shrinkage, floor: 1e-4 }
    }

    #[test]
    fn is_the_sum_over_features() {
        let (x, y) = ([1.0f64, 5.0, 3.0, 7.0], [0.0f64, 0.0, 8.0, 2.0]);
        let (a, b) = (Cloud::new(Side::A, &x, 2, 2).unwrap(), Cloud::new(Side::B, &y, 2, 2).unwrap());
        // Features: N(2, 1) and N(4, 16); N(6, 1) and N(1, 1).
        let expected = 0.5 * (1.0 / 16.0 + 4.0 / 16.0 - 1.0 + 16.0f64.ln()) + 0.5 * 25.0;
        let found = with(Direction::AToB, 0.0).evaluate(&a, &b, Request::VALUE).unwrap().value;
        assert!((found - expected).abs() < 1e-12);
        let back = with(Direction::BToA, 0.0).evaluate(&b, &a, Request::VALUE).unwrap().value;
        assert!((back - expected).abs() < 1e-12);
    }

    #[test]
    fn gradients_match_finite_differences() {
        let (x, y) = (testing::normal(1, 9 * 4), testing::normal(2, 7 * 4));
        for direction in [Direction::AToB, Direction::BToA] {
            for shrinkage in [0.0, 0.2] {
                testing::check_gradient(&with(direction, shrinkage), &x, 9, &y, 7, 4, 1e-6);
            }
        }
    }

    #[test]
    fn dead_units_are_finite_and_get_no_gradient_from_their_variance() {
        let x = testing::normal(1, 9 * 2);
        let dead: Vec<f64> = x.iter().enumerate().map(|(k, x)| if k % 2 == 0 { 0.0 } else { *x }).collect();
        let constant = vec![0.7; 18];
        let cloud = |z| Cloud::new(Side::A, z, 9, 2).unwrap();
        for direction in [Direction::AToB, Direction::BToA] {
            for (x, y) in
                [(&x, &dead), (&dead, &x), (&dead, &dead), (&constant, &x), (&x, &constant), (&constant, &dead)]
            {
                let found = with(direction, 0.0).evaluate(&cloud(x), &cloud(y), Request::GRADIENT).unwrap();
                let gradient = found.gradient.unwrap().features;
                assert!(found.value.is_finite() && gradient.iter().all(|g| g.is_finite()));
            }
        }
        let found = with(Direction::AToB, 0.0).evaluate(&cloud(&dead), &cloud(&x), Request::GRADIENT).unwrap();
        let gradient = found.gradient.unwrap().features;
        assert!(gradient.iter().step_by(2).all(|g| *g == gradient[0]));
    }
}
