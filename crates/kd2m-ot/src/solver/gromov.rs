//! Gromov–Wasserstein with square loss, alone or fused with a linear cost, by conditional gradient over exact transport.
//! Mémoli (2011); E(γ) = const − 2⟨C₁γC₂, γ⟩ after Peyré, Cuturi and Solomon (2016); exact line search after Vayer et al. (2019).
//! The problem is not convex: the best of several starts is kept. Next: [`super::transport`] solves the linear steps.

use super::transport;
use crate::{
    matrix::{self, product_until, view},
    precision::{growth, non_negative, of_square},
    solution::{Plan, Potentials, Status},
    stop::{Interrupted, Stop},
};

/// Inner distances and marginals of both sides, and what is added to them.
pub(crate) struct Problem<'a> {
    /// Symmetric matrices `[n, n]` and `[m, m]`.
    pub inner: [&'a [f64]; 2],
    /// Weights as given (`None`: uniform).
    pub weights: [Option<&'a [f64]>; 2],
    /// A cost `[n, m]` whose factor in the objective is 1 − α.
    pub linear: Option<&'a [f64]>,
    /// Factor of the Gromov–Wasserstein term.
    pub alpha: f64,
    pub sizes: (usize, usize),
    /// Ends the descent early.
    pub stop: &'a Stop,
}

/// How long to descend and from where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Largest first-order gain left, as a share of the objective's scale.
    pub tolerance: f64,
    /// Linear steps at most, from each start.
    pub max_iterations: usize,
    /// Only the product coupling a⊗b as a start, as POT has it.
    pub product_only: bool,
}

/// A stationary coupling.
#[derive(Debug, Clone)]
pub(crate) struct Coupling {
    /// Dense, row-major `[n, m]`.
    pub plan: Vec<f64>,
    /// The objective, never negative for non-negative linear costs.
    pub value: f64,
    /// How far rounding may put the objective off, for inner distances that are right to a few ε.
    pub rounding: f64,
    /// What a step along the linearised objective could still gain (the Frank–Wolfe gap).
    pub gap: f64,
    pub status: Status,
    pub iterations: usize,
}

/// The best coupling over all starts.
///
/// # Errors
/// [`Interrupted`] if it was told to stop.
pub(crate) fn solve(problem: &Problem, settings: Settings) -> Result<Coupling, Interrupted> {
    let (a, b) = problem.marginals();
    let product: Vec<f64> = a.iter().flat_map(|a| b.iter().map(move |b| a * b)).collect();
    let mut best = problem.descend(product, settings)?;
    if settings.product_only {
        return Ok(best);
    }
    let (n, m) = problem.sizes;
    let mut starts = vec![problem.by_eccentricity()];
    if a == b {
        starts.push((0..n * m).map(|k| if k / m == k % m { a[k / m] } else { 0.0 }).collect());
    }
    if let Some(linear) = problem.linear {
        starts.push(problem.vertex(linear, None)?.0.to_dense());
    }
    let mut iterations = best.iterations;
    for start in starts {
        let found = problem.descend(start, settings)?;
        iterations += found.iterations;
        if found.value < best.value {
            best = found;
        }
    }
    Ok(Coupling { iterations, ..best })
}

