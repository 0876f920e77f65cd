//! The last digits: potentials for exact costs, where those of a rounded matrix almost fit.
//! For a given matching the column potentials are shortest paths over the lengths c_ij − c_i,x(i): Bellman–Ford with a queue. A cycle
//! of negative length is a better matching, and is taken (Klein, "A primal method for minimal cost flows", 1967).

use std::{collections::VecDeque, ops::Range};

use kd2m_simd::ranks::wire::Wire;

use super::search::NONE;
use crate::stop::{Interrupted, Stop};

/// Exact costs of the pairs that can matter, row by row; each row's own pair comes first.
#[derive(Debug, Clone, Default)]
pub(super) struct Near {
    entries: Vec<(u32, f64)>,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl Near {
    /// Adds a pair to the row that is being written.
    pub(super) fn push(&mut self, column: usize, cost: f64) {
        self.entries.push((column as u32, cost));
    }

    /// Ends a row.
    pub(super) fn end_row(&mut self) {
        self.ends.push(self.entries.len());
    }

    /// Adds the rows of another part.
    pub(super) fn append(&mut self, part: Near) {
        let before = self.entries.len();
        self.entries.extend(part.entries);
        self.ends.extend(part.ends.into_iter().map(|end| end + before));
    }

    /// The pairs of a row.
    pub(super) fn row(&self, i: usize) -> &[(u32, f64)] {
        &self.entries[self.range(i)]
    }

    /// The cost of a pair that is among them.
    pub(super) fn cost(&self, i: usize, column: u32) -> f64 {
        self.row(i).iter().find(|(j, _)| *j == column).map_or(f64::INFINITY, |(_, cost)| *cost)
    }

    fn range(&self, i: usize) -> Range<usize> {
        (if i == 0 { 0 } else { self.ends[i - 1] })..self.ends[i]
    }
}

impl Wire for Near {
    fn put(&self, out: &mut Vec<u8>) {
        self.entries.put(out);
        self.ends.iter().map(|end| *end as u64).collect::<Vec<u64>>().put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (entries, ends): (_, Vec<u64>) = Wire::take(from)?;
        Some(Self { entries, ends: ends.into_iter().map(|end| end as usize).collect() })
    }
}

/// How often a column's potential falls before its path is searched for a cycle.
const PATIENCE: u32 = 8;

/// Rows that may be looked at, in units of n, before it is given up: the certificate tells what is left.
const MOST_LOOKS: usize = 200;

/// Lowers potentials, and changes the matching where that is better, until no pair of `near` has a reduced cost below its row's own.
/// Potentials never rise.
///
/// # Errors
/// Told to stop.
pub(super) fn repair(near: &Near, columns: &mut [u32], v: &mut [f64], stop: &Stop) -> Result<(), Interrupted> {
    let n = columns.len();
    let mut row_of = vec![NONE; n];
    columns.iter().enumerate().for_each(|(i, &j)| row_of[j as usize] = i as u32);
    let mut state = State {
        near,
        own: (0..n).map(|i| near.cost(i, columns[i])).collect(),
        columns,
        v,
        row_of,
        from: vec![NONE; n],
        seen: vec![0; n],
        searches: 0,
    };
    let mut falls = vec![0u32; n];
    let mut waits = vec![true; n];
    let mut queue: VecDeque<u32> = (0..n as u32).collect();
    for look in 0..MOST_LOOKS * n {
        if look.is_multiple_of(1024) {
            stop.check()?;
        }
        let Some(i) = queue.pop_front() else { break };
        waits[i as usize] = false;
        let mut again = Vec::new();
        for at in near.range(i as usize) {
            let Some(j) = state.lower(i as usize, near.entries[at]) else { continue };
            again.push(state.row_of[j]);
            falls[j] += 1;
            if falls[j].is_multiple_of(PATIENCE) {
                let cycle = state.cycle(j);
                if !cycle.is_empty() {
                    state.turn(&cycle);
                    again.extend(cycle.iter().map(|&j| state.row_of[j]));
                    again.push(i);
                    break;
                }
            }
        }
        for i in again {
            if !std::mem::replace(&mut waits[i as usize], true) {
                queue.push_back(i);
            }
        }
    }
    Ok(())
}

struct State<'a> {
    near: &'a Near,
    columns: &'a mut [u32],
    v: &'a mut [f64],
    row_of: Vec<u32>,
    /// Cost of each row's pair.
    own: Vec<f64>,
    /// Row through which a column's potential last fell.
    from: Vec<u32>,
    /// Search in which a column was last met.
    seen: Vec<u32>,
    searches: u32,
}

