//! The last resort for costs of any range: the simplex in whole numbers of 128 bits, where nothing is rounded on the way and a tree
//! without a negative arc is optimal, not nearly so. Costs far above all that carry mass are cut off, so that the bits are spent
//! on what differs; a plan that leaves the cut ones empty is optimal for the costs as they are.

use rayon::prelude::*;

use super::{Proof, masses::Masses, tree::Tree};
use crate::{
    real::Real,
    room,
    solution::Potentials,
    solver::{costs::Costs, transport::Problem},
    stop::Stop,
};

/// Bits of the largest potential: with a cost and another potential added it still fits.
const BITS: i32 = 123;

/// Times that a cut is moved before it is given up.
const MOST_CUTS: usize = 24;

/// A plan's flows with its proof.
pub(super) struct Whole {
    pub entries: Vec<(u32, u32, f64)>,
    pub proof: Proof,
    pub pivots: usize,
}

/// Goes on from a tree of any quality; `None` if pivots, cuts or memory ran out, or if it was told to stop.
pub(super) fn finish<T: Real, C: Costs>(
    tree: Tree<f64>,
    masses: &Masses,
    problem: &Problem<T, C>,
    max_pivots: usize,
) -> Option<Whole> {
    let (exact, stop) = (problem.exact, problem.stop);
    let (n, m) = exact.shape();
    // Costs, and the whole numbers that they become.
    if !room::is_there(room::sum(&[room::bytes::<f64>(&[n, m]), room::bytes::<i128>(&[n, m])])) {
        return None;
    }
    let mut cost = vec![0.0; n * m];
    cost.par_chunks_mut(m).enumerate().filter(|_| !stop.is_set()).for_each(|(i, row)| exact.fill_row(i, row));
    // Rows that were left out would be costs of zero.
    if stop.is_set() {
        return None;
    }
    let largest = cost.iter().fold(0.0, |most: f64, c| most.max(c.abs()));
    let at = |i: usize, j: usize| cost[i * m + j];

    let mut reach = reach_of(&tree, &at).unwrap_or(largest);
    let mut cut = margin(reach, n + m, &cost).min(largest);
    let mut tree = tree;
    let mut pivots = 0;
    for _ in 0..MOST_CUTS {
        let scale = Scale::new(cut, n + m);
        // Once for all pivots: a conversion costs as much as ten comparisons.
        let prices: Vec<i128> = cost.par_iter().map(|c| scale.of(*c)).collect();
        let mut whole = tree.priced_anew(scale.of(cut) + 1, |i, j| prices[i * m + j]);
        pivots += optimise(&mut whole, &prices, max_pivots.checked_sub(pivots)?, stop)?;
        let carried = reach_of(&whole, &at);
        let next = carried.unwrap_or(largest);
        if carried.is_none() || next > cut {
            // Mass has to travel beyond the cut, or that far at least: the cut was too low to tell how.
            if cut >= largest {
                return None;
            }
            (reach, cut) = (next, (cut * 2f64.powi(30)).min(largest));
        } else if next < reach * 2f64.powi(-12) && cut > margin(next, n + m, &cost) {
            // What carries mass is far below what was thought: more bits for it.
            (reach, cut) = (next, margin(next, n + m, &cost));
        } else {
            return Some(proved(&whole, masses, exact, &cost, &scale, pivots));
        }
        tree = whole.priced_anew(cut + f64::MIN_POSITIVE, &at);
    }
    None
}

/// The largest cost that carries mass; `None` while some still travels through the root.
fn reach_of<P: super::tree::Price>(tree: &Tree<P>, cost: &impl Fn(usize, usize) -> f64) -> Option<f64> {
    if tree.mass_at_root() > 0 {
        return None;
    }
    let flows = tree.complete_flows();
    Some(flows.iter().fold(0.0, |most: f64, &(i, j, _)| most.max(cost(i as usize, j as usize).abs())))
}

