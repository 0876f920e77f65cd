//! The checker of an assignment: it takes only the permutation and the column potentials and recomputes all else in `f64`.
//! Weak duality: for any v, u_i = min_j (c_ij − v_j) is feasible, so mean(u) + mean(v) bounds every plan's cost from below. Where
//! entries are rounded, those that rounding leaves in question are computed again, and [`super::dual_repair`] fits matching and v to them.

use kd2m_simd::ranks::{
    share,
    wire::{self, Wire},
};

use super::{
    Assignment, Matching,
    dual_repair::{Near, repair},
    rows::Rows,
};
use crate::{
    isa::{Element, Isa, Kernel, LANES, Simd},
    pool::Pool,
    real::Real,
    solution::Potentials,
    stop::{Interrupted, Stop},
};

/// Row potentials, value and gap of a claimed matching, from the whole matrix, whose rows ranks share.
///
/// # Errors
/// The problem was told to stop.
pub(crate) fn certify<R: Rows>(isa: Isa, pool: &Pool, rows: &R, matching: Matching) -> Result<Assignment, Interrupted> {
    let n = rows.size();
    let Matching { mut columns, mut v, iterations } = matching;
    let (block, ranks) = (rows.block(pool.size()), rows.ranks());
    let own = share(n, ranks.rank(), ranks.size());
    let mut parts: Vec<Seen> = (0..own.len().div_ceil(block)).map(|_| Seen::default()).collect();
    pool.share_chunks_until(&mut parts, 1, |k, out| {
        let from = own.start + k * block;
        let numbers = from..(from + block).min(own.end);
        out[0] = isa.run(Check { rows, columns: &columns, v: &v, numbers, stop: pool.stop() });
    })?;
    let mut seen = Seen::default();
    for part in wire::gather(ranks, parts) {
        seen.near.append(part.near);
        seen.others.extend(part.others);
    }
    if rows.exact(0, 0).is_some() {
        let (mut better, mut lower) = (columns.clone(), v.clone());
        repair(&seen.near, &mut better, &mut lower, pool.stop())?;
        // The bounds below hold for potentials that fell and for a matching: neither is taken on trust.
        if is_permutation(&better) && lower.iter().zip(&v).all(|(after, before)| after <= before) {
            (columns, v) = (better, lower);
        }
    }
    // Potentials only fell since the others' bounds were taken, so their reduced costs only rose.
    let mut u = Vec::with_capacity(n);
    let (mut value, mut gap) = (0.0, 0.0);
    for (i, (&column, &others)) in columns.iter().zip(&seen.others).enumerate() {
        let (mut least, mut certain) = (others, others);
        let (mut own, mut own_doubt) = (f64::INFINITY, 0.0);
        for &(j, c) in seen.near.row(i) {
            let (reduced, doubt) = (c - v[j as usize], rows.doubt(i, j as usize, c));
            least = least.min(reduced);
            certain = certain.min(reduced - doubt);
            if j == column {
                (own, own_doubt) = (reduced, doubt);
                value += c;
            }
        }
        // The slack of each pair is summed, not the two large totals: their difference would cancel. What is left of rounding
        // is that of the differences themselves.
        gap += own - certain + own_doubt + f64::EPSILON * (own.abs() + certain.abs());
        u.push(least);
    }
    let (value, gap) = (value / n as f64, gap / n as f64);
    Ok(Assignment { columns, potentials: Potentials { u, v }, value, gap, iterations })
}

/// What a pass over some rows found.
#[derive(Default)]
struct Seen {
    near: Near,
    /// Bound on each row's reduced costs outside of `near`.
    others: Vec<f64>,
}

impl Wire for Seen {
    fn put(&self, out: &mut Vec<u8>) {
        self.near.put(out);
        self.others.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(Self { near: Wire::take(from)?, others: Wire::take(from)? })
    }
}

struct Check<'a, R> {
    rows: &'a R,
    columns: &'a [u32],
    v: &'a [f64],
    numbers: std::ops::Range<usize>,
    stop: &'a Stop,
}

