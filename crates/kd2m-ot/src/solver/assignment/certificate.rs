//! The checker of an assignment: it takes only the permutation and the column potentials and recomputes all else in `f64`.
//! Weak duality: for any v, u_i = min_j (c_ij − v_j) is feasible, so mean(u) + mean(v) bounds every plan's cost from below.

use super::{Assignment, Matching};
use crate::{real::Real, solution::Potentials};

/// Row potentials, value and gap of a claimed matching, from the whole matrix.
pub fn certify<T: Real>(cost: &[T], n: usize, matching: Matching) -> Assignment {
    let Matching { columns, v, iterations } = matching;
    let u: Vec<f64> = cost
        .chunks_exact(n)
        .map(|row| row.iter().zip(&v).map(|(c, v)| c.wide() - v).fold(f64::INFINITY, f64::min))
        .collect();
    let matched = |i: usize| cost[i * n + columns[i] as usize].wide();
    let value = (0..n).map(matched).sum::<f64>() / n as f64;
    // The slack of each pair is summed, not the two large totals: their difference would cancel.
    let gap = (0..n).map(|i| matched(i) - u[i] - v[columns[i] as usize]).sum::<f64>() / n as f64;
    Assignment { columns, potentials: Potentials { u, v }, value, gap, iterations }
}

/// True if every column occurs exactly once.
pub fn is_permutation(columns: &[u32]) -> bool {
    let mut seen = vec![false; columns.len()];
    columns.iter().all(|&j| seen.get_mut(j as usize).is_some_and(|s| !std::mem::replace(s, true)))
}
