//! Entropic transport between many pairs of histograms over the same bins, as logit distillation needs it: B pairs over c classes
//! share one kernel exp(−c/ε), so a half-step of all of them is one matrix product (Cuturi 2013, section 4.2).
//! Where the kernel would underflow, each pair is solved in the log domain instead by [`super::solve`].

use rayon::prelude::*;

use super::{Scores, Settings, anderson::Anderson};
use crate::{
    matrix::{self, view},
    real::Real,
    solution::Status,
    stop::unstoppable,
};

/// The kernel form needs costs below this many ε: exp(−300) keeps kernel, scalings and their products inside `f64`.
const LARGEST_EXPONENT: f64 = 300.0;
/// Pairs that are solved together.
const PIECE: usize = 32;
/// Sweeps between two extrapolations: logarithms cost more than products (Pratapa, Suryanarayana and Pask 2016 found the pause to
/// help convergence, too).
const SWEEPS_A_STEP: usize = 4;
/// Rounding of a dual value in units of ε, below [`LARGEST_EXPONENT`].
const MERIT_NOISE: f64 = 1e-12;

/// Entropic costs of a batch and their gradients.
#[derive(Debug, Clone)]
pub struct Batch<T> {
    /// ⟨γ, c⟩ + ε·KL(γ | p⊗q) of each pair, `[batch]`.
    pub values: Vec<f64>,
    /// ⟨γ, c⟩ of each pair, `[batch]`.
    pub linear: Vec<f64>,
    /// ∂ value / ∂ p, row-major `[batch, classes]`: the potential, shifted to mean 0 under p (p stays on the simplex).
    pub gradient: Vec<T>,
    /// The largest marginal error of the batch, a share of the mass.
    pub error: f64,
    pub status: Status,
    pub iterations: usize,
}

/// Solves min ⟨γ, c⟩ + ε·KL(γ | p⊗q) for each pair of rows of `p` and `q` `[batch, classes]` under a cost `[classes, classes]`
/// from the bins of `p` to those of `q`. Histograms are normalised to sum to one.
///
/// # Panics
/// If the slices do not have these lengths: callers own all three.
pub fn solve<T: Real>(cost: &[f64], p: &[T], q: &[T], classes: usize, settings: Settings) -> Batch<T> {
    assert_eq!((cost.len(), p.len()), (classes * classes, q.len()), "costs [c, c], histograms [batch, c]");
    assert_eq!(p.len() % classes, 0, "whole histograms");
    let largest = cost.iter().fold(0.0, |most: f64, c| most.max(c.abs()));
    let kernel = (largest <= LARGEST_EXPONENT * settings.epsilon).then(|| Kernel::new(cost, classes, settings.epsilon));
    let some = |(p, q): (&[T], &[T])| {
        let (p, q) = (normalised(p, classes), normalised(q, classes));
        match &kernel {
            Some(kernel) => kernel.solve(&p, &q, settings),
            None => one_by_one(cost, &p, &q, classes, settings, largest),
        }
    };
    // Pieces end on their own, on both cores; their size is fixed, so that results do not depend on the number of threads.
    let step = PIECE * classes;
    let pieces: Vec<(&[T], &[T])> = p.chunks(step).zip(q.chunks(step)).collect();
    let parts: Vec<Batch<T>> = if pieces.len() > 1 {
        pieces.into_par_iter().map(some).collect()
    } else {
        pieces.into_iter().map(some).collect()
    };
    let mut all = Batch::empty();
    for part in parts {
        all.values.extend(part.values);
        all.linear.extend(part.linear);
        all.gradient.extend(part.gradient);
        all.error = all.error.max(part.error);
        all.iterations = all.iterations.max(part.iterations);
    }
    all.status = settings.end(all.error);
    all
}

fn normalised<T: Real>(h: &[T], classes: usize) -> Vec<f64> {
    let mut wide: Vec<f64> = h.iter().map(|x| x.wide().max(0.0)).collect();
    for row in wide.chunks_exact_mut(classes) {
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|x| *x /= sum);
    }
    wide
}

impl<T: Real> Batch<T> {
    fn empty() -> Self {
        let (values, linear, gradient) = (Vec::new(), Vec::new(), Vec::new());
        Self { values, linear, gradient, error: 0.0, status: Status::Converged, iterations: 0 }
    }

