//! Exact transport between any two marginals: the primal network simplex on the bipartite graph of samples.
//! Strongly feasible spanning trees (Cunningham 1976) make it end whatever the ties; arcs are priced block by block
//! (Grigoriadis 1986). Read [`tree`] for a pivot, [`masses`] for why flows are integers, [`settle`] for the proof, [`warm`] for a start;
//! [`streamed`] does without a matrix.

mod masses;
mod nearest;
mod proof;
mod settle;
pub(super) mod streamed;
mod tree;
mod warm;
mod whole;

#[cfg(test)]
mod tests;

use super::{
    costs::{Costs, Held, Verdict},
    transport::{Problem, Transport},
};
use crate::{
    cost::Rounded,
    real::Real,
    solution::{Plan, Potentials, Status},
    stop::{Interrupted, Stop, unstoppable},
};
use masses::Masses;
pub(crate) use proof::Proof;
use settle::Known;
use tree::{PIVOTS_A_NODE, Tree};

/// The plan of least cost for a row-major matrix `[n, m]` under weights `a` `[n]` and `b` `[m]`, which count as shares of their sums.
///
/// `start` holds potentials whose column part shapes the first tree: it changes the time, never the answer; one that does not fit, or
/// is not finite, is left out.
///
/// # Panics
/// If `cost` does not hold n·m values: callers own all three.
pub fn solve<T: Real>(cost: &[T], a: &[f64], b: &[f64], start: Option<&Potentials>) -> Transport {
    solve_capped(cost, a, b, start, usize::MAX)
}

/// The same with a cap on pivots. When it is met the plan is feasible all the same, the status tells how much mass had found no
/// priced arc yet, and the gap what that may cost.
///
/// # Panics
/// If `cost` does not hold n·m values: callers own all three.
pub(crate) fn solve_capped<T: Real>(
    cost: &[T],
    a: &[f64],
    b: &[f64],
    start: Option<&Potentials>,
    max_pivots: usize,
) -> Transport {
    assert_eq!(cost.len(), a.len() * b.len(), "one cost for each pair");
    let (rounded, exact) = (&Rounded::exact(cost, b.len()), &Held { cost, columns: b.len() });
    let max_pivots = max_pivots.min(PIVOTS_A_NODE.saturating_mul(a.len() + b.len()));
    unstoppable(|stop| solve_problem_capped(&Problem { rounded, exact, stop }, a, b, start, max_pivots))
}

/// The plan of least exact cost: first over the rounded matrix, then over what rounding left in question, and in whole numbers where
/// the range of the costs asks for it.
///
/// # Errors
/// The problem was told to stop.
pub(crate) fn solve_problem<T: Real, C: Costs>(
    problem: &Problem<T, C>,
    a: &[f64],
    b: &[f64],
    start: Option<&Potentials>,
) -> Result<Transport, Interrupted> {
    solve_problem_capped(problem, a, b, start, PIVOTS_A_NODE.saturating_mul(a.len() + b.len()))
}

fn solve_problem_capped<T: Real, C: Costs>(
    problem: &Problem<T, C>,
    a: &[f64],
    b: &[f64],
    start: Option<&Potentials>,
    max_pivots: usize,
) -> Result<Transport, Interrupted> {
    let masses = Masses::new(a, b);
    let (mut tree, mut pivots, mut is_done) = over_rounded(problem, &masses, start, max_pivots)?;
    let mut known = Known::new(problem);
    if is_done {
        let (more, ended) = known.settle(&mut tree, max_pivots - pivots)?;
        (pivots, is_done) = (pivots + more, ended);
    }
    let unplaced = masses.share(tree.mass_at_root());
    let flows = tree.complete_flows().into_iter();
    let mut entries: Vec<_> = flows.map(|(i, j, flow)| (i, j, masses.share(flow))).collect();
    let mut proof = known.certify(&entries, tree.sink_potentials())?;
    let verdict = |proof: &Proof| Verdict::new(problem.exact, proof.gap, proof.value, &proof.potentials);
    if is_done && !verdict(&proof).is_optimal() {
        let finished = whole::finish(tree, &masses, problem, max_pivots - pivots);
        problem.stop.check()?;
        if let Some(whole) = finished.filter(|whole| whole.proof.gap < proof.gap) {
            (entries, proof, pivots) = (whole.entries, whole.proof, pivots + whole.pivots);
        }
    }
    let Verdict { gap, .. } = verdict(&proof);
    let status = if is_done { verdict(&proof).status() } else { Status::Stopped { error: unplaced } };
    let Proof { potentials, value, .. } = proof;
    let plan = Plan::Sparse { n: a.len(), m: b.len(), entries };
    Ok(Transport { plan, potentials, value, gap, status, iterations: pivots })
}

/// A tree for the costs of a matrix, the pivots that it took, and whether it is optimal for them.
fn over_rounded<T: Real, C: Costs>(
    problem: &Problem<T, C>,
    masses: &Masses,
    start: Option<&Potentials>,
    max_pivots: usize,
) -> Result<(Tree<f64>, usize, bool), Interrupted> {
    let (cost, stop) = (&problem.rounded.cost[..], problem.stop);
    let (n, m) = (masses.a.len(), masses.b.len());
    let largest = cost.iter().fold(0.0, |most: f64, c| most.max(c.wide().abs()));
    let mut tree = match warm::usable(start, m) {
        Some(v) => warm::tree(masses, largest, cost, v, stop),
        None => {
            let mut star = Tree::new(masses, largest);
            star.adopt_cheapest_sinks(cost, stop);
            star
        }
    };

    // Rounding of the potentials, not optimality, would decide between arcs closer to zero than this.
    let tolerance = largest * 1e-14;
    let mut pricing = Pricing::new(n, m);
    let mut pivots = 0;
    let mut is_fresh = false;
    while pivots < max_pivots {
        let entering = pricing.next_entering(cost, &tree, tolerance, stop);
        stop.check()?;
        match entering {
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
            None => return Ok((tree, pivots, true)),
        }
    }
    Ok((tree, pivots, false))
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

    fn next_entering<T: Real>(
        &mut self,
        cost: &[T],
        tree: &Tree<f64>,
        tolerance: f64,
        stop: &Stop,
    ) -> Option<(usize, usize)> {
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
                if best.1.is_some() || stop.is_set() {
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
