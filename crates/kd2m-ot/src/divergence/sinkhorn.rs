//! Sinkhorn divergence S_ε = OT_ε(a,b) − ½ OT_ε(a,a) − ½ OT_ε(b,b), cost ‖x − y‖², entropy relative to a⊗b: between W₂² (ε → 0)
//! and the distance of the means (ε → ∞), never negative, zero only for equal measures (Feydy et al. 2019).
//! Next: [`crate::solver::sinkhorn`] for the iteration; [`super::unbalanced`] shares this code.

use super::{AnyDivergence, Divergence, Request};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    options::{OptionSpec, Options},
    real::Real,
    solution::{Plan, Solution, Status},
    solver::sinkhorn::{self, Found, Lane, Scores, Settings},
};

/// ε as a share of the mean cost, unless given.
const EPSILON_SHARE: f64 = 0.05;

const EPSILON: OptionSpec = OptionSpec {
    name: "epsilon",
    default: "auto",
    help: "regularisation in units of the cost ‖x−y‖²; auto: 0.05 × mean cost, held constant for the gradient",
};
const TOLERANCE: OptionSpec = OptionSpec {
    name: "tolerance",
    default: "1e-4",
    help: "marginal error (share of the mass) at which the iteration ends",
};
const ITERATIONS: OptionSpec =
    OptionSpec { name: "iterations", default: "2000", help: "sweeps at most for each of the three problems" };
const MEMORY: OptionSpec = OptionSpec {
    name: "memory",
    default: "1024",
    help: "MiB: a larger matrix of products is recomputed tile by tile instead of held",
};

/// What [`build`] reads.
pub const OPTIONS: &[OptionSpec] = &[EPSILON, TOLERANCE, ITERATIONS, MEMORY];
/// What [`super::unbalanced::build`] reads.
pub(super) const UNBALANCED_OPTIONS: &[OptionSpec] = &[
    EPSILON,
    OptionSpec {
        name: "rho",
        default: "auto",
        help: "strength of the KL penalty on the marginals, in units of the cost; auto: the mean cost, held constant",
    },
    TOLERANCE,
    ITERATIONS,
    MEMORY,
];

/// The debiased entropic divergence, with exact or relaxed marginals; O(nmd) for the products, O(nm) a sweep.
#[derive(Debug, Clone, Copy)]
pub struct Debiased {
    metric: &'static str,
    epsilon: Option<f64>,
    rho: Relaxation,
    tolerance: f64,
    max_iterations: usize,
    memory: usize,
}

#[derive(Debug, Clone, Copy)]
enum Relaxation {
    Exact,
    MeanCost,
    Strength(f64),
}

/// The registry's constructor.
///
/// # Errors
/// [`OtError::BadOption`].
pub fn build(options: &Options) -> Result<Box<dyn AnyDivergence>, OtError> {
    Ok(Box::new(Debiased::read("sinkhorn", Relaxation::Exact, options)?))
}

/// The constructor of the relaxed form.
pub(super) fn build_unbalanced(options: &Options) -> Result<Box<dyn AnyDivergence>, OtError> {
    let rho = options.positive("rho")?.map_or(Relaxation::MeanCost, Relaxation::Strength);
    Ok(Box::new(Debiased::read("unbalanced", rho, options)?))
}

impl Debiased {
    fn read(metric: &'static str, rho: Relaxation, options: &Options) -> Result<Self, OtError> {
        Ok(Self {
            metric,
            epsilon: options.positive("epsilon")?,
            rho,
            tolerance: options.positive("tolerance")?.unwrap_or(1e-4),
            max_iterations: options.count("iterations", 2000)?,
            memory: options.count("memory", 1024)?.saturating_mul(1 << 20),
        })
    }
}

impl Divergence<f32> for Debiased {
    fn evaluate(&self, a: &Cloud<f32>, b: &Cloud<f32>, request: Request) -> Result<Solution<f32>, OtError> {
        self.compare(a, b, request)
    }
}