    /// Adds a solved pair; `mass` is that of its plan.
    fn push(&mut self, (p, f): (&[f64], &[f64]), (q, g): (&[f64], &[f64]), linear: f64, mass: f64, epsilon: f64) {
        let mean = matrix::dot(p, f);
        self.values.push(mean + matrix::dot(q, g) + epsilon * (1.0 - mass));
        self.linear.push(linear);
        self.gradient.extend(f.iter().map(|f| T::of(f - mean)));
    }
}

/// exp(−c/ε), shared by the whole batch, and c·exp(−c/ε) for ⟨γ, c⟩.
struct Kernel {
    values: Vec<f64>,
    times_cost: Vec<f64>,
    classes: usize,
}

impl Kernel {
    fn new(cost: &[f64], classes: usize, epsilon: f64) -> Self {
        let values: Vec<f64> = cost.iter().map(|c| (-c / epsilon).exp()).collect();
        let times_cost = values.iter().zip(cost).map(|(k, c)| k * c).collect();
        Self { values, times_cost, classes }
    }

    /// Rows x to x·Kᵀ: sums over the bins of q.
    fn over_q(&self, kernel: &[f64], x: &[f64]) -> Vec<f64> {
        let c = self.classes;
        matrix::product(view(x, x.len() / c, c), view(kernel, c, c).transpose())
    }

    /// Rows x to x·K: sums over the bins of p.
    fn over_p(&self, x: &[f64]) -> Vec<f64> {
        let c = self.classes;
        matrix::product(view(x, x.len() / c, c), view(&self.values, c, c))
    }

    /// Scalings u and v multiply p and q, so that bins without mass cost nothing and divide nothing. A pair leaves as soon as its
    /// marginals are met; the others go on in smaller products, extrapolated after every few sweeps.
    fn solve<T: Real>(&self, p: &[f64], q: &[f64], settings: Settings) -> Batch<T> {
        let classes = self.classes;
        let mut answers: Vec<Option<Answer>> = p.chunks_exact(classes).map(|_| None).collect();
        let mut active: Vec<Pair> = (p.chunks_exact(classes).zip(q.chunks_exact(classes)).enumerate())
            .map(|(index, (p, q))| Pair { index, p, q, anderson: Anderson::new(q) })
            .collect();
        let mut v = vec![1.0; p.len()];
        let (mut error, mut iterations) = (0.0, 0);
        while !active.is_empty() {
            let (u, columns) = self.sweep(&active, &v);
            iterations += 1;
            let is_last = iterations >= settings.max_iterations;
            let looks: Vec<Look> = rows(&u, &v, &columns, classes).zip(&active).map(|(x, pair)| pair.look(x)).collect();
            let is_done = |look: &Look| look.error <= settings.tolerance || is_last;
            for (row, (pair, look)) in active.iter().zip(&looks).enumerate().filter(|(_, (_, look))| is_done(look)) {
                let at = row * classes..(row + 1) * classes;
                error = f64::max(error, look.error);
                answers[pair.index] = Some(Answer { u: u[at.clone()].to_vec(), v: v[at].to_vec(), mass: look.mass });
            }
            let stay: Vec<bool> = looks.iter().map(|look| !is_done(look)).collect();
            let mut next = keep_rows(&columns, &stay, classes);
            next.iter_mut().for_each(|x| *x = 1.0 / *x);
            let before = keep_rows(&v, &stay, classes);
            let looks: Vec<Look> =
                looks.into_iter().zip(&stay).filter(|(_, stay)| **stay).map(|(look, _)| look).collect();
            let mut stays = stay.iter();
            active.retain(|_| stays.next() == Some(&true));
            for _ in 1..SWEEPS_A_STEP.min(settings.max_iterations.saturating_sub(iterations)) {
                if active.is_empty() {
                    break;
                }
                next = self.sweep(&active, &next).1;
                next.iter_mut().for_each(|x| *x = 1.0 / *x);
                iterations += 1;
            }
            v = next;
            let pairs =
                active.iter_mut().zip(&looks).zip(v.chunks_exact_mut(classes).zip(before.chunks_exact(classes)));
            pairs.for_each(|((pair, look), (v, before))| pair.extrapolate(look, before, v));
        }
        self.finish(answers, p, q, settings.epsilon, error, iterations)
    }

