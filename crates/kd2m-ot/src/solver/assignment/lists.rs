//! For each row the columns that can still matter: at most 32 of least reduced cost, and a bound on all that were left out.
//! Column potentials only fall while bids are made, so reduced costs only rise and the bound stays valid; a row whose second
//! best reaches its bound is listed anew. So most steps of the search read 32 entries of a row and not n.

use kd2m_simd::ranks::{
    Ranks, share,
    wire::{self, Wire},
};

use super::rows::{FAR, Fetched, FixedPoint, Rows, fixed_tail};
use crate::{
    buffers::Buffer,
    isa::{Element, Isa, Kernel, LANES, Simd},
    pool::Pool,
    real::Real,
    stop::{Interrupted, Stop},
};

/// Entries of a list: two vectors.
pub(super) const CAPACITY: usize = 2 * LANES;

/// One row's candidates; unused entries point at the dummy column n with cost [`FAR`].
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
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
pub(super) struct Best {
    pub least: i32,
    pub column: usize,
    pub second: i32,
}

impl Wire for List {
    fn put(&self, out: &mut Vec<u8>) {
        let rest = [self.bound, self.spread, i32::from(self.tied)];
        out.extend(self.cost.iter().chain(&self.column).chain(&rest).flat_map(|x| x.to_le_bytes()));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        const WORDS: usize = 2 * CAPACITY + 3;
        let (bytes, rest) = from.split_at_checked(4 * WORDS)?;
        *from = rest;
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = i32::from_le_bytes(*bytes);
        }
        let (cost, words) = words.split_first_chunk()?;
        let (column, words) = words.split_first_chunk()?;
        let &[bound, spread, tied] = words else { return None };
        Some(Self { cost: *cost, column: *column, bound, spread, tied: tied != 0 })
    }
}

/// Lists of all rows, for the potentials `v` (padded, as integers). Ranks share them.
///
/// # Errors
/// The problem was told to stop.
pub(super) fn build_all<R: Rows>(
    isa: Isa,
    pool: &Pool,
    rows: &R,
    fixed: &FixedPoint<R::Element>,
    v: &[i32],
) -> Result<Buffer<List>, Interrupted> {
    let mut lists = Buffer::any(rows.size(), List::EMPTY);
    let (block, ranks) = (rows.block(pool.size()), rows.ranks());
    let own = share(rows.size(), ranks.rank(), ranks.size());
    pool.share_chunks_until(&mut lists[own.clone()], block, |k, lists| {
        let first = own.start + k * block;
        let numbers: Vec<u32> = (first..first + lists.len()).map(|i| i as u32).collect();
        let mut scratch = Vec::new();
        isa.run(Refill {
            block: rows.fetch(&numbers, &mut scratch),
            fixed,
            v,
            numbers: &numbers,
            lists: &mut Dense { first, lists },
            work: &mut Work::default(),
            stop: pool.stop(),
        });
    })?;
    let all = 0..rows.size() as u32;
    tell(ranks, &mut lists, all, own);
    Ok(lists)
}

/// Puts the lists of these rows where all ranks have made them, each those of its part of `numbers`.
pub(super) fn tell(
    ranks: &dyn Ranks,
    lists: &mut [List],
    numbers: impl ExactSizeIterator<Item = u32> + Clone,
    own: std::ops::Range<usize>,
) {
    if ranks.size() == 1 {
        return;
    }
    let made = numbers.clone().skip(own.start).take(own.len()).map(|i| lists[i as usize]).collect();
    for (i, list) in numbers.zip(wire::gather(ranks, made)) {
        lists[i as usize] = list;
    }
}

/// Lists of consecutive rows from `first` on.
pub(super) struct Dense<'a> {
    pub first: usize,
    pub lists: &'a mut [List],
}

/// Makes the lists of some rows anew.
pub(super) struct Refill<'a, 'b, T> {
    /// The rows, in the order of `numbers`.
    pub block: Fetched<'a, T>,
    pub fixed: &'a FixedPoint<T>,
    pub v: &'a [i32],
    pub numbers: &'a [u32],
    pub lists: &'a mut Dense<'b>,
    pub work: &'a mut Work<T>,
    /// Leaves lists as they were once it is set.
    pub stop: &'a Stop,
}

impl<T: Element + Real> Kernel for Refill<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let (v, _) = self.v.as_chunks::<LANES>();
        for (k, &i) in self.numbers.iter().enumerate() {
            if self.stop.is_set() {
                return;
            }
            let (row, i) = (self.block.row(k, i), i as usize);
            let list = &mut self.lists.lists[i - self.lists.first];
            fill(simd, i, row, self.fixed.offsets[i], self.fixed.scale, v, self.work, list);
        }
    }
}

/// Buffers of [`fill`].
#[derive(Default)]
pub(super) struct Work<T> {
    /// Columns below the threshold.
    found: Vec<i32>,
    /// Their costs and potentials, then their reduced costs.
    costs: Vec<T>,
    potentials: Vec<i32>,
    reduced: Vec<i32>,
}

