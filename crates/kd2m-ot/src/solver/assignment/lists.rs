//! For each row the columns that can still matter: at most 32 of least reduced cost, and a bound on all that were left out.
//! Column potentials only fall while bids are made, so reduced costs only rise and the bound stays valid; a row whose second
//! best reaches its bound is listed anew. So most steps of the search read 32 entries of a row and not n.

use rayon::prelude::*;

use super::rows::{FAR, FixedPoint, Rows, fixed_tail};
use crate::{
    isa::{Element, Isa, Kernel, LANES, Simd},
    real::Real,
};

/// Entries of a list: two vectors.
pub const CAPACITY: usize = 2 * LANES;

/// One row's candidates; unused entries point at the dummy column n with cost [`FAR`].
#[derive(Debug, Clone, Copy)]
pub struct List {
    pub cost: [i32; CAPACITY],
    pub column: [i32; CAPACITY],
    /// No column outside has a reduced cost below this; [`i32::MAX`] when all columns are inside.
    pub bound: i32,
    /// Bound minus least reduced cost when the list was made: the scale on which this row's candidates differ.
    pub spread: i32,
    /// Whether more columns have the least reduced cost than column minima explain (those meet in a row by twos and threes).
    pub tied: bool,
}

impl List {
    const EMPTY: List = List { cost: [FAR; CAPACITY], column: [0; CAPACITY], bound: i32::MIN, spread: 0, tied: false };
}

/// Least and second least reduced cost of a row, and the column of the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Best {
    pub least: i32,
    pub column: usize,
    pub second: i32,
}

/// Lists of all rows, for the potentials `v` (padded, as integers).
pub fn build_all<R: Rows>(isa: Isa, rows: &R, fixed: &FixedPoint<R::Element>, v: &[i32], parallel: bool) -> Vec<List> {
    let mut lists = vec![List::EMPTY; rows.size()];
    let block = if parallel { rows.block() } else { rows.size() };
    let fill = |(k, lists): (usize, &mut [List])| {
        let numbers: Vec<u32> = (k * block..k * block + lists.len()).map(|i| i as u32).collect();
        isa.run(Refill {
            rows,
            fixed,
            v,
            numbers: &numbers,
            lists: &mut Dense { first: k * block, lists },
            scratch: &mut Vec::new(),
        });
    };
    if parallel {
        lists.par_chunks_mut(block).enumerate().for_each(fill);
    } else {
        fill((0, &mut lists));
    }
    lists
}

/// Lists of consecutive rows from `first` on.
pub struct Dense<'a> {
    pub first: usize,
    pub lists: &'a mut [List],
}

/// Makes the lists of some rows anew.
pub struct Refill<'a, 'b, R: Rows> {
    pub rows: &'a R,
    pub fixed: &'a FixedPoint<R::Element>,
    pub v: &'a [i32],
    pub numbers: &'a [u32],
    pub lists: &'a mut Dense<'b>,
    pub scratch: &'a mut Vec<R::Element>,
}

impl<R: Rows> Kernel for Refill<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let (v, _) = self.v.as_chunks::<LANES>();
        let mut scratch = Scratch::default();
        let block = self.rows.fetch(self.numbers, self.scratch);
        for (k, &i) in self.numbers.iter().enumerate() {
            scratch.turn = i;
            let (row, i) = (block.row(k, i), i as usize);
            let list = &mut self.lists.lists[i - self.lists.first];
            fill(simd, row, self.fixed.offsets[i], self.fixed.scale, v, &mut scratch, list);
        }
    }
}

/// Buffers of [`fill`]: columns below the threshold, their reduced costs, and those in another order.
#[derive(Default)]
struct Scratch {
    found: Vec<i32>,
    values: Vec<i32>,
    order: Vec<i32>,
    /// Number of the row.
    turn: u32,
}