impl Problem<'_> {
    fn marginals(&self) -> (Vec<f64>, Vec<f64>) {
        let explicit = |w: Option<&[f64]>, n: usize| w.map_or_else(|| vec![1.0 / n as f64; n], <[f64]>::to_vec);
        (explicit(self.weights[0], self.sizes.0), explicit(self.weights[1], self.sizes.1))
    }

    /// The vertex of the transport polytope that is cheapest under this cost.
    fn vertex(&self, cost: &[f64], start: Option<&Potentials>) -> Result<(Plan, Potentials), Interrupted> {
        let found = transport::solve_matrix(cost, self.sizes, self.weights[0], self.weights[1], start, self.stop)?;
        Ok((found.plan, found.potentials))
    }

    /// The coupling that sorts samples by their mean squared inner distance: optimal for Mémoli's first lower bound.
    fn by_eccentricity(&self) -> Vec<f64> {
        let (a, b) = self.marginals();
        let sorted = |c: &[f64], w: &[f64]| {
            let mean: Vec<f64> =
                c.chunks_exact(w.len()).map(|row| row.iter().zip(w).map(|(c, w)| w * c * c).sum()).collect();
            let mut order: Vec<usize> = (0..w.len()).collect();
            order.sort_by(|&i, &k| mean[i].total_cmp(&mean[k]));
            order
        };
        let (rows, columns) = (sorted(self.inner[0], &a), sorted(self.inner[1], &b));
        let mut plan = vec![0.0; a.len() * b.len()];
        let (mut i, mut j, mut left_a, mut left_b) = (0, 0, a[rows[0]], b[columns[0]]);
        loop {
            let mass = left_a.min(left_b);
            plan[rows[i] * b.len() + columns[j]] += mass;
            left_a -= mass;
            left_b -= mass;
            // The last row and column take what rounding leaves.
            if left_a <= left_b && i + 1 < a.len() {
                i += 1;
                left_a = a[rows[i]];
            } else if j + 1 < b.len() {
                j += 1;
                left_b = b[columns[j]];
            } else if i + 1 < a.len() {
                i += 1;
                left_a = a[rows[i]];
            } else {
                return plan;
            }
        }
    }

    /// Conditional gradient from `plan` until no linear step gains.
    fn descend(&self, mut plan: Vec<f64>, settings: Settings) -> Result<Coupling, Interrupted> {
        let (n, m) = self.sizes;
        let separable = self.separable();
        let linear = |k: usize| self.linear.map_or(0.0, |cost| (1.0 - self.alpha) * cost[k]);
        let scale = self.alpha * separable + (0..n * m).map(|k| linear(k).abs()).sum::<f64>() / (n * m) as f64;
        let mut product = self.product_dense(&plan)?;
        let mut start: Option<Potentials> = None;
        let (mut gap, mut status, mut iterations) = (f64::INFINITY, None, 0);
        while iterations < settings.max_iterations {
            let slopes: Vec<f64> = (0..n * m).map(|k| linear(k) - 4.0 * self.alpha * product[k]).collect();
            let (vertex, potentials) = self.vertex(&shifted_to_zero(&slopes), start.as_ref())?;
            start = Some(potentials);
            iterations += 1;
            let mut direction: Vec<f64> = plan.iter().map(|p| -p).collect();
            vertex.entries().into_iter().for_each(|(i, j, mass)| direction[i * m + j] += mass);
            let slope = matrix::dot(&slopes, &direction);
            gap = non_negative(-slope);
            if gap <= settings.tolerance * scale {
                status = Some(Status::Converged);
                break;
            }
            let target = self.product_sparse(&vertex)?;
            let curvature = -2.0
                * self.alpha
                * target.iter().zip(&product).zip(&direction).map(|((t, p), d)| (t - p) * d).sum::<f64>();
            let step = if curvature > 0.0 { (-slope / (2.0 * curvature)).min(1.0) } else { 1.0 };
            if step == 1.0 {
                plan = vertex.to_dense();
                product = target;
            } else {
                plan.iter_mut().zip(&direction).for_each(|(p, d)| *p = non_negative(*p + step * d));
                product.iter_mut().zip(&target).for_each(|(p, t)| *p += step * (t - *p));
            }
        }
        // A sum of squares keeps its digits, a difference of sums does not.
        let sparse = self.quadratic(&plan);
        let rounding = match sparse {
            Some(quadratic) => of_square(quadratic, 4.0 * f64::EPSILON * separable.sqrt()),
            None => growth(n + m) * f64::EPSILON * separable,
        };
        let quadratic = non_negative(sparse.unwrap_or_else(|| separable - 2.0 * matrix::dot(&product, &plan)));
        let value = self.alpha * quadratic + (0..n * m).map(|k| linear(k) * plan[k]).sum::<f64>();
        let status = status.unwrap_or(Status::Stopped { error: gap / scale.max(f64::MIN_POSITIVE) });
        let rounding = self.alpha * rounding + growth(n + m) * f64::EPSILON * value.abs();
        self.stop.check()?;
        Ok(Coupling { plan, value, rounding, gap, status, iterations })
    }

    /// Σ a_i a_k C₁² + Σ b_j b_l C₂²: the part of E that marginals fix.
    fn separable(&self) -> f64 {
        let (a, b) = self.marginals();
        let side = |c: &[f64], w: &[f64]| -> f64 {
            let row = |row: &[f64]| row.iter().zip(w).map(|(c, w)| w * c * c).sum::<f64>();
            c.chunks_exact(w.len()).zip(w).map(|(c, w)| w * row(c)).sum()
        };
        side(self.inner[0], &a) + side(self.inner[1], &b)
    }

    /// Σ (C₁_ik − C₂_jl)² γ_ij γ_kl as a sum of squares, which cannot cancel, where the plan has few entries.
    fn quadratic(&self, plan: &[f64]) -> Option<f64> {
        let (n, m) = self.sizes;
        let entries: Vec<(usize, usize, f64)> =
            plan.iter().enumerate().filter(|(_, p)| **p > 0.0).map(|(k, &p)| (k / m, k % m, p)).collect();
        if entries.len() > 4 * (n + m) {
            return None;
        }
        let of_pair = |&(i, j, p): &(usize, usize, f64)| {
            let (row, column) = (&self.inner[0][i * n..][..n], &self.inner[1][j * m..][..m]);
            p * entries.iter().map(|&(k, l, q)| q * (row[k] - column[l]).powi(2)).sum::<f64>()
        };
        Some(entries.iter().take_while(|_| !self.stop.is_set()).map(of_pair).sum())
    }

    /// C₁ γ C₂ of a dense plan.
    fn product_dense(&self, plan: &[f64]) -> Result<Vec<f64>, Interrupted> {
        let (n, m) = self.sizes;
        let right = product_until(view(plan, n, m), view(self.inner[1], m, m), self.stop)?;
        product_until(view(self.inner[0], n, n), view(&right, n, m), self.stop)
    }

    /// C₁ γ C₂ of a vertex, whose first product gathers rows.
    fn product_sparse(&self, plan: &Plan) -> Result<Vec<f64>, Interrupted> {
        let (n, m) = self.sizes;
        let mut right = vec![0.0; n * m];
        for (i, j, mass) in plan.entries() {
            let row = &self.inner[1][j * m..][..m];
            right[i * m..][..m].iter_mut().zip(row).for_each(|(r, c)| *r += mass * c);
        }
        product_until(view(self.inner[0], n, n), view(&right, n, m), self.stop)
    }
}

/// The same problem with costs from 0 on: what a solver for distances expects.
fn shifted_to_zero(cost: &[f64]) -> Vec<f64> {
    let least = cost.iter().copied().fold(f64::INFINITY, f64::min);
    cost.iter().map(|c| c - least).collect()
}

/// ∂E/∂C₁ for a fixed plan: 2 (C₁_ik a_i a_k − (γ C₂ γᵀ)_ik), `[n, n]`, a the plan's row masses.
///
/// # Errors
/// [`Interrupted`] if it was told to stop.
pub(crate) fn gradient_to_inner(problem: &Problem, plan: &[f64]) -> Result<Vec<f64>, Interrupted> {
    let (n, m) = problem.sizes;
    let masses: Vec<f64> = plan.chunks_exact(m).map(|row| row.iter().sum()).collect();
    let left = product_until(view(plan, n, m), view(problem.inner[1], m, m), problem.stop)?;
    let mut gradient = product_until(view(&left, n, m), view(plan, n, m).transpose(), problem.stop)?;
    for (k, g) in gradient.iter_mut().enumerate() {
        *g = 2.0 * (problem.inner[0][k] * masses[k / n] * masses[k % n] - *g);
    }
    Ok(gradient)
}
