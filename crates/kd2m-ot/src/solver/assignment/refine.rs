//! The last resort for costs of any range: fixed point spends its 27 bits on what is still open, again and again.
//! Whatever feasible potentials leave open between a matching and the optimum, no pair whose reduced cost exceeds it can be in an
//! optimal matching. So reduced costs, cut off there, are a problem of the same answer and of a far smaller range; its potentials
//! are added, and what is left open shrinks by 2²⁷/n. All costs come from [`Costs`], in `f64`: refinement as for linear systems
//! (Wilkinson, "Rounding errors in algebraic processes", 1963), for assignments.

use super::{Assignment, dense, fast, rows::Matrix};
use crate::{
    isa::{Isa, Kernel, Simd},
    pool::Pool,
    solution::Potentials,
    solver::{
        assignment::certificate::least_reduced,
        costs::{Costs, Verdict},
    },
    stop::Interrupted,
};

/// A matching with potentials, judged over costs in `f64`.
#[derive(Debug, Clone)]
pub(crate) struct Refined {
    pub columns: Vec<u32>,
    pub potentials: Potentials,
    /// Mean cost of the matched pairs.
    pub value: f64,
    /// How far from optimal it can be, the rounding of costs and of this certificate included.
    pub verdict: Verdict,
    /// Rounds taken.
    pub rounds: usize,
}

impl Refined {
    /// The same as the other solvers give it.
    pub(crate) fn into_assignment(self, iterations: usize) -> Assignment {
        let Self { columns, potentials, value, verdict, rounds } = self;
        Assignment { columns, potentials, value, gap: verdict.gap, iterations: iterations + rounds }
    }
}

/// Rounds at most: each takes the range down by a factor of thousands, and double precision spans 2²⁰⁰⁰.
const MOST_ROUNDS: usize = 40;

/// Potentials above this many times the matching's total cost have lost digits that the answer needs: the next round starts from none.
const MODEST: f64 = 16.0;

/// Largest size that the plain solver in `f64` is asked for when rounds leave something open.
const MOST_DENSE: usize = 2048;

/// Bytes that [`refine`] takes for n samples a side: the costs, and what a round makes of them.
pub(crate) fn bytes(n: usize) -> usize {
    n.saturating_mul(n).saturating_mul(2 * size_of::<f64>())
}

/// Finds the best matching, beginning from the one that `first` holds.
///
/// # Errors
/// The problem was told to stop.
pub(crate) fn refine<C: Costs>(isa: Isa, pool: &Pool, costs: &C, first: &[u32]) -> Result<Refined, Interrupted> {
    let n = first.len();
    let table = Table::new(pool, costs, n)?;
    // Costs below zero are lifted row by row, which leaves every optimal plan as it is.
    let none = vec![0.0; n];
    let plain = table.judge(isa, pool, first, &none)?;
    let floor: Vec<f64> = plain.potentials.u.iter().map(|u| u.min(0.0)).collect();
    let lifted = |judged: &Judged| judged.own_total - floor.iter().sum::<f64>();
    let mut best = plain;
    let mut base = (floor.clone(), none.clone());
    let (mut from_none, mut open) = (true, lifted(&best));
    let mut rounds = 0;
    while rounds < MOST_ROUNDS && open > 0.0 && !best.verdict(costs).is_optimal() {
        rounds += 1;
        let reduced = table.reduced(pool, &base, open)?;
        let found = fast::solve(isa, pool, &Matrix::new(&reduced, n), None, fast::Tuning::default())?.matching();
        let v: Vec<f64> = base.1.iter().zip(&found.v).map(|(base, v)| base + v * open).collect();
        let mut judged = table.judge(isa, pool, &found.columns, &v)?;
        if judged.own_total > best.own_total {
            judged = table.judge(isa, pool, &best.columns, &v)?;
        }
        let total = lifted(&judged);
        let is_modest = judged.largest() <= MODEST * total + floor.iter().fold(0.0, |most: f64, u| most.max(-u));
        let left = if is_modest { judged.slack_total } else { total };
        let next = if is_modest {
            (judged.potentials.u.clone(), judged.potentials.v.clone())
        } else {
            (floor.clone(), none.clone())
        };
        if judged.gap(costs) <= best.gap(costs) || judged.own_total < best.own_total {
            best = judged;
        }
        if left > 0.5 * open && from_none != is_modest {
            break;
        }
        (base, from_none, open) = (next, !is_modest, left);
    }
    if !best.verdict(costs).is_optimal() && n <= MOST_DENSE {
        let found = dense::solve_until(&table.cost, n, Some(&best.potentials.v), pool.stop())?;
        let judged = table.judge(isa, pool, &found.columns, &found.v)?;
        if judged.gap(costs) < best.gap(costs) {
            best = judged;
        }
    }
    let (value, verdict) = (best.value(), best.verdict(costs));
    Ok(Refined { columns: best.columns, potentials: best.potentials, value, verdict, rounds })
}

