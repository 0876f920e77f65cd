//! Jonker–Volgenant on a matrix as it is given, in `f64`, with as many columns as rows or more: bounded row reduction, then a shortest
//! augmenting path for each row that is left. Nothing is copied or rounded first, so small problems take microseconds; what its
//! certificate leaves open goes to the others. Rectangular problems as in Bijsterbosch and Volgenant, "Solving the rectangular
//! assignment problem and applications" (2010): there potentials of columns are never above zero, and zero where a column
//! stays alone.

mod bids;
mod choice;
mod costs;
mod paths;

use bids::State;
use costs::Matrix;
use paths::Tree;

pub(crate) use bids::Direct;
pub(crate) use choice::is_quicker;

use crate::{
    isa::{Isa, Kernel, LANES, Simd},
    real::Real,
    stop::{Interrupted, Stop},
};

/// Bids of the row reduction, per row: more of them save paths, and price wars among ties cost as much as paths.
const BIDS: usize = 4;

/// The least assignment of every row of a row-major `[n, m]` matrix, n ≤ m.
///
/// # Errors
/// [`Interrupted`] if it was told to stop.
///
/// # Panics
/// If the matrix has fewer columns than rows: callers turn it.
pub(crate) fn solve<T: Real>(isa: Isa, cost: &[T], (n, m): (usize, usize), stop: &Stop) -> Result<Direct, Interrupted> {
    assert!(n <= m && cost.len() == n * m, "a matrix of at least as many columns as rows");
    isa.run(Solve { cost: &Matrix::new(cost, n, m), stop })
}

struct Solve<'a, T> {
    cost: &'a Matrix<'a, T>,
    stop: &'a Stop,
}

impl<T: Real> Kernel for Solve<'_, T> {
    type Output = Result<Direct, Interrupted>;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> Self::Output {
        let mut state = State::new(self.cost);
        // Where no column stays alone its potential may have any sign, and the cheapest row is a better guess than none.
        if self.cost.n == self.cost.m {
            state.v.fill([f64::INFINITY; LANES]);
            for i in 0..self.cost.n {
                let row = self.cost.row(i);
                for k in 0..state.v.len() {
                    let least = simd.min_d(simd.load_d(&state.v[k]), row.costs(simd, k));
                    simd.store_d(least, &mut state.v[k]);
                }
            }
            state.leave_out();
        }
        let free = state.reduce(simd, BIDS * self.cost.n, self.stop)?;
        let mut tree = Tree::new(self.cost.chunks());
        for &row in &free {
            self.stop.check()?;
            tree.augment(simd, &mut state, row);
        }
        Ok(state.prove(simd, free.len()))
    }
}
