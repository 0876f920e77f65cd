//! Dense Jonker–Volgenant in `f64`: column reduction, bounded row reduction, shortest augmenting paths; O(n³) at worst.
//! The plain form: the reference of every faster one, and the last resort where costs span too wide a range for fixed point.

use super::Matching;
use crate::{
    real::Real,
    stop::{Interrupted, Stop},
};

const FREE: usize = usize::MAX;

/// Rows, columns and column potentials while a matching grows.
struct State<'a, T> {
    cost: &'a [T],
    n: usize,
    v: Vec<f64>,
    /// Column of each row and row of each column, or [`FREE`].
    x: Vec<usize>,
    y: Vec<usize>,
    stop: &'a Stop,
}

/// [`solve_until`] that nobody stops.
#[cfg(test)]
pub(crate) fn solve<T: Real>(cost: &[T], n: usize, start: Option<&[f64]>) -> Matching {
    crate::stop::unstoppable(|stop| solve_until(cost, n, start, stop))
}

/// The optimal matching of a row-major `[n, n]` matrix; `start` holds column potentials to begin from (any are allowed).
///
/// # Errors
/// [`Interrupted`] if it was told to stop.
pub(crate) fn solve_until<T: Real>(
    cost: &[T],
    n: usize,
    start: Option<&[f64]>,
    stop: &Stop,
) -> Result<Matching, Interrupted> {
    let v = match start {
        Some(v) if v.len() == n && v.iter().all(|v| v.is_finite()) => v.to_vec(),
        _ => column_minima(cost, n),
    };
    let mut state = State { cost, n, v, x: vec![FREE; n], y: vec![FREE; n], stop };
    state.reduce_rows(2 * n)?;
    let free: Vec<usize> = (0..n).filter(|&i| state.x[i] == FREE).collect();
    let mut search = Search::new(n);
    for &row in &free {
        search.augment(&mut state, row)?;
    }
    let columns = state.x.iter().map(|&j| j as u32).collect();
    Ok(Matching { columns, v: state.v, iterations: free.len() })
}

fn column_minima<T: Real>(cost: &[T], n: usize) -> Vec<f64> {
    let mut minima = vec![f64::INFINITY; n];
    for row in cost.chunks_exact(n) {
        for (m, c) in minima.iter_mut().zip(row) {
            *m = m.min(c.wide());
        }
    }
    minima
}

impl<T: Real> State<'_, T> {
    fn reduced(&self, i: usize, j: usize) -> f64 {
        self.cost[i * self.n + j].wide() - self.v[j]
    }

    /// Least and second least reduced cost of a row, and the column of the least.
    fn two_least(&self, i: usize) -> (f64, usize, f64) {
        let row = &self.cost[i * self.n..(i + 1) * self.n];
        let (mut least, mut at, mut second) = (f64::INFINITY, 0, f64::INFINITY);
        for (j, (c, v)) in row.iter().zip(&self.v).enumerate() {
            let r = c.wide() - v;
            if r < second {
                if r < least {
                    (second, least, at) = (least, r, j);
                } else {
                    second = r;
                }
            }
        }
        (least, at, second)
    }

    /// Free rows bid for their best column up to indifference. Bounded: without a bound, near ties end in price wars.
    fn reduce_rows(&mut self, steps: usize) -> Result<(), Interrupted> {
        let mut queue: std::collections::VecDeque<usize> = (0..self.n).collect();
        for _ in 0..steps {
            self.stop.check()?;
            let Some(i) = queue.pop_front() else { return Ok(()) };
            let (least, j, second) = self.two_least(i);
            if second.is_finite() {
                self.v[j] -= second - least;
            }
            let loser = std::mem::replace(&mut self.y[j], i);
            self.x[i] = j;
            if loser != FREE {
                self.x[loser] = FREE;
                queue.push_back(loser);
            }
        }
        Ok(())
    }
}

