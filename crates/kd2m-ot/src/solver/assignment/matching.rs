//! A matching, before and after its proof. Next: [`super::certificate`], which makes one of the other.

use crate::solution::Potentials;

/// An optimal assignment and the proof of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// Row i is matched with column `columns[i]`.
    pub columns: Vec<u32>,
    /// u and v with `u_i + v_j ≤ c_ij`, equal (within `gap`) on matched pairs.
    pub potentials: Potentials,
    /// Mean cost of the matched pairs.
    pub value: f64,
    /// How far from optimal the assignment can be: `value − mean(u) − mean(v)` with all that rounding can have hidden added.
    pub gap: f64,
    /// Augmenting paths searched.
    pub iterations: usize,
}

/// What a solver claims: nobody trusts it before [`certificate::certify`] has seen it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matching {
    pub columns: Vec<u32>,
    /// Column potentials; the row potentials follow from them.
    pub v: Vec<f64>,
    pub iterations: usize,
}