/// One row's list. The threshold is the largest of eight minima over every eighth column, which some 22 entries lie below.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the innermost step: its state lives in registers")]
fn fill<S: Simd, T: Element + Real>(
    simd: S,
    number: usize,
    row: &[T],
    offset: T,
    scale: T,
    v: &[[i32; LANES]],
    work: &mut Work<T>,
    list: &mut List,
) {
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

    // Room for all columns and for what a word writes beyond its own.
    if work.found.len() < row.len() + 8 * LANES {
        work.found.resize(row.len() + 8 * LANES, 0);
    }
    let below = simd.splat(threshold);
    let (mut count, mut base) = (0, 0);
    let (quads, rest) = full.as_chunks::<4>();
    let (v_quads, _) = v.as_chunks::<4>();
    for (c, v) in quads.iter().zip(v_quads) {
        let mut bits = 0u64;
        for q in 0..4 {
            let reduced = simd.sub(T::fixed(simd, &c[q], offset, scale), simd.load(&v[q]));
            bits |= u64::from(simd.bits(simd.less(reduced, below))) << (LANES * q);
        }
        count = push_bits(&mut work.found, count, bits, base);
        base += 4 * LANES as i32;
    }
    for c in rest {
        let reduced = simd.sub(T::fixed(simd, c, offset, scale), simd.load(&v[base as usize / LANES]));
        count = push_bits(&mut work.found, count, u64::from(simd.bits(simd.less(reduced, below))), base);
        base += LANES as i32;
    }
    count = push_bits(&mut work.found, count, u64::from(simd.bits(simd.less(last, below))), base);

    let complete = count == row.len();
    if count > CAPACITY {
        (count, threshold) = thin_out(simd, number, row, offset, scale, v, work, count, least, threshold);
    }
    let dummy = row.len() as i32;
    let mut costs = [offset; CAPACITY];
    list.column = [dummy; CAPACITY];
    for ((column, cost), &j) in list.column.iter_mut().zip(&mut costs).zip(&work.found[..count]) {
        (*column, *cost) = (j, row[j as usize]);
    }
    let mut at_least = 0;
    for half in 0..CAPACITY / LANES {
        let used = simd.mask(((1u64 << count.saturating_sub(half * LANES).min(LANES)) - 1) as u32);
        let cost = T::fixed(simd, &costs.as_chunks::<LANES>().0[half], offset, scale);
        let cost = simd.select(used, cost, simd.splat(FAR));
        simd.store(cost, &mut list.cost.as_chunks_mut::<LANES>().0[half]);
        let columns = simd.load(&list.column.as_chunks::<LANES>().0[half]);
        // SAFETY: columns lie in 0..=n and v is padded beyond n.
        let reduced = simd.sub(cost, unsafe { simd.gather(v.as_flattened(), columns) });
        at_least += simd.bits(simd.equal(reduced, simd.splat(least))).count_ones();
    }
    list.bound = if complete && count == row.len() { i32::MAX } else { threshold };
    list.tied = at_least > 5;
    list.spread = if list.bound == i32::MAX { 0 } else { threshold - least };
}

/// Lowers the threshold until no more columns than a list holds lie below it; returns their number and the bound on the rest.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the innermost step: its state lives in registers")]
fn thin_out<S: Simd, T: Element + Real>(
    simd: S,
    number: usize,
    row: &[T],
    offset: T,
    scale: T,
    v: &[[i32; LANES]],
    work: &mut Work<T>,
    count: usize,
    least: i32,
    mut threshold: i32,
) -> (usize, i32) {
    let Work { found, costs, potentials, reduced } = work;
    let padded = count.next_multiple_of(LANES);
    costs.clear();
    costs.extend(found[..count].iter().map(|&j| row[j as usize]));
    costs.resize(padded, offset);
    potentials.clear();
    potentials.extend(found[..count].iter().map(|&j| v.as_flattened()[j as usize]));
    potentials.resize(padded, -FAR);
    reduced.resize(padded, 0);
    let chunks = costs.as_chunks::<LANES>().0.iter().zip(potentials.as_chunks::<LANES>().0);
    for (to, (cost, v)) in reduced.as_chunks_mut::<LANES>().0.iter_mut().zip(chunks) {
        simd.store(simd.sub(T::fixed(simd, cost, offset, scale), simd.load(v)), to);
    }
    loop {
        let lower = least + ((i64::from(threshold) - i64::from(least)) * 13 / 16) as i32;
        if lower <= least {
            // So many have the least reduced cost. Among ties each row begins elsewhere: if all listed the same columns, they would
            // all want the same.
            let tied = (0..count).filter(|&k| reduced[k] <= least).map(|k| found[k]);
            let mut tied: Vec<i32> = tied.collect();
            let turn = (number as u32).wrapping_mul(0x9e37_79b9) as usize % tied.len();
            tied.rotate_left(turn);
            tied.truncate(CAPACITY);
            found[..tied.len()].copy_from_slice(&tied);
            // Others may lie between: none of those left out is below the least.
            return (tied.len(), least);
        }
        threshold = lower;
        let below = simd.splat(threshold);
        let is_below = |chunk| simd.bits(simd.less(simd.load(chunk), below)).count_ones() as usize;
        let left: usize = reduced.as_chunks::<LANES>().0.iter().map(is_below).sum();
        if left <= CAPACITY {
            let mut kept = 0;
            for k in 0..count {
                found[kept] = found[k];
                kept += usize::from(reduced[k] < threshold);
            }
            return (kept, threshold);
        }
    }
}

/// Writes the columns of set bits from `count` on and returns the new count. Most words have no more than two: those are written
/// without a branch on how many there are.
#[inline(always)]
fn push_bits(found: &mut [i32], count: usize, mut bits: u64, base: i32) -> usize {
    let total = count + bits.count_ones() as usize;
    let mut next = || {
        let column = base + bits.trailing_zeros() as i32;
        bits &= bits.wrapping_sub(1);
        column
    };
    (found[count], found[count + 1]) = (next(), next());
    for slot in found[..total].iter_mut().skip(count + 2) {
        *slot = next();
    }
    total
}

/// The best two of a list; `second` is right only if it does not exceed the list's bound.
#[inline(always)]
pub(super) fn best<S: Simd>(simd: S, list: &List, v: &[i32]) -> Best {
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
