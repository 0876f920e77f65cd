//! The state of the fast solver and its first half: an ε-auction on candidate lists (Bertsekas 1988), first in, first out.
//! Its two coarse phases place the potentials near their optimum; what it leaves unmatched, [`super::augment`] ends exactly.

use kd2m_simd::ranks::Share;

use super::{
    lists::{self, Best, CAPACITY, Dense, List, Refill, Work},
    rows::{FAR, Fetched, FixedPoint, Rows},
};
use crate::{
    buffers::Buffer,
    isa::{Kernel, Simd},
    real::Real,
    stop::{Interrupted, Stop},
};

/// Bids between two looks at the flag that ends the solve.
const LOOKS: usize = 64;

/// A row without column, or a column without row.
pub(super) const NONE: u32 = u32::MAX;

/// A matching under construction, in fixed point.
pub(super) struct State<'a, R: Rows> {
    pub rows: &'a R,
    pub fixed: FixedPoint<R::Element>,
    /// Column potentials, padded.
    pub v: Vec<i32>,
    /// Column of each row, or [`NONE`].
    pub x: Vec<u32>,
    /// Row of each column, or [`NONE`].
    pub y: Vec<u32>,
    /// Cost of each row's pair.
    pub matched: Vec<i32>,
    pub lists: Buffer<List>,
    pub scratch: Vec<R::Element>,
    pub work: Work<R::Element>,
    /// Lists made anew so far.
    pub refills: usize,
    pub stop: &'a Stop,
}

impl<R: Rows> State<'_, R> {
    /// Makes the lists of some rows anew; of several each rank makes its part.
    #[inline(always)]
    pub(super) fn refill<S: Simd>(&mut self, simd: S, numbers: &[u32]) {
        let (rows, mut scratch) = (self.rows, std::mem::take(&mut self.scratch));
        if let &[number] = numbers {
            self.relist(simd, numbers, rows.fetch_by_all(number, &mut scratch));
        } else {
            let share = Share::new(rows.ranks());
            let own = share.of(numbers.len());
            self.relist(simd, &numbers[own.clone()], rows.fetch_together(&numbers[own.clone()], &mut scratch));
            self.refills += numbers.len() - own.len();
            if !share.is_whole(numbers.len()) {
                lists::tell(rows.ranks(), &mut self.lists, numbers.iter().copied(), own);
            }
        }
        self.scratch = scratch;
    }

    /// Tells the potentials as they are to whoever keeps them for another time.
    ///
    /// # Errors
    /// They could not be kept.
    pub(super) fn keep(&self) -> Result<(), Interrupted> {
        self.rows.keep(&self.v[..self.x.len()], self.fixed.scale.wide())
    }

    /// The same for rows that were fetched.
    #[inline(always)]
    pub(super) fn relist<S: Simd>(&mut self, simd: S, numbers: &[u32], block: Fetched<R::Element>) {
        self.refills += numbers.len();
        simd.run(Refill {
            block,
            fixed: &self.fixed,
            v: &self.v,
            numbers,
            lists: &mut Dense { first: 0, lists: &mut self.lists },
            work: &mut self.work,
            stop: self.stop,
        });
    }

    /// The two best columns of row i, exact.
    #[inline(always)]
    pub(super) fn best<S: Simd>(&mut self, simd: S, i: usize) -> Best {
        let best = lists::best(simd, &self.lists[i], &self.v);
        if best.second <= self.lists[i].bound {
            return best;
        }
        self.refill(simd, &[i as u32]);
        lists::best(simd, &self.lists[i], &self.v)
    }

    /// A free column among the best of row i: where costs are tied, there is a choice.
    #[inline(always)]
    fn free_among_best(&self, i: usize, best: Best) -> Option<usize> {
        if self.y[best.column] == NONE {
            return Some(best.column);
        }
        if best.second > best.least {
            return None;
        }
        let list = &self.lists[i];
        let is_best = |&k: &usize| list.cost[k] - self.v[list.column[k] as usize] == best.least;
        (0..CAPACITY).filter(is_best).map(|k| list.column[k] as usize).find(|&j| j < self.x.len() && self.y[j] == NONE)
    }

    /// Matches row and column; returns the row that had the column.
    #[inline(always)]
    pub(super) fn pair(&mut self, i: usize, best: Best) -> u32 {
        let loser = std::mem::replace(&mut self.y[best.column], i as u32);
        self.x[i] = best.column as u32;
        self.matched[i] = best.least.wrapping_add(self.v[best.column]);
        loser
    }

    /// Rows without column.
    pub(super) fn free(&self) -> usize {
        self.x.iter().filter(|&&j| j == NONE).count()
    }

    /// Forgets the matching, keeps the potentials.
    pub(super) fn clear(&mut self) {
        self.x.fill(NONE);
        self.y.fill(NONE);
    }

    /// Rows with more than one best column: rare among distances of features, the rule among small whole numbers.
    pub(super) fn tied(&self) -> usize {
        self.lists.iter().filter(|l| l.tied).count()
    }

    /// Mean spread of the lists: the scale for ε.
    pub(super) fn mean_spread(&self) -> f64 {
        self.lists.iter().map(|l| f64::from(l.spread)).sum::<f64>() / self.lists.len() as f64
    }
}

