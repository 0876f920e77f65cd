//! Anderson acceleration of a fixed-point iteration x ← x + r(x): the step that would make a combination of the last residuals least.
//! Anderson (1965), type II after Walker and Ni (2011). Plain Sinkhorn needs thousands of sweeps at small ε, this tens.
//! A step that lowers the dual value is taken back, so the iteration still converges where Sinkhorn does.

/// Residuals remembered.
const WINDOW: usize = 10;
/// Share of the trace added to the diagonal of the least squares: bounds the coefficients once residuals become alike.
const RIDGE: f64 = 1e-12;
/// A residual that grew by this factor over the best also takes the step back.
const GROWTH: f64 = 10.0;

/// The state of one accelerated iteration over vectors compared under `weights`.
pub(super) struct Anderson<'a> {
    weights: &'a [f64],
    /// Differences of successive points and of their residuals, oldest first.
    steps: Vec<Vec<f64>>,
    changes: Vec<Vec<f64>>,
    last: Option<(Vec<f64>, Vec<f64>)>,
    /// The plain step from the best point so far, its merit and its error.
    best: Option<(Vec<f64>, f64, f64)>,
}

impl<'a> Anderson<'a> {
    pub(super) fn new(weights: &'a [f64]) -> Self {
        Self { weights, steps: Vec::new(), changes: Vec::new(), last: None, best: None }
    }

    /// The next point after `x` with residual `r`. `merit` is the dual value at `x` (larger is better, known to within `noise`),
    /// `error` the size of the residual.
    pub(super) fn next(&mut self, x: &[f64], r: &[f64], merit: f64, noise: f64, error: f64) -> Vec<f64> {
        let plain = || x.iter().zip(r).map(|(x, r)| x + r).collect::<Vec<f64>>();
        if let Some((retreat, best_merit, best_error)) = &self.best {
            let is_worse = merit < best_merit - noise || error > GROWTH * best_error;
            if (is_worse || !merit.is_finite()) && self.last.is_some() {
                let retreat = retreat.clone();
                self.steps.clear();
                self.changes.clear();
                self.last = None;
                return retreat;
            }
        }
        if self.best.as_ref().is_none_or(|(_, best_merit, _)| merit >= *best_merit - noise) {
            let least = self.best.as_ref().map_or(error, |(_, _, e)| e.min(error));
            self.best = Some((plain(), merit, least));
        }
        if let Some((last_x, last_r)) = self.last.take() {
            if self.steps.len() == WINDOW {
                self.steps.remove(0);
                self.changes.remove(0);
            }
            self.steps.push(x.iter().zip(&last_x).map(|(x, y)| x - y).collect());
            self.changes.push(r.iter().zip(&last_r).map(|(x, y)| x - y).collect());
        }
        self.last = Some((x.to_vec(), r.to_vec()));
        let mut next = plain();
        for (coefficient, (step, change)) in self.coefficients(r).iter().zip(self.steps.iter().zip(&self.changes)) {
            for (x, (s, c)) in next.iter_mut().zip(step.iter().zip(change)) {
                *x -= coefficient * (s + c);
            }
        }
        next
    }

    /// argmin over γ of ‖r − Σ γ_k Δr_k‖, by the normal equations.
    fn coefficients(&self, r: &[f64]) -> Vec<f64> {
        let k = self.changes.len();
        let dot =
            |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).zip(self.weights).map(|((x, y), w)| w * x * y).sum() };
        let mut gram = vec![0.0; k * k];
        for p in 0..k {
            for q in 0..=p {
                gram[p * k + q] = dot(&self.changes[p], &self.changes[q]);
            }
        }
        let ridge = RIDGE * (0..k).map(|p| gram[p * k + p]).sum::<f64>();
        (0..k).for_each(|p| gram[p * k + p] += ridge);
        let mut right: Vec<f64> = self.changes.iter().map(|c| dot(c, r)).collect();
        if cholesky_solve(&mut gram, &mut right) { right } else { vec![0.0; k] }
    }
}

/// Solves a positive definite system given by its lower triangle, in place; false if it is not positive definite.
fn cholesky_solve(matrix: &mut [f64], right: &mut [f64]) -> bool {
    let k = right.len();
    for p in 0..k {
        for q in 0..=p {
            let dot: f64 = (0..q).map(|s| matrix[p * k + s] * matrix[q * k + s]).sum();
            let rest = matrix[p * k + q] - dot;
            if p != q {
                matrix[p * k + q] = rest / matrix[q * k + q];
            } else if rest > 0.0 {
                matrix[p * k + p] = rest.sqrt();
            } else {
                return false;
            }
        }
    }
    for p in 0..k {
        let dot: f64 = (0..p).map(|s| matrix[p * k + s] * right[s]).sum();
        right[p] = (right[p] - dot) / matrix[p * k + p];
    }
    for p in (0..k).rev() {
        let dot: f64 = (p + 1..k).map(|s| matrix[s * k + p] * right[s]).sum();
        right[p] = (right[p] - dot) / matrix[p * k + p];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_a_linear_iteration_in_as_many_steps_as_it_has_directions() {
        // x ← A x + c with a contraction of 0.999: plain steps would need thousands.
        let (rates, target) = ([0.999, 0.9, 0.5, -0.3], [1.0, -2.0, 3.0, 0.5]);
        let residual = |x: &[f64]| -> Vec<f64> { (0..4).map(|k| (rates[k] - 1.0) * (x[k] - target[k])).collect() };
        let merit = |x: &[f64]| -(0..4).map(|k| (x[k] - target[k]).powi(2)).sum::<f64>();
        let weights = [1.0; 4];
        let mut anderson = Anderson::new(&weights);
        let mut x = vec![0.0; 4];
        for _ in 0..8 {
            let r = residual(&x);
            let error = r.iter().map(|r| r.abs()).sum();
            x = anderson.next(&x, &r, merit(&x), 1.0, error);
        }
        assert!(x.iter().zip(target).all(|(x, t)| (x - t).abs() < 1e-6), "{x:?}");
    }

    #[test]
    fn a_step_that_lowers_the_merit_is_taken_back() {
        let weights = [1.0];
        let mut anderson = Anderson::new(&weights);
        assert_eq!(anderson.next(&[0.0], &[1.0], 5.0, 0.0, 1.0), [1.0]);
        anderson.next(&[1.0], &[0.5], 6.0, 0.0, 0.5);
        assert_eq!(anderson.next(&[9.0], &[-4.0], 2.0, 0.0, 4.0), [1.5], "the plain step from the best point");
    }
}
