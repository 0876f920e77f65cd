//! The checker of a transport plan: it takes only the plan and the column potentials and recomputes all else in `f64`.
//! Weak duality: for any v, u_i = min_j (c_ij − v_j) is feasible, so ⟨a, u⟩ + ⟨b, v⟩ bounds every plan's cost from below.

use crate::{real::Real, solution::Potentials};

/// A plan's cost, feasible potentials, and how far apart they leave it from the optimum.
pub struct Proof {
    pub potentials: Potentials,
    pub value: f64,
    pub gap: f64,
}

/// Value and gap of the plan `entries` (row, column, mass) over a row-major matrix `[n, m]`; columns whose potential is −∞ (no mass)
/// get the largest feasible one.
pub fn of_plan<T: Real>(cost: &[T], (n, m): (usize, usize), entries: &[(u32, u32, f64)], mut v: Vec<f64>) -> Proof {
    let mut u = vec![f64::INFINITY; n];
    for (u, row) in u.iter_mut().zip(cost.chunks_exact(m)) {
        *u = row.iter().zip(&v).map(|(c, v)| c.wide() - v).fold(f64::INFINITY, f64::min);
    }
    if v.iter().any(|v| !v.is_finite()) {
        let is_empty: Vec<bool> = v.iter().map(|v| !v.is_finite()).collect();
        v.iter_mut().filter(|v| !v.is_finite()).for_each(|v| *v = f64::INFINITY);
        for (u, row) in u.iter().zip(cost.chunks_exact(m)) {
            for j in (0..m).filter(|&j| is_empty[j]) {
                v[j] = v[j].min(row[j].wide() - u);
            }
        }
    }
    // The slack of each pair is summed, not the two large totals: their difference would cancel.
    let (mut value, mut gap) = (0.0, 0.0);
    for &(i, j, mass) in entries {
        let (i, j) = (i as usize, j as usize);
        let c = cost[i * m + j].wide();
        value += mass * c;
        gap += mass * (c - u[i] - v[j]);
    }
    Proof { potentials: Potentials { u, v }, value, gap }
}
