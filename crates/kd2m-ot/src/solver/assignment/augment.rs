//! The second half of the fast solver: shortest augmenting paths on candidate lists, exact.
//! A row whose list is not complete waits with its bound as key and is searched in full only when the path reaches that key, so
//! Dijkstra's order holds. The open column of least distance is found through the minima of blocks of 64 columns.

use super::{
    lists::CAPACITY,
    rows::{FAR, Rows, fixed_tail, padded},
    search::{NONE, State},
};
use crate::{
    isa::{Element, Kernel, LANES, Simd},
    stop::Interrupted,
};

/// Columns whose least distance is kept in one number.
const BLOCK: usize = 64;

/// Rows matched between two times that potentials are kept.
const KEPT_AFTER: usize = 256;

/// Marks a column whose distance is final; nothing is below it, so it is never relaxed again.
const DONE: i32 = i32::MIN;

/// Augments until every row is matched; returns how many rows were free, unless it was told to stop.
pub(super) struct Augment<'s, 'a, R: Rows> {
    pub state: &'s mut State<'a, R>,
}

impl<R: Rows> Kernel for Augment<'_, '_, R> {
    type Output = Result<usize, Interrupted>;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> Self::Output {
        let state = self.state;
        let n = state.x.len();
        let mut tree = Tree::new(n);
        let mut augmentations = 0_usize;
        for free in 0..n {
            if state.x[free] != NONE {
                continue;
            }
            augmentations += 1;
            let (end, reached) = tree.grow(simd, state, free)?;
            tree.flip(state, free, end, reached);
            if augmentations.is_multiple_of(KEPT_AFTER) {
                state.keep()?;
            }
        }
        Ok(augmentations)
    }
}

/// A row whose list was relaxed but not the columns outside of it.
#[derive(Clone, Copy)]
struct Incomplete {
    /// No column outside the list can be nearer than this.
    key: i32,
    row: u32,
    base: i32,
}

/// Dijkstra's tree of shortest paths from one free row, in reduced costs.
struct Tree {
    /// Distance of column j plus `v[j]`: list entries are relaxed without reading v. [`DONE`] for final and dummy columns.
    reach: Vec<i32>,
    /// Row from which a column was reached.
    from: Vec<i32>,
    /// Least distance of the open columns of each block, padded to whole vectors.
    block: Vec<i32>,
    incomplete: Vec<Incomplete>,
    /// Least key among them.
    pending: i32,
    /// What maps each scanned row's reduced costs to distances: c_ij − v_j − base_i.
    base: Vec<i32>,
    /// Least distance of a free column and that column: it ends the search before any other column as near.
    exit: (i32, usize),
    /// Final columns with their distance.
    done: Vec<(u32, i32)>,
}

impl Tree {
    fn new(n: usize) -> Self {
        let columns = padded(n);
        Self {
            reach: vec![FAR; columns],
            from: vec![0; columns],
            block: vec![i32::MAX; (columns / BLOCK).next_multiple_of(LANES)],
            incomplete: Vec::with_capacity(n),
            pending: i32::MAX,
            base: vec![0; n],
            exit: (i32::MAX, 0),
            done: Vec::with_capacity(n),
        }
    }

    /// Grows the tree until it reaches a free column, moves the potentials, returns the column and its distance.
    #[inline(always)]
    fn grow<S: Simd, R: Rows>(
        &mut self,
        simd: S,
        state: &mut State<R>,
        free: usize,
    ) -> Result<(usize, i32), Interrupted> {
        let n = state.x.len();
        self.reach[..n].fill(FAR);
        self.reach[n..].fill(DONE);
        self.block.fill(i32::MAX);
        self.incomplete.clear();
        self.pending = i32::MAX;
        self.done.clear();
        self.exit = (i32::MAX, 0);
        let (mut row, mut base, mut reached) = (free, state.best(simd, free).least, 0);
        loop {
            self.base[row] = base;
            self.relax_list(simd, state, row, base, reached);
            let (column, distance) = self.next(simd, state)?;
            reached = distance;
            if state.y[column] == NONE {
                for &(j, distance) in &self.done {
                    state.v[j as usize] += distance - reached;
                }
                return Ok((column, reached));
            }
            self.done.push((column as u32, reached));
            row = state.y[column] as usize;
            // The matched pair is tight: its reduced cost is the row's potential.
            base = state.matched[row] - state.v[column] - reached;
            self.reach[column] = DONE;
        }
    }