    /// u = 1/K(q v) and the column sums Kᵀ(p u) of all active pairs.
    fn sweep(&self, active: &[Pair], v: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let classes = self.classes;
        let mut qv = v.to_vec();
        for (row, pair) in qv.chunks_exact_mut(classes).zip(active) {
            row.iter_mut().zip(pair.q).for_each(|(x, q)| *x *= q);
        }
        let mut u = self.over_q(&self.values, &qv);
        u.iter_mut().for_each(|u| *u = 1.0 / *u);
        let mut pu = u.clone();
        for (row, pair) in pu.chunks_exact_mut(classes).zip(active) {
            row.iter_mut().zip(pair.p).for_each(|(x, p)| *x *= p);
        }
        let columns = self.over_p(&pu);
        (u, columns)
    }

    fn finish<T: Real>(
        &self,
        answers: Vec<Option<Answer>>,
        p: &[f64],
        q: &[f64],
        epsilon: f64,
        error: f64,
        iterations: usize,
    ) -> Batch<T> {
        let classes = self.classes;
        let mut found = Batch { error, iterations, ..Batch::empty() };
        let pairs = p.chunks_exact(classes).zip(q.chunks_exact(classes));
        for (answer, (p, q)) in answers.into_iter().flatten().zip(pairs) {
            let qv: Vec<f64> = answer.v.iter().zip(q).map(|(v, q)| v * q).collect();
            let costs = self.over_q(&self.times_cost, &qv);
            let linear = costs.iter().zip(p).zip(&answer.u).map(|((c, p), u)| c * p * u).sum();
            let log = |x: Vec<f64>| x.into_iter().map(|x| epsilon * x.ln()).collect::<Vec<f64>>();
            found.push((p, &log(answer.u)), (q, &log(answer.v)), linear, answer.mass, epsilon);
        }
        found
    }
}

/// A pair on its way.
struct Pair<'a> {
    index: usize,
    p: &'a [f64],
    q: &'a [f64],
    anderson: Anderson<'a>,
}

/// What one sweep shows of a pair: its marginal error, its dual value in units of ε, the mass of its plan.
struct Look {
    error: f64,
    merit: f64,
    mass: f64,
}

/// Scalings of a finished pair.
struct Answer {
    u: Vec<f64>,
    v: Vec<f64>,
    mass: f64,
}

impl Pair<'_> {
    fn look(&self, (u, v, columns): (&[f64], &[f64], &[f64])) -> Look {
        let log_mean = |x: &[f64], w: &[f64]| -> f64 {
            x.iter().zip(w).map(|(x, w)| if *w > 0.0 { w * x.ln() } else { 0.0 }).sum()
        };
        let sums = || v.iter().zip(columns).map(|(v, c)| v * c).zip(self.q);
        Look {
            error: sums().map(|(sum, q)| q * (sum - 1.0).abs()).sum(),
            merit: log_mean(u, self.p) + log_mean(v, self.q),
            mass: sums().map(|(sum, q)| q * sum).sum(),
        }
    }

    /// From v before a few sweeps and after them to the v to go on with.
    fn extrapolate(&mut self, look: &Look, before: &[f64], v: &mut [f64]) {
        let x: Vec<f64> = before.iter().map(|v| v.ln()).collect();
        let step: Vec<f64> = v.iter().zip(&x).map(|(v, x)| v.ln() - x).collect();
        let next = self.anderson.next(&x, &step, look.merit, MERIT_NOISE, look.error);
        v.iter_mut().zip(next).for_each(|(v, x)| *v = x.exp());
    }
}

/// The rows of three matrices side by side.
fn rows<'a>(
    x: &'a [f64],
    y: &'a [f64],
    z: &'a [f64],
    width: usize,
) -> impl Iterator<Item = (&'a [f64], &'a [f64], &'a [f64])> {
    x.chunks_exact(width).zip(y.chunks_exact(width)).zip(z.chunks_exact(width)).map(|((x, y), z)| (x, y, z))
}

fn keep_rows(x: &[f64], stay: &[bool], width: usize) -> Vec<f64> {
    x.chunks_exact(width).zip(stay).filter(|(_, stay)| **stay).flat_map(|(row, _)| row).copied().collect()
}

