//! The network simplex where no matrix is held: pivots choose among a short list of arcs of each row, and a pass over all rows, computed
//! as they are read, adds what the lists lack until nothing is cheaper (column generation, Ford and Fulkerson 1958; short lists for
//! transport, Gottschlich and Schuhmacher 2014). The last pass is the certificate. O((n + m) k) memory.

mod pass;

use kd2m_simd::ranks::{share, wire};

use super::{
    masses::Masses,
    tree::{PIVOTS_A_NODE, Tree},
    warm,
};
use crate::{
    solution::{Plan, Potentials, Status},
    solver::{costs::Verdict, plan::Transport, streaming::Streaming},
    stop::{Interrupted, Stop},
};
use pass::{Arc, Found, candidates, over_all};

/// The plan of least cost under weights `a` `[n]` and `b` `[m]`, which count as shares of their sums. Only the column part of `start`
/// counts, and only for the time.
///
/// # Errors
/// Told to stop.
pub(crate) fn solve<C: Streaming>(
    costs: &C,
    a: &[f64],
    b: &[f64],
    start: Option<&Potentials>,
) -> Result<Transport, Interrupted> {
    let (n, m) = costs.shape();
    let masses = Masses::new(a, b);
    let first = warm::usable(start, m).unwrap_or(costs.own_of_columns());
    let carrying = |(v, mass): (&f64, &i128)| if *mass > 0 { *v } else { f64::NEG_INFINITY };
    let first: Vec<f64> = first.iter().zip(&masses.b).map(carrying).collect();
    let arcs = candidates(costs, &masses, &first)?;
    let mut tree = warm::grown(&masses, costs.at_most(), &arcs, |i, j| costs.pair(i, j));
    let mut lists = listed(costs, &arcs)?;
    drop(arcs);

    let max_pivots = PIVOTS_A_NODE.saturating_mul(n + m);
    let mut pivots = 0;
    let (found, is_done) = loop {
        let before = pivots;
        pivots += optimise(&mut tree, &lists, max_pivots - pivots, costs.pool().stop())?;
        tree.recompute_potentials(|i, j| costs.pair(i, j));
        costs.check()?;
        costs.keep(&tree.sink_potentials());
        let found = over_all(costs, &tree)?;
        if pivots == max_pivots {
            break (found, false);
        }
        let is_best = found.iter().all(|row| row.cheaper.is_empty());
        if is_best || (extend(&mut lists, &found) == 0 && pivots == before) {
            break (found, true);
        }
    };

    let unplaced = masses.share(tree.mass_at_root());
    let flows = tree.complete_flows().into_iter();
    let entries: Vec<_> = flows.map(|(i, j, flow)| (i, j, masses.share(flow))).collect();
    let u: Vec<f64> = found.iter().map(|row| row.least).collect();
    costs.check()?;
    let v = columns(costs, &u, tree.sink_potentials())?;
    // The slack of each pair is summed, not the two large totals: their difference would cancel.
    let (mut value, mut gap) = (0.0, 0.0);
    for &(i, j, mass) in &entries {
        let (c, least) = (costs.pair(i as usize, j as usize), u[i as usize]);
        let reduced = c - v[j as usize];
        value += mass * c;
        gap += mass * (reduced - least + f64::EPSILON * (reduced.abs() + least.abs()));
    }
    gap += (2.0 * costs.relative_error() + f64::EPSILON) * f64::abs(value);
    let potentials = Potentials { u, v };
    let verdict = Verdict::new(costs, gap, value, &potentials);
    let status = if is_done { verdict.status() } else { Status::Stopped { error: unplaced } };
    let plan = Plan::Sparse { n, m, entries };
    Ok(Transport { plan, potentials, value, gap: verdict.gap, status, iterations: pivots })
}

/// Exact costs of these arcs, by rows.
fn listed<C: Streaming>(costs: &C, arcs: &[warm::Candidate]) -> Result<Vec<Vec<Arc>>, Interrupted> {
    let ranks = costs.ranks();
    let own = share(costs.shape().0, ranks.rank(), ranks.size());
    let mut lists: Vec<Vec<Arc>> = vec![Vec::new(); own.len()];
    for &(_, i, j) in arcs.iter().filter(|(_, i, _)| own.contains(&(*i as usize))) {
        lists[i as usize - own.start].push((j, 0.0));
    }
    let pool = costs.pool();
    let block = lists.len().div_ceil(8 * pool.size());
    pool.share_chunks_until(&mut lists, block, |k, lists| {
        for (list, i) in lists.iter_mut().zip(own.start + k * block..) {
            list.iter_mut().for_each(|(j, cost)| *cost = costs.pair(i, *j as usize));
        }
    })?;
    costs.check()?;
    Ok(wire::gather(ranks, lists))
}

/// Adds the arcs of a pass that are on no list yet; their number.
fn extend(lists: &mut [Vec<Arc>], found: &[Found]) -> usize {
    let mut added = 0;
    for (list, row) in lists.iter_mut().zip(found) {
        let known = list.len();
        for arc in &row.cheaper {
            if list[..known].iter().all(|(j, _)| *j != arc.0) {
                list.push(*arc);
                added += 1;
            }
        }
    }
    added
}

/// Pivots until no listed arc is cheaper than its potentials; their number.
///
/// # Errors
/// Told to stop.
fn optimise(tree: &mut Tree<f64>, lists: &[Vec<Arc>], max_pivots: usize, stop: &Stop) -> Result<usize, Interrupted> {
    let sources: Vec<usize> = (0..lists.len()).filter(|&i| tree.is_active_source(i)).collect();
    let arcs: usize = lists.iter().map(Vec::len).sum();
    // Of about √arcs the cheapest enters (Grigoriadis 1986).
    let block = ((arcs as f64).sqrt() as usize * sources.len()).div_ceil(arcs.max(1)).max(1);
    let (mut pivots, mut clean, mut at) = (0, 0, 0);
    while clean < sources.len() {
        stop.check()?;
        let mut best: (f64, Option<(usize, Arc)>) = (0.0, None);
        for _ in 0..block {
            let i = sources[at];
            let pi = tree.pi_source(i);
            for &(j, cost) in &lists[i] {
                let reduced = cost + pi - tree.pi_sinks()[j as usize];
                if reduced < best.0 && pass::is_cheaper(cost, pi, tree.pi_sinks()[j as usize]) {
                    best = (reduced, Some((i, (j, cost))));
                }
            }
            at = (at + 1) % sources.len();
        }
        match best.1 {
            Some(_) if pivots == max_pivots => return Ok(pivots),
            Some((i, (j, cost))) => {
                tree.pivot(i, j as usize, cost);
                pivots += 1;
                clean = 0;
            }
            None => clean += block,
        }
    }
    Ok(pivots)
}

/// Column potentials; those without mass, which hold −∞, get the largest that is feasible.
fn columns<C: Streaming>(costs: &C, u: &[f64], mut v: Vec<f64>) -> Result<Vec<f64>, Interrupted> {
    let mut empty: Vec<(usize, f64)> = v.iter().copied().enumerate().filter(|(_, v)| !v.is_finite()).collect();
    costs.pool().share_chunks_until(&mut empty, 1, |_, columns| {
        for (j, v) in columns {
            *v = u.iter().enumerate().map(|(i, u)| costs.pair(i, *j) - u).fold(f64::INFINITY, f64::min);
        }
    })?;
    for (j, largest) in empty {
        v[j] = largest;
    }
    Ok(v)
}
