//! Entropic transport min ⟨γ, c⟩ + ε·KL(γ | a⊗b), balanced or with KL-relaxed marginals, in the log domain with ε-scaling.
//! Cuturi (2013); the averaged iteration of symmetric problems and the debiased form after Feydy et al. (2019); unbalanced after
//! Séjourné et al. (2019). Read [`pass`] for the one sweep of an iteration, [`scores`] for costs, [`batched`] for histograms.

mod anderson;
pub(crate) mod batched;
mod kernel;
mod pass;
mod scores;

pub(crate) use kernel::Lane;
pub(crate) use scores::{Products, Scores};

use crate::{
    solution::{Potentials, Status},
    stop::Interrupted,
};
use anderson::Anderson;
use pass::Sweep;

/// ε falls by this factor from sweep to sweep until it reaches the one asked for.
const SCALING: f64 = 0.25;

/// What is asked of the solver.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// ε, in units of the cost.
    pub epsilon: f64,
    /// Strength ρ of KL-relaxed marginals; `None` keeps them exact.
    pub rho: Option<f64>,
    /// An iteration ends below this marginal error: Σ_j b_j |Σ_i γ_ij / b_j − 1|, a share of the total mass.
    pub tolerance: f64,
    /// Sweeps at most.
    pub max_iterations: usize,
}

/// Potentials of an entropic problem and how far they were taken.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub potentials: Potentials,
    /// Σ γ_ij: 1 for exact marginals.
    pub mass: f64,
    /// The marginal error (relaxed marginals: the same measure of what one more iteration would change).
    pub error: f64,
    /// How far the dual value may still be below its maximum, judged by how it rose while the error fell.
    pub open: f64,
    pub status: Status,
    pub iterations: usize,
}

impl Settings {
    /// A potential moves by this share of its soft minimum: 1, or ρ/(ρ + ε) for relaxed marginals.
    fn damping(&self, epsilon: f64) -> f64 {
        self.rho.map_or(1.0, |rho| rho / (rho + epsilon))
    }

    /// What a potential contributes to the dual: itself, or −ρ (exp(−x/ρ) − 1) for relaxed marginals.
    pub fn conjugate(&self, x: f64) -> f64 {
        self.rho.map_or(x, |rho| -rho * (-x / rho).exp_m1())
    }

    /// What the potentials of one side contribute to the dual.
    fn dual(&self, x: &[f64], weights: &[f64]) -> f64 {
        x.iter().zip(weights).map(|(x, w)| w * self.conjugate(*x)).sum()
    }

    /// Differences of the dual below this are rounding, of the densities or of potentials as large as the costs.
    fn noise<T: Lane>(&self, mean_cost: f64) -> f64 {
        16.0 * (self.epsilon * T::epsilon().wide() + 8.0 * mean_cost * f64::EPSILON)
    }

    /// The derivative of [`Self::conjugate`]: the mass that relaxed marginals leave.
    pub fn slope(&self, x: f64) -> f64 {
        self.rho.map_or(1.0, |rho| (-x / rho).exp())
    }

    /// How an iteration with this marginal error ended.
    pub fn end(&self, error: f64) -> Status {
        if error <= self.tolerance { Status::Converged } else { Status::Stopped { error } }
    }

    /// The values of ε from `from` down to the one asked for.
    fn levels(&self, from: f64) -> impl Iterator<Item = f64> + use<> {
        let last = self.epsilon;
        std::iter::successors(Some(from), |e| Some(e * SCALING)).take_while(move |e| *e > last)
    }
}

/// The course of an iteration: its errors, and the dual values that went with them.
#[derive(Default)]
struct Course(Vec<(f64, f64)>);

impl Course {
    /// Errors this many times the last one are far enough back to tell how the dual value follows them.
    const BACK: f64 = 4.0;
    /// The dual value is taken to fall short by a power of the error between the 1 of slow and the 2 of quick modes.
    const POWER: f64 = 1.5;

    /// What is open at the last error: from the rise since an error well above it, or, without one, ε times the error's square.
    fn open(&self, epsilon: f64) -> f64 {
        let Some(&(error, merit)) = self.0.last() else { return f64::INFINITY };
        let alone = 10.0 * epsilon * error * error;
        let Some((before, below)) = self.0.iter().rev().find(|(before, _)| *before > Self::BACK * error) else {
            return alone;
        };
        let rise = (merit - below).abs() / ((before / error).powf(Self::POWER) - 1.0);
        if rise > alone || rise.is_nan() { rise } else { alone }
    }
}

