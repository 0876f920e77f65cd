//! Jonker–Volgenant on whole rows in fixed point: for small problems, where lists cost more than they save, and for ties, where
//! every list would hold the same few of many equal columns. A greedy start where costs are tied, else bounded row reduction;
//! then shortest augmenting paths. The same steps in plain `f64` are [`super::dense`].

use super::{
    lists::Best,
    rows::{FAR, FixedPoint, Rows, fixed_tail, padded},
    search::NONE,
};
use crate::{
    isa::{Element, Kernel, LANES, Simd},
    stop::{Interrupted, Stop},
};

/// Solves by whole rows from the column potentials `v` (padded); see [`Found`].
pub(super) struct ByRows<'a, R: Rows> {
    pub rows: &'a R,
    pub fixed: &'a FixedPoint<R::Element>,
    pub v: Vec<i32>,
    /// Give up if a greedy start from v = 0 leaves more rows than this without one of their best columns.
    pub greedy: Option<usize>,
    pub stop: &'a Stop,
}

/// The matching, its potentials, and how many paths were searched.
pub(super) struct Found {
    pub columns: Vec<u32>,
    pub v: Vec<i32>,
    pub paths: usize,
}

impl<R: Rows> Kernel for ByRows<'_, R> {
    type Output = Result<Option<Found>, Interrupted>;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> Self::Output {
        let n = self.rows.size();
        let mut state = State::new(self.rows, self.fixed, self.v, self.stop);
        if let Some(most) = self.greedy {
            state.v.fill(0);
            if state.match_ties(simd)? > most {
                return Ok(None);
            }
        } else {
            state.reduce_rows(simd, 2 * n)?;
        }
        let free: Vec<usize> = (0..n).filter(|&i| state.x[i] == NONE).collect();
        let mut tree = Tree::new(n);
        for &row in &free {
            tree.augment(simd, &mut state, row)?;
        }
        Ok(Some(Found { columns: state.x, v: state.v, paths: free.len() }))
    }
}

/// A matching under construction.
struct State<'a, R: Rows> {
    rows: &'a R,
    fixed: &'a FixedPoint<R::Element>,
    v: Vec<i32>,
    x: Vec<u32>,
    y: Vec<u32>,
    /// Free columns as bits, a word for sixteen.
    open: Vec<u32>,
    scratch: Vec<R::Element>,
    stop: &'a Stop,
}

/// A row in fixed point, sixteen columns at a time.
struct Row<'a, T, I> {
    full: &'a [[T; LANES]],
    last: I,
    offset: T,
    scale: T,
}

impl<T: Element, I: Copy> Row<'_, T, I> {
    #[inline(always)]
    fn chunk<S: Simd<I = I>>(&self, simd: S, k: usize) -> I {
        if k < self.full.len() { T::fixed(simd, &self.full[k], self.offset, self.scale) } else { self.last }
    }
}

impl<'a, R: Rows> State<'a, R> {
    fn new(rows: &'a R, fixed: &'a FixedPoint<R::Element>, v: Vec<i32>, stop: &'a Stop) -> Self {
        let n = rows.size();
        let mut open = vec![0xffff; n.div_ceil(LANES)];
        if let (Some(last), rest @ 1..) = (open.last_mut(), n % LANES) {
            *last = (1 << rest) - 1;
        }
        Self { rows, fixed, v, x: vec![NONE; n], y: vec![NONE; n], open, scratch: Vec::new(), stop }
    }

    #[inline(always)]
    fn pair(&mut self, i: usize, j: usize) -> u32 {
        self.open[j / LANES] &= !(1 << (j % LANES));
        self.x[i] = j as u32;
        std::mem::replace(&mut self.y[j], i as u32)
    }

    /// Gives each row the next free column that costs it no more than its cheapest; returns how many rows got none.
    #[inline(always)]
    fn match_ties<S: Simd>(&mut self, simd: S) -> Result<usize, Interrupted> {
        let (words, zero) = (self.open.len(), simd.splat(0));
        // Each row looks on where the last one found something: what lies before is mostly taken.
        let (mut from, mut left) = (0, 0);
        for i in 0..self.x.len() {
            self.stop.check()?;
            let block = self.rows.fetch(&[i as u32], &mut self.scratch);
            let row = view(simd, block.row(0, i as u32), self.fixed, i);
            // Plain loops: what is handed to an iterator's method may be compiled apart, without the instructions.
            let mut found = None;
            for step in 0..words {
                let word = if from + step < words { from + step } else { from + step - words };
                let open = self.open[word];
                if open != 0 {
                    let best = simd.bits(simd.equal(row.chunk(simd, word), zero)) & open;
                    if best != 0 {
                        found = Some(word * LANES + best.trailing_zeros() as usize);
                        break;
                    }
                }
            }
            match found {
                Some(j) => {
                    from = j / LANES;
                    self.pair(i, j);
                }
                None => left += 1,
            }
        }
        Ok(left)
    }

