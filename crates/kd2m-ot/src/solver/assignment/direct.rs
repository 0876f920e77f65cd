//! Jonker–Volgenant on a matrix as it is given, in `f64`, with as many columns as rows or more: bounded row reduction, then a shortest
//! augmenting path for each row that is left. Nothing is copied or rounded first, so small problems take microseconds; what its
//! certificate leaves open goes to the others. Rectangular problems as in Bijsterbosch and Volgenant, "Solving the rectangular
//! assignment problem and applications" (2010): there potentials of columns are never above zero, and zero where a column
//! stays alone.

use crate::{
    isa::{Isa, Kernel, LANES, Simd},
    real::Real,
    stop::{Interrupted, Stop},
};

/// No row, or no column.
const NONE: u32 = u32::MAX;

/// Bids of the row reduction, per row: more of them save paths, and price wars among ties cost as much as paths.
const BIDS: usize = 4;

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

/// The least assignment of every row of a row-major `[n, m]` matrix, n ≤ m. `None` if the bids leave more rows than `most` to paths.
///
/// # Errors
/// [`Interrupted`] if it was told to stop.
///
/// # Panics
/// If the matrix has fewer columns than rows: callers turn it.
pub(crate) fn solve<T: Real>(
    isa: Isa,
    cost: &[T],
    (n, m): (usize, usize),
    most: usize,
    stop: &Stop,
) -> Result<Option<Direct>, Interrupted> {
    assert!(n <= m && cost.len() == n * m, "a matrix of at least as many columns as rows");
    isa.run(Solve { cost: &Matrix::new(cost, n, m), most, stop })
}

/// Rows in sixteens; the last columns of all rows, padded, lie apart.
struct Matrix<'a, T> {
    cost: &'a [T],
    tails: Vec<[T; LANES]>,
    n: usize,
    m: usize,
}

impl<'a, T: Real> Matrix<'a, T> {
    fn new(cost: &'a [T], n: usize, m: usize) -> Self {
        let rest = m % LANES;
        let tail = |i: usize| {
            let mut tail = [T::zero(); LANES];
            tail[..rest].copy_from_slice(&cost[(i + 1) * m - rest..(i + 1) * m]);
            tail
        };
        Self { cost, tails: if rest == 0 { Vec::new() } else { (0..n).map(tail).collect() }, n, m }
    }

    fn chunks(&self) -> usize {
        self.m.div_ceil(LANES)
    }

    /// A row.
    #[inline(always)]
    fn row(&self, i: usize) -> Row<'_, T> {
        let (whole, _) = self.cost[i * self.m..(i + 1) * self.m].as_chunks();
        Row { whole, tail: self.tails.get(i).or(whole.last()) }
    }

    /// One cost.
    #[inline(always)]
    fn pair(&self, i: usize, j: usize) -> f64 {
        self.cost[i * self.m + j].wide()
    }
}

/// The whole sixteens of a row, and the last one.
struct Row<'a, T> {
    whole: &'a [[T; LANES]],
    tail: Option<&'a [T; LANES]>,
}

impl<T: Real> Row<'_, T> {
    /// Sixteen costs.
    #[inline(always)]
    fn costs<S: Simd>(&self, simd: S, k: usize) -> S::D {
        match (self.whole.get(k), self.tail) {
            (Some(chunk), _) | (None, Some(chunk)) => T::widen(simd, chunk),
            (None, None) => simd.splat_d(f64::INFINITY),
        }
    }

    /// The same less the potentials of their columns.
    #[inline(always)]
    fn reduced<S: Simd>(&self, simd: S, k: usize, v: &[f64; LANES]) -> S::D {
        simd.sub_d(self.costs(simd, k), simd.load_d(v))
    }
}

struct Solve<'a, T> {
    cost: &'a Matrix<'a, T>,
    most: usize,
    stop: &'a Stop,
}