fn one_by_one<T: Real>(cost: &[f64], p: &[f64], q: &[f64], classes: usize, settings: Settings, from: f64) -> Batch<T> {
    let zeros = vec![0.0; classes];
    let mut all = Batch::empty();
    for (p, q) in p.chunks_exact(classes).zip(q.chunks_exact(classes)) {
        let scores = Scores::from_cost(cost, classes, classes, &zeros);
        let found = unstoppable(|_| super::solve(&scores, p, q, settings, from, None));
        let potentials = &found.potentials;
        let plan = unstoppable(|_| super::plan(&scores, p, q, settings.epsilon, potentials));
        let linear = matrix::dot(&plan, cost);
        all.push((p, &potentials.u), (q, &potentials.v), linear, found.mass, settings.epsilon);
        all.error = all.error.max(found.error);
        all.iterations = all.iterations.max(found.iterations);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::normal;

    const CLASSES: usize = 7;

    fn softmax(seed: u64, batch: usize) -> Vec<f64> {
        let mut values: Vec<f64> = normal(seed, batch * CLASSES).iter().map(|x| (2.0 * x).exp()).collect();
        for row in values.chunks_exact_mut(CLASSES) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|x| *x /= sum);
        }
        values
    }

    fn cost() -> Vec<f64> {
        let distance = |k: usize| ((k / CLASSES) as f64 - (k % CLASSES) as f64).abs().sqrt() / 2.0;
        (0..CLASSES * CLASSES).map(distance).collect()
    }

    fn settings(epsilon: f64) -> Settings {
        Settings { epsilon, rho: None, tolerance: 1e-11, max_iterations: 100_000 }
    }

    #[test]
    fn kernel_and_log_domain_agree() {
        let (p, q) = (softmax(1, 70), softmax(2, 70));
        let kernel = solve(&cost(), &p, &q, CLASSES, settings(0.05));
        let log: Batch<f64> = one_by_one(&cost(), &p, &q, CLASSES, settings(0.05), 1.0);
        assert_eq!(kernel.status, Status::Converged);
        let close = |x: &[f64], y: &[f64]| x.iter().zip(y).all(|(x, y)| (x - y).abs() < 1e-9);
        assert!(close(&kernel.values, &log.values) && close(&kernel.linear, &log.linear));
        assert!(close(&kernel.gradient, &log.gradient));
    }

    #[test]
    fn a_tiny_epsilon_gives_exact_transport_through_the_log_domain() {
        let (p, q) = (softmax(3, 4), softmax(4, 4));
        let found = solve(&cost(), &p, &q, CLASSES, Settings { tolerance: 1e-6, ..settings(0.001) });
        for (k, linear) in found.linear.iter().enumerate() {
            let (p, q) = (&p[k * CLASSES..][..CLASSES], &q[k * CLASSES..][..CLASSES]);
            let exact = crate::solver::network_simplex::solve(&cost(), p, q, None).value;
            assert!((linear - exact).abs() < 0.003, "{linear} {exact}");
        }
    }

    #[test]
    fn the_gradient_matches_finite_differences_along_the_simplex() {
        let (p, q) = (softmax(5, 3), softmax(6, 3));
        for epsilon in [0.05, 0.5] {
            let found = solve(&cost(), &p, &q, CLASSES, settings(epsilon));
            for row in 0..3 {
                for i in 0..CLASSES {
                    // Mass moves from bin i to the next one.
                    let (from, to) = (row * CLASSES + i, row * CLASSES + (i + 1) % CLASSES);
                    let at = |step: f64| {
                        let mut moved = p.clone();
                        moved[from] -= step;
                        moved[to] += step;
                        solve(&cost(), &moved, &q, CLASSES, settings(epsilon)).values[row]
                    };
                    let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
                    let analytic = found.gradient[to] - found.gradient[from];
                    assert!((numeric - analytic).abs() < 1e-6, "{numeric} {analytic}");
                }
            }
        }
    }

    #[test]
    fn bins_without_mass_and_early_stops() {
        let p = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        let q = [0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.5];
        let found = solve(&cost(), &p, &q, CLASSES, settings(0.1));
        assert!((found.values[0] - (0.5 * 0.5 + 0.5)).abs() < 1e-9, "{}", found.values[0]);
        assert!(found.gradient.iter().all(|g: &f64| g.is_finite()));
        let capped = Settings { max_iterations: 2, ..settings(0.01) };
        let found = solve(&cost(), &softmax(7, 2), &softmax(8, 2), CLASSES, capped);
        assert!(matches!(found.status, Status::Stopped { error } if error > 0.0));
    }
}
