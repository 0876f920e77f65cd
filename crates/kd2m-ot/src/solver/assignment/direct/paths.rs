//! Shortest augmenting paths for the rows that bids left without a column.

use super::{bids::State, costs::nearest};
use crate::{
    isa::{LANES, Simd},
    real::Real,
};

/// Shortest paths from one row to all columns.
pub(super) struct Tree {
    /// Lengths of the paths found so far; ∞ for columns that were passed.
    length: Vec<[f64; LANES]>,
    /// The row before each column.
    before: Vec<[i32; LANES]>,
    /// v, −∞ for columns that were passed: no path to them is shorter.
    v: Vec<[f64; LANES]>,
    /// Columns passed and the lengths of their paths.
    passed: Vec<(usize, f64)>,
}

/// The nearest column of a pass: any, and among those without row.
struct Nearest {
    any: f64,
    column: usize,
    open: f64,
}

impl Tree {
    pub(super) fn new(chunks: usize) -> Self {
        let far = [f64::INFINITY; LANES];
        Self { length: vec![far; chunks], before: vec![[0; LANES]; chunks], v: vec![far; chunks], passed: Vec::new() }
    }

    /// Gives a free row a column along a shortest path, and moves the potentials with it.
    #[inline(always)]
    pub(super) fn augment<T: Real, S: Simd>(&mut self, simd: S, state: &mut State<'_, T>, start: usize) {
        self.length.fill([f64::INFINITY; LANES]);
        self.v.copy_from_slice(&state.v);
        self.passed.clear();
        let (mut row, mut passed) = (start, 0.0);
        let (end, reached) = loop {
            let nearest = self.pass(simd, state, row, passed);
            // Of equal columns one without row, which ends the search.
            if nearest.open <= nearest.any {
                break (self.open_at(simd, state, nearest.open), nearest.open);
            }
            let (k, lane) = (nearest.column / LANES, nearest.column % LANES);
            self.passed.push((nearest.column, nearest.any));
            self.length[k][lane] = f64::INFINITY;
            self.v[k][lane] = f64::NEG_INFINITY;
            row = state.y[nearest.column] as usize;
            passed = state.cost.pair(row, nearest.column) - state.v[k][lane] - nearest.any;
        };
        for &(j, length) in &self.passed {
            state.v[j / LANES][j % LANES] -= reached - length;
        }
        let mut j = end;
        loop {
            let i = self.before[j / LANES][j % LANES] as usize;
            let from = std::mem::replace(&mut state.x[i], j as u32);
            state.y[j] = i as u32;
            if i == start {
                break;
            }
            j = from as usize;
        }
        state.shut[end / LANES][end % LANES] = f64::INFINITY;
    }

    /// Shortens paths by those through `row`, whose own reduced cost is `less`.
    #[inline(always)]
    fn pass<T: Real, S: Simd>(&mut self, simd: S, state: &State<'_, T>, row: usize, less: f64) -> Nearest {
        let far = simd.splat_d(f64::INFINITY);
        let (less, from) = (simd.splat_d(less), simd.splat(row as i32));
        let (mut least, mut open, mut at) = (far, far, simd.splat(0));
        let row = state.cost.row(row);
        for k in 0..self.v.len() {
            let through = simd.sub_d(row.reduced(simd, k, &self.v[k]), less);
            let old = simd.load_d(&self.length[k]);
            let shorter = simd.less_d(through, old);
            let length = simd.min_d(through, old);
            simd.store_d(length, &mut self.length[k]);
            let before = simd.select(shorter, from, simd.load(&self.before[k]));
            simd.store(before, &mut self.before[k]);
            at = simd.select(simd.less_d(length, least), simd.splat(k as i32), at);
            least = simd.min_d(least, length);
            open = simd.min_d(open, simd.max_d(length, simd.load_d(&state.shut[k])));
        }
        let (any, column) = nearest(simd, least, at);
        Nearest { any, column, open: simd.least_d(open) }
    }

    /// The first column without row at this length.
    #[inline(always)]
    fn open_at<T: Real, S: Simd>(&self, simd: S, state: &State<'_, T>, length: f64) -> usize {
        let length = simd.splat_d(length);
        for k in 0..self.length.len() {
            let open = simd.max_d(simd.load_d(&self.length[k]), simd.load_d(&state.shut[k]));
            let bits = simd.bits(simd.equal_d(open, length));
            if bits != 0 {
                return k * LANES + bits.trailing_zeros() as usize;
            }
        }
        unreachable!("a pass has found this length")
    }
}