/// Where to cut when costs up to `reach` carry mass: no path of replaced pairs is longer than all of them together.
fn margin(reach: f64, nodes: usize, cost: &[f64]) -> f64 {
    let lowest = cost.iter().fold(0.0, |most: f64, c| most.max(-c));
    (4.0 * nodes as f64 * reach).max(lowest).max(f64::MIN_POSITIVE)
}

/// Costs as whole numbers, rounded down, none above the cut.
struct Scale {
    cut: f64,
    factor: f64,
}

impl Scale {
    fn new(cut: f64, nodes: usize) -> Self {
        let exponent = BITS - (cut * (nodes as f64 + 4.0)).log2().ceil() as i32;
        Self { cut, factor: 2f64.powi(exponent.min(1000)) }
    }

    fn of(&self, cost: f64) -> i128 {
        (cost.min(self.cut) * self.factor).floor() as i128
    }

    fn back(&self, price: i128) -> f64 {
        price as f64 / self.factor
    }
}

/// Pivots until no arc has a negative reduced cost, row by row over row-major `prices` `[n, m]`; their number, or `None` where they
/// ran out or it was told to stop.
fn optimise(tree: &mut Tree<i128>, prices: &[i128], max_pivots: usize, stop: &Stop) -> Option<usize> {
    let m = tree.pi_sinks().len();
    let sources: Vec<usize> = (0..prices.len() / m).filter(|&i| tree.is_active_source(i)).collect();
    let (mut pivots, mut clean) = (0, 0);
    for &i in sources.iter().cycle() {
        if clean == sources.len() {
            break;
        }
        if stop.is_set() {
            return None;
        }
        clean += 1;
        let row = &prices[i * m..(i + 1) * m];
        while let Some((j, price)) = cheapest(tree, row, i) {
            if pivots == max_pivots || stop.is_set() {
                return None;
            }
            tree.pivot(i, j, price);
            pivots += 1;
            clean = 0;
        }
    }
    Some(pivots)
}

/// The arc of a row whose price lies most below its potentials. A sink without mass is far below all.
fn cheapest(tree: &Tree<i128>, row: &[i128], i: usize) -> Option<(usize, i128)> {
    let least = row.iter().zip(tree.pi_sinks()).map(|(price, pi_sink)| price - pi_sink).min()?;
    if least + tree.pi_source(i) >= 0 {
        return None;
    }
    let j = row.iter().zip(tree.pi_sinks()).position(|(price, pi_sink)| price - pi_sink == least)?;
    Some((j, row[j]))
}

fn proved<C: Costs>(
    tree: &Tree<i128>,
    masses: &Masses,
    exact: &C,
    cost: &[f64],
    scale: &Scale,
    pivots: usize,
) -> Whole {
    let (n, m) = exact.shape();
    let flows = tree.complete_flows().into_iter();
    let entries: Vec<_> = flows.map(|(i, j, flow)| (i, j, masses.share(flow))).collect();
    let value: f64 = entries.iter().map(|&(i, j, mass)| mass * cost[i as usize * m + j as usize]).sum();
    // Whole costs are at most one unit below the exact ones, for the plan and for the optimum alike.
    let gap = scale.back(1) + (2.0 * exact.relative_error() + f64::EPSILON) * value.abs();
    let prices: Vec<Option<f64>> =
        tree.pi_sinks().iter().map(|&p| (p > i128::MIN / 4).then(|| scale.back(p))).collect();
    let reduced = |i: usize, j: usize| prices[j].map_or(f64::INFINITY, |v| cost[i * m + j] - v);
    let u: Vec<f64> = (0..n).map(|i| (0..m).map(|j| reduced(i, j)).fold(f64::INFINITY, f64::min)).collect();
    let largest = |j: usize| (0..n).map(|i| cost[i * m + j] - u[i]).fold(f64::INFINITY, f64::min);
    let v = (0..m).map(|j| prices[j].unwrap_or_else(|| largest(j))).collect();
    Whole { entries, proof: Proof { potentials: Potentials { u, v }, value, gap }, pivots }
}