/// Entries of a row that are computed again; with more, the rounding bound is taken instead.
const MOST_CANDIDATES: usize = 64;

/// Room for what fixed point left out, as shares of a row's own cost: the first in which no more than those entries lie. What 27 bits
/// leave out adds up along paths of the search, so that the least room is too little for many problems in `f64`.
const ROOM: [f64; 2] = [1.0 / 65_536.0, 1.0 / 8_388_608.0];

impl<R: Rows> Kernel for Check<'_, R> {
    type Output = Seen;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> Seen {
        let numbers: Vec<u32> = self.numbers.map(|i| i as u32).collect();
        let mut scratch = Vec::new();
        let block = self.rows.fetch(&numbers, &mut scratch);
        let mut seen = Seen { near: Near::default(), others: Vec::with_capacity(numbers.len()) };
        let mut candidates = Vec::new();
        for (k, &number) in numbers.iter().enumerate() {
            if self.stop.is_set() {
                break;
            }
            let (i, row) = (number as usize, block.row(k, number));
            let matched = self.columns[i] as usize;
            let least = least_reduced(simd, row, self.v);
            let Some(cost) = self.rows.exact(i, matched) else {
                seen.near.push(matched, row[matched].wide());
                seen.near.end_row();
                seen.others.push(least);
                continue;
            };
            let rounding = self.rows.rounding(i, row);
            // Twice the rounding decides which is least; as much again is room for potentials to settle in.
            let width = |room: f64| 4.0 * rounding + room * cost.abs();
            let mut wide = width(ROOM[0]);
            up_to(simd, row, self.v, least + wide, &mut candidates);
            if candidates.len() > MOST_CANDIDATES {
                wide = width(ROOM[1]);
                candidates.retain(|&j| row[j].wide() - self.v[j] <= least + wide);
            }
            seen.near.push(matched, cost);
            if candidates.len() <= MOST_CANDIDATES {
                for &j in candidates.iter().filter(|&&j| j != matched) {
                    seen.near.push(j, self.rows.exact(i, j).unwrap_or(f64::NEG_INFINITY));
                }
                seen.others.push(least + wide - rounding);
            } else {
                seen.others.push(least - rounding);
            }
            seen.near.end_row();
        }
        seen
    }
}

/// The columns with `c_j − v_j` up to a limit.
#[inline(always)]
pub(crate) fn up_to<S: Simd, T: Element + Real>(simd: S, row: &[T], v: &[f64], limit: f64, found: &mut Vec<usize>) {
    found.clear();
    let (chunks, tail) = row.as_chunks::<LANES>();
    let (v_chunks, v_tail) = v.as_chunks::<LANES>();
    let beyond = simd.splat_d(limit.next_up());
    for (k, (c, v)) in chunks.iter().zip(v_chunks).enumerate() {
        let mut bits = simd.bits(simd.less_d(simd.sub_d(T::widen(simd, c), simd.load_d(v)), beyond));
        while bits != 0 {
            found.push(k * LANES + bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
    }
    let first = row.len() - tail.len();
    let of_tail = tail.iter().zip(v_tail).enumerate().filter(|(_, (c, v))| c.wide() - **v <= limit);
    found.extend(of_tail.map(|(k, _)| first + k));
}

/// Least of `c_j − v_j` in `f64`.
#[inline(always)]
pub(crate) fn least_reduced<S: Simd, T: Element + Real>(simd: S, row: &[T], v: &[f64]) -> f64 {
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
    let least = simd.least_d(simd.min_d(even, odd));
    tail.iter().zip(v_tail).fold(least, |least, (c, v)| least.min(c.wide() - v))
}

/// True if every column occurs exactly once.
pub(crate) fn is_permutation(columns: &[u32]) -> bool {
    let mut seen = vec![false; columns.len()];
    columns.iter().all(|&j| seen.get_mut(j as usize).is_some_and(|s| !std::mem::replace(s, true)))
}
