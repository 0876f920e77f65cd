//! A matching under construction: bids that give most rows a column, and the proof at the end.

use super::costs::{ALONE, Matrix, nearest};
use crate::{
    isa::{LANES, Simd},
    real::Real,
    stop::{Interrupted, Stop},
};

/// No row, or no column.
const NONE: u32 = u32::MAX;

/// A matching of every row, with potentials of rows and columns that its certificate has made feasible.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Direct {
    /// Column of each row.
    pub columns: Vec<u32>,
    /// u of rows, v of columns: u_i + v_j ≤ c_ij.
    pub u: Vec<f64>,
    /// Where there are more columns: at most zero, and zero where one is left alone.
    pub v: Vec<f64>,
    /// Sum over rows by which a matched pair can be dearer than potentials allow.
    pub gap: f64,
    /// Augmenting paths searched.
    pub paths: usize,
}

/// A matching under construction.
pub(super) struct State<'a, T> {
    pub(super) cost: &'a Matrix<'a, T>,
    /// Column potentials; −∞ for columns that are not there, which makes them infinitely dear.
    pub(super) v: Vec<[f64; LANES]>,
    /// Column of each row, row of each column.
    pub(super) x: Vec<u32>,
    pub(super) y: Vec<u32>,
    /// −∞ for columns without row, ∞ for others.
    pub(super) shut: Vec<[f64; LANES]>,
}

/// The two least reduced costs of a row.
struct Best {
    least: f64,
    column: usize,
    second: f64,
}

impl<'a, T: Real> State<'a, T> {
    pub(super) fn new(cost: &'a Matrix<'a, T>) -> Self {
        let (v, shut) = (vec![[0.0; LANES]; cost.chunks()], vec![[f64::NEG_INFINITY; LANES]; cost.chunks()]);
        let mut state = Self { cost, v, x: vec![NONE; cost.n], y: vec![NONE; cost.m], shut };
        state.leave_out();
        state
    }

    /// Leaves out what is beyond the last column.
    pub(super) fn leave_out(&mut self) {
        if let (Some(v), Some(shut), rest @ 1..) = (self.v.last_mut(), self.shut.last_mut(), self.cost.m % LANES) {
            v[rest..].fill(f64::NEG_INFINITY);
            shut[rest..].fill(f64::INFINITY);
        }
    }

    /// Matches row and column; the row that had it.
    #[inline(always)]
    pub(super) fn pair(&mut self, i: usize, j: usize) -> u32 {
        self.shut[j / LANES][j % LANES] = f64::INFINITY;
        self.x[i] = j as u32;
        std::mem::replace(&mut self.y[j], i as u32)
    }

    /// Rows bid for their best column up to indifference, a loser next, until none is free or after so many bids. The rows left.
    #[inline(always)]
    pub(super) fn reduce<S: Simd>(&mut self, simd: S, bids: usize, stop: &Stop) -> Result<Vec<usize>, Interrupted> {
        let n = self.cost.n;
        let (mut left, mut next, mut loser) = (Vec::new(), 0, NONE);
        for bid in 0..bids {
            if bid.is_multiple_of(64) {
                stop.check()?;
            }
            let i = match loser {
                NONE if next == n => break,
                NONE => {
                    next += 1;
                    next - 1
                }
                row => row as usize,
            };
            loser = NONE;
            let best = self.two_least(simd, i);
            let taken = self.y[best.column] != NONE;
            if best.second > best.least && best.second < f64::INFINITY {
                self.v[best.column / LANES][best.column % LANES] -= best.second - best.least;
                loser = self.pair(i, best.column);
            } else if !taken {
                self.pair(i, best.column);
            } else if let Some(column) = self.open_at(simd, i, best.least) {
                self.pair(i, column);
            } else {
                // A bid that raises nothing only takes from another: a path decides.
                left.push(i);
            }
            if loser != NONE {
                self.x[loser as usize] = NONE;
            }
        }
        if loser != NONE {
            left.push(loser as usize);
        }
        left.extend(next..n);
        Ok(left)
    }

    /// The two least of c_ij − v_j over j.
    #[inline(always)]
    fn two_least<S: Simd>(&self, simd: S, i: usize) -> Best {
        let far = simd.splat_d(f64::INFINITY);
        let (mut least, mut second, mut at) = (far, far, simd.splat(0));
        let row = self.cost.row(i);
        // Plain loops: what is handed to an iterator's method may be compiled apart, without the instructions.
        for k in 0..self.v.len() {
            let reduced = row.reduced(simd, k, &self.v[k]);
            let less = simd.less_d(reduced, least);
            second = simd.min_d(second, simd.max_d(least, reduced));
            least = simd.min_d(least, reduced);
            at = simd.select(less, simd.splat(k as i32), at);
        }
        let (value, column) = nearest(simd, least, at);
        // The lane of the least one gives way to its own second.
        let others = simd.max_d(least, simd.load_d(&ALONE[column % LANES]));
        Best { least: value, column, second: simd.least_d(simd.min_d(second, others)) }
    }

    /// A column without row whose reduced cost for row i is `value`.
    #[inline(always)]
    fn open_at<S: Simd>(&self, simd: S, i: usize, value: f64) -> Option<usize> {
        let value = simd.splat_d(value);
        let row = self.cost.row(i);
        for k in 0..self.v.len() {
            let reduced = simd.max_d(row.reduced(simd, k, &self.v[k]), simd.load_d(&self.shut[k]));
            let bits = simd.bits(simd.equal_d(reduced, value));
            if bits != 0 {
                return Some(k * LANES + bits.trailing_zeros() as usize);
            }
        }
        None
    }

    /// Row potentials that no pair undercuts, and by how much the matched pairs are dearer.
    #[inline(always)]
    pub(super) fn prove<S: Simd>(self, simd: S, paths: usize) -> Direct {
        let (mut u, mut gap) = (Vec::with_capacity(self.cost.n), 0.0);
        for i in 0..self.cost.n {
            let mut least = simd.splat_d(f64::INFINITY);
            let row = self.cost.row(i);
            for k in 0..self.v.len() {
                least = simd.min_d(least, row.reduced(simd, k, &self.v[k]));
            }
            let least = simd.least_d(least);
            let j = self.x[i] as usize;
            let v = self.v[j / LANES][j % LANES];
            // With what rounding can have hidden: of each difference, and of the sums.
            gap += self.cost.pair(i, j) - v - least + f64::EPSILON * (least.abs() + v.abs());
            u.push(least);
        }
        let v = self.v.as_flattened()[..self.cost.m].to_vec();
        Direct { columns: self.x, u, v, gap, paths }
    }
}
