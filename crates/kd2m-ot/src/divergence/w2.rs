//! Squared 2-Wasserstein distance between two clouds, exact: min over plans γ of Σ γ_ij ‖x_i − y_j‖².
//! Equal sizes with uniform weights are an assignment problem, solved by [`crate::solver::assignment`]; the gradient is that of
//! the paper's equation for a fixed optimal plan, 2·Σ_j γ_ij (x_i − y_j) (envelope theorem).

use super::{Divergence, Request};
use crate::{
    cloud::{Cloud, equal_widths},
    cost,
    error::OtError,
    options::Options,
    real::Real,
    solution::{Gradient, Plan, Solution, Status},
    solver::assignment,
};

/// Exact W₂² (squared, as in the paper).
#[derive(Debug, Clone, Copy, Default)]
pub struct W2;

/// The registry's constructor.
///
/// # Errors
/// None: there are no options.
pub fn build(_: &Options) -> Result<Box<dyn super::AnyDivergence>, OtError> {
    Ok(Box::new(W2))
}

impl<T: Real> Divergence<T> for W2 {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        equal_widths("w2", a, b)?;
        let n = a.len();
        if n != b.len() || a.weights().is_some() || b.weights().is_some() {
            return Err(OtError::Numeric {
                metric: "w2".into(),
                message: format!(
                    "needs equal sizes and uniform weights for now (A has {n} samples, B has {})",
                    b.len()
                ),
            });
        }
        let cost = cost::squared_distances(a, b);
        let found = assignment::solve(&cost, n, request.start.map(|p| p.v.as_slice()));
        let pairs = || found.columns.iter().enumerate().map(|(i, &j)| (a.row(i), b.row(j as usize)));
        let value = pairs().map(|(x, y)| cost::squared_distance(x, y)).sum::<f64>() / n as f64;
        let gradient = request.gradient.then(|| {
            let scale = 2.0 / n as f64;
            let features = pairs()
                .flat_map(|(x, y)| x.iter().zip(y).map(move |(x, y)| T::of(scale * (x.wide() - y.wide()))))
                .collect();
            Gradient { features, soft_labels: None }
        });
        Ok(Solution {
            value,
            gradient,
            gap: Some(found.gap),
            status: Status::Optimal,
            iterations: found.iterations,
            potentials: Some(found.potentials),
            plan: request.plan.then_some(Plan::Permutation(found.columns)),
            diagnostics: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Side;

    #[test]
    fn a_translation_moves_every_sample_by_it() {
        let x: Vec<f64> = (0..24).map(|k| ((k * 37) % 23) as f64).collect();
        let y: Vec<f64> = x.iter().enumerate().map(|(k, x)| x + [1.0, -2.0, 0.5][k % 3]).collect();
        let (a, b) = (Cloud::new(Side::A, &x, 8, 3).unwrap(), Cloud::new(Side::B, &y, 8, 3).unwrap());
        let found = W2.evaluate(&a, &b, Request::ALL).unwrap();
        assert!((found.value - 5.25).abs() < 1e-12);
        assert_eq!(found.plan, Some(Plan::Permutation((0..8).collect())));
        let gradient = found.gradient.unwrap().features;
        for (k, g) in gradient.iter().enumerate() {
            assert!((g + [1.0, -2.0, 0.5][k % 3] / 4.0).abs() < 1e-12);
        }
    }
}