    #[inline(always)]
    fn relax_list<S: Simd, R: Rows>(&mut self, simd: S, state: &State<R>, row: usize, base: i32, reached: i32) {
        let list = &state.lists[row];
        let (costs, _) = list.cost.as_chunks::<LANES>();
        let (columns, _) = list.column.as_chunks::<LANES>();
        for half in 0..CAPACITY / LANES {
            let through = simd.sub(simd.load(&costs[half]), simd.splat(base));
            // SAFETY: columns of a list lie in 0..=n, within the padding of `reach`.
            let reach = unsafe { simd.gather(&self.reach, simd.load(&columns[half])) };
            let mut nearer = simd.bits(simd.less(through, reach));
            while nearer != 0 {
                let k = half * LANES + nearer.trailing_zeros() as usize;
                nearer &= nearer - 1;
                let j = list.column[k] as usize;
                let through = list.cost[k] - base;
                self.reach[j] = through;
                self.from[j] = row as i32;
                let distance = through - state.v[j];
                let block = &mut self.block[j / BLOCK];
                *block = (*block).min(distance);
                if distance < self.exit.0 && state.y[j] == NONE {
                    self.exit = (distance, j);
                }
            }
        }
        if list.bound != i32::MAX {
            let key = (list.bound - base).max(reached);
            self.incomplete.push(Incomplete { key, row: row as u32, base });
            self.pending = self.pending.min(key);
        }
    }

    /// The nearest open column and its distance, after completing every row that could reach a nearer one.
    #[inline(always)]
    fn next<S: Simd, R: Rows>(&mut self, simd: S, state: &mut State<R>) -> Result<(usize, i32), Interrupted> {
        loop {
            state.stop.check()?;
            let least = self.least_block(simd);
            if self.exit.0 <= least && self.exit.0 <= self.pending {
                return Ok((self.exit.1, self.exit.0));
            }
            if self.pending >= least {
                return Ok((self.take(simd, &state.v, least), least));
            }
            self.complete(simd, state);
            self.pending = self.incomplete.iter().map(|p| p.key).min().unwrap_or(i32::MAX);
        }
    }

    /// Relaxes all columns from the row of least key, which is listed anew while it is at hand.
    #[inline(always)]
    fn complete<S: Simd, R: Rows>(&mut self, simd: S, state: &mut State<R>) {
        let Some(at) = self.incomplete.iter().position(|p| p.key == self.pending) else { return };
        let Incomplete { row: number, base, .. } = self.incomplete.swap_remove(at);
        let (rows, mut scratch) = (state.rows, std::mem::take(&mut state.scratch));
        let block = rows.fetch_by_all(number, &mut scratch);
        simd.run(RelaxAll { tree: self, state, number, row: block.row(0, number), base });
        state.relist(simd, &[number], block);
        state.scratch = scratch;
    }

    #[inline(always)]
    fn least_block<S: Simd>(&self, simd: S) -> i32 {
        let mut least = simd.splat(i32::MAX);
        for chunk in self.block.as_chunks::<LANES>().0 {
            least = simd.min(least, simd.load(chunk));
        }
        simd.least(least)
    }

