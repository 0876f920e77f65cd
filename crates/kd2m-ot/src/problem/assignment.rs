//! Who is matched with whom: each row with at most one column, as many as there are of the fewer. Rectangular problems become
//! transport by one more row that takes what is left over; its flows are whole numbers, as all of the network simplex are.

use std::borrow::Cow;

use super::Problem;
use crate::{
    error::OtError,
    isa::Isa,
    real::Real,
    solution::{Plan, Potentials, Status},
    solver::{
        assignment::direct,
        costs::{Held, Verdict},
        transport::{self, Transport},
    },
};

/// What the total of the matched costs is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// As small as possible.
    Least,
    /// As large as possible.
    Most,
}

/// A best assignment, and the proof of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// (row, column) of each match, by rows; min(n, m) of them.
    pub pairs: Vec<(usize, usize)>,
    /// Sum of the matched costs.
    pub total: f64,
    /// How far the total can be from the best one.
    pub gap: f64,
    /// Potentials with u_i + v_j ≤ c_ij (≥ where the most is asked for), 0 for what is left unmatched, whose sum differs from the
    /// total by no more than the gap.
    pub potentials: Potentials,
    /// How the computation ended.
    pub status: Status,
}

impl<T: Real> Problem<'_, T> {
    /// Matches rows and columns so that the total cost is the least, or the most; n and m may differ.
    ///
    /// ```
    /// use kd2m_ot::problem::{Problem, assignment::Goal};
    ///
    /// let costs = [4.0, 1.0, 3.0, 2.0, 0.0, 5.0];
    /// let found = Problem::new(&costs, 2, 3)?.assign(Goal::Least)?;
    /// assert_eq!((found.pairs, found.total), (vec![(0, 1), (1, 0)], 3.0));
    /// # Ok::<(), kd2m_ot::OtError>(())
    /// ```
    ///
    /// # Errors
    /// Weights, which mean nothing here: [`Problem::exact`] takes them; [`OtError::Interrupted`].
    pub fn assign(&self, goal: Goal) -> Result<Assignment, OtError> {
        if self.a.is_some() || self.b.is_some() {
            let message = "every row and column counts once: give no weights, or take the exact plan".to_owned();
            return Err(OtError::Numeric { metric: "assignment".to_owned(), message });
        }
        let moderate = self.moderate();
        let sign = if goal == Goal::Least { T::one() } else { -T::one() };
        let (few, many) = (self.n.min(self.m), self.n.max(self.m));
        let turned = self.n > self.m;
        let mut cost: Cow<'_, [T]> = match (turned, goal) {
            (false, Goal::Least) => Cow::Borrowed(&moderate.cost),
            (false, Goal::Most) => moderate.cost.iter().map(|&c| -c).collect(),
            (true, _) => {
                let pairs = (0..self.m).flat_map(|j| (0..self.n).map(move |i| (i, j)));
                pairs.map(|(i, j)| sign * moderate.cost[i * self.m + j]).collect()
            }
        };
        if few < many
            && let Some(found) = self.direct(&cost, (few, many), moderate.unit * sign.wide())?
        {
            return Ok(found);
        }
        let found = match many - few {
            0 => transport::solve_matrix(&cost, (many, many), None, None, None, self.stop)?,
            left => {
                // One cost for all that stay alone: which of them do, the others' costs decide.
                let least = cost.iter().fold(T::infinity(), |least, &c| least.min(c));
                cost.to_mut().extend(std::iter::repeat_n(least, many));
                let mut masses = vec![1.0; few];
                masses.push(left as f64);
                let found = transport::solve_matrix(&cost, (few + 1, many), Some(&masses), None, None, self.stop)?;
                without_rest(found, least.wide())
            }
        };
        let pairs = found.plan.entries().into_iter().map(|(i, j, _)| (i, j)).filter(|(i, _)| *i < few).collect();
        let gap = found.gap * many as f64 * moderate.unit;
        Ok(self.answer(pairs, found.potentials, moderate.unit * sign.wide(), gap, found.status))
    }

    /// The matching of a rectangle as it is, where its certificate leaves nothing open: what most problems need.
    fn direct(&self, cost: &[T], (few, many): (usize, usize), unit: f64) -> Result<Option<Assignment>, OtError> {
        let direct::Direct { columns, u, v, gap, .. } = direct::solve(Isa::detect(), cost, (few, many), self.stop)?;
        let pairs: Vec<(usize, usize)> = columns.into_iter().map(|j| j as usize).enumerate().collect();
        let total: f64 = pairs.iter().map(|&(i, j)| cost[i * many + j].wide()).sum();
        let potentials = Potentials { u, v };
        let verdict = Verdict::new(&Held { cost, columns: many }, gap, total, &potentials);
        Ok(verdict
            .is_optimal()
            .then(|| self.answer(pairs, potentials, unit, verdict.gap * unit.abs(), Status::Optimal)))
    }

    /// An answer in the caller's orientation and units.
    fn answer(
        &self,
        mut pairs: Vec<(usize, usize)>,
        mut potentials: Potentials,
        unit: f64,
        gap: f64,
        status: Status,
    ) -> Assignment {
        if self.n > self.m {
            pairs.iter_mut().for_each(|(i, j)| std::mem::swap(i, j));
            pairs.sort_unstable();
            std::mem::swap(&mut potentials.u, &mut potentials.v);
        }
        potentials.u.iter_mut().chain(&mut potentials.v).for_each(|x| *x *= unit);
        let total = pairs.iter().map(|&(i, j)| self.cost[i * self.m + j].wide()).sum();
        Assignment { pairs, total, gap, potentials, status }
    }
}

/// The potentials without those of the row that took what was left, shifted so that the unmatched have 0.
fn without_rest(mut found: Transport, least: f64) -> Transport {
    debug_assert!(matches!(found.plan, Plan::Sparse { .. }));
    if let Some(rest) = found.potentials.u.pop() {
        let shift = least - rest;
        found.potentials.u.iter_mut().for_each(|u| *u += shift);
        found.potentials.v.iter_mut().for_each(|v| *v -= shift);
    }
    found
}