/// Free rows bid for their best column, `epsilon` beyond indifference, until none is free or after `steps` bids.
pub(super) struct Auction<'s, 'a, R: Rows> {
    pub state: &'s mut State<'a, R>,
    pub epsilon: i32,
    pub steps: usize,
}

impl<R: Rows> Kernel for Auction<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let Auction { state, epsilon, steps } = self;
        let n = state.x.len();
        // At most one entry a row: a ring.
        let mut queue: Vec<u32> = (0..n as u32).filter(|&i| state.x[i as usize] == NONE).collect();
        let mut waiting = queue.len();
        queue.resize(n, 0);
        let (mut head, mut tail) = (0, waiting % n);
        // Rows whose list has run out wait until a batch of them can be listed together.
        let batch = state.rows.batch();
        let mut exhausted: Vec<u32> = Vec::with_capacity(batch);
        let most_refills = state.refills + 2 * n;
        for step in 0..steps {
            if step.is_multiple_of(LOOKS) && state.stop.is_set() {
                return;
            }
            // Lists that run out again and again are the mark of a price war over ties.
            if state.refills > most_refills {
                break;
            }
            if exhausted.len() >= batch || (waiting == 0 && !exhausted.is_empty()) {
                state.refill(simd, &exhausted);
                for &i in &exhausted {
                    queue[tail] = i;
                    tail = if tail + 1 == n { 0 } else { tail + 1 };
                }
                waiting += exhausted.len();
                exhausted.clear();
            }
            if waiting == 0 {
                return;
            }
            let i = queue[head] as usize;
            head = if head + 1 == n { 0 } else { head + 1 };
            waiting -= 1;
            let mut best = lists::best(simd, &state.lists[i], &state.v);
            if best.second > state.lists[i].bound {
                if batch > 1 {
                    exhausted.push(i as u32);
                    continue;
                }
                best = state.best(simd, i);
            }
            if best.second == best.least && epsilon == 0 {
                // A bid that raises nothing only moves the lack elsewhere: left to the search for paths.
                if let Some(column) = state.free_among_best(i, best) {
                    state.pair(i, Best { column, ..best });
                }
                continue;
            }
            let loser = state.pair(i, best);
            let raise = if best.second >= FAR / 2 { 0 } else { best.second - best.least };
            state.v[best.column] -= raise + epsilon;
            if loser != NONE {
                state.x[loser as usize] = NONE;
                queue[tail] = loser;
                tail = if tail + 1 == n { 0 } else { tail + 1 };
                waiting += 1;
            }
        }
    }
}

/// Drops pairs that ε left above their row's minimum and gives free rows their best column where it is free: what stays is tight.
pub(super) struct Tighten<'s, 'a, R: Rows> {
    pub state: &'s mut State<'a, R>,
}

impl<R: Rows> Kernel for Tighten<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let state = self.state;
        let n = state.x.len();
        let mut exhausted: Vec<u32> = Vec::new();
        for i in 0..n {
            if lists::best(simd, &state.lists[i], &state.v).second > state.lists[i].bound {
                exhausted.push(i as u32);
            }
        }
        for numbers in exhausted.chunks(state.rows.batch()) {
            state.refill(simd, numbers);
        }
        for i in 0..n {
            let j = state.x[i];
            if j != NONE {
                let least = lists::best(simd, &state.lists[i], &state.v).least;
                if state.matched[i] - state.v[j as usize] > least {
                    state.x[i] = NONE;
                    state.y[j as usize] = NONE;
                }
            }
        }
        // A column may have become free after a row wanted it.
        for _ in 0..2 {
            for i in 0..n {
                if state.x[i] == NONE {
                    let best = lists::best(simd, &state.lists[i], &state.v);
                    if let Some(column) = state.free_among_best(i, best) {
                        state.pair(i, Best { column, ..best });
                    }
                }
            }
        }
    }
}
