//! Exact transport between uniform clouds of equal size: the linear assignment problem, with a certificate.
//! Shortest augmenting paths after Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse linear
//! assignment problems" (1987). Read [`dense`] first, then [`certificate`].

mod augment;
pub mod certificate;
pub mod dense;
pub mod fast;
mod lists;
mod minima;
pub mod rows;
mod scans;
mod search;
mod settle;

#[cfg(test)]
mod tests;

use rows::Rows;

use crate::{crew::Crew, isa::Isa, real::Real, solution::Potentials};

/// An optimal assignment and the proof of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// Row i is matched with column `columns[i]`.
    pub columns: Vec<u32>,
    /// u and v with `u_i + v_j ≤ c_ij`, equal (within `gap`) on matched pairs.
    pub potentials: Potentials,
    /// Mean cost of the matched pairs.
    pub value: f64,
    /// `value − mean(u) − mean(v)`: how far from optimal the assignment can be, computed in `f64` over the whole matrix.
    pub gap: f64,
    /// Augmenting paths searched.
    pub iterations: usize,
}

/// The assignment of least total cost for a row-major square matrix `[n, n]`; `start` holds column potentials to begin from.
///
/// # Panics
/// If `cost` does not hold n² values: callers own both.
pub fn solve<T: Real>(cost: &[T], n: usize, start: Option<&[f64]>) -> Assignment {
    assert_eq!(cost.len(), n * n, "a square matrix");
    Crew::with(n >= PARALLEL_FROM, |crew| solve_by(crew, cost, n, start))
}

fn solve_by<T: Real>(crew: &Crew, cost: &[T], n: usize, start: Option<&[f64]>) -> Assignment {
    let rows = rows::Matrix::new(cost, n);
    let found = solve_rows(crew, &rows, start);
    // Fixed point holds 27 bits: a matrix in double precision, or one of a very wide range, is finished in `f64`.
    let largest = found.potentials.u.iter().fold(found.value.abs(), |most, u| most.max(u.abs()));
    if found.gap <= largest * T::epsilon().wide() {
        return found;
    }
    let iterations = found.iterations;
    let polished = dense::solve(cost, n, Some(&found.potentials.v));
    let polished = Matching { iterations: iterations + polished.iterations, ..polished };
    let polished = certificate::certify(Isa::detect(), crew, &rows, polished);
    if polished.gap < found.gap { polished } else { found }
}

/// The same for any source of rows, without the finish in `f64`: the gap tells what fixed point left open.
pub(crate) fn solve_rows<R: Rows>(crew: &Crew, rows: &R, start: Option<&[f64]>) -> Assignment {
    let isa = Isa::detect();
    let matching = match fast::solve(isa, crew, rows, start, fast::Tuning::default()) {
        // Row minima are exact where entries are: with v = 0 nothing was rounded, and the pass that found them is the proof.
        fast::Answer::Nearest { columns, least } if rows.exact(0, 0).is_none() => {
            let u: Vec<f64> = least.iter().map(|u| u.wide()).collect();
            let value = u.iter().sum::<f64>() / u.len() as f64;
            let potentials = Potentials { v: vec![0.0; u.len()], u };
            return Assignment { columns, potentials, value, gap: 0.0, iterations: 0 };
        }
        answer => answer.matching(),
    };
    certificate::certify(isa, crew, rows, matching)
}

/// From this size on the passes over the matrix are shared among threads; below, waking them costs more than they save.
const PARALLEL_FROM: usize = 384;

/// What a solver claims: nobody trusts it before [`certificate::certify`] has seen it.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    pub columns: Vec<u32>,
    /// Column potentials; the row potentials follow from them.
    pub v: Vec<f64>,
    pub iterations: usize,
}

/// A matching with its proof, for tests of the solvers.
#[cfg(test)]
fn certified<T: Real>(cost: &[T], n: usize, matching: Matching) -> Assignment {
    certificate::certify(Isa::Portable(crate::isa::Portable), &Crew::alone(), &rows::Matrix::new(cost, n), matching)
}