impl Divergence<f64> for Debiased {
    fn evaluate(&self, a: &Cloud<f64>, b: &Cloud<f64>, request: Request) -> Result<Solution<f64>, OtError> {
        self.compare(a, b, request)
    }
}

impl Debiased {
    fn compare<T: Lane>(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        equal_widths(self.metric, a, b)?;
        let d = a.width();
        let (x, y) = Points::centred(a, b);
        let mean_cost = x.mean_cost(&y, d);
        if mean_cost <= 0.0 {
            // All samples coincide: nothing to transport, whatever ε.
            let gradient = request.gradient.then(|| vec![T::zero(); a.len() * d]);
            return Ok(Solution::closed(0.0).with_gradient(gradient));
        }
        let settings = Settings {
            epsilon: self.epsilon.unwrap_or(EPSILON_SHARE * mean_cost),
            rho: match self.rho {
                Relaxation::Exact => None,
                Relaxation::MeanCost => Some(mean_cost),
                Relaxation::Strength(rho) => Some(rho),
            },
            tolerance: self.tolerance,
            max_iterations: self.max_iterations,
        };
        let epsilon = settings.epsilon;
        let fits = |n: usize, m: usize| n.saturating_mul(m).saturating_mul(size_of::<T>()) <= self.memory;

        // One after the other, so that one matrix of products is held at a time.
        let within = |x: &Points<T>, wants_pull: bool| {
            let scores = x.scores(x, d, fits(x.norms.len(), x.norms.len()));
            let found = sinkhorn::solve_symmetric(&scores, &x.weights, settings, mean_cost);
            let p = &found.potentials;
            let pull = wants_pull.then(|| sinkhorn::pull(&scores, &x.weights, &x.weights, epsilon, p, (&x.rows, d)));
            (found, pull)
        };
        let (of_a, pull_a) = within(&x, request.gradient);
        let (of_b, _) = within(&y, false);
        let across = x.scores(&y, d, fits(a.len(), b.len()));
        let of_both = sinkhorn::solve(&across, &x.weights, &y.weights, settings, mean_cost, request.start);
        let p = &of_both.potentials;
        let pull_both =
            request.gradient.then(|| sinkhorn::pull(&across, &x.weights, &y.weights, epsilon, p, (&y.rows, d)));
        let gradient = pull_both.zip(pull_a).map(|(both, own)| gradient(&x.rows, d, &both, &own));
        let plan = request.plan.then(|| Plan::Dense {
            n: a.len(),
            m: b.len(),
            mass: sinkhorn::plan(&across, &x.weights, &y.weights, epsilon, p),
        });

        let value = debiased_value(&of_both, &of_a, &of_b, &x.weights, &y.weights, settings);
        let rounding = epsilon * self.tolerance + mean_cost * T::epsilon().wide() * 8.0;
        let error = of_both.error.max(of_a.error).max(of_b.error);
        let is_converged = [&of_both, &of_a, &of_b].iter().all(|f| f.status.is_trusted());
        let mut solution = Solution {
            // The divergence itself cannot be negative; rounding can.
            value: if value < 0.0 && value > -rounding { 0.0 } else { value },
            plan,
            status: if is_converged { Status::Converged } else { Status::Stopped { error } },
            iterations: of_both.iterations + of_a.iterations + of_b.iterations,
            diagnostics: vec![("epsilon", epsilon), ("marginal_error", error)],
            ..Solution::closed(0.0)
        }
        .with_gradient(gradient);
        if let Some(rho) = settings.rho {
            solution.diagnostics.extend([("rho", rho), ("mass", of_both.mass)]);
        }
        solution.potentials = Some(of_both.potentials);
        Ok(solution)
    }
}

/// Both clouds shifted to their common centre: products then round less, and distances stay what they are.
struct Points<T> {
    rows: Vec<T>,
    norms: Vec<f64>,
    weights: Vec<f64>,
}