impl<T: Real> Kernel for Solve<'_, T> {
    type Output = Result<Option<Direct>, Interrupted>;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> Self::Output {
        let mut state = State::new(self.cost);
        // Where no column stays alone its potential may have any sign, and the cheapest row is a better guess than none.
        if self.cost.n == self.cost.m {
            state.v.fill([f64::INFINITY; LANES]);
            for i in 0..self.cost.n {
                let row = self.cost.row(i);
                for k in 0..state.v.len() {
                    let least = simd.min_d(simd.load_d(&state.v[k]), row.costs(simd, k));
                    simd.store_d(least, &mut state.v[k]);
                }
            }
            state.leave_out();
        }
        let free = state.reduce(simd, BIDS * self.cost.n, self.stop)?;
        if free.len() > self.most {
            return Ok(None);
        }
        let mut tree = Tree::new(self.cost.chunks());
        for &row in &free {
            self.stop.check()?;
            tree.augment(simd, &mut state, row);
        }
        Ok(Some(state.prove(simd, free.len())))
    }
}

/// A matching under construction.
struct State<'a, T> {
    cost: &'a Matrix<'a, T>,
    /// Column potentials; −∞ for columns that are not there, which makes them infinitely dear.
    v: Vec<[f64; LANES]>,
    /// Column of each row, row of each column.
    x: Vec<u32>,
    y: Vec<u32>,
    /// −∞ for columns without row, ∞ for others.
    shut: Vec<[f64; LANES]>,
}

/// The two least reduced costs of a row.
struct Best {
    least: f64,
    column: usize,
    second: f64,
}

impl<'a, T: Real> State<'a, T> {
    fn new(cost: &'a Matrix<'a, T>) -> Self {
        let (v, shut) = (vec![[0.0; LANES]; cost.chunks()], vec![[f64::NEG_INFINITY; LANES]; cost.chunks()]);
        let mut state = Self { cost, v, x: vec![NONE; cost.n], y: vec![NONE; cost.m], shut };
        state.leave_out();
        state
    }

    /// Leaves out what is beyond the last column.
    fn leave_out(&mut self) {
        if let (Some(v), Some(shut), rest @ 1..) = (self.v.last_mut(), self.shut.last_mut(), self.cost.m % LANES) {
            v[rest..].fill(f64::NEG_INFINITY);
            shut[rest..].fill(f64::INFINITY);
        }
    }

    /// Matches row and column; the row that had it.
    #[inline(always)]
    fn pair(&mut self, i: usize, j: usize) -> u32 {
        self.shut[j / LANES][j % LANES] = f64::INFINITY;
        self.x[i] = j as u32;
        std::mem::replace(&mut self.y[j], i as u32)
    }

    /// Rows bid for their best column up to indifference, a loser next, until none is free or after so many bids. The rows left.
    #[inline(always)]
    fn reduce<S: Simd>(&mut self, simd: S, bids: usize, stop: &Stop) -> Result<Vec<usize>, Interrupted> {
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
    fn prove<S: Simd>(self, simd: S, paths: usize) -> Direct {
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

/// ∞ in one lane, −∞ in the others.
const ALONE: [[f64; LANES]; LANES] = {
    let (mut table, mut lane) = ([[f64::NEG_INFINITY; LANES]; LANES], 0);
    while lane < LANES {
        table[lane][lane] = f64::INFINITY;
        lane += 1;
    }
    table
};

/// The least lane, and its column: `at` holds which sixteen each lane is from.
#[inline(always)]
fn nearest<S: Simd>(simd: S, least: S::D, at: S::I) -> (f64, usize) {
    let value = simd.least_d(least);
    let lane = simd.bits(simd.equal_d(least, simd.splat_d(value))).trailing_zeros() as usize % LANES;
    let mut chunks = [0; LANES];
    simd.store(at, &mut chunks);
    (value, chunks[lane] as usize * LANES + lane)
}

/// Shortest paths from one row to all columns.
struct Tree {
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
    fn new(chunks: usize) -> Self {
        let far = [f64::INFINITY; LANES];
        Self { length: vec![far; chunks], before: vec![[0; LANES]; chunks], v: vec![far; chunks], passed: Vec::new() }
    }

    /// Gives a free row a column along a shortest path, and moves the potentials with it.
    #[inline(always)]
    fn augment<T: Real, S: Simd>(&mut self, simd: S, state: &mut State<'_, T>, start: usize) {
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
