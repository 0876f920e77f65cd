//! Sinkhorn divergence S_ε = OT_ε(a,b) − ½ OT_ε(a,a) − ½ OT_ε(b,b), cost ‖x − y‖², entropy relative to a⊗b: between W₂² (ε → 0)
//! and the distance of the means (ε → ∞), never negative, zero only for equal measures (Feydy et al. 2019).
//! Next: [`crate::solver::sinkhorn`] for the iteration; [`super::unbalanced`] shares this code.

mod points;

use super::{
    Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    precision::{Estimate, Estimated, is_accepted, non_negative, sets::EstimatedOfSets},
    real::Real,
    room,
    sets::{Over, tiles::Reader},
    solution::{Plan, Solution, Status},
    solver::sinkhorn::{self, Found, Lane, Settings},
    stop::Interrupted,
};
use points::Points;

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "sinkhorn",
    aliases: &[],
    formula: "OT_ε(a,b) − ½ OT_ε(a,a) − ½ OT_ε(b,b), OT_ε = min over plans γ of Σ γ_ij ‖x_i − y_j‖² + ε KL(γ | a⊗b)",
    source: "Feydy et al. (2019); Cuturi (2013)",
    cost: "O(nmd) for the products, O(nm) a sweep, tens of sweeps; nm floats, or none above `memory`",
    when: "a smooth relative of w2: stable gradients under noise, any weights, no n² memory for very large clouds",
    traits: Traits { iterates: true, sets: true, ..Traits::PLAIN },
    options: Sinkhorn::OPTIONS,
    build: build::<Sinkhorn>,
};

/// ε as a share of the mean cost, unless given.
const EPSILON_SHARE: f64 = 0.05;

