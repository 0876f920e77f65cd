//! From a rounded matrix to the costs themselves: entries that rounding leaves in question are computed anew, and pivots go on where
//! that changes what is cheapest. Of a problem in single precision a few entries in ten thousand are.

use std::collections::HashMap;

use super::{least_reduced_cost, tree::Tree};
use crate::{
    real::Real,
    solution::Potentials,
    solver::{costs::Costs, transport::Problem},
};

/// The exact costs that were asked for.
pub struct Known<'p, 'r, T: Real, C> {
    problem: &'p Problem<'p, 'r, T, C>,
    costs: HashMap<(u32, u32), f64>,
}

impl<'p, 'r, T: Real, C: Costs> Known<'p, 'r, T, C> {
    pub fn new(problem: &'p Problem<'p, 'r, T, C>) -> Self {
        Self { problem, costs: HashMap::new() }
    }

    /// The exact cost of a pair.
    pub fn cost(&mut self, i: usize, j: usize) -> f64 {
        let exact = self.problem.exact;
        *self.costs.entry((i as u32, j as u32)).or_insert_with(|| exact.pair(i, j))
    }

    /// Pivots until no arc's exact cost is below its potentials by more than they are rounded; returns the number of pivots, and
    /// whether it came to an end.
    pub fn settle(&mut self, tree: &mut Tree<f64>, max_pivots: usize) -> (usize, bool) {
        let (n, _) = self.problem.exact.shape();
        let mut pivots = 0;
        loop {
            tree.recompute_potentials(|i, j| self.cost(i, j));
            let before = pivots;
            for i in (0..n).filter(|&i| tree.is_active_source(i)).collect::<Vec<_>>() {
                while let Some((j, cost)) = self.cheapest(tree, i) {
                    if pivots == max_pivots {
                        return (pivots, false);
                    }
                    tree.pivot(i, j, cost);
                    pivots += 1;
                }
            }
            if pivots == before {
                return (pivots, true);
            }
        }
    }

    /// The arc of a row whose exact cost lies most below its potentials.
    fn cheapest(&mut self, tree: &Tree<f64>, i: usize) -> Option<(usize, f64)> {
        let rounded = self.problem.rounded;
        let pi = tree.pi_source(i);
        let mut best = (0.0, None);
        let (factor, offset) = rounded.at_least(i);
        let (row, sinks) = (rounded.row(i), tree.pi_sinks());
        for j in Below::new(row, sinks, factor, offset - pi) {
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
        best.1
    }

    /// Feasible potentials, the plan's cost, and how far apart they leave it from the optimum: from the plan and column potentials
    /// alone. Columns without mass hold −∞ and get the largest feasible potential.
    pub fn certify(&mut self, entries: &[(u32, u32, f64)], mut v: Vec<f64>) -> super::Proof {
        let (n, _) = self.problem.exact.shape();
        let rounded = self.problem.rounded;
        let mut u = Vec::with_capacity(n);
        for i in 0..n {
            let (row, (factor, offset)) = (rounded.row(i), rounded.at_least(i));
            // The nearest as rounded first: few others can be below its exact cost.
            let nearest = least_reduced_cost(row, &v, 0.0, f64::INFINITY);
            let mut least = nearest.map_or(f64::INFINITY, |(_, j)| self.cost(i, j) - v[j]);
            for j in Below::new(row, &v, factor, least + offset) {
                let c = row[j].wide();
                if c - rounded.bound(i, c) - v[j] < least {
                    least = least.min(self.cost(i, j) - v[j]);
                }
            }
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
        super::Proof { potentials: Potentials { u, v }, value, gap }
    }
}

/// The columns of a row with `factor · c_j − v_j < limit`: sixteen at a time are passed by without a branch for each.
struct Below<'a, T> {
    row: &'a [T],
    v: &'a [f64],
    factor: f64,
    limit: f64,
    /// The next column, and where the stretch that is known to hold one ends.
    at: usize,
    known_to: usize,
}

impl<'a, T: Real> Below<'a, T> {
    fn new(row: &'a [T], v: &'a [f64], factor: f64, limit: f64) -> Self {
        Self { row, v, factor, limit, at: 0, known_to: 0 }
    }
}

impl<T: Real> Iterator for Below<'_, T> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        const LANES: usize = 16;
        while self.at < self.row.len() {
            if self.at >= self.known_to {
                let end = (self.at + LANES).min(self.row.len());
                let lanes = self.row[self.at..end].iter().zip(&self.v[self.at..end]);
                if !lanes.fold(false, |any, (c, v)| any | (self.factor * c.wide() - v < self.limit)) {
                    self.at = end;
                    continue;
                }
                self.known_to = end;
            }
            let j = self.at;
            self.at += 1;
            if self.factor * self.row[j].wide() - self.v[j] < self.limit {
                return Some(j);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_below_is_found_and_no_other() {
        let row: Vec<f32> = (0..77).map(|k| ((k * 37) % 29) as f32).collect();
        let v: Vec<f64> = (0..77).map(|k| f64::from((k * 11) % 7)).collect();
        for limit in [-10.0, 0.0, 3.0, 100.0] {
            let found: Vec<usize> = Below::new(&row, &v, 0.5, limit).collect();
            let plain: Vec<usize> = (0..77).filter(|&j| 0.5 * f64::from(row[j]) - v[j] < limit).collect();
            assert_eq!(found, plain);
        }
    }
}
