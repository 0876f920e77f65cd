//! Gromov–Wasserstein, square loss: min over plans γ of Σ (C_ik − C'_jl)² γ_ij γ_kl with inner distances C of A and C' of B.
//! It compares shapes, not places: invariant to rotations and shifts, and the widths of A and B may differ (Mémoli 2011).
//! Next: [`inner`] for the distances, [`crate::solver::gromov`] for the descent; [`super::fgw`] shares this code.

pub(super) mod inner;

use self::inner::Inner;
use super::{AnyDivergence, Divergence, Request, entry::{Entry, Traits}};
use crate::{
    cloud::{Cloud, equal_widths},
    cost,
    error::OtError,
    options::{OptionSpec, Options},
    precision::{Estimate, Estimated, evaluate},
    real::Real,
    solution::{Plan, Solution},
    solver::gromov::{self, Problem, Settings},
    stop::Interrupted,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "gw",
    aliases: &[],
    formula: "min over plans γ of Σ (C_ik − C'_jl)² γ_ij γ_kl, inner distances C of A and C' of B",
    source: "Mémoli (2011); Peyré, Cuturi and Solomon (2016)",
    cost: "O(n²m + nm²) a step, a few steps from each of three starts; n² + m² + nm numbers of memory",
    when: "student and teacher features have different widths or no common axes: shapes are compared, no projector is learned",
    traits: Traits { any_widths: true, comfortable: Some(COMFORTABLE), ..Traits::PLAIN },
    options: OPTIONS,
    build,
};

/// Samples a side up to which steps of cubic cost take seconds.
pub const COMFORTABLE: usize = 2048;

const INNER: OptionSpec = OptionSpec {
    name: "inner",
    default: "euclidean",
    help: "inner distance: euclidean | sqeuclidean | cosine | diffusion (one step over a Gaussian kernel, σ = median distance, held constant)",
};
const STARTS: OptionSpec = OptionSpec {
    name: "starts",
    default: "best",
    help: "best: of product coupling, order by eccentricity, identity (equal sizes) and, fused, the linear plan; product: that alone",
};
const TOLERANCE: OptionSpec = OptionSpec {
    name: "tolerance",
    default: "1e-9",
    help: "what a linear step could still gain, as a share of the objective's scale",
};
const ITERATIONS: OptionSpec =
    OptionSpec { name: "iterations", default: "500", help: "linear steps at most from each start" };

/// What [`build`] reads.
pub const OPTIONS: &[OptionSpec] = &[INNER, STARTS, TOLERANCE, ITERATIONS];
/// What [`super::fgw::build`] reads.
pub(super) const FUSED_OPTIONS: &[OptionSpec] = &[
    OptionSpec { name: "alpha", default: "0.5", help: "share of gw; 0: w2, 1: gw" },
    INNER,
    STARTS,
    TOLERANCE,
    ITERATIONS,
];

/// (Fused) Gromov–Wasserstein; O(n²m + nm²) a step, the n² + m² + nm of the matrices in `f64`.
#[derive(Debug, Clone, Copy)]
pub struct Gromov {
    metric: &'static str,
    /// Share of the Gromov–Wasserstein term; `None`: it stands alone.
    alpha: Option<f64>,
    inner: Inner,
    settings: Settings,
}

/// The registry's constructor.
///
/// # Errors
/// [`OtError::BadOption`].
pub fn build(options: &Options) -> Result<Box<dyn AnyDivergence>, OtError> {
    Ok(Box::new(Gromov::read("gw", None, options)?))
}

/// The constructor of the fused form.
pub(super) fn build_fused(options: &Options) -> Result<Box<dyn AnyDivergence>, OtError> {
    let alpha = options.parsed("alpha", 0.5, "a number from 0 to 1", |x: &f64| (0.0..=1.0).contains(x))?;
    Ok(Box::new(Gromov::read("fgw", Some(alpha), options)?))
}

impl Gromov {
    fn read(metric: &'static str, alpha: Option<f64>, options: &Options) -> Result<Self, OtError> {
        Ok(Self {
            metric,
            alpha,
            inner: Inner::from_word(options.choice("inner", &inner::WORDS)?),
            settings: Settings {
                tolerance: options.tolerance(1e-9)?,
                max_iterations: options.count("iterations", 500)?,
                product_only: options.choice("starts", &["best", "product"])? == "product",
            },
        })
    }
}

impl<T: Real> Divergence<T> for Gromov {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for Gromov {
    const WIDE: bool = true;

    fn name(&self) -> &str {
        self.metric
    }

    fn vanishes_on_equals(&self) -> bool {
        // Not convex: a start that ends elsewhere is not the minimum, and its value is what its plan costs.
        false
    }

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        let wide = |cloud: &Cloud<T>| cloud.features().iter().map(|x| x.wide()).collect::<Vec<_>>();
        let linear = match self.alpha {
            Some(_) => {
                equal_widths(self.metric, a, b)?;
                let mut linear = Vec::with_capacity(a.len() * b.len());
                for i in 0..a.len() {
                    request.stop.check()?;
                    linear.extend((0..b.len()).map(|j| cost::squared_distance(a.row(i), b.row(j))));
                }
                Some(linear)
            }
            None => None,
        };
        let inner_a = self.inner.matrix(wide(a), a.width(), request.stop)?;
        let inner_b = self.inner.matrix(wide(b), b.width(), request.stop)?;
        let alpha = self.alpha.unwrap_or(1.0);
        let problem = Problem {
            inner: [&inner_a.values, &inner_b.values],
            weights: [a.weights(), b.weights()],
            linear: linear.as_deref(),
            alpha,
            sizes: (a.len(), b.len()),
            stop: request.stop,
        };
        let found = gromov::solve(&problem, self.settings)?;

        let gradient = || {
            let mut slopes = gromov::gradient_to_inner(&problem, &found.plan)?;
            slopes.iter_mut().for_each(|s| *s *= alpha);
            let mut gradient = inner_a.back(&slopes, request.stop)?;
            if linear.is_some() {
                add_linear_gradient(1.0 - alpha, &found.plan, a, b, &mut gradient);
            }
            Ok::<_, Interrupted>(gradient.into_iter().map(T::of).collect())
        };
        let gradient = request.gradient.then(gradient).transpose()?;
        let plan = request.plan.then_some(Plan::Dense { n: a.len(), m: b.len(), mass: found.plan });
        let solution = Solution {
            plan,
            status: found.status,
            iterations: found.iterations,
            diagnostics: vec![("first_order_gap", found.gap)],
            ..Solution::closed(found.value)
        }
        .with_gradient(gradient);
        Ok(Estimate::new(solution, found.rounding + f64::MIN_POSITIVE))
    }
}

/// Adds factor · 2 Σ_j γ_ij (x_i − y_j).
fn add_linear_gradient<T: Real>(factor: f64, plan: &[f64], a: &Cloud<T>, b: &Cloud<T>, into: &mut [f64]) {
    let d = a.width();
    for (i, (row, into)) in plan.chunks_exact(b.len()).zip(into.chunks_exact_mut(d)).enumerate() {
        for (j, mass) in row.iter().enumerate().filter(|(_, mass)| **mass > 0.0) {
            let pair = a.row(i).iter().zip(b.row(j));
            into.iter_mut().zip(pair).for_each(|(g, (x, y))| *g += 2.0 * factor * mass * (x.wide() - y.wide()));
        }
    }
}

#[cfg(test)]
mod tests;