/// Solves the problem between weights `a` `[n]` and `b` `[m]`, each summing to one. `from` is the ε to begin with (about the mean
/// cost); a `start` that fits skips the scaling.
///
/// # Errors
/// Told to stop by the scores' flag.
pub(crate) fn solve<T: Lane>(
    scores: &Scores<T>,
    a: &[f64],
    b: &[f64],
    settings: Settings,
    from: f64,
    start: Option<&Potentials>,
) -> Result<Found, Interrupted> {
    let start = start.filter(|p| p.u.len() == a.len() && p.v.len() == b.len());
    let mut p = start.cloned().unwrap_or_else(|| Potentials { u: vec![0.0; a.len()], v: vec![0.0; b.len()] });
    let mut iterations = 0;
    let levels: Vec<f64> = if start.is_some() { Vec::new() } else { settings.levels(from).collect() };
    for epsilon in levels.into_iter().take(settings.max_iterations.saturating_sub(1)) {
        let damping = settings.damping(epsilon);
        let swept = Sweep::new(scores, a, b, epsilon).both(&p.u, &p.v, damping)?;
        p.u = swept.f;
        for (g, log_sum) in p.v.iter_mut().zip(&swept.log_columns) {
            *g = damping * (*g - epsilon * log_sum);
        }
        iterations += 1;
    }

    let epsilon = settings.epsilon;
    let damping = settings.damping(epsilon);
    let sweep = Sweep::new(scores, a, b, epsilon);
    let mut anderson = Anderson::new(b);
    let mut course = Course::default();
    loop {
        let swept = sweep.both(&p.u, &p.v, damping)?;
        iterations += 1;
        p.u = swept.f;
        let mass = swept.log_columns.iter().zip(b).map(|(log_sum, b)| b * log_sum.exp()).sum();
        let merit = settings.dual(&p.u, a) + settings.dual(&p.v, b) + epsilon * (1.0 - mass);
        let mut steps: Vec<f64> =
            (p.v.iter().zip(&swept.log_columns)).map(|(g, log_sum)| damping * (g - epsilon * log_sum) - g).collect();
        let error = steps.iter().zip(b).map(|(step, b)| b * (-step / epsilon).exp_m1().abs()).sum();
        course.0.push((error, merit));
        if error <= settings.tolerance || iterations >= settings.max_iterations {
            // The row marginals are exact for these v; a last column step would spoil them.
            let open = course.open(epsilon);
            return Ok(Found { potentials: p, mass, error, open, status: settings.end(error), iterations });
        }
        if let Some(rho) = settings.rho {
            let shift = balancing_shift(&p.u, a, &p.v, b, rho);
            steps.iter_mut().for_each(|step| *step -= shift);
        }
        p.v = anderson.next(&p.v, &steps, merit, settings.noise::<T>(from), error);
    }
}

