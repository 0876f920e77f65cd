//! Entropic transport at given costs: min Σ γ_ij c_ij + ε KL(γ | a⊗b), Cuturi (2013), in the log domain.
//! Costs are taken in `f64` and from the least of them on, which moves the value and nothing else.

use super::Problem;
use crate::{
    divergence::sinkhorn::{EPSILONS, Sinkhorn},
    error::OtError,
    options::Options,
    real::Real,
    solution::{Plan, Solution, Status},
    solver::sinkhorn::{self, Scores},
};

impl<T: Real> Problem<'_, T> {
    /// The entropic plan under the parameters of [`Sinkhorn`], of which the memory is not asked; ε in units of the costs, by default
    /// 0.05 times their mean above the least. Not debiased: without features there is no cost of A with itself.
    ///
    /// The value is Σ γ_ij c_ij + ε KL(γ | a⊗b), the diagnostic `cost` its first part; rows of the plan have their masses exactly,
    /// columns to `marginal_error`, a share of the mass. Memory: n·m numbers of `f64` twice.
    ///
    /// ```
    /// use kd2m_ot::{divergence::Sinkhorn, problem::Problem};
    ///
    /// let problem = Problem::new(&[0.0, 1.0, 1.0, 0.0], 2, 2)?;
    /// let found = problem.entropic(&Sinkhorn::default().epsilon(1.0).tolerance(1e-12))?;
    /// let kept = 0.5 / (1.0 + (-1f64).exp());
    /// assert!((found.plan.unwrap().to_dense()[0] - kept).abs() < 1e-9);
    /// # Ok::<(), kd2m_ot::OtError>(())
    /// ```
    ///
    /// # Errors
    /// A parameter out of its range, or an ε that is out of scale with the costs; [`OtError::Interrupted`].
    pub fn entropic(&self, parameters: &Sinkhorn) -> Result<Solution<T>, OtError> {
        parameters.checked()?;
        let (n, m) = self.shape();
        let moderate = self.moderate();
        let least = moderate.cost.iter().fold(f64::INFINITY, |least, c| least.min(c.wide()));
        let cost: Vec<f64> = moderate.cost.iter().map(|c| c.wide() - least).collect();
        let shares = |of: &Option<super::Weights>, count: usize| match of {
            Some(weights) => weights.normalised.clone(),
            None => vec![1.0 / count as f64; count],
        };
        let (a, b) = (shares(&self.a, n), shares(&self.b, m));
        let mean: f64 =
            cost.chunks_exact(m).zip(&a).map(|(row, a)| a * row.iter().zip(&b).map(|(c, b)| b * c).sum::<f64>()).sum();
        let unit = moderate.unit;
        if mean <= 0.0 {
            let mass = a.iter().flat_map(|a| b.iter().map(move |b| a * b)).collect();
            let plan = Some(Plan::Dense { n, m, mass });
            return Ok(Solution { plan, ..Solution::closed(least * unit) });
        }
        let settings = parameters.settings(mean, unit);
        if !EPSILONS.contains(&(settings.epsilon / mean)) {
            let [from, to] = [EPSILONS.start(), EPSILONS.end()].map(|share| share * mean * unit);
            let expected = format!(
                "for these costs, {:.1e} above the least in the mean, a number from {from:.0e} to {to:.0e}",
                mean * unit
            );
            return Err(Options::new("sinkhorn").bad("epsilon", &format!("{:e}", settings.epsilon * unit), &expected));
        }
        let start = self.start.map(|start| {
            let mut start = moderate.forth(start);
            start.u.iter_mut().for_each(|u| *u -= least);
            start
        });
        let zeros = vec![0.0; n.max(m)];
        let mut scores = Scores::from_cost(&cost, n, m, &zeros);
        scores.stop = self.stop;
        let found = sinkhorn::solve(&scores, &a, &b, settings, mean, start.as_ref())?;
        let mut potentials = found.potentials;
        let mass = sinkhorn::plan(&scores, &a, &b, settings.epsilon, &potentials)?;
        let linear: f64 = mass.iter().zip(&cost).map(|(g, c)| g * c).sum();
        let of = |p: &[f64], w: &[f64]| p.iter().zip(w).map(|(p, w)| p * w).sum::<f64>();
        let value = of(&potentials.u, &a) + of(&potentials.v, &b) + settings.epsilon * (1.0 - found.mass);
        potentials.u.iter_mut().for_each(|u| *u += least);
        let status = if found.status.is_trusted() { Status::Converged } else { Status::Stopped { error: found.error } };
        Ok(Solution {
            plan: Some(Plan::Dense { n, m, mass }),
            potentials: Some(moderate.back(potentials)),
            status,
            iterations: found.iterations,
            diagnostics: vec![
                ("epsilon", settings.epsilon * unit),
                ("cost", (linear + least * found.mass) * unit),
                ("marginal_error", found.error),
            ],
            ..Solution::closed((value + least) * unit)
        })
    }
}
