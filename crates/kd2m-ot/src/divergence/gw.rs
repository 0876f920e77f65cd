//! Gromov–Wasserstein, square loss: min over plans γ of Σ (C_ik − C'_jl)² γ_ij γ_kl with inner distances C of A and C' of B.
//! It compares shapes, not places: invariant to rotations and shifts, and the widths of A and B may differ (Mémoli 2011).
//! Next: [`inner`] for the distances, [`crate::solver::gromov`] for the descent; [`super::fgw`] shares this code.

pub(super) mod inner;

pub use self::inner::Inner;
use super::{
    Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    cost,
    error::OtError,
    parameters::words,
    precision::{Estimate, Estimated},
    real::Real,
    room,
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
    traits: Traits { any_widths: true, iterates: true, comfortable: Some(COMFORTABLE), ..Traits::PLAIN },
    options: Gw::OPTIONS,
    build: build::<Gw>,
};

/// Samples a side up to which steps of cubic cost take seconds.
pub(super) const COMFORTABLE: usize = 2048;

words! {
    /// Where the descent begins.
    pub enum Starts {
        /// of product coupling, order by eccentricity, identity (equal sizes) and, fused, the linear plan
        Best = "best",
        /// that alone
        Product = "product",
    }
}

/// Declares a Gromov–Wasserstein distance: what is its own, before what all have.
macro_rules! gromov {
    ($(#[$meta:meta])* pub struct $name:ident for $entry:ident { $($own:tt)* }) => {
        $crate::parameters::parameters! {
            $(#[$meta])*
            #[derive(Copy)]
            pub struct $name for $entry {
                $($own)*
                /// inner distance: euclidean | sqeuclidean | cosine | diffusion (one step over a Gaussian kernel, σ = median distance, held constant)
                inner: Inner,
                starts: Starts,
                /// what a linear step could still gain, as a share of the objective's scale
                tolerance: f64 = 1e-9 in $crate::parameters::domain::TOLERANCE,
                /// linear steps at most from each start
                iterations: usize = 500 in $crate::parameters::domain::COUNT,
            }
        }

        impl $name {
            fn gromov(&self, alpha: Option<f64>) -> $crate::divergence::gw::Gromov {
                $crate::divergence::gw::Gromov {
                    metric: $entry.name,
                    alpha,
                    inner: self.inner,
                    settings: $crate::solver::gromov::Settings {
                        tolerance: self.tolerance,
                        max_iterations: self.iterations,
                        product_only: self.starts == Starts::Product,
                    },
                }
            }
        }

        impl<T: $crate::real::Real> $crate::divergence::Divergence<T> for $name {
            fn evaluate(
                &self,
                a: &$crate::cloud::Cloud<T>,
                b: &$crate::cloud::Cloud<T>,
                request: $crate::divergence::Request,
            ) -> Result<$crate::solution::Solution<T>, $crate::error::OtError> {
                $crate::precision::evaluate(self, a, b, request)
            }
        }
    };
}

pub(super) use gromov as declare;

declare! {
    /// Gromov–Wasserstein; O(n²m + nm²) a step, the n² + m² + nm of the matrices in `f64`.
    pub struct Gw for ENTRY {}
}

impl<T: Real> Estimated<T> for Gw {
    const WIDE: bool = true;

    // Not convex: a start that ends elsewhere is not the minimum, and its value is what its plan costs.
    fn vanishes_on_equals(&self) -> bool {
        false
    }

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        self.gromov(None).estimate(a, b, request)
    }
}

/// (Fused) Gromov–Wasserstein.
pub(super) struct Gromov {
    pub metric: &'static str,
    /// Share of the Gromov–Wasserstein term; `None`: it stands alone.
    pub alpha: Option<f64>,
    pub inner: Inner,
    pub settings: Settings,
}

impl Gromov {
    /// The answer, all in `f64`.
    ///
    /// # Errors
    /// Different widths, where features are compared too.
    pub(super) fn estimate<T: Real>(
        &self,
        a: &Cloud<T>,
        b: &Cloud<T>,
        request: Request,
    ) -> Result<Estimate<T>, OtError> {
        let (n, m) = (a.len(), b.len());
        // Distances within each cloud; plan, step, slopes and product between them.
        let bytes = room::bytes::<f64>(&[n, n])
            .saturating_add(room::sum(&[room::bytes::<f64>(&[m, m]), room::bytes::<f64>(&[4, n, m])]));
        let what = || format!("matrices within and between {n} and {m} samples");
        room::ask(self.metric, bytes, what, "compare fewer samples")?;
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