/// Declares an entropic divergence: what all of them have, around what is its own.
macro_rules! entropic {
    ($(#[$meta:meta])* pub struct $name:ident for $entry:ident { $($own:tt)* }) => {
        $crate::parameters::parameters! {
            $(#[$meta])*
            #[derive(Copy)]
            pub struct $name for $entry {
                /// regularisation in units of the cost ‖x−y‖²; auto: 0.05 × mean cost, held constant for the gradient
                epsilon: Option<f64> = "auto" in $crate::parameters::domain::SCALE,
                $($own)*
                /// marginal error (share of the mass) at which the iteration ends
                tolerance: f64 = 1e-4 in $crate::parameters::domain::TOLERANCE,
                /// sweeps at most for each of the three problems
                iterations: usize = 2000 in $crate::parameters::domain::COUNT,
                /// MiB: a larger matrix of products is recomputed tile by tile instead of held
                memory: usize = 1024 in $crate::parameters::domain::MEBIBYTES,
            }
        }

        impl $name {
            fn debiased(&self, rho: $crate::divergence::sinkhorn::Relaxation) -> $crate::divergence::sinkhorn::Debiased {
                $crate::divergence::sinkhorn::Debiased {
                    metric: $entry.name,
                    epsilon: self.epsilon,
                    rho,
                    tolerance: self.tolerance,
                    max_iterations: self.iterations,
                    memory: self.memory.saturating_mul(1 << 20),
                }
            }
        }

        impl $crate::divergence::Divergence<f32> for $name {
            fn evaluate(
                &self,
                a: &$crate::cloud::Cloud<f32>,
                b: &$crate::cloud::Cloud<f32>,
                request: $crate::divergence::Request,
            ) -> Result<$crate::solution::Solution<f32>, $crate::error::OtError> {
                $crate::precision::evaluate(self, a, b, request)
            }

            fn evaluate_sets(
                &self,
                a: &$crate::sets::Set<f32>,
                b: &$crate::sets::Set<f32>,
                request: $crate::divergence::Request,
                over: $crate::sets::Over,
            ) -> Option<Result<$crate::solution::Solution<f32>, $crate::error::OtError>> {
                Some($crate::precision::sets::evaluate_sets(self, a, b, request, over))
            }
        }

        impl $crate::divergence::Divergence<f64> for $name {
            fn evaluate(
                &self,
                a: &$crate::cloud::Cloud<f64>,
                b: &$crate::cloud::Cloud<f64>,
                request: $crate::divergence::Request,
            ) -> Result<$crate::solution::Solution<f64>, $crate::error::OtError> {
                $crate::precision::evaluate(self, a, b, request)
            }

            fn evaluate_sets(
                &self,
                a: &$crate::sets::Set<f64>,
                b: &$crate::sets::Set<f64>,
                request: $crate::divergence::Request,
                over: $crate::sets::Over,
            ) -> Option<Result<$crate::solution::Solution<f64>, $crate::error::OtError>> {
                Some($crate::precision::sets::evaluate_sets(self, a, b, request, over))
            }
        }
    };
}

pub(super) use entropic;

entropic! {
    /// The debiased entropic divergence; O(nmd) for the products, O(nm) a sweep.
    pub struct Sinkhorn for ENTRY {}
}

impl<T: Lane> Estimated<T> for Sinkhorn {
    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        self.debiased(Relaxation::Exact).estimate(a, b, request)
    }
}

impl<T: Lane> EstimatedOfSets<T> for Sinkhorn {
    fn estimate_sets(
        &self,
        a: &Reader<T>,
        b: &Reader<T>,
        request: Request,
        over: Over,
    ) -> Result<Estimate<T>, OtError> {
        self.debiased(Relaxation::Exact).estimate_sets(a, b, request, over)
    }
}

impl Sinkhorn {
    /// What the solver is asked for costs of this mean, in units of `unit`.
    pub(crate) fn settings(&self, mean_cost: f64, unit: f64) -> Settings {
        let asked = self.debiased(Relaxation::Exact);
        Debiased { epsilon: asked.epsilon.map(|epsilon| epsilon / unit), ..asked }.settings(mean_cost)
    }
}

/// The debiased divergence with exact or relaxed marginals.
pub(super) struct Debiased {
    pub metric: &'static str,
    pub epsilon: Option<f64>,
    pub rho: Relaxation,
    pub tolerance: f64,
    pub max_iterations: usize,
    /// Bytes.
    pub memory: usize,
}

/// What holds the marginals.
pub(super) enum Relaxation {
    /// They are exact.
    Exact,
    /// A penalty as strong as the mean cost.
    MeanCost,
    /// A penalty of this strength.
    Strength(f64),
}

impl Debiased {
    /// The answer in this precision.
    ///
    /// # Errors
    /// Different widths; an ε that is out of scale with the costs.
    pub(super) fn estimate<T: Lane>(
        &self,
        a: &Cloud<T>,
        b: &Cloud<T>,
        request: Request,
    ) -> Result<Estimate<T>, OtError> {
        equal_widths(self.metric, a, b)?;
        let (x, y) = Points::centred(a, b);
        let mean_cost = x.mean_cost(&y);
        if mean_cost <= 0.0 {
            // All samples coincide: nothing to transport, whatever ε.
            return Ok(Estimate::of_coincident(a, b, request.gradient));
        }
        let fits = |n: usize, m: usize| {
            let bytes = room::bytes::<T>(&[n, m]);
            bytes <= self.memory && room::is_there(bytes)
        };
        self.between(&x, &y, mean_cost, &fits, request)
    }

    /// The same of sets that are not held.
    ///
    /// # Errors
    /// As [`Self::estimate`].
    pub(super) fn estimate_sets<T: Lane>(
        &self,
        a: &Reader<T>,
        b: &Reader<T>,
        request: Request,
        over: Over,
    ) -> Result<Estimate<T>, OtError> {
        let (x, y) = Points::of_sets(over.ranks, a, b)?;
        let mean_cost = x.mean_cost(&y);
        if mean_cost <= 0.0 {
            // In single precision squares may have vanished.
            let error = if T::singles(&[]).is_some() { f64::INFINITY } else { 0.0 };
            return Ok(Estimate::new(Solution::closed(0.0), error));
        }
        self.between(&x, &y, mean_cost, &|_, _| false, request)
    }

    fn between<T: Lane>(
        &self,
        x: &Points<T>,
        y: &Points<T>,
        mean_cost: f64,
        fits: &dyn Fn(usize, usize) -> bool,
        request: Request,
    ) -> Result<Estimate<T>, OtError> {
        let settings = self.settings(mean_cost);
        self.check_epsilon(settings.epsilon, mean_cost)?;
        let problems = Problems { x, y, d: x.d, settings, mean_cost, fits, request };
        let found = problems.settled(problems.solve(None)?)?;
        let value = found.value(&problems);
        // A cap that ended the iteration is told by the status.
        let error = found.rounding(&problems) + if found.is_converged() { found.open } else { 0.0 };
        // The divergence itself cannot be negative: what is below zero is all error.
        let error = if value < 0.0 { error - value } else { error };
        let gradient_error = found.rounding_of_gradient(&problems);
        Ok(Estimate::new(problems.solution(found, non_negative(value)), error).with_gradient_error(gradient_error))
    }
}

/// How often an answer that the stopping rule leaves too rough is refined.
const REFINEMENTS: usize = 4;
/// The share of the value that the stopping rule may leave open.
const SETTLED: f64 = 2e-4;
/// The share of the last move that may still be open.
const MOVED: f64 = 0.1;
/// Marginal errors cannot be brought below this many ε of the precision.
const LEAST_TOLERANCE: f64 = 64.0;

/// ε lies between these multiples of the mean cost.
pub(crate) const EPSILONS: std::ops::RangeInclusive<f64> = 1e-12..=1e12;

impl Debiased {
    /// Fails for an ε beside which costs are all alike, or none are to `f64`.
    fn check_epsilon(&self, epsilon: f64, mean_cost: f64) -> Result<(), OtError> {
        if EPSILONS.contains(&(epsilon / mean_cost)) {
            return Ok(());
        }
        let (least, most) = (EPSILONS.start() * mean_cost, EPSILONS.end() * mean_cost);
        Err(OtError::BadOption {
            metric: self.metric.to_owned(),
            name: "epsilon".to_owned(),
            value: format!("{epsilon:e}"),
            expected: format!(
                "for these features, of mean cost {mean_cost:.1e}, a number from {least:.0e} (for less, w2 is the limit) to {most:.0e} \
                 (for more, mmd-linear)"
            ),
        })
    }

    fn settings(&self, mean_cost: f64) -> Settings {
        Settings {
            epsilon: self.epsilon.unwrap_or(EPSILON_SHARE * mean_cost),
            rho: match self.rho {
                Relaxation::Exact => None,
                Relaxation::MeanCost => Some(mean_cost),
                Relaxation::Strength(rho) => Some(rho),
            },
            tolerance: self.tolerance,
            max_iterations: self.max_iterations,
        }
    }
}

/// The three entropic problems of one divergence.
#[derive(Clone, Copy)]
struct Problems<'p, T> {
    x: &'p Points<'p, T>,
    y: &'p Points<'p, T>,
    d: usize,
    settings: Settings,
    mean_cost: f64,
    /// Whether a matrix of products of this size is held in memory.
    fits: &'p dyn Fn(usize, usize) -> bool,
    request: Request<'p>,
}

