//! What `w1` and `w2` share: costs, the choice of solver, the plan's value and its gradient, all for one ground cost.
//! Equal sizes with uniform weights are an assignment problem: [`paired`] ends it where the identity is best, else it is solved over
//! rows that are held or computed again. Any other marginals go through [`transport`]. The plan is a constant for the gradient
//! (envelope theorem).

use super::Request;
use crate::{
    cloud::{Cloud, equal_widths},
    cost::{
        self,
        centring::Centres,
        paired,
        pairwise::Pairwise,
        rows::{CloudRows, Ground},
        scan::{PairCost, PairCosts},
    },
    crew::Crew,
    error::OtError,
    isa::Isa,
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

/// Features of a cloud from which on a second thread is worth its waking; without AVX-512 products take twice as long.
fn parallel_from() -> usize {
    match Isa::detect() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(_) => 1 << 17,
        _ => 1 << 16,
    }
}

/// A plan, and its cost summed from differences of features, where nothing cancels.
struct Found {
    transport: transport::Transport,
    value: f64,
}

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
        let Found { transport: found, value } = if uniform && a.len() == b.len() {
            Crew::with(a.len() * a.width() >= parallel_from(), |crew| self.assign(crew, a, b, request.start))
        } else {
            let mut cost = cost::squared_distances(a, b);
            if self.ground == Ground::Distance {
                cost.iter_mut().for_each(|c| *c = c.sqrt());
            }
            let found = transport::solve(&cost, (a.len(), b.len()), a.weights(), b.weights(), request.start);
            let entries = found.plan.entries();
            Found {
                value: entries.iter().map(|&(i, j, mass)| mass * self.pair(a.row(i), b.row(j))).sum(),
                transport: found,
            }
        };
        Ok(Solution {
            value,
            gradient: request.gradient.then(|| self.gradient(a, b, &found.plan.entries())),
            plan: request.plan.then_some(found.plan),
            potentials: Some(found.potentials),
            gap: Some(found.gap),
            status: found.status,
            iterations: found.iterations,
            diagnostics: Vec::new(),
        })
    }

    fn assign<T: Real>(&self, crew: &Crew, a: &Cloud<T>, b: &Cloud<T>, start: Option<&Potentials>) -> Found {
        let isa = Isa::detect();
        let centres = Centres::of(isa, crew, a, b, self.ground.centring());
        if let Some(pairs) = paired::prove(isa, crew, a, b, &centres) {
            return self.identity(&pairs);
        }
        // Words first: where they leave more open than single precision would, that takes over.
        let in_words = Pairwise::in_words(isa, crew, a, b, &centres);
        let in_words = in_words.map(|pairs| self.solve(crew, a, b, pairs, start));
        let settled = |found: &Found| found.transport.gap <= found.value * T::epsilon().wide();
        in_words
            .filter(settled)
            .unwrap_or_else(|| self.solve(crew, a, b, Pairwise::around(isa, crew, a, b, centres), start))
    }

    fn solve<T: Real>(
        &self,
        crew: &Crew,
        a: &Cloud<T>,
        b: &Cloud<T>,
        pairs: Pairwise<T>,
        start: Option<&Potentials>,
    ) -> Found {
        let rows = CloudRows::new(crew, a, b, pairs, self.ground, self.memory);
        let unit = rows.unit();
        let start: Option<Vec<f64>> = start.filter(|p| p.v.len() == b.len()).map(|p| {
            let second = match self.ground {
                Ground::Squared => rows.pairs().separable_part_by(crew, a, b).1,
                Ground::Distance => vec![0.0; b.len()],
            };
            p.v.iter().zip(&second).map(|(v, s)| (v - s) / unit).collect()
        });
        let found = assignment::solve_rows(crew, &rows, start.as_deref());
        let (isa, centres) = (Isa::detect(), &rows.pairs().centres);
        let shift = centres.shift();
        let mut pairs = vec![PairCost::default(); a.len()];
        let block = a.len().div_ceil(4 * crew.size());
        crew.share_chunks(&mut pairs, block, |k, pairs| {
            for (pair, i) in pairs.chunks_mut(1).zip(k * block..) {
                let (x, y) = (a.row(i), b.row(found.columns[i] as usize));
                isa.run(PairCosts { x, y, q: &centres.b, shift: &shift, out: pair });
            }
        });
        let assignment::Assignment { columns, potentials: Potentials { mut u, mut v }, .. } = found;
        u.iter_mut().chain(&mut v).for_each(|potential| *potential *= unit);
        if self.ground == Ground::Squared {
            // What centring took from the costs of y_j belongs to v_j, the rest of a pair's to u_i.
            for ((u, &j), pair) in u.iter_mut().zip(&columns).zip(&pairs) {
                let second = -2.0 * pair.along;
                *u += pair.plain - pair.centred - second;
                v[j as usize] += second;
            }
        }
        let transport = transport::Transport {
            plan: Plan::Permutation(columns),
            potentials: Potentials { u, v },
            value: found.value * unit,
            gap: found.gap * unit,
            status: Status::Optimal,
            iterations: found.iterations,
        };
        let costs = pairs.iter().map(|pair| self.ground.of_squared(pair.plain));
        Found { transport, value: costs.sum::<f64>() / pairs.len() as f64 }
    }

    /// The identity, proved optimal: every sample's own partner is the nearest in centred costs, so those are u, with v = 0.
    fn identity(&self, pairs: &[PairCost]) -> Found {
        // What centring took from the costs of y_j, and so v_j for plain ones; nothing where both clouds share their centre.
        let v: Vec<f64> = pairs.iter().map(|pair| -2.0 * pair.along).collect();
        let costs = || pairs.iter().map(|pair| self.ground.of_squared(pair.plain));
        let value = costs().sum::<f64>() / pairs.len() as f64;
        let transport = transport::Transport {
            plan: Plan::Permutation((0..pairs.len() as u32).collect()),
            potentials: Potentials { u: costs().zip(&v).map(|(cost, v)| cost - v).collect(), v },
            value,
            gap: 0.0,
            status: Status::Optimal,
            iterations: 0,
        };
        Found { transport, value }
    }

    fn pair<T: Real>(&self, x: &[T], y: &[T]) -> f64 {
        self.ground.of_squared(cost::squared_distance(x, y))
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
