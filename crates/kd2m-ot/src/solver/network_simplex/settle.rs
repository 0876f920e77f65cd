//! From a rounded matrix to the costs themselves: entries that rounding leaves in question are computed anew, and pivots go on where
//! that changes what is cheapest. Of a problem in single precision a few entries in ten thousand are.

use std::collections::HashMap;

use super::tree::Tree;
use crate::{
    isa::{Isa, Kernel, Simd},
    real::Real,
    solution::Potentials,
    solver::{
        assignment::certificate::{least_reduced, up_to},
        costs::Costs,
        transport::Problem,
    },
    stop::Interrupted,
};

/// The exact costs that were asked for.
pub(super) struct Known<'p, 'r, T: Real, C> {
    problem: &'p Problem<'p, 'r, T, C>,
    costs: HashMap<(u32, u32), f64>,
    isa: Isa,
    /// How far any entry of a row can be off.
    offsets: Vec<f64>,
    /// Columns in question: a buffer.
    near: Vec<usize>,
}

impl<'p, 'r, T: Real, C: Costs> Known<'p, 'r, T, C> {
    pub(super) fn new(problem: &'p Problem<'p, 'r, T, C>) -> Self {
        let rounded = problem.rounded;
        let largest = |i: usize| rounded.row(i).iter().fold(0.0, |most: f64, c| most.max(c.wide().abs()));
        let offsets = (0..problem.exact.shape().0).map(|i| rounded.at_most(i, largest(i))).collect();
        Self { problem, costs: HashMap::new(), isa: Isa::detect(), offsets, near: Vec::new() }
    }

    /// The exact cost of a pair.
    pub(super) fn cost(&mut self, i: usize, j: usize) -> f64 {
        let exact = self.problem.exact;
        *self.costs.entry((i as u32, j as u32)).or_insert_with(|| exact.pair(i, j))
    }

    /// Pivots until no arc's exact cost is below its potentials by more than they are rounded; returns the number of pivots, and
    /// whether it came to an end.
    ///
    /// # Errors
    /// The problem was told to stop.
    pub(super) fn settle(&mut self, tree: &mut Tree<f64>, max_pivots: usize) -> Result<(usize, bool), Interrupted> {
        let (n, _) = self.problem.exact.shape();
        let mut pivots = 0;
        loop {
            tree.recompute_potentials(|i, j| self.cost(i, j));
            let before = pivots;
            for i in (0..n).filter(|&i| tree.is_active_source(i)).collect::<Vec<_>>() {
                self.problem.stop.check()?;
                while let Some((j, cost)) = self.cheapest(tree, i) {
                    if pivots == max_pivots {
                        return Ok((pivots, false));
                    }
                    tree.pivot(i, j, cost);
                    pivots += 1;
                }
            }
            if pivots == before {
                return Ok((pivots, true));
            }
        }
    }

    /// The arc of a row whose exact cost lies most below its potentials.
    fn cheapest(&mut self, tree: &Tree<f64>, i: usize) -> Option<(usize, f64)> {
        let rounded = self.problem.rounded;
        let pi = tree.pi_source(i);
        let mut best = (0.0, None);
        let (row, sinks) = (rounded.row(i), tree.pi_sinks());
        let mut near = std::mem::take(&mut self.near);
        self.isa.run(Near { row, v: sinks, limit: self.offsets[i] - pi, found: &mut near });
        for &j in &near {
            let (c, pi_sink) = (row[j].wide(), sinks[j]);
            if c - rounded.bound(i, c) - pi_sink >= -pi {
                continue;
            }
            let cost = self.cost(i, j);
            let reduced = cost - pi_sink + pi;
            // Rounding of the potentials, not optimality, would decide between arcs closer to zero than this.
            if reduced < best.0 && reduced < -4.0 * f64::EPSILON * (cost.abs() + pi.abs() + pi_sink.abs()) {
                best = (reduced, Some((j, cost)));
            }
        }
        self.near = near;
        best.1
    }

    /// Feasible potentials, the plan's cost, and how far apart they leave it from the optimum: from the plan and column potentials
    /// alone. Columns without mass hold −∞ and get the largest feasible potential.
    ///
    /// # Errors
    /// The problem was told to stop.
    pub(super) fn certify(
        &mut self,
        entries: &[(u32, u32, f64)],
        mut v: Vec<f64>,
    ) -> Result<super::Proof, Interrupted> {
        let (n, _) = self.problem.exact.shape();
        let rounded = self.problem.rounded;
        let mut u = Vec::with_capacity(n);
        for i in 0..n {
            self.problem.stop.check()?;
            let row = rounded.row(i);
            // Whatever is further off than both can be wrong is no nearer.
            let limit = self.isa.run(Least { row, v: &v }) + 2.0 * self.offsets[i];
            let mut near = std::mem::take(&mut self.near);
            self.isa.run(Near { row, v: &v, limit, found: &mut near });
            let least = near.iter().fold(f64::INFINITY, |least, &j| least.min(self.cost(i, j) - v[j]));
            self.near = near;
            u.push(least);
        }
        let empty: Vec<usize> = (0..v.len()).filter(|&j| !v[j].is_finite()).collect();
        for j in empty {
            let below = |i: usize| {
                let c = rounded.row(i)[j].wide();
                c - rounded.bound(i, c) - u[i]
            };
            v[j] = (0..n).map(below).fold(f64::INFINITY, f64::min);
        }
        // The slack of each pair is summed, not the two large totals: their difference would cancel.
        let (mut value, mut gap) = (0.0, 0.0);
        for &(i, j, mass) in entries {
            let c = self.cost(i as usize, j as usize);
            let reduced = c - v[j as usize];
            let least = u[i as usize];
            value += mass * c;
            gap += mass * (reduced - least + f64::EPSILON * (reduced.abs() + least.abs()));
        }
        gap += (2.0 * self.problem.exact.relative_error() + f64::EPSILON) * value.abs();
        Ok(super::Proof { potentials: Potentials { u, v }, value, gap })
    }
}

/// The columns of a row with `c_j − v_j` up to a limit.
struct Near<'a, T> {
    row: &'a [T],
    v: &'a [f64],
    limit: f64,
    found: &'a mut Vec<usize>,
}

impl<T: Real> Kernel for Near<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        up_to(simd, self.row, self.v, self.limit, self.found);
    }
}

/// The least `c_j − v_j` of a row.
struct Least<'a, T> {
    row: &'a [T],
    v: &'a [f64],
}

impl<T: Real> Kernel for Least<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> f64 {
        least_reduced(simd, self.row, self.v)
    }
}
