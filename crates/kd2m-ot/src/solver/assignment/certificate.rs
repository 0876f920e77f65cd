//! The checker of an assignment: it takes only the permutation and the column potentials and recomputes all else in `f64`.
//! Weak duality: for any v, u_i = min_j (c_ij − v_j) is feasible, so mean(u) + mean(v) bounds every plan's cost from below.

use super::{Assignment, Matching, rows::Rows};
use crate::{
    crew::Crew,
    isa::{Element, Isa, Kernel, LANES, Simd},
    real::Real,
    solution::Potentials,
};

/// Row potentials, value and gap of a claimed matching, from the whole matrix.
pub(crate) fn certify<R: Rows>(isa: Isa, crew: &Crew, rows: &R, matching: Matching) -> Assignment {
    let n = rows.size();
    let Matching { columns, v, iterations } = matching;
    // Row potential and matched cost.
    let mut found = vec![(0.0, 0.0); n];
    let block = rows.block(crew.size());
    crew.share_chunks(&mut found, block, |k, out| {
        isa.run(Check { rows, columns: &columns, v: &v, first: k * block, out });
    });
    let (u, costs): (Vec<f64>, Vec<f64>) = found.into_iter().unzip();
    let value = costs.iter().sum::<f64>() / n as f64;
    // The slack of each pair is summed, not the two large totals: their difference would cancel.
    let slack = |i: usize| costs[i] - u[i] - v[columns[i] as usize];
    let gap = (0..n).map(slack).sum::<f64>() / n as f64;
    Assignment { columns, potentials: Potentials { u, v }, value, gap, iterations }
}

struct Check<'a, R> {
    rows: &'a R,
    columns: &'a [u32],
    v: &'a [f64],
    first: usize,
    out: &'a mut [(f64, f64)],
}

impl<R: Rows> Kernel for Check<'_, R> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let numbers: Vec<u32> = (self.first as u32..(self.first + self.out.len()) as u32).collect();
        let mut scratch = Vec::new();
        let block = self.rows.fetch(&numbers, &mut scratch);
        for (k, out) in self.out.iter_mut().enumerate() {
            let (i, row) = (self.first + k, block.row(k, numbers[k]));
            let matched = self.columns[i] as usize;
            let least = least_reduced(simd, row, self.v);
            *out = match self.rows.exact(i, matched) {
                None => (least, row[matched].wide()),
                Some(cost) => (exact_least(simd, self.rows, i, row, self.v, least), cost),
            };
        }
    }
}

/// Entries of a row that are computed again; with more, the rounding bound is taken instead.
const MOST_CANDIDATES: usize = 64;

/// Least exact `c_j − v_j` of a row of rounded costs: all columns that rounding leaves in question are computed again.
#[inline(always)]
fn exact_least<S: Simd, R: Rows>(simd: S, rows: &R, i: usize, row: &[R::Element], v: &[f64], least: f64) -> f64 {
    let rounding = rows.rounding(i, row);
    let limit = least + 2.0 * rounding;
    let (chunks, tail) = row.as_chunks::<LANES>();
    let (v_chunks, _) = v.as_chunks::<LANES>();
    let beyond = simd.splat_d(limit.next_up());
    let mut candidates: Vec<usize> = Vec::new();
    for (k, (c, v)) in chunks.iter().zip(v_chunks).enumerate() {
        let mut bits = simd.bits(simd.less_d(simd.sub_d(R::Element::widen(simd, c), simd.load_d(v)), beyond));
        while bits != 0 {
            candidates.push(k * LANES + bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
    }
    let first = row.len() - tail.len();
    candidates.extend((first..row.len()).filter(|&j| row[j].wide() - v[j] <= limit));
    if candidates.len() > MOST_CANDIDATES {
        return least - rounding;
    }
    let exact = |j: usize| rows.exact(i, j).map_or(least - rounding, |c| c - v[j]);
    candidates.into_iter().map(exact).fold(f64::INFINITY, f64::min)
}

/// Least of `c_j − v_j` in `f64`.
#[inline(always)]
pub fn least_reduced<S: Simd, T: Element + Real>(simd: S, row: &[T], v: &[f64]) -> f64 {
    let (chunks, tail) = row.as_chunks::<LANES>();
    let (v_chunks, v_tail) = v.as_chunks::<LANES>();
    let infinite = simd.splat_d(f64::INFINITY);
    let (mut even, mut odd) = (infinite, infinite);
    let ((pairs, single), (v_pairs, _)) = (chunks.as_chunks::<2>(), v_chunks.as_chunks::<2>());
    for ([c0, c1], [v0, v1]) in pairs.iter().zip(v_pairs) {
        even = simd.min_d(even, simd.sub_d(T::widen(simd, c0), simd.load_d(v0)));
        odd = simd.min_d(odd, simd.sub_d(T::widen(simd, c1), simd.load_d(v1)));
    }
    if let ([c], [.., v]) = (single, v_chunks) {
        even = simd.min_d(even, simd.sub_d(T::widen(simd, c), simd.load_d(v)));
    }
    let least = simd.min_d(even, odd);
    let mut lanes = [0.0; LANES];
    simd.store_d(least, &mut lanes);
    let of_tail = tail.iter().zip(v_tail).map(|(c, v)| c.wide() - v);
    lanes.into_iter().chain(of_tail).fold(f64::INFINITY, f64::min)
}

/// True if every column occurs exactly once.
pub fn is_permutation(columns: &[u32]) -> bool {
    let mut seen = vec![false; columns.len()];
    columns.iter().all(|&j| seen.get_mut(j as usize).is_some_and(|s| !std::mem::replace(s, true)))
}