    /// The column at distance `least`; its block's minimum is taken again without it.
    #[inline(always)]
    fn take<S: Simd>(&mut self, simd: S, v: &[i32], least: i32) -> usize {
        let mut block = 0;
        for chunk in self.block.as_chunks::<LANES>().0 {
            let bits = simd.bits(simd.equal(simd.load(chunk), simd.splat(least)));
            if bits != 0 {
                block += bits.trailing_zeros() as usize;
                break;
            }
            block += LANES;
        }
        let first = block * BLOCK;
        let (mut column, mut rest) = (NONE as usize, i32::MAX);
        let (reach, _) = self.reach[first..first + BLOCK].as_chunks::<LANES>();
        let (v, _) = v[first..first + BLOCK].as_chunks::<LANES>();
        for q in 0..BLOCK / LANES {
            let distance = open_distance(simd, simd.load(&reach[q]), simd.load(&v[q]));
            let mut others = distance;
            let at = simd.bits(simd.equal(distance, simd.splat(least)));
            if at != 0 && column == NONE as usize {
                let lane = at.trailing_zeros();
                column = first + q * LANES + lane as usize;
                others = simd.select(simd.mask(1 << lane), simd.splat(i32::MAX), distance);
            }
            rest = rest.min(simd.least(others));
        }
        self.block[block] = rest;
        column
    }

    /// Makes the path to `end` the matching.
    fn flip<R: Rows>(&self, state: &mut State<R>, free: usize, end: usize, reached: i32) {
        let mut j = end;
        loop {
            let i = self.from[j] as usize;
            state.y[j] = i as u32;
            // The pair is tight: its distance plus the old potential is what the new one and `reached` add up to.
            state.matched[i] = state.v[j] + reached + self.base[i];
            let previous = std::mem::replace(&mut state.x[i], j as u32);
            if i == free {
                return;
            }
            j = previous as usize;
        }
    }
}

/// Distances of open columns; final and dummy ones are at infinity, and so are those that nothing has reached.
#[inline(always)]
fn open_distance<S: Simd>(simd: S, reach: S::I, v: S::I) -> S::I {
    let far = simd.splat(i32::MAX);
    let closed = simd.equal(reach, simd.splat(DONE));
    let untouched = simd.equal(reach, simd.splat(FAR));
    simd.select(closed, far, simd.select(untouched, far, simd.sub(reach, v)))
}

/// Relaxes all columns from one row.
struct RelaxAll<'t, 's, 'a, R: Rows> {
    tree: &'t mut Tree,
    state: &'s State<'a, R>,
    number: u32,
    row: &'s [R::Element],
    base: i32,
}

impl<R: Rows> Kernel for RelaxAll<'_, '_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let RelaxAll { tree, state, number, row, base } = self;
        let (offset, scale) = (state.fixed.offsets[number as usize], state.fixed.scale);
        let (full, tail) = row.as_chunks::<LANES>();
        let last = fixed_tail(simd, tail, offset, scale);
        let from = simd.splat(number as i32);
        let base = simd.splat(base);
        let (reach, _) = tree.reach.as_chunks_mut::<LANES>();
        let (v, _) = state.v.as_chunks::<LANES>();
        let (origin, _) = tree.from.as_chunks_mut::<LANES>();
        let chunks = full.len() + 1;
        for (b, block) in tree.block.iter_mut().enumerate() {
            let first = b * BLOCK / LANES;
            if first >= chunks {
                break;
            }
            let mut least = simd.splat(i32::MAX);
            for k in first..(first + BLOCK / LANES).min(chunks) {
                let cost = if k < full.len() { R::Element::fixed(simd, &full[k], offset, scale) } else { last };
                let through = simd.sub(cost, base);
                let old = simd.load(&reach[k]);
                let nearer = simd.less(through, old);
                let new = simd.min(through, old);
                simd.store(new, &mut reach[k]);
                simd.store(simd.select(nearer, from, simd.load(&origin[k])), &mut origin[k]);
                least = simd.min(least, open_distance(simd, new, simd.load(&v[k])));
            }
            *block = simd.least(least);
        }
    }
}