/// Buffers of Dijkstra's search, reused over all free rows.
struct Search {
    distance: Vec<f64>,
    from: Vec<usize>,
    done: Vec<bool>,
    scanned: Vec<usize>,
}

impl Search {
    fn new(n: usize) -> Self {
        Self { distance: vec![0.0; n], from: vec![0; n], done: vec![false; n], scanned: Vec::with_capacity(n) }
    }

    /// Shortest path in reduced costs from a free row to a free column; potentials move so that all of it becomes tight.
    fn augment<T: Real>(&mut self, state: &mut State<T>, free_row: usize) -> Result<(), Interrupted> {
        let n = state.n;
        self.distance.fill(f64::INFINITY);
        self.done.fill(false);
        self.scanned.clear();
        // `base` maps a row's reduced costs to distances from the free row: c_ij − v_j − base.
        let (mut row, mut base) = (free_row, state.two_least(free_row).0);
        let (end, reached) = loop {
            state.stop.check()?;
            let costs = &state.cost[row * n..(row + 1) * n];
            let (mut next, mut least) = (FREE, f64::INFINITY);
            for (j, cost) in costs.iter().enumerate() {
                if self.done[j] {
                    continue;
                }
                let through = cost.wide() - state.v[j] - base;
                if through < self.distance[j] {
                    self.distance[j] = through;
                    self.from[j] = row;
                }
                // Of equally near columns a free one ends the search.
                if self.distance[j] < least || (self.distance[j] == least && state.y[j] == FREE) {
                    (next, least) = (j, self.distance[j]);
                }
            }
            if state.y[next] == FREE {
                break (next, least);
            }
            self.done[next] = true;
            self.scanned.push(next);
            row = state.y[next];
            base = state.reduced(row, next) - least;
        };
        for &j in &self.scanned {
            state.v[j] += self.distance[j] - reached;
        }
        let mut j = end;
        loop {
            let i = self.from[j];
            state.y[j] = i;
            let previous = std::mem::replace(&mut state.x[i], j);
            if i == free_row {
                return Ok(());
            }
            j = previous;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solver::assignment::{certificate, certified};
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    /// Least mean cost over all permutations.
    fn brute_force(cost: &[f64], n: usize) -> f64 {
        fn go(cost: &[f64], n: usize, i: usize, used: u32) -> f64 {
            if i == n {
                return 0.0;
            }
            (0..n)
                .filter(|j| used >> j & 1 == 0)
                .map(|j| cost[i * n + j] + go(cost, n, i + 1, used | 1 << j))
                .fold(f64::INFINITY, f64::min)
        }
        go(cost, n, 0, 0) / n as f64
    }

    #[test]
    fn equals_brute_force_with_and_without_ties() {
        let mut random = Pcg64::seed_from_u64(1);
        for n in 1..8 {
            for levels in [2, 5, 1_000_000] {
                let cost: Vec<f64> = (0..n * n).map(|_| f64::from(random.random_range(0..levels))).collect();
                let found = certified(&cost, n, solve(&cost, n, None));
                assert!(certificate::is_permutation(&found.columns));
                assert!((found.value - brute_force(&cost, n)).abs() < 1e-9, "n = {n}, levels = {levels}");
                assert!(found.gap.abs() < 1e-9);
            }
        }
    }

    #[test]
    fn any_start_gives_the_same_value() {
        let mut random = Pcg64::seed_from_u64(2);
        let n = 40;
        let cost: Vec<f64> = (0..n * n).map(|_| random.random()).collect();
        let cold = certified(&cost, n, solve(&cost, n, None));
        let start: Vec<f64> = (0..n).map(|_| random.random_range(-3.0..3.0)).collect();
        let warm = certified(&cost, n, solve(&cost, n, Some(&start)));
        assert!((cold.value - warm.value).abs() < 1e-12 && warm.gap < 1e-12 && cold.gap < 1e-12);
        let again = solve(&cost, n, Some(&cold.potentials.v));
        assert_eq!(again.columns, cold.columns);
    }
}
