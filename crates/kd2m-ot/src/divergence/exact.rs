//! What `w1` and `w2` share: costs, the choice of solver, the plan's value and its gradient, all for one ground cost.
//! Equal sizes with uniform weights are an assignment problem over rows that are held or computed again; any other marginals go
//! through [`transport`]. The plan is a constant for the gradient (envelope theorem).

use super::Request;
use crate::{
    cloud::{Cloud, equal_widths},
    cost::{
        self,
        rows::{CloudRows, Ground},
    },
    error::OtError,
    options::{OptionSpec, Options},
    real::Real,
    solution::{Gradient, Plan, Potentials, Solution, Status},
    solver::{assignment, transport},
};

/// The option that both have.
pub const OPTIONS: &[OptionSpec] = &[OptionSpec {
    name: "memory",
    default: "11",
    help: "GiB that the cost matrix of two clouds of equal size may take; larger ones are computed again whenever rows are read",
}];

/// Exact transport between two clouds under one ground cost.
#[derive(Debug, Clone, Copy)]
pub struct Exact {
    pub metric: &'static str,
    pub ground: Ground,
    /// Bytes that a cost matrix may take.
    pub memory: usize,
}

impl Exact {
    /// With the options that a person gave.
    ///
    /// # Errors
    /// A memory that is not a number from 0 on.
    pub fn read(metric: &'static str, ground: Ground, options: &Options) -> Result<Self, OtError> {
        let valid = |x: &f64| *x >= 0.0 && x.is_finite();
        let memory = options.parsed("memory", 11.0, "a number of GiB from 0 on", valid)?;
        Ok(Self { metric, ground, memory: (memory * f64::from(1 << 30)) as usize })
    }

    /// Compares A with B.
    ///
    /// # Errors
    /// Different widths.
    pub fn evaluate<T: Real>(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        equal_widths(self.metric, a, b)?;
        let uniform = a.weights().is_none() && b.weights().is_none();
        let found = if uniform && a.len() == b.len() {
            self.assign(a, b, request.start)
        } else {
            let mut cost = cost::squared_distances(a, b);
            if self.ground == Ground::Distance {
                cost.iter_mut().for_each(|c| *c = c.sqrt());
            }
            transport::solve(&cost, (a.len(), b.len()), a.weights(), b.weights(), request.start)
        };
        let entries = found.plan.entries();
        Ok(Solution {
            value: entries.iter().map(|&(i, j, mass)| mass * self.pair(a.row(i), b.row(j))).sum(),
            gradient: request.gradient.then(|| self.gradient(a, b, &entries)),
            plan: request.plan.then_some(found.plan),
            potentials: Some(found.potentials),
            gap: Some(found.gap),
            status: found.status,
            iterations: found.iterations,
            diagnostics: Vec::new(),
        })
    }

    fn assign<T: Real>(&self, a: &Cloud<T>, b: &Cloud<T>, start: Option<&Potentials>) -> transport::Transport {
        let rows = CloudRows::new(a, b, self.ground, self.memory);
        let unit = rows.unit();
        let (first, second) = match self.ground {
            Ground::Squared => rows.pairs().separable_part(a, b),
            Ground::Distance => (vec![0.0; a.len()], vec![0.0; b.len()]),
        };
        let start: Option<Vec<f64>> = start
            .filter(|p| p.v.len() == b.len())
            .map(|p| p.v.iter().zip(&second).map(|(v, s)| (v - s) / unit).collect());
        let found = assignment::solve_rows(&rows, start.as_deref());
        let restore =
            |potentials: Vec<f64>, part: &[f64]| potentials.iter().zip(part).map(|(p, s)| p * unit + s).collect();
        transport::Transport {
            plan: Plan::Permutation(found.columns),
            potentials: Potentials { u: restore(found.potentials.u, &first), v: restore(found.potentials.v, &second) },
            value: found.value * unit,
            gap: found.gap * unit,
            status: Status::Optimal,
            iterations: found.iterations,
        }
    }

    fn pair<T: Real>(&self, x: &[T], y: &[T]) -> f64 {
        let squared = cost::squared_distance(x, y);
        match self.ground {
            Ground::Squared => squared,
            Ground::Distance => squared.sqrt(),
        }
    }

    fn gradient<T: Real>(&self, a: &Cloud<T>, b: &Cloud<T>, entries: &[(usize, usize, f64)]) -> Gradient<T> {
        let d = a.width();
        let mut features = vec![T::zero(); a.len() * d];
        // Entries are sorted by rows; a row with several is summed in `f64` before it is rounded.
        let mut sum = vec![0.0; d];
        for of_row in entries.chunk_by(|p, q| p.0 == q.0) {
            let i = of_row[0].0;
            let x = a.row(i);
            sum.fill(0.0);
            for &(_, j, mass) in of_row {
                let y = b.row(j);
                let factor = match self.ground {
                    Ground::Squared => 2.0 * mass,
                    // The kink at coincident points: 0.
                    Ground::Distance => match self.pair(x, y) {
                        0.0 => 0.0,
                        length => mass / length,
                    },
                };
                for ((s, x), y) in sum.iter_mut().zip(x).zip(y) {
                    *s += factor * (x.wide() - y.wide());
                }
            }
            for (g, s) in features[i * d..(i + 1) * d].iter_mut().zip(&sum) {
                *g = T::of(*s);
            }
        }
        Gradient { features, soft_labels: None }
    }
}
