//! Exact transport for any marginals: an assignment where both are uniform and of equal size, the network simplex otherwise.
//! The one place that chooses between exact solvers of a given cost matrix.
//! Next: [`super::assignment`], [`super::network_simplex`].

pub(crate) use super::plan::Problem;
pub(crate) use super::plan::Transport;
use super::{
    assignment::{self, Assignment, refine, rows},
    costs::{Costs, Held, Verdict},
    network_simplex,
    streaming::Streaming,
};
use crate::{
    cost::Rounded,
    isa::Isa,
    pool::Pool,
    real::Real,
    room,
    solution::{Plan, Potentials},
    stop::{Interrupted, Stop},
};

/// The plan of least cost for a row-major matrix `[n, m]`; weights of `None` are uniform.
///
/// # Errors
/// [`Interrupted`] if it was told to stop.
pub(crate) fn solve_matrix<T: Real>(
    cost: &[T],
    (n, m): (usize, usize),
    a: Option<&[f64]>,
    b: Option<&[f64]>,
    start: Option<&Potentials>,
    stop: &Stop,
) -> Result<Transport, Interrupted> {
    debug_assert_eq!(cost.len(), n * m);
    if n == m
        && a.is_none()
        && b.is_none()
        && start.is_none()
        && let Some(found) = assignment::solve_directly(cost, n, stop)?
    {
        let verdict = Verdict::new(&Held { cost, columns: m }, found.gap, found.value, &found.potentials);
        if verdict.is_optimal() {
            return Ok(of_assignment(found, verdict));
        }
    }
    solve(&Problem { rounded: &Rounded::exact(cost, m), exact: &Held { cost, columns: m }, stop }, a, b, start)
}

/// The plan of least exact cost; weights of `None` are uniform, others need not sum to one.
///
/// # Errors
/// The problem was told to stop.
pub(crate) fn solve<T: Real, C: Costs>(
    problem: &Problem<T, C>,
    a: Option<&[f64]>,
    b: Option<&[f64]>,
    start: Option<&Potentials>,
) -> Result<Transport, Interrupted> {
    let (n, m) = problem.exact.shape();
    if n == m && a.is_none() && b.is_none() {
        return assign(problem, n, start);
    }
    let uniform = |count: usize| vec![1.0; count];
    let (uniform_a, uniform_b) = (uniform(n), uniform(m));
    network_simplex::solve_problem(problem, a.unwrap_or(&uniform_a), b.unwrap_or(&uniform_b), start)
}

/// The same where no matrix can be held: any weights, in O((n + m) k) memory.
///
/// # Errors
/// Told to stop.
pub(crate) fn solve_streamed<C: Streaming>(
    costs: &C,
    a: Option<&[f64]>,
    b: Option<&[f64]>,
    start: Option<&Potentials>,
) -> Result<Transport, Interrupted> {
    let (n, m) = costs.shape();
    let (uniform_a, uniform_b) = (vec![1.0; n], vec![1.0; m]);
    network_simplex::streamed::solve(costs, a.unwrap_or(&uniform_a), b.unwrap_or(&uniform_b), start)
}

fn assign<T: Real, C: Costs>(
    problem: &Problem<T, C>,
    n: usize,
    start: Option<&Potentials>,
) -> Result<Transport, Interrupted> {
    let start = start.filter(|p| p.v.len() == n).map(|p| p.v.as_slice());
    Pool::with(n >= assignment::PARALLEL_FROM, problem.stop, |pool| {
        let rows = rows::Bounded { rounded: problem.rounded, exact: problem.exact };
        let found = assignment::solve_rows(pool, &rows, start)?;
        let verdict = Verdict::new(problem.exact, found.gap, found.value, &found.potentials);
        if verdict.is_optimal() || !room::is_there(refine::bytes(n)) {
            return Ok(of_assignment(found, verdict));
        }
        let refined = refine::refine(Isa::detect(), pool, problem.exact, &found.columns)?;
        if refined.verdict.gap < verdict.gap {
            let verdict = refined.verdict;
            return Ok(of_assignment(refined.into_assignment(found.iterations), verdict));
        }
        Ok(of_assignment(found, verdict))
    })
}

/// A matching as a plan, with what its certificate says.
pub(crate) fn of_assignment(found: Assignment, verdict: Verdict) -> Transport {
    let Assignment { columns, potentials, value, iterations, .. } = found;
    let (gap, status) = (verdict.gap, verdict.status());
    Transport { plan: Plan::Permutation(columns), potentials, value, gap, status, iterations }
}
