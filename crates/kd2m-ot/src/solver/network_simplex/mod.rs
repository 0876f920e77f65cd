//! Exact transport between any two marginals: the primal network simplex on the bipartite graph of samples.
//! Strongly feasible spanning trees (Cunningham 1976) make it end whatever the ties; arcs are priced block by block
//! (Grigoriadis 1986). Read [`tree`] for a pivot, [`masses`] for why flows are integers, [`super::certificate`] for the proof.

mod masses;
mod tree;

#[cfg(test)]
mod tests;

use super::{certificate, transport::Transport};
use crate::{
    real::Real,
    solution::{Plan, Potentials, Status},
};
use masses::Masses;
use tree::Tree;

/// Pivots allowed for each node: typical problems need 5 to 30.
const PIVOTS_A_NODE: usize = 2_000;

/// The plan of least cost for a row-major matrix `[n, m]` under weights `a` `[n]` and `b` `[m]`, each summing to one.
///
/// `start` holds potentials whose column part shapes the first tree: it changes the time, never the answer.
///
/// # Panics
/// If `cost` does not hold n·m values: callers own all three.
pub fn solve<T: Real>(cost: &[T], a: &[f64], b: &[f64], start: Option<&Potentials>) -> Transport {
    solve_capped(cost, a, b, start, PIVOTS_A_NODE.saturating_mul(a.len() + b.len()))
}

/// The same with a cap on pivots. When it is met the plan is feasible all the same, the status tells how much mass had found no
/// priced arc yet, and the gap what that may cost.
///
/// # Panics
/// If `cost` does not hold n·m values: callers own all three.
pub fn solve_capped<T: Real>(
    cost: &[T],
    a: &[f64],
    b: &[f64],
    start: Option<&Potentials>,
    max_pivots: usize,
) -> Transport {
    let (n, m) = (a.len(), b.len());
    assert_eq!(cost.len(), n * m, "one cost for each pair");
    let masses = Masses::new(a, b);
    let largest = cost.iter().fold(0.0, |most: f64, c| most.max(c.wide().abs()));
    let mut tree = Tree::new(&masses, largest);
    tree.adopt_cheapest_sinks(cost, start.filter(|p| p.v.len() == m));

    // Rounding of the potentials, not optimality, would decide between arcs closer to zero than this.
    let tolerance = largest * 1e-14;
    let mut pricing = Pricing::new(n, m);
    let mut pivots = 0;
    let mut is_fresh = false;
    let mut is_optimal = false;
    while pivots < max_pivots {
        match pricing.next_entering(cost, &tree, tolerance) {
            Some((i, j)) => {
                tree.pivot(i, j, cost[i * m + j].wide());
                pivots += 1;
                is_fresh = false;
            }
            // Potentials have drifted by rounding over the pivots: the last word is spoken over exact ones.
            None if !is_fresh => {
                tree.recompute_potentials(|i, j| cost[i * m + j].wide());
                is_fresh = true;
            }
            None => {
                is_optimal = true;
                break;
            }
        }
    }

    let unplaced = masses.share(tree.mass_at_root());
    let flows = tree.complete_flows().into_iter();
    let entries: Vec<_> = flows.map(|(i, j, flow)| (i, j, masses.share(flow))).collect();
    let status = if is_optimal { Status::Optimal } else { Status::Stopped { error: unplaced } };
    let proof = certificate::of_plan(cost, (n, m), &entries, tree.sink_potentials());
    Transport {
        plan: Plan::Sparse { n, m, entries },
        potentials: proof.potentials,
        value: proof.value,
        gap: proof.gap,
        status,
        iterations: pivots,
    }
}

/// Walks over all arcs in blocks of about √(nm) and takes the most negative reduced cost of a block.
struct Pricing {
    n: usize,
    m: usize,
    block: usize,
    /// Where the next block begins: an arc index.
    at: usize,
}

impl Pricing {
    fn new(n: usize, m: usize) -> Self {
        Self { n, m, block: ((n * m) as f64).sqrt().ceil() as usize, at: 0 }
    }

    fn next_entering<T: Real>(&mut self, cost: &[T], tree: &Tree, tolerance: f64) -> Option<(usize, usize)> {
        let arcs = self.n * self.m;
        let (mut scanned, mut in_block) = (0, 0);
        let mut best = (-tolerance, None);
        while scanned < arcs {
            let (i, from) = (self.at / self.m, self.at % self.m);
            let to = self.m.min(from + self.block - in_block);
            if tree.is_active_source(i) {
                let row = &cost[i * self.m + from..i * self.m + to];
                if let Some((value, j)) = least_reduced_cost(row, &tree.pi_sinks()[from..to], tree.pi_source(i), best.0)
                {
                    best = (value, Some((i, from + j)));
                }
            }
            let length = to - from;
            scanned += length;
            in_block += length;
            self.at = (self.at + length) % arcs;
            if in_block >= self.block {
                if best.1.is_some() {
                    return best.1;
                }
                in_block = 0;
            }
        }
        best.1
    }
}

/// The least `c_j + pi_source − pi_j` of a stretch of a row and its place, if it lies below `bound`.
fn least_reduced_cost<T: Real>(row: &[T], pi_sinks: &[f64], pi_source: f64, bound: f64) -> Option<(f64, usize)> {
    const LANES: usize = 16;
    let bound = bound - pi_source;
    let mut least = [f64::INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    let (pi_chunks, pi_rest) = pi_sinks.as_chunks::<LANES>();
    for (c, pi) in chunks.iter().zip(pi_chunks) {
        for lane in 0..LANES {
            let value = c[lane].wide() - pi[lane];
            least[lane] = if value < least[lane] { value } else { least[lane] };
        }
    }
    let tail = rest.iter().zip(pi_rest).map(|(c, pi)| c.wide() - pi);
    let value = tail.chain(least).fold(f64::INFINITY, f64::min);
    if value >= bound {
        return None;
    }
    let place = row.iter().zip(pi_sinks).position(|(c, pi)| c.wide() - pi == value)?;
    Some((value + pi_source, place))
}