/// All costs in `f64`.
struct Table {
    n: usize,
    cost: Vec<f64>,
}

impl Table {
    fn new<C: Costs>(pool: &Pool, costs: &C, n: usize) -> Result<Self, Interrupted> {
        let mut cost = vec![0.0; n * n];
        pool.share_chunks_until(&mut cost, n, |i, row| costs.fill_row(i, row))?;
        Ok(Self { n, cost })
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.cost[i * self.n..(i + 1) * self.n]
    }

    /// Reduced costs under some potentials in units of `open`, cut off at 1: what one round solves.
    fn reduced(&self, pool: &Pool, (u, v): &(Vec<f64>, Vec<f64>), open: f64) -> Result<Vec<f64>, Interrupted> {
        let mut reduced = vec![0.0; self.cost.len()];
        pool.share_chunks_until(&mut reduced, self.n, |i, out| {
            for ((out, c), v) in out.iter_mut().zip(self.row(i)).zip(v) {
                *out = (((c - v) - u[i]) / open).clamp(0.0, 1.0);
            }
        })?;
        Ok(reduced)
    }

    /// Row potentials that go with `v`, and what they leave open.
    fn judge(&self, isa: Isa, pool: &Pool, columns: &[u32], v: &[f64]) -> Result<Judged, Interrupted> {
        let n = self.n;
        let mut rows = vec![(0.0, 0.0); n];
        let block = n.div_ceil(4 * pool.size());
        pool.share_chunks_until(&mut rows, block, |k, rows| {
            for (i, out) in (k * block..).zip(rows) {
                let row = self.row(i);
                *out = (row[columns[i] as usize], isa.run(Least { row, v }));
            }
        })?;
        let mut judged = Judged {
            columns: columns.to_vec(),
            potentials: Potentials { u: rows.iter().map(|row| row.1).collect(), v: v.to_vec() },
            own_total: 0.0,
            slack_total: 0.0,
            rounding_total: 0.0,
        };
        for (&(own, least), &j) in rows.iter().zip(columns) {
            // The same difference as in the search for the least: never below it, and zero where it is the least.
            let reduced = own - v[j as usize];
            judged.own_total += own;
            judged.slack_total += reduced - least;
            judged.rounding_total += f64::EPSILON * (reduced.abs() + least.abs());
        }
        Ok(judged)
    }
}

/// A matching and potentials, with totals over all rows.
#[derive(Debug, Clone)]
struct Judged {
    columns: Vec<u32>,
    potentials: Potentials,
    own_total: f64,
    slack_total: f64,
    /// What the differences above can have rounded.
    rounding_total: f64,
}

impl Judged {
    fn value(&self) -> f64 {
        self.own_total / self.columns.len() as f64
    }

    /// Costs that are off by a share of themselves move the plan's cost and the optimum by that share at most.
    fn gap<C: Costs>(&self, costs: &C) -> f64 {
        (self.slack_total + self.rounding_total) / self.columns.len() as f64
            + 2.0 * costs.relative_error() * self.value()
    }

    fn verdict<C: Costs>(&self, costs: &C) -> Verdict {
        Verdict::new(costs, self.gap(costs), self.value(), &self.potentials)
    }

    fn largest(&self) -> f64 {
        self.potentials.u.iter().chain(&self.potentials.v).fold(0.0, |most, x| most.max(x.abs()))
    }
}

struct Least<'a> {
    row: &'a [f64],
    v: &'a [f64],
}

impl Kernel for Least<'_> {
    type Output = f64;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> f64 {
        least_reduced(simd, self.row, self.v)
    }
}
