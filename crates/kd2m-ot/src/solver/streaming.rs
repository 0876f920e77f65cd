//! Costs for which no matrix can be held: rows are computed whenever they are read. Next: [`crate::cost::streamed`], which computes
//! them, and [`super::network_simplex::streamed`], which reads them.

use std::ops::Range;

use kd2m_simd::ranks::{Alone, Ranks};

use super::costs::Costs;
use crate::{pool::Pool, stop::Interrupted};

/// Exact costs pair by pair, and whole rows of them near enough to tell which pairs are worth asking for.
pub(crate) trait Streaming: Costs {
    /// The threads that share the reading.
    fn pool(&self) -> &Pool;

    /// Rows to read at a time.
    fn block(&self) -> usize;

    /// Reads these rows less column potentials `v` `[m]`; a potential of −∞ takes its column out. Told to stop, rows may hold anything.
    fn read(&self, rows: Range<usize>, v: &[f64], visit: impl FnMut(usize, &Reduced));

    /// Column potentials to begin with where nothing is known: what is of a column alone in its costs.
    fn own_of_columns(&self) -> &[f64];

    /// No cost is larger.
    fn at_most(&self) -> f64;

    /// Who shares the rows: each reads its own, and all are told what all have found.
    fn ranks(&self) -> &dyn Ranks {
        &Alone
    }

    /// Fails where nothing more can be read.
    ///
    /// # Errors
    /// Told to stop, or what is read cannot be.
    fn check(&self) -> Result<(), Interrupted> {
        self.pool().stop().check()
    }

    /// Is told column potentials that are worth beginning from another time, after each pass.
    fn keep(&self, _v: &[f64]) {}
}

/// A row of costs less the potentials of its columns.
pub(crate) struct Reduced<'a> {
    /// c_j − v_j, `[m]`.
    pub row: &'a [f64],
    /// The least of them.
    pub least: f64,
    /// How far any of them may be off.
    pub bound: f64,
}