/// Their answers.
struct Answers<T> {
    /// How much of the value may still be open.
    open: f64,
    of_a: Found,
    of_b: Found,
    of_both: Found,
    gradient: Option<Vec<T>>,
    plan: Option<Plan>,
}

impl<T: Lane> Problems<'_, T> {
    /// Solves one after the other, so that one matrix of products is held at a time.
    fn solve(&self, before: Option<Answers<T>>) -> Result<Answers<T>, Interrupted> {
        let Self { x, y, d, settings, mean_cost, fits, request } = *self;
        let epsilon = settings.epsilon;
        let (n, m) = (x.norms.len(), y.norms.len());
        let within = |x: &Points<T>, start: Option<&Found>, wants_pull: bool| {
            let scores = x.scores(x, fits(x.norms.len(), x.norms.len()), request.stop)?;
            let start = start.map(|found| &found.potentials);
            let found = sinkhorn::solve_symmetric(&scores, &x.weights, settings, mean_cost, start)?;
            let p = &found.potentials;
            let pull = || sinkhorn::pull(&scores, &x.weights, &x.weights, epsilon, p, (x.held(), d));
            let pull = wants_pull.then(pull).transpose()?;
            Ok::<_, Interrupted>((found, pull))
        };
        let before = before.as_ref();
        let (of_a, pull_a) = within(x, before.map(|b| &b.of_a), request.gradient)?;
        let (of_b, _) = within(y, before.map(|b| &b.of_b), false)?;
        let across = x.scores(y, fits(n, m), request.stop)?;
        let start = before.map_or(request.start, |b| Some(&b.of_both.potentials));
        let of_both = sinkhorn::solve(&across, &x.weights, &y.weights, settings, mean_cost, start)?;
        let p = &of_both.potentials;
        let pull_both = || sinkhorn::pull(&across, &x.weights, &y.weights, epsilon, p, (y.held(), d));
        let pull_both = request.gradient.then(pull_both).transpose()?;
        let gradient = pull_both.zip(pull_a).map(|(both, own)| gradient(x.held(), d, &both, &own));
        let mass = || sinkhorn::plan(&across, &x.weights, &y.weights, epsilon, p);
        let plan = if request.plan { Some(Plan::Dense { n, m, mass: mass()? }) } else { None };
        let open = of_both.open + 0.5 * (of_a.open + of_b.open);
        let mut answers = Answers { open, of_a, of_b, of_both, gradient, plan };
        if let Some(before) = before {
            let earlier = before.all();
            let all = [&mut answers.of_a, &mut answers.of_b, &mut answers.of_both];
            all.into_iter().zip(earlier).for_each(|(found, earlier)| found.iterations += earlier.iterations);
        }
        Ok(answers)
    }

    /// Where the clouds are much closer than ε, what the stopping rule leaves open is no small share of the value: goes on from there.
    fn settled(&self, mut found: Answers<T>) -> Result<Answers<T>, Interrupted> {
        let asked = self.settings;
        let least = T::epsilon().wide() * LEAST_TOLERANCE;
        for _ in 0..REFINEMENTS {
            let value = found.value(self);
            let is_single = T::singles(&[]).is_some();
            let share = SETTLED * value.abs() / found.open;
            let error = found.worst_error();
            let used = found.all().iter().map(|found| found.iterations).max().unwrap_or(0);
            let done = share >= 1.0 || error <= least || used >= asked.max_iterations || !found.is_converged();
            if done || is_single && !is_accepted(found.rounding(self), value) {
                break;
            }
            let tolerance = (0.5 * error * share.sqrt()).max(least);
            let settings = Settings { tolerance, max_iterations: asked.max_iterations - used, ..asked };
            found = Self { settings, ..*self }.solve(Some(found))?.judged_by(&asked);
            found.open = f64::max(found.open, MOVED * (found.value(self) - value).abs());
        }
        Ok(found)
    }

    fn solution(&self, found: Answers<T>, value: f64) -> Solution<T> {
        let epsilon = self.settings.epsilon;
        let error = found.worst_error();
        let mut solution = Solution {
            value,
            status: if found.is_converged() { Status::Converged } else { Status::Stopped { error } },
            iterations: found.all().iter().map(|f| f.iterations).sum(),
            diagnostics: vec![("epsilon", epsilon), ("marginal_error", error)],
            plan: found.plan,
            ..Solution::closed(value)
        }
        .with_gradient(found.gradient);
        if let Some(rho) = self.settings.rho {
            solution.diagnostics.extend([("rho", rho), ("mass", found.of_both.mass)]);
        }
        solution.potentials = Some(found.of_both.potentials);
        solution
    }
}

