//! Transport at costs that are given: an n × m matrix in place of features. Costs may have any sign and any scale.
//! Next: [`assignment`] for who is matched with whom, [`entropic`] for Sinkhorn; for features, [`crate::divergence`].

pub mod assignment;
mod entropic;
mod extent;

use std::borrow::Cow;

use crate::{
    cloud::Weights,
    error::{OtError, Side},
    real::Real,
    solution::{Potentials, Solution},
    solver::transport,
    stop::Stop,
};

/// Costs `[n, m]` and the masses of their rows (A) and columns (B), all checked; uniform masses unless others are given.
///
/// ```
/// use kd2m_ot::{Plan, Side, problem::Problem};
///
/// let costs = [4.0f32, 1.0, 3.0, 2.0, 0.0, 5.0];
/// let found = Problem::new(&costs, 2, 3)?.with_weights(Side::B, &[1.0, 1.0, 2.0])?.exact()?;
/// // Half of the first row's mass goes to column 2, a quarter to column 1; …
/// assert_eq!(found.plan.unwrap().to_dense(), [0.0, 0.0, 0.5, 0.25, 0.25, 0.0]);
/// assert!((found.value - 2.0).abs() < 1e-12 && found.gap.unwrap() < 1e-12);
/// # Ok::<(), kd2m_ot::OtError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Problem<'a, T> {
    cost: &'a [T],
    /// The largest size of a cost.
    largest: f64,
    n: usize,
    m: usize,
    a: Option<Weights>,
    b: Option<Weights>,
    start: Option<&'a Potentials>,
    stop: &'a Stop,
}

impl<'a, T: Real> Problem<'a, T> {
    /// Costs as a row-major slice `[n, m]`.
    ///
    /// # Errors
    /// No rows or no columns, a slice of another length, or a cost that is not finite (its place is named).
    pub fn new(cost: &'a [T], n: usize, m: usize) -> Result<Self, OtError> {
        for (side, count) in [(Side::A, n), (Side::B, m)] {
            if count == 0 {
                return Err(OtError::Empty { side });
            }
        }
        if n.checked_mul(m) != Some(cost.len()) {
            let what = "the cost matrix".to_owned();
            return Err(OtError::Length { what, rows: n, columns: m, found: cost.len() });
        }
        let largest = match extent::largest(cost) {
            Some(largest) => largest,
            None => {
                let at = cost.iter().position(|c| !c.is_finite()).unwrap_or(0);
                return Err(OtError::Cost { row: at / m, column: at % m, value: cost[at].wide() });
            }
        };
        Ok(Self { cost, largest, n, m, a: None, b: None, start: None, stop: &Stop::NEVER })
    }

    /// The same with these masses of the rows (A) or the columns (B), which count as shares of their sum.
    ///
    /// # Errors
    /// Another number of weights, a negative or non-finite one, or a sum of zero.
    pub fn with_weights(mut self, side: Side, weights: &[f64]) -> Result<Self, OtError> {
        let count = if side == Side::A { self.n } else { self.m };
        let weights = Some(Weights::new(side, weights, count)?);
        match side {
            Side::A => self.a = weights,
            Side::B => self.b = weights,
        }
        Ok(self)
    }

    /// The same from potentials to begin with, e.g. those of a problem nearby: they change the time, never the answer.
    #[must_use]
    pub fn with_start(mut self, start: &'a Potentials) -> Self {
        self.start = Some(start);
        self
    }

    /// The same with a flag that ends a long solve: the answer is [`OtError::Interrupted`] soon after it was set.
    #[must_use]
    pub fn with_stop(mut self, stop: &'a Stop) -> Self {
        self.stop = stop;
        self
    }

    /// (n, m).
    pub fn shape(&self) -> (usize, usize) {
        (self.n, self.m)
    }

    /// The plan γ of least cost Σ γ_ij c_ij, certified: potentials with u_i + v_j ≤ c_ij, and how far the plan can be from optimal
    /// (`gap`). Uniform masses of equal number are an assignment, whose plan is a permutation; all others go to the network simplex.
    /// Kantorovich (1942).
    ///
    /// # Errors
    /// [`OtError::Interrupted`].
    pub fn exact(&self) -> Result<Solution<T>, OtError> {
        let moderate = self.moderate();
        let start = self.start.map(|start| moderate.forth(start));
        let masses = |of: &Option<Weights>| of.as_ref().map(|weights| weights.given.clone());
        let (a, b) = (masses(&self.a), masses(&self.b));
        let (a, b, start) = (a.as_deref(), b.as_deref(), start.as_ref());
        let found = transport::solve_matrix(&moderate.cost, self.shape(), a, b, start, self.stop)?;
        Ok(Solution {
            plan: Some(found.plan),
            potentials: Some(moderate.back(found.potentials)),
            gap: Some(found.gap * moderate.unit),
            status: found.status,
            iterations: found.iterations,
            ..Solution::closed(found.value * moderate.unit)
        })
    }

    /// The costs at a scale whose sums and small shares are numbers.
    fn moderate(&self) -> Moderate<'a, T> {
        let largest = self.largest;
        let range = T::max_value().wide().log2() / 2.0;
        let exponent = if largest > 0.0 { largest.log2() } else { 0.0 };
        if exponent.abs() <= range {
            return Moderate { cost: Cow::Borrowed(self.cost), unit: 1.0 };
        }
        // A power of two changes no digit but those of costs that are nothing beside the largest. In two steps: a whole power may be
        // beyond the largest number.
        let half = T::of(2f64.powi((-exponent / 2.0).round() as i32));
        let cost = self.cost.iter().map(|&c| c * half * half).collect();
        Moderate { cost: Cow::Owned(cost), unit: 1.0 / (half.wide() * half.wide()) }
    }
}

/// Costs in units of a power of two.
struct Moderate<'a, T: Real> {
    cost: Cow<'a, [T]>,
    unit: f64,
}

impl<T: Real> Moderate<'_, T> {
    fn forth(&self, Potentials { u, v }: &Potentials) -> Potentials {
        let divide = |x: &[f64]| x.iter().map(|x| x / self.unit).collect();
        Potentials { u: divide(u), v: divide(v) }
    }

    fn back(&self, Potentials { mut u, mut v }: Potentials) -> Potentials {
        u.iter_mut().chain(&mut v).for_each(|x| *x *= self.unit);
        Potentials { u, v }
    }
}