/// One row's list. The threshold is the largest of eight minima over every eighth column, which some 22 entries lie below.
#[inline(always)]
fn fill<S: Simd, T: Element + Real>(
    simd: S,
    row: &[T],
    offset: T,
    scale: T,
    v: &[[i32; LANES]],
    scratch: &mut Scratch,
    list: &mut List,
) {
    let found = &mut scratch.found;
    let (full, tail) = row.as_chunks::<LANES>();
    let last = simd.sub(fixed_tail(simd, tail, offset, scale), simd.load(&v[full.len()]));
    let (mut even, mut odd) = (last, simd.splat(FAR));
    let (pairs, single) = full.as_chunks::<2>();
    let (v_pairs, _) = v.as_chunks::<2>();
    for ([c0, c1], [v0, v1]) in pairs.iter().zip(v_pairs) {
        even = simd.min(even, simd.sub(T::fixed(simd, c0, offset, scale), simd.load(v0)));
        odd = simd.min(odd, simd.sub(T::fixed(simd, c1, offset, scale), simd.load(v1)));
    }
    if let [c] = single {
        odd = simd.min(odd, simd.sub(T::fixed(simd, c, offset, scale), simd.load(&v[full.len() - 1])));
    }
    let mut lanes = [0; LANES];
    simd.store(simd.min(even, odd), &mut lanes);
    let (mut least, mut threshold) = (i32::MAX, i32::MIN);
    for k in 0..LANES / 2 {
        let m = lanes[k].min(lanes[k + LANES / 2]);
        least = least.min(m);
        threshold = threshold.max(m);
    }
    threshold = threshold.saturating_add(1).min(FAR / 2);

    found.clear();
    let below = simd.splat(threshold);
    let mut base = 0;
    let (quads, rest) = full.as_chunks::<4>();
    let (v_quads, _) = v.as_chunks::<4>();
    for (c, v) in quads.iter().zip(v_quads) {
        let mut bits = 0u64;
        for q in 0..4 {
            let reduced = simd.sub(T::fixed(simd, &c[q], offset, scale), simd.load(&v[q]));
            bits |= u64::from(simd.bits(simd.less(reduced, below))) << (LANES * q);
        }
        push_bits(found, bits, base);
        base += 4 * LANES as i32;
    }
    for c in rest {
        let reduced = simd.sub(T::fixed(simd, c, offset, scale), simd.load(&v[base as usize / LANES]));
        push_bits(found, u64::from(simd.bits(simd.less(reduced, below))), base);
        base += LANES as i32;
    }
    push_bits(found, u64::from(simd.bits(simd.less(last, below))), base);

    let reduced_of = |j: i32| row[j as usize].fixed_one(offset, scale) - v[j as usize / LANES][j as usize % LANES];
    let mut bound = if found.len() == row.len() { i32::MAX } else { threshold };
    if found.len() > CAPACITY {
        // Among ties each row begins elsewhere: if all listed the same columns, they would all want the same.
        let turn = scratch.turn.wrapping_mul(0x9e37_79b9) as usize % found.len();
        found.rotate_left(turn);
        let values = &mut scratch.values;
        values.clear();
        values.extend(found.iter().map(|&j| reduced_of(j)));
        scratch.order.clone_from(values);
        bound = *scratch.order.select_nth_unstable(CAPACITY).1;
        // All below the 33rd, then as many equal to it as there is room for.
        let mut room = CAPACITY - values.iter().filter(|&&r| r < bound).count();
        let mut kept = 0;
        for k in 0..found.len() {
            let equal = values[k] == bound && room > 0;
            room -= usize::from(equal);
            if values[k] < bound || equal {
                found[kept] = found[k];
                kept += 1;
            }
        }
        found.truncate(kept);
    }
    let dummy = row.len() as i32;
    let mut at_least = 0;
    for k in 0..CAPACITY {
        (list.cost[k], list.column[k]) = match found.get(k) {
            Some(&j) => {
                at_least += usize::from(reduced_of(j) == least);
                (row[j as usize].fixed_one(offset, scale), j)
            }
            None => (FAR, dummy),
        };
    }
    list.bound = bound;
    list.tied = at_least > 5;
    list.spread = if bound == i32::MAX { 0 } else { bound - least };
}

#[inline(always)]
fn push_bits(found: &mut Vec<i32>, mut bits: u64, base: i32) {
    while bits != 0 {
        found.push(base + bits.trailing_zeros() as i32);
        bits &= bits - 1;
    }
}

/// The best two of a list; `second` is right only if it does not exceed the list's bound.
#[inline(always)]
pub fn best<S: Simd>(simd: S, list: &List, v: &[i32]) -> Best {
    let (costs, _) = list.cost.as_chunks::<LANES>();
    let (columns, _) = list.column.as_chunks::<LANES>();
    // SAFETY: columns of a list lie in 0..=n and v is padded beyond n.
    let (v_a, v_b) = unsafe { (simd.gather(v, simd.load(&columns[0])), simd.gather(v, simd.load(&columns[1]))) };
    let (a, b) = (simd.sub(simd.load(&costs[0]), v_a), simd.sub(simd.load(&costs[1]), v_b));
    let lower = simd.min(a, b);
    let least = simd.least(lower);
    let all = simd.splat(least);
    let lane = simd.bits(simd.equal(lower, all)).trailing_zeros();
    let second = simd.least(simd.select(simd.mask(1 << lane), simd.max(a, b), lower));
    let at = (simd.bits(simd.equal(a, all)) | simd.bits(simd.equal(b, all)) << LANES).trailing_zeros();
    Best { least, column: list.column[at as usize % CAPACITY] as usize, second }
}