/// Solves the problem of a cloud with itself: one potential, each step the mean of the old and its soft minimum, which converges in
/// a few sweeps where alternating steps would swing. A `start` that fits skips the scaling.
///
/// # Errors
/// Told to stop by the scores' flag.
pub(crate) fn solve_symmetric<T: Lane>(
    scores: &Scores<T>,
    a: &[f64],
    settings: Settings,
    from: f64,
    start: Option<&Potentials>,
) -> Result<Found, Interrupted> {
    let start = start.filter(|p| p.u.len() == a.len());
    let mut f = start.map_or_else(|| vec![0.0; a.len()], |p| p.u.clone());
    let mut iterations = 0;
    let step = |f: &mut [f64], log_sums: &[f64], epsilon: f64| {
        let damping = settings.damping(epsilon);
        for (f, log_sum) in f.iter_mut().zip(log_sums) {
            *f = 0.5 * (*f + damping * (*f - epsilon * log_sum));
        }
    };
    let levels: Vec<f64> = if start.is_some() { Vec::new() } else { settings.levels(from).collect() };
    for epsilon in levels.into_iter().take(settings.max_iterations.saturating_sub(1)) {
        let log_sums = Sweep::new(scores, a, a, epsilon).log_rows(&f, &f)?;
        step(&mut f, &log_sums, epsilon);
        iterations += 1;
    }
    let epsilon = settings.epsilon;
    let sweep = Sweep::new(scores, a, a, epsilon);
    let mut anderson = Anderson::new(a);
    let mut course = Course::default();
    loop {
        let log_sums = sweep.log_rows(&f, &f)?;
        iterations += 1;
        let mass: f64 = log_sums.iter().zip(a).map(|(log_sum, a)| a * log_sum.exp()).sum();
        let merit = 2.0 * settings.dual(&f, a) + epsilon * (1.0 - mass);
        let mut next = f.clone();
        step(&mut next, &log_sums, epsilon);
        let steps: Vec<f64> = next.iter().zip(&f).map(|(next, f)| next - f).collect();
        // A step is half of what the soft minimum asks for.
        let error = steps.iter().zip(a).map(|(step, a)| a * (-2.0 * step / epsilon).exp_m1().abs()).sum();
        course.0.push((error, merit));
        if error <= settings.tolerance || iterations >= settings.max_iterations {
            let open = course.open(epsilon);
            let mut found = Found {
                potentials: Potentials { u: f.clone(), v: f },
                mass,
                error,
                open,
                status: settings.end(error),
                iterations,
            };
            if settings.rho.is_none() && found.mass > LARGEST_MASS {
                found.scale_to_mass_one(&log_sums, a, &settings);
            }
            return Ok(found);
        }
        f = anderson.next(&f, &steps, merit, settings.noise::<T>(from), error);
    }
}

/// A plan with more mass is that of potentials cut off far from their limit.
const LARGEST_MASS: f64 = 2.0;

impl Found {
    /// Takes from symmetric potentials what their plan has in mass above one, so that the dual value is a number.
    fn scale_to_mass_one(&mut self, log_sums: &[f64], a: &[f64], settings: &Settings) {
        let largest = log_sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = log_sums.iter().zip(a).map(|(log_sum, a)| a * (log_sum - largest).exp()).sum();
        let log_mass = largest + sum.ln();
        let shift = 0.5 * settings.epsilon * log_mass;
        self.potentials.u.iter_mut().chain(&mut self.potentials.v).for_each(|f| *f -= shift);
        self.mass = 1.0;
        self.error = log_sums.iter().zip(a).map(|(log_sum, a)| a * (log_sum - log_mass).exp_m1().abs()).sum();
        self.status = Status::Stopped { error: self.error };
    }
}

/// The shift f + t, g − t that is best for the dual of relaxed marginals: without it the constant part of f − g, which the plan does
/// not see, converges as slowly as ρ/(ρ + ε) lets it (Séjourné, Vialard and Peyré 2022).
fn balancing_shift(f: &[f64], a: &[f64], g: &[f64], b: &[f64], rho: f64) -> f64 {
    let log_sum = |x: &[f64], w: &[f64]| {
        let least = x.iter().copied().fold(f64::INFINITY, f64::min);
        // Weights sum to one: the logarithm of what is left, which keeps its digits for a large ρ.
        let sum: f64 = x.iter().zip(w).map(|(x, w)| w * (-(x - least) / rho).exp_m1()).sum();
        sum.ln_1p() - least / rho
    };
    0.5 * rho * (log_sum(f, a) - log_sum(g, b))
}

/// Σ_j γ_ij y_j for the rows y `[m, d]` and the plan's row masses.
///
/// # Errors
/// Told to stop by the scores' flag.
pub(crate) fn pull<T: Lane>(
    scores: &Scores<T>,
    a: &[f64],
    b: &[f64],
    epsilon: f64,
    p: &Potentials,
    (y, d): (&[T], usize),
) -> Result<(Vec<T>, Vec<f64>), Interrupted> {
    Sweep::new(scores, a, b, epsilon).pull(&p.u, &p.v, y, d)
}

/// The plan, row-major `[n, m]`.
///
/// # Errors
/// Told to stop by the scores' flag.
pub(crate) fn plan<T: Lane>(
    scores: &Scores<T>,
    a: &[f64],
    b: &[f64],
    epsilon: f64,
    p: &Potentials,
) -> Result<Vec<f64>, Interrupted> {
    Sweep::new(scores, a, b, epsilon).plan(&p.u, &p.v, b)
}