impl<T: Lane> Answers<T> {
    fn all(&self) -> [&Found; 3] {
        [&self.of_a, &self.of_b, &self.of_both]
    }

    fn is_converged(&self) -> bool {
        self.all().iter().all(|found| found.status.is_trusted())
    }

    fn worst_error(&self) -> f64 {
        self.all().iter().fold(0.0, |worst: f64, found| worst.max(found.error))
    }

    /// The same with the status that these settings ask for: a finer tolerance that was not met is no failure.
    fn judged_by(mut self, settings: &Settings) -> Self {
        for found in [&mut self.of_a, &mut self.of_b, &mut self.of_both] {
            found.status = settings.end(found.error);
        }
        self
    }

    fn value(&self, problems: &Problems<T>) -> f64 {
        debiased_value(
            &self.of_both,
            &self.of_a,
            &self.of_b,
            &problems.x.weights,
            &problems.y.weights,
            problems.settings,
        )
    }

    /// How far rounding may put the value off: a potential takes the error of the costs that it is a soft minimum of, which is ε of
    /// the squared norms that make them; with relaxed marginals what is far away has little mass, and its error little weight.
    fn rounding(&self, problems: &Problems<T>) -> f64 {
        let Problems { x, y, settings, d, .. } = *problems;
        let side = |p: &[f64], points: &Points<T>| -> f64 {
            let terms = p.iter().zip(&points.norms).zip(&points.weights);
            terms.map(|((p, norm), w)| w * settings.slope(*p) * (norm + p.abs())).sum()
        };
        let (of_a, of_b) = (&self.of_a.potentials.u, &self.of_b.potentials.u);
        let (u, v) = (&self.of_both.potentials.u, &self.of_both.potentials.v);
        let sizes = side(u, x) + side(v, y) + side(of_a, x) + side(of_b, y) + settings.epsilon;
        T::epsilon().wide() * sizes + d as f64 * T::min_positive_value().wide()
    }

    /// How far rounding may put the gradient off in norm: each row is the difference of two pulls as large as ‖x‖ times its mass.
    fn rounding_of_gradient(&self, Problems { x, settings, .. }: &Problems<T>) -> f64 {
        let rows = self.of_both.potentials.u.iter().zip(&x.norms).zip(&x.weights);
        let squares: f64 = rows.map(|((u, norm), a)| (a * settings.slope(*u)).powi(2) * norm).sum();
        4.0 * T::epsilon().wide() * squares.sqrt()
    }
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