    /// Free rows bid for their best column up to indifference, the last loser next. Bounded, against price wars; a bid that would
    /// raise nothing is made only for a free column.
    #[inline(always)]
    fn reduce_rows<S: Simd>(&mut self, simd: S, steps: usize) -> Result<(), Interrupted> {
        let mut next = 0;
        let mut loser = NONE;
        for _ in 0..steps {
            self.stop.check()?;
            let i = if loser != NONE { std::mem::replace(&mut loser, NONE) as usize } else { next };
            if i == next {
                next += 1;
            }
            if i >= self.x.len() {
                return Ok(());
            }
            let best = self.best(simd, i);
            if best.second > best.least {
                if best.second < FAR / 2 {
                    self.v[best.column] -= best.second - best.least;
                }
                loser = self.pair(i, best.column);
                if loser != NONE {
                    self.x[loser as usize] = NONE;
                }
            } else if let Some(j) = self.free_among_best(simd, i, best.least) {
                self.pair(i, j);
            }
        }
        Ok(())
    }

    /// The two best columns of a row.
    #[inline(always)]
    fn best<S: Simd>(&mut self, simd: S, i: usize) -> Best {
        let block = self.rows.fetch(&[i as u32], &mut self.scratch);
        let row = view(simd, block.row(0, i as u32), self.fixed, i);
        let far = simd.splat(FAR);
        let (mut least, mut second, mut at) = (far, far, simd.splat(0));
        let (v, _) = self.v.as_chunks::<LANES>();
        for (k, v) in v[..self.open.len()].iter().enumerate() {
            let reduced = simd.sub(row.chunk(simd, k), simd.load(v));
            at = simd.select(simd.less(reduced, least), simd.splat(k as i32), at);
            second = simd.min(second, simd.max(least, reduced));
            least = simd.min(least, reduced);
        }
        let all = simd.least(least);
        let lane = simd.bits(simd.equal(least, simd.splat(all))).trailing_zeros() as usize % LANES;
        let mut chunks = [0; LANES];
        simd.store(at, &mut chunks);
        let second = simd.least(simd.select(simd.mask(1 << lane), second, least));
        Best { least: all, column: chunks[lane] as usize * LANES + lane, second }
    }

    #[inline(always)]
    fn free_among_best<S: Simd>(&mut self, simd: S, i: usize, least: i32) -> Option<usize> {
        let block = self.rows.fetch(&[i as u32], &mut self.scratch);
        let row = view(simd, block.row(0, i as u32), self.fixed, i);
        let (v, _) = self.v.as_chunks::<LANES>();
        for (k, &open) in self.open.iter().enumerate() {
            if open != 0 {
                let reduced = simd.sub(row.chunk(simd, k), simd.load(&v[k]));
                let best = simd.bits(simd.equal(reduced, simd.splat(least))) & open;
                if best != 0 {
                    return Some(k * LANES + best.trailing_zeros() as usize);
                }
            }
        }
        None
    }
}

#[inline(always)]
fn view<'r, S: Simd, T: Element>(simd: S, row: &'r [T], fixed: &FixedPoint<T>, i: usize) -> Row<'r, T, S::I> {
    let (full, tail) = row.as_chunks::<LANES>();
    let (offset, scale) = (fixed.offsets[i], fixed.scale);
    let last = if tail.is_empty() { simd.splat(FAR) } else { fixed_tail(simd, tail, offset, scale) };
    Row { full, last, offset, scale }
}

/// Dijkstra's tree of shortest paths from one free row, in reduced costs.
struct Tree {
    distance: Vec<i32>,
    /// Row from which a column was reached.
    from: Vec<i32>,
    /// [`FAR`] for columns in the tree and for padding, else 0.
    closed: Vec<i32>,
    /// Columns in the tree; those from `scanned` on have rows that were not relaxed yet, all at the same distance.
    inside: Vec<u32>,
}

impl Tree {
    fn new(n: usize) -> Self {
        let columns = padded(n);
        Self {
            distance: vec![0; columns],
            from: vec![0; columns],
            closed: (0..columns).map(|j| if j < n { 0 } else { FAR }).collect(),
            inside: Vec::with_capacity(n),
        }
    }