impl State<'_> {
    /// Lowers a column's potential to what row i allows; the column, if that was lower by more than rounding.
    fn lower(&mut self, i: usize, (j, cost): (u32, f64)) -> Option<usize> {
        if j == self.columns[i] {
            return None;
        }
        let offer = cost - (self.own[i] - self.v[self.columns[i] as usize]);
        let j = j as usize;
        let tolerance = 4.0 * f64::EPSILON * (cost.abs() + self.own[i].abs() + self.v[j].abs());
        if offer >= self.v[j] - tolerance {
            return None;
        }
        (self.v[j], self.from[j]) = (offer, i as u32);
        Some(j)
    }

    /// The columns of a cycle on the way back from column j whose turn makes the matching cheaper; empty if there is none.
    fn cycle(&mut self, mut j: usize) -> Vec<usize> {
        self.searches += 1;
        while self.from[j] != NONE && self.seen[j] != self.searches {
            self.seen[j] = self.searches;
            j = self.columns[self.from[j] as usize] as usize;
        }
        if self.from[j] == NONE {
            return Vec::new();
        }
        let (mut cycle, mut gain, first) = (Vec::new(), 0.0, j);
        loop {
            let i = self.from[j] as usize;
            gain += self.own[i] - self.near.cost(i, j as u32);
            cycle.push(j);
            j = self.columns[i] as usize;
            if j == first {
                break;
            }
        }
        // Rows may have changed partners since they lowered a column: such a cycle is no gain, and forgotten.
        if gain > 0.0 {
            return cycle;
        }
        cycle.iter().for_each(|&j| self.from[j] = NONE);
        Vec::new()
    }

    /// Gives each column of a cycle to the row that lowered it.
    fn turn(&mut self, cycle: &[usize]) {
        for &j in cycle {
            let i = std::mem::replace(&mut self.from[j], NONE) as usize;
            self.own[i] = self.near.cost(i, j as u32);
            (self.columns[i], self.row_of[j]) = (j as u32, i as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solver::assignment::dense;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    /// A rounded matrix's answer, settled over all exact costs, is the exact matrix's answer: its value, and tight potentials.
    #[test]
    fn an_answer_of_rounded_costs_becomes_the_exact_one() {
        let mut random = Pcg64::seed_from_u64(3);
        for n in [1, 2, 3, 10, 40] {
            for levels in [2.0, 10.0, 1000.0] {
                let cost: Vec<f64> = (0..n * n).map(|_| random.random()).collect();
                let rounded: Vec<f64> = cost.iter().map(|c| (c * levels).round() / levels).collect();
                let found = dense::solve(&rounded, n, None);
                let (mut columns, mut v) = (found.columns, found.v);
                let mut near = Near::default();
                for i in 0..n {
                    (0..n).for_each(|j| near.push(j, cost[i * n + j]));
                    near.end_row();
                }
                let before = v.clone();
                repair(&near, &mut columns, &mut v, &Stop::NEVER).unwrap();
                assert!(v.iter().zip(&before).all(|(after, before)| after <= before));
                let value: f64 = (0..n).map(|i| cost[i * n + columns[i] as usize]).sum();
                let exact = dense::solve(&cost, n, None);
                let expected: f64 = (0..n).map(|i| cost[i * n + exact.columns[i] as usize]).sum();
                assert!((value - expected).abs() < 1e-12, "n = {n}, {levels} levels: {value} {expected}");
                for i in 0..n {
                    let own = cost[i * n + columns[i] as usize] - v[columns[i] as usize];
                    assert!((0..n).all(|j| cost[i * n + j] - v[j] >= own - 1e-12));
                }
            }
        }
    }
}
