//! Passes over all rows: the first chooses the arcs to begin with, later ones those that are cheaper than the tree's potentials allow.

use std::sync::{Mutex, PoisonError};

use kd2m_simd::ranks::{
    share,
    wire::{self, Wire},
};

use crate::{
    solver::{
        network_simplex::{
            masses::Masses,
            nearest::Nearest,
            tree::Tree,
            warm::{self, Candidate},
        },
        streaming::{Reduced, Streaming},
    },
    stop::Interrupted,
};

/// A column and its cost.
pub(super) type Arc = (u32, f64);

/// Arcs of least reduced cost of each row and of each column to begin with.
const OF_ROWS: usize = 12;
const OF_COLUMNS: usize = 6;

/// Arcs that a later pass adds to a row at most.
const MORE: usize = 6;

/// What a pass finds of a row.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// The least c_j − v_j, of exact costs.
    pub least: f64,
    /// Arcs whose cost lies below their potentials.
    pub cheaper: Vec<Arc>,
}

impl Wire for Found {
    fn put(&self, out: &mut Vec<u8>) {
        self.least.put(out);
        self.cheaper.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(Self { least: Wire::take(from)?, cheaper: Wire::take(from)? })
    }
}

/// What is nearest to each column, and how near the last of these is: looked at for every pair, so they lie close together.
struct OfColumns {
    found: Vec<Nearest<OF_COLUMNS>>,
    last: Vec<f64>,
}

impl OfColumns {
    fn new(m: usize) -> Self {
        Self { found: vec![Nearest::new(); m], last: vec![f64::INFINITY; m] }
    }

    fn offer(&mut self, j: usize, value: f64, i: u32) {
        if value <= self.last[j] {
            self.found[j].offer(value, i);
            self.last[j] = self.found[j].last();
        }
    }

    /// What others have found of all columns.
    fn take_in(&mut self, found: &[Nearest<OF_COLUMNS>]) {
        for (j, found) in found.iter().enumerate() {
            found.found().for_each(|(reduced, i)| self.offer(j, reduced, i));
        }
    }
}

/// The arcs of least reduced cost of each row and of each column with mass, in the order of these costs, rows by their own least.
///
/// # Errors
/// Told to stop.
pub(super) fn candidates<C: Streaming>(costs: &C, masses: &Masses, v: &[f64]) -> Result<Vec<Candidate>, Interrupted> {
    let (n, m) = costs.shape();
    let (block, ranks) = (costs.block(), costs.ranks());
    let own = share(n, ranks.rank(), ranks.size());
    // As many as there are threads; which rows each has seen does not matter to what is least over all.
    let spare: Mutex<Vec<OfColumns>> = Mutex::default();
    let take = || spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut of_rows = vec![Nearest::<OF_ROWS>::new(); own.len()];
    costs.pool().share_chunks_until(&mut of_rows, block, |k, of_rows| {
        let from = own.start + k * block;
        let mut of_columns = take().unwrap_or_else(|| OfColumns::new(m));
        costs.read(from..from + of_rows.len(), v, |i, Reduced { row, least, .. }| {
            if masses.a[i] == 0 {
                return;
            }
            let of_row = &mut of_rows[i - from];
            for (j, c) in row.iter().enumerate() {
                let reduced = c - least;
                if reduced <= of_row.last() {
                    of_row.offer(reduced, j as u32);
                }
                of_columns.offer(j, reduced, i as u32);
            }
        });
        spare.lock().unwrap_or_else(PoisonError::into_inner).push(of_columns);
    })?;
    costs.check()?;
    let of_rows = wire::gather(ranks, of_rows);
    let mut seen = spare.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter();
    let mut of_columns = seen.next().unwrap_or_else(|| OfColumns::new(m));
    seen.for_each(|other| of_columns.take_in(&other.found));
    // What other ranks have found: all of m, one rank after another.
    if ranks.size() > 1 {
        let all = wire::gather(ranks, std::mem::take(&mut of_columns.found));
        of_columns = OfColumns::new(m);
        all.chunks_exact(m).for_each(|found| of_columns.take_in(found));
    }
    let mut all = Vec::with_capacity(n * OF_ROWS + m * OF_COLUMNS);
    for (i, of_row) in of_rows.iter().enumerate() {
        all.extend(of_row.found().map(|(reduced, j)| (reduced, i as u32, j)));
    }
    for (j, found) in of_columns.found.iter().enumerate() {
        all.extend(found.found().map(|(reduced, i)| (reduced, i, j as u32)));
    }
    Ok(warm::in_order(all))
}

/// Looks at every row under a tree's potentials.
///
/// # Errors
/// Told to stop.
pub(super) fn over_all<C: Streaming>(costs: &C, tree: &Tree<f64>) -> Result<Vec<Found>, Interrupted> {
    let (block, ranks) = (costs.block(), costs.ranks());
    let v = tree.pi_sinks();
    let own = share(costs.shape().0, ranks.rank(), ranks.size());
    let mut found = vec![Found::default(); own.len()];
    costs.pool().share_chunks_until(&mut found, block, |k, found| {
        let from = own.start + k * block;
        costs.read(from..from + found.len(), v, |i, reduced| found[i - from] = of_row(costs, tree, i, reduced));
    })?;
    costs.check()?;
    Ok(wire::gather(ranks, found))
}

/// What rounding leaves in question is computed anew: the least is exact, and an arc that is cheaper is found.
fn of_row<C: Streaming>(costs: &C, tree: &Tree<f64>, i: usize, reduced: &Reduced) -> Found {
    let v = tree.pi_sinks();
    let nearest = reduced.least + 2.0 * reduced.bound;
    let pi = if tree.is_active_source(i) { tree.pi_source(i) } else { f64::INFINITY };
    let cheaper = reduced.bound - pi;
    let (mut least, mut near) = ((f64::INFINITY, (0, f64::INFINITY)), Nearest::<MORE>::new());
    let mut look = |j: usize, c: f64| {
        if c <= nearest {
            let cost = costs.pair(i, j);
            if cost - v[j] < least.0 {
                least = (cost - v[j], (j as u32, cost));
            }
        }
        if c < cheaper {
            near.offer(c, j as u32);
        }
    };
    const LANES: usize = 16;
    let limit = nearest.max(cheaper);
    for (k, chunk) in reduced.row.chunks(LANES).enumerate() {
        // Few rows have many such columns: sixteen at a time are passed over.
        if chunk.iter().fold(f64::INFINITY, |least, c| least.min(*c)) <= limit {
            chunk.iter().enumerate().for_each(|(at, c)| look(k * LANES + at, *c));
        }
    }
    let arc = |(_, j): (f64, u32)| (j, costs.pair(i, j as usize));
    // The one that is least by its exact cost may not be among those that seem least.
    let others = near.found().map(arc).filter(|(j, _)| *j != least.1.0);
    let cheaper = [least.1].into_iter().chain(others).filter(|&(j, cost)| is_cheaper(cost, pi, v[j as usize]));
    Found { least: least.0, cheaper: cheaper.collect() }
}

/// Whether an arc's cost lies below its potentials by more than they are rounded.
pub(super) fn is_cheaper(cost: f64, pi: f64, pi_sink: f64) -> bool {
    cost + pi - pi_sink < -4.0 * f64::EPSILON * (cost.abs() + pi.abs() + pi_sink.abs())
}
