//! The fast solver: row minima, candidate lists, ε-auction in two phases, shortest paths; every step exact in fixed point.
//! Its answer is optimal for the matrix rounded to 27 bits; [`super::certificate`] says what that means for the matrix itself.

use super::{
    Matching,
    augment::Augment,
    lists,
    minima::{Minima, extremes},
    rows::{BITS, FixedPoint, Rows, padded},
    scans::ByRows,
    search::{Auction, NONE, State, Tighten},
};
use crate::{
    isa::{Element, Isa, Kernel, LANES, Simd},
    pool::Pool,
    real::Real,
    stop::Interrupted,
};

/// What the phases are tuned by; the defaults were chosen by measurement on clouds of features.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    /// ε of the second phase, as a share of the mean spread of the lists.
    pub epsilon: f64,
    /// ε of the first phase, in units of the second.
    pub coarse: f64,
    /// Up to this size whole rows are searched in place of lists.
    pub small: usize,
    /// Cap on the bids of a phase, in units of n: near ties must not end in a price war.
    pub bids: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { epsilon: 0.002, coarse: 10.0, small: 192, bids: 16 }
    }
}

/// With more than this share of rows free under a start's potentials, searching a path for each takes longer than an auction.
const FEW: usize = 32;

/// How the solver ended.
pub(crate) enum Answer<T> {
    /// Each row has its nearest column, at this cost, and no two the same.
    Nearest { columns: Vec<u32>, least: Vec<T> },
    /// The optimal matching of the matrix in fixed point, and the least entry of all.
    Searched { matching: Matching, lowest: T },
}

impl<T> Answer<T> {
    /// The matching with its column potentials.
    pub(crate) fn matching(self) -> Matching {
        match self {
            Answer::Nearest { columns, .. } => Matching { v: vec![0.0; columns.len()], columns, iterations: 0 },
            Answer::Searched { matching, .. } => matching,
        }
    }
}

/// The optimal matching of the matrix in fixed point.
///
/// # Errors
/// The problem was told to stop.
pub(crate) fn solve<R: Rows>(
    isa: Isa,
    pool: &Pool,
    rows: &R,
    start: Option<&[f64]>,
    tuning: Tuning,
) -> Result<Answer<R::Element>, Interrupted> {
    let n = rows.size();
    let start = start.filter(|v| v.len() == n);
    let tied = start.is_none() && isa.run(IsTied { rows });
    let stop = pool.stop();
    let mut minima = Minima::of(isa, pool, rows, !tied)?;
    if super::certificate::is_permutation(&minima.nearest) {
        return Ok(Answer::Nearest { columns: minima.nearest, least: minima.row });
    }
    let fixed = FixedPoint::new(minima.row, minima.range);
    let lowest = fixed.offsets.iter().fold(R::Element::INFINITE, |lowest, &c| if c < lowest { c } else { lowest });
    let by_rows = |v: Vec<i32>, greedy| {
        let found = isa.run(ByRows { rows, fixed: &fixed, v, greedy, stop })?;
        Ok(found.map(|found| {
            let matching = unscaled(found.columns, &found.v[..n], fixed.scale.wide(), found.paths);
            Answer::Searched { matching, lowest }
        }))
    };
    if tied {
        if let Some(found) = by_rows(vec![0; padded(n)], Some(n / 8))? {
            return Ok(found);
        }
        minima.column = Minima::of(isa, pool, rows, true)?.column;
    }
    let mut v: Vec<i32> = match start {
        Some(v) => carried(v, fixed.scale.wide()),
        None => minima.column.iter().map(|m| minimum(*m, fixed.scale)).collect(),
    };
    v.resize(padded(n), 0);
    if n <= tuning.small
        && let Some(found) = by_rows(v.clone(), None)?
    {
        return Ok(found);
    }
    let lists = lists::build_all(isa, pool, rows, &fixed, &v)?;
    let mut state = State {
        rows,
        fixed,
        v,
        x: vec![NONE; n],
        y: vec![NONE; n],
        matched: vec![0; n],
        lists,
        scratch: Vec::new(),
        work: lists::Work::default(),
        refills: 0,
        stop,
    };

    let epsilon = (state.mean_spread() * tuning.epsilon).max(1.0);
    // What the potentials of the start match without any bid.
    isa.run(Tighten { state: &mut state });
    if state.tied() > n / 16 {
        // Ties are left to the last auction and the search.
    } else if start.is_some() {
        // Potentials of a problem that has moved place most rows; the others bid among what is placed.
        if state.free() > n / FEW {
            isa.run(Auction { epsilon: epsilon as i32, steps: tuning.bids * n, state: &mut state });
            isa.run(Tighten { state: &mut state });
        }
    } else {
        for epsilon in [epsilon * tuning.coarse, epsilon] {
            state.clear();
            isa.run(Auction { epsilon: epsilon as i32, steps: tuning.bids * n, state: &mut state });
            state.keep()?;
        }
        isa.run(Tighten { state: &mut state });
    }
    isa.run(Auction { epsilon: 0, steps: n, state: &mut state });
    let iterations = isa.run(Augment { state: &mut state })?;

    let matching = unscaled(state.x, &state.v[..n], state.fixed.scale.wide(), iterations);
    Ok(Answer::Searched { matching, lowest })
}

fn unscaled(columns: Vec<u32>, v: &[i32], scale: f64, iterations: usize) -> Matching {
    Matching { columns, v: v.iter().map(|&v| f64::from(v) / scale).collect(), iterations }
}

/// Whether a few rows have on average three or more columns at their least cost: rare among distances of features, the rule among
/// small whole numbers.
struct IsTied<'a, R: Rows> {
    rows: &'a R,
}

impl<R: Rows> Kernel for IsTied<'_, R> {
    type Output = bool;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> bool {
        const SAMPLES: usize = 4;
        let n = self.rows.size();
        let samples: Vec<u32> = (0..SAMPLES.min(n)).map(|k| (k * n / SAMPLES.min(n)) as u32).collect();
        let mut scratch = Vec::new();
        let block = self.rows.fetch(&samples, &mut scratch);
        let of_row = |(k, &i): (usize, &u32)| {
            let row = block.row(k, i);
            let wanted = R::Element::vsplat(simd, extremes(simd, row).0);
            let (chunks, _) = row.as_chunks::<LANES>();
            let equal =
                |chunk| simd.bits(R::Element::vequal(simd, R::Element::vload(simd, chunk), wanted)).count_ones();
            chunks.iter().map(equal).sum::<u32>()
        };
        samples.iter().enumerate().map(of_row).sum::<u32>() >= 3 * samples.len() as u32
    }
}

fn minimum<T: Element + Real>(minimum: T, scale: T) -> i32 {
    if minimum < T::INFINITE { minimum.fixed_one(T::of(0.0), scale) } else { 0 }
}

/// Potentials of an earlier problem; what does not fit the range of this one is cut off: any start is allowed.
fn carried(v: &[f64], scale: f64) -> Vec<i32> {
    let highest = v.iter().copied().filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
    let limit = f64::from(1 << BITS);
    v.iter().map(|v| if v.is_finite() { ((v - highest) * scale).max(-limit) as i32 } else { 0 }).collect()
}
