//! Exact transport between uniform clouds of equal size: the linear assignment problem, with a certificate.
//! Shortest augmenting paths after Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse linear
//! assignment problems" (1987). Read [`dense`] first, then [`certificate`].

mod augment;
pub(crate) mod certificate;
pub(crate) mod dense;
pub(crate) mod direct;
mod dual_repair;
pub(crate) mod fast;
mod lists;
mod matching;
mod minima;
pub(crate) mod refine;
pub(crate) mod rows;
mod scans;
mod search;

#[cfg(test)]
mod tests;

pub(crate) use matching::{Assignment, Matching};

use rows::Rows;

use super::costs::{Held, Verdict, is_at_rounding};
use crate::{
    isa::Isa,
    pool::Pool,
    real::Real,
    solution::Potentials,
    stop::{Interrupted, Stop, unstoppable},
};

/// The assignment of least total cost for a row-major square matrix `[n, n]`; `start` holds column potentials to begin from.
///
/// # Panics
/// If `cost` does not hold n² values: callers own both.
pub fn solve<T: Real>(cost: &[T], n: usize, start: Option<&[f64]>) -> Assignment {
    unstoppable(|stop| solve_until(cost, n, start, stop))
}

/// The same until it is told to stop.
///
/// # Errors
/// [`Interrupted`] if it was.
///
/// # Panics
/// If `cost` does not hold n² values: callers own both.
pub(crate) fn solve_until<T: Real>(
    cost: &[T],
    n: usize,
    start: Option<&[f64]>,
    stop: &Stop,
) -> Result<Assignment, Interrupted> {
    assert_eq!(cost.len(), n * n, "a square matrix");
    if start.is_none()
        && let Some(found) = solve_directly(cost, n, stop)?
        && is_at_rounding(found.gap, found.value)
    {
        return Ok(found);
    }
    Pool::with(n >= PARALLEL_FROM, stop, |pool| solve_by(pool, cost, n, start))
}

/// By [`direct`], where it is quicker; its gap is for the caller to judge.
///
/// # Errors
/// [`Interrupted`] if it was told to stop.
pub(crate) fn solve_directly<T: Real>(cost: &[T], n: usize, stop: &Stop) -> Result<Option<Assignment>, Interrupted> {
    if !direct::is_quicker(cost, n) {
        return Ok(None);
    }
    let direct::Direct { columns, u, v, gap, paths } = direct::solve(Isa::detect(), cost, (n, n), stop)?;
    let total: f64 = columns.iter().enumerate().map(|(i, &j)| cost[i * n + j as usize].wide()).sum();
    let (value, gap) = (total / n as f64, gap / n as f64);
    Ok(Some(Assignment { columns, potentials: Potentials { u, v }, value, gap, iterations: paths }))
}

fn solve_by<T: Real>(pool: &Pool, cost: &[T], n: usize, start: Option<&[f64]>) -> Result<Assignment, Interrupted> {
    let (isa, exact) = (Isa::detect(), Held { cost, columns: n });
    let rows = rows::Matrix::new(cost, n);
    let found = solve_rows(pool, &rows, start)?;
    if is_at_rounding(found.gap, found.value) {
        return Ok(found);
    }
    // Fixed point holds 27 bits. What it leaves open is mostly settled over few entries; a very wide range is refined.
    let iterations = found.iterations;
    let matching = Matching { columns: found.columns, v: found.potentials.v, iterations };
    let found = certificate::certify(isa, pool, &rows::Settled(rows), matching)?;
    let verdict = Verdict::new(&exact, found.gap, found.value, &found.potentials);
    if verdict.is_optimal() {
        return Ok(Assignment { gap: verdict.gap, ..found });
    }
    let refined = refine::refine(isa, pool, &exact, &found.columns)?;
    Ok(if refined.verdict.gap < verdict.gap { refined.into_assignment(iterations) } else { found })
}

/// The same for any source of rows, without the finish in `f64`: the gap tells what fixed point left open.
///
/// # Errors
/// The problem was told to stop.
pub(crate) fn solve_rows<R: Rows>(pool: &Pool, rows: &R, start: Option<&[f64]>) -> Result<Assignment, Interrupted> {
    let isa = Isa::detect();
    let matching = match fast::solve(isa, pool, rows, start, fast::Tuning::default())? {
        // Row minima are exact where entries are: with v = 0 nothing was rounded, and the pass that found them is the proof.
        fast::Answer::Nearest { columns, least } if rows.exact(0, 0).is_none() => {
            let u: Vec<f64> = least.iter().map(|u| u.wide()).collect();
            let value = u.iter().sum::<f64>() / u.len() as f64;
            let potentials = Potentials { v: vec![0.0; u.len()], u };
            return Ok(Assignment { columns, potentials, value, gap: 0.0, iterations: 0 });
        }
        // Of whole numbers matched at no cost nothing is left to prove: below zero there is no matching.
        fast::Answer::Searched { matching, lowest } if rows.exact(0, 0).is_none() && lowest.wide() >= 0.0 => {
            let found = certificate::certify(isa, pool, rows, matching)?;
            return Ok(Assignment { gap: found.gap.min(found.value), ..found });
        }
        answer => answer.matching(),
    };
    certificate::certify(isa, pool, rows, matching)
}

/// From this size on the passes over the matrix are shared among threads; below, waking them costs more than they save.
pub(crate) const PARALLEL_FROM: usize = 384;

/// A matching with its proof, for tests of the solvers.
#[cfg(test)]
fn certified<T: Real>(cost: &[T], n: usize, matching: Matching) -> Assignment {
    let isa = Isa::Portable(crate::isa::Portable);
    unstoppable(|_| certificate::certify(isa, &Pool::alone(), &rows::Matrix::new(cost, n), matching))
}