    /// Matches one more row along a shortest path to a free column and moves the potentials so that it becomes tight.
    #[inline(always)]
    fn augment<S: Simd, R: Rows>(&mut self, simd: S, state: &mut State<R>, free: usize) -> Result<(), Interrupted> {
        let words = state.open.len();
        self.distance.fill(FAR);
        self.closed[..state.x.len()].fill(0);
        self.inside.clear();
        let least = state.best(simd, free).least;
        let mut end = self.relax(simd, state, free, least, i32::MIN);
        let (mut scanned, mut reached) = (0, 0);
        while end.is_none() {
            state.stop.check()?;
            if scanned == self.inside.len() {
                reached = self.nearest(simd, words);
                end = self.enter(simd, state, words, reached);
                continue;
            }
            let j = self.inside[scanned] as usize;
            scanned += 1;
            let i = state.y[j] as usize;
            let cost = state.rows.fetch(&[i as u32], &mut state.scratch).row(0, i as u32)[j];
            // The matched pair is tight: this maps the row's reduced costs to distances.
            let base = cost.fixed_one(state.fixed.offsets[i], state.fixed.scale) - state.v[j] - reached;
            end = self.relax(simd, state, i, base, reached);
        }
        for &j in &self.inside {
            state.v[j as usize] += self.distance[j as usize] - reached;
        }
        let Some(mut j) = end else { return Ok(()) };
        loop {
            let i = self.from[j] as usize;
            let previous = state.x[i];
            state.pair(i, j);
            if i == free {
                return Ok(());
            }
            j = previous as usize;
        }
    }

    /// Lowers distances through a row. A free column at the distance `reached` ends the search, others there enter the tree.
    #[inline(always)]
    fn relax<S: Simd, R: Rows>(
        &mut self,
        simd: S,
        state: &mut State<R>,
        i: usize,
        base: i32,
        reached: i32,
    ) -> Option<usize> {
        let block = state.rows.fetch(&[i as u32], &mut state.scratch);
        let row = view(simd, block.row(0, i as u32), state.fixed, i);
        let (base, number, level) = (simd.splat(base), simd.splat(i as i32), simd.splat(reached));
        let (v, _) = state.v.as_chunks::<LANES>();
        let (distance, _) = self.distance.as_chunks_mut::<LANES>();
        let (from, _) = self.from.as_chunks_mut::<LANES>();
        for (k, &open) in state.open.iter().enumerate() {
            let through = simd.sub(simd.sub(row.chunk(simd, k), simd.load(&v[k])), base);
            let old = simd.load(&distance[k]);
            let nearer = simd.less(through, old);
            if simd.bits(nearer) == 0 {
                continue;
            }
            simd.store(simd.min(through, old), &mut distance[k]);
            simd.store(simd.select(nearer, number, simd.load(&from[k])), &mut from[k]);
            let tight = simd.bits(simd.equal(through, level)) & simd.bits(nearer);
            if tight & open != 0 {
                return Some(k * LANES + (tight & open).trailing_zeros() as usize);
            }
            close(&mut self.closed, &mut self.inside, tight, k);
        }
        None
    }

    /// Least distance outside the tree.
    #[inline(always)]
    fn nearest<S: Simd>(&self, simd: S, words: usize) -> i32 {
        let chunks = self.distance.as_chunks::<LANES>().0.iter().zip(self.closed.as_chunks::<LANES>().0);
        let least = chunks.take(words).fold(simd.splat(i32::MAX), |least, (distance, closed)| {
            simd.min(least, simd.add(simd.load(distance), simd.load(closed)))
        });
        simd.least(least)
    }

    /// Takes all columns at this distance into the tree, or returns a free one.
    #[inline(always)]
    fn enter<S: Simd, R: Rows>(&mut self, simd: S, state: &State<R>, words: usize, reached: i32) -> Option<usize> {
        let level = simd.splat(reached);
        for k in 0..words {
            let distance = simd.load(&self.distance.as_chunks::<LANES>().0[k]);
            let closed = simd.load(&self.closed.as_chunks::<LANES>().0[k]);
            let at = simd.bits(simd.equal(simd.add(distance, closed), level));
            if at & state.open[k] != 0 {
                return Some(k * LANES + (at & state.open[k]).trailing_zeros() as usize);
            }
            close(&mut self.closed, &mut self.inside, at, k);
        }
        None
    }
}

/// Takes the columns of some bits into the tree.
#[inline(always)]
fn close(closed: &mut [i32], inside: &mut Vec<u32>, mut columns: u32, k: usize) {
    while columns != 0 {
        let j = k * LANES + columns.trailing_zeros() as usize;
        columns &= columns - 1;
        closed[j] = FAR;
        inside.push(j as u32);
    }
}
