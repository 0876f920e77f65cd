//! Who is matched with whom: each row with at most one column, as many as there are of the fewer. Rectangular problems become
//! transport by one more row that takes what is left over; its flows are whole numbers, as all of the network simplex are.

use super::Problem;
use crate::{
    error::OtError,
    real::Real,
    solution::{Plan, Potentials, Status},
    solver::transport::{self, Transport},
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
        let mut cost: Vec<T> = if self.n <= self.m {
            moderate.cost.iter().map(|&c| sign * c).collect()
        } else {
            (0..self.m)
                .flat_map(|j| (0..self.n).map(move |i| (i, j)))
                .map(|(i, j)| sign * moderate.cost[i * self.m + j])
                .collect()
        };
        let found = match many - few {
            0 => transport::solve_matrix(&cost, (many, many), None, None, None, self.stop)?,
            left => {
                // One cost for all that stay alone: which of them do, the others' costs decide.
                let least = cost.iter().fold(T::infinity(), |least, &c| least.min(c));
                cost.extend(std::iter::repeat_n(least, many));
                let mut masses = vec![1.0; few];
                masses.push(left as f64);
                let found = transport::solve_matrix(&cost, (few + 1, many), Some(&masses), None, None, self.stop)?;
                without_rest(found, least.wide())
            }
        };
        let mut pairs: Vec<(usize, usize)> =
            found.plan.entries().into_iter().map(|(i, j, _)| (i, j)).filter(|(i, _)| *i < few).collect();
        let mut potentials = found.potentials;
        if self.n > self.m {
            pairs.iter_mut().for_each(|(i, j)| std::mem::swap(i, j));
            pairs.sort_unstable();
            std::mem::swap(&mut potentials.u, &mut potentials.v);
        }
        let unit = moderate.unit * sign.wide();
        potentials.u.iter_mut().chain(&mut potentials.v).for_each(|x| *x *= unit);
        let total = pairs.iter().map(|&(i, j)| self.cost[i * self.m + j].wide()).sum();
        let gap = found.gap * many as f64 * moderate.unit;
        Ok(Assignment { pairs, total, gap, potentials, status: found.status })
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