impl<T: Lane> Points<T> {
    fn centred(a: &Cloud<T>, b: &Cloud<T>) -> (Self, Self) {
        let mut centre = weighted_mean(a.features(), &a.weights_vec(), a.width());
        let other = weighted_mean(b.features(), &b.weights_vec(), b.width());
        centre.iter_mut().zip(other).for_each(|(c, o)| *c = 0.5 * (*c + o));
        let centre: Vec<T> = centre.into_iter().map(T::of).collect();
        let shifted = |cloud: &Cloud<T>| {
            let mut rows = cloud.features().to_vec();
            for row in rows.chunks_exact_mut(cloud.width()) {
                row.iter_mut().zip(&centre).for_each(|(x, c)| *x -= *c);
            }
            let norms = rows.chunks_exact(cloud.width()).map(norm_squared).collect();
            Self { norms, rows, weights: cloud.weights_vec() }
        };
        (shifted(a), shifted(b))
    }

    fn scores<'s>(&'s self, other: &'s Self, d: usize, hold: bool) -> Scores<'s, T> {
        Scores::squared_distances((&self.rows, &self.norms), (&other.rows, &other.norms), d, hold)
    }

    /// Σ a_i b_j ‖x_i − y_j‖².
    fn mean_cost(&self, other: &Self, d: usize) -> f64 {
        let mean_norm = |p: &Self| p.norms.iter().zip(&p.weights).map(|(r, w)| r * w).sum::<f64>();
        let mean = |p: &Self| weighted_mean(&p.rows, &p.weights, d);
        let product: f64 = mean(self).iter().zip(mean(other)).map(|(x, y)| x * y).sum();
        mean_norm(self) + mean_norm(other) - 2.0 * product
    }
}

/// Σ w_i x_i over rows `[n, d]`.
fn weighted_mean<T: Real>(rows: &[T], weights: &[f64], d: usize) -> Vec<f64> {
    let mut mean = vec![0.0; d];
    for (row, w) in rows.chunks_exact(d).zip(weights) {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += w * x.wide());
    }
    mean
}

/// ‖x‖² in `f64`, on several lanes: one running sum would wait for itself.
fn norm_squared<T: Real>(row: &[T]) -> f64 {
    let mut sums = [0.0; 8];
    let (chunks, rest) = row.as_chunks::<8>();
    for chunk in chunks {
        for lane in 0..8 {
            sums[lane] += chunk[lane].wide() * chunk[lane].wide();
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|x| x.wide() * x.wide()).sum::<f64>()
}

/// S_ε from the three duals, potentials of the same sample subtracted before they are summed.
fn debiased_value(both: &Found, of_a: &Found, of_b: &Found, a: &[f64], b: &[f64], settings: Settings) -> f64 {
    let side = |p: &[f64], q: &[f64], w: &[f64]| -> f64 {
        p.iter().zip(q).zip(w).map(|((p, q), w)| w * (settings.conjugate(*p) - settings.conjugate(*q))).sum()
    };
    let masses = 0.5 * (of_a.mass + of_b.mass) - both.mass;
    side(&both.potentials.u, &of_a.potentials.u, a)
        + side(&both.potentials.v, &of_b.potentials.u, b)
        + settings.epsilon * masses
}

/// ∂/∂x_i = 2 Σ_j γ_ij (x_i − y_j) − 2 Σ_j γ'_ij (x_i − x_j), plans γ (a to b) and γ' (a to a) held constant.
fn gradient<T: Real>(x: &[T], d: usize, both: &(Vec<T>, Vec<f64>), own: &(Vec<T>, Vec<f64>)) -> Vec<T> {
    let two = T::of(2.0);
    let mut gradient = vec![T::zero(); x.len()];
    for (i, (gradient, x)) in gradient.chunks_exact_mut(d).zip(x.chunks_exact(d)).enumerate() {
        let mass = T::of(both.1[i] - own.1[i]);
        let (to_b, to_a) = (&both.0[i * d..][..d], &own.0[i * d..][..d]);
        for (((g, x), q), p) in gradient.iter_mut().zip(x).zip(to_a).zip(to_b) {
            *g = two * (mass * *x + (*q - *p));
        }
    }
    gradient
}

#[cfg(test)]
mod tests;
