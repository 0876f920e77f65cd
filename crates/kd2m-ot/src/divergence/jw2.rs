//! Joint W₂² over features and labels: min over plans γ of Σ γ_ij (‖x_i − y_j‖² + β·L(s_i, t_j)), KD²M's JW2.
//! The plan sees both costs, and the gradient reaches features and soft labels alike (plan and β held constant).
//! Next: [`crate::solver::transport`]; β = largest feature cost is PyDiL's choice (Montesuma et al.).

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, Labels, equal_widths},
    cost::{self, anew::Anew, rows::Ground},
    divergence::exact::costs_of,
    error::OtError,
    label_vectors::LabelVectors,
    parameters::{Parameters, domain::WEIGHT, parameters, words},
    real::Real,
    room,
    solution::{Gradient, Solution},
    solver::{costs::Costs, transport},
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "jw2",
    aliases: &[],
    formula: "min over plans γ of Σ γ_ij (‖x_i − y_j‖² + β·label cost(s_i, t_j))",
    source: "KD²M (JW2); β after Montesuma et al., PyDiL",
    cost: "O(nm(d + classes)) for the costs, as w2 for the plan; nm floats of memory",
    when: "labels or logits should decide with the features which samples are compared; needs labels on both sides",
    traits: Traits { labels: true, ..Traits::SQUARED },
    options: Jw2::OPTIONS,
    build: build::<Jw2>,
};

/// A probability of the student below this counts as this in a logarithm; the gradient there is 0.
const SMALLEST_PROBABILITY: f64 = 1e-12;

words! {
    /// How unlike two labels are.
    pub enum LabelCost {
        /// squared distance of one-hot or softmax vectors
        Squared = "squared",
        /// −Σ t log s, soft labels only
        CrossEntropy = "cross-entropy",
    }
}

impl LabelCost {
    fn of(self, s: &[f64], t: &[f64]) -> f64 {
        let each = s.iter().zip(t);
        match self {
            LabelCost::Squared => each.map(|(s, t)| (s - t) * (s - t)).sum(),
            LabelCost::CrossEntropy => -each.map(|(s, t)| t * s.max(SMALLEST_PROBABILITY).ln()).sum::<f64>(),
        }
    }
}

/// ‖x_i − y_j‖² + β·L(s_i, t_j), computed anew for each pair.
struct JointCosts<'a, T> {
    features: Anew<'a, T>,
    labels: (&'a LabelVectors, &'a LabelVectors),
    beta: f64,
    label_cost: LabelCost,
}

impl<T> JointCosts<'_, T> {
    fn of_labels(&self, i: usize, j: usize) -> f64 {
        self.beta * self.label_cost.of(self.labels.0.row(i), self.labels.1.row(j))
    }
}

impl<T: Real> Costs for JointCosts<'_, T> {
    fn shape(&self) -> (usize, usize) {
        self.features.shape()
    }

    fn pair(&self, i: usize, j: usize) -> f64 {
        self.features.pair(i, j) + self.of_labels(i, j)
    }

    fn fill_row(&self, i: usize, out: &mut [f64]) {
        self.features.fill_row(i, out);
        out.iter_mut().enumerate().for_each(|(j, c)| *c += self.of_labels(i, j));
    }

    /// A sum over classes has as many roundings; a logarithm a few.
    fn relative_error(&self) -> f64 {
        self.features.relative_error() + f64::EPSILON * (self.labels.0.classes as f64 + 8.0)
    }
}

parameters! {
    /// Exact joint W₂² (squared, as in the paper); O(nm(d + classes)) for the costs and up to O(n³) for the plan.
    #[derive(Copy)]
    pub struct Jw2 for ENTRY {
        /// weight of the label cost; auto: the largest feature cost, held constant for the gradient
        beta: Option<f64> = "auto" in WEIGHT,
        label_cost: LabelCost,
    }
}

impl<T: Real> Divergence<T> for Jw2 {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        self.check(ENTRY.name)?;
        equal_widths(ENTRY.name, a, b)?;
        let (labels_a, labels_b) = self.label_vectors(a, b)?;
        let bytes = room::bytes::<T>(&[2, a.len(), b.len()]);
        room::ask(ENTRY.name, bytes, || costs_of(a, b), "compare fewer samples, or take joint-sw2 or joint-sinkhorn")?;
        let mut rounded = cost::rounded_distances(a, b, Ground::Squared, request.stop)?;
        let beta = self.beta.unwrap_or_else(|| cost::largest_of(&rounded, a, b));
        let exact = JointCosts {
            features: Anew::new(a, b, Ground::Squared),
            labels: (&labels_a, &labels_b),
            beta,
            label_cost: self.label_cost,
        };
        for (i, row) in rounded.cost.to_mut().chunks_exact_mut(b.len()).enumerate() {
            request.stop.check()?;
            for (j, c) in row.iter_mut().enumerate() {
                *c = T::of(c.wide() + exact.of_labels(i, j));
            }
        }
        // Rounded once as a distance and once as a sum.
        rounded.relative *= 2.0;
        if rounded.cost.iter().any(|c| !c.is_finite()) {
            let message = format!("with beta = {beta} the costs are no longer finite: give a smaller beta");
            return Err(OtError::Numeric { metric: "jw2".to_owned(), message });
        }
        let problem = transport::Problem { rounded: &rounded, exact: &exact, stop: request.stop };
        let found = transport::solve(&problem, a.masses(), b.masses(), request.start)?;

        let (mut features, mut soft) = (vec![0.0; a.len() * a.width()], vec![0.0; a.len() * labels_a.classes]);
        if request.gradient {
            for (i, j, mass) in found.plan.entries() {
                let (s, t) = (labels_a.row(i), labels_b.row(j));
                let into = &mut features[i * a.width()..][..a.width()];
                for ((g, x), y) in into.iter_mut().zip(a.row(i)).zip(b.row(j)) {
                    *g += 2.0 * mass * (x.wide() - y.wide());
                }
                self.add_label_gradient(mass * beta, s, t, &mut soft[i * labels_a.classes..][..labels_a.classes]);
            }
        }
        let narrow = |values: Vec<f64>| values.into_iter().map(T::of).collect();
        let is_soft = matches!(a.labels(), Labels::Soft { .. });
        Ok(Solution {
            value: found.value,
            gradient: request
                .gradient
                .then(|| Gradient { features: narrow(features), soft_labels: is_soft.then(|| narrow(soft)) }),
            plan: request.plan.then_some(found.plan),
            potentials: Some(found.potentials),
            gap: Some(found.gap),
            status: found.status,
            iterations: found.iterations,
            diagnostics: vec![("beta", beta)],
        })
    }
}

impl Jw2 {
    fn label_vectors<T: Real>(&self, a: &Cloud<T>, b: &Cloud<T>) -> Result<(LabelVectors, LabelVectors), OtError> {
        if self.label_cost == LabelCost::CrossEntropy && !matches!(a.labels(), Labels::Soft { .. }) {
            let message = "label_cost=cross-entropy needs soft labels of A (softmax outputs): use squared".to_owned();
            return Err(OtError::Numeric { metric: "jw2".to_owned(), message });
        }
        LabelVectors::of_both("jw2", a, b)
    }

    /// Adds scale · ∂L/∂s.
    fn add_label_gradient(&self, scale: f64, s: &[f64], t: &[f64], into: &mut [f64]) {
        for ((g, s), t) in into.iter_mut().zip(s).zip(t) {
            *g += match self.label_cost {
                LabelCost::Squared => 2.0 * scale * (s - t),
                LabelCost::CrossEntropy if *s > SMALLEST_PROBABILITY => -scale * t / s,
                LabelCost::CrossEntropy => 0.0,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, options::Options};

    fn jw2(options: &[(&str, &str)]) -> Jw2 {
        Jw2::from_options(&options.iter().fold(Options::new("jw2"), |all, (k, v)| all.set(k, v))).unwrap()
    }

    /// Numbers in (0, 1) without a pattern that a bug could share.
    fn numbers(count: usize, seed: u64) -> Vec<f64> {
        (0..count as u64).map(|k| ((k * 7919 + seed * 104_729 + k * k * 31) % 10_007) as f64 / 10_007.0).collect()
    }

    fn softmax_like(n: usize, classes: usize, seed: u64) -> Vec<f64> {
        let mut values: Vec<f64> = numbers(n * classes, seed).iter().map(|x| (3.0 * x).exp()).collect();
        for row in values.chunks_exact_mut(classes) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|x| *x /= sum);
        }
        values
    }

    #[test]
    fn beta_decides_between_features_and_labels() {
        // Features pair 0–0 and 1–1 (cost 0), labels pair 0–1 and 1–0 (feature cost 1 each).
        let (x, p, q) = ([0.0, 1.0], [3, 9], [9, 3]);
        let a = Cloud::new(Side::A, &x, 2, 1).unwrap().with_labels(&p).unwrap();
        let b = Cloud::new(Side::B, &x, 2, 1).unwrap().with_labels(&q).unwrap();
        let value = |beta: &str| jw2(&[("beta", beta)]).evaluate(&a, &b, Request::VALUE).unwrap().value;
        assert_eq!(value("0"), 0.0);
        assert!((value("0.1") - 0.2).abs() < 1e-12, "features win: β · 2");
        assert!((value("10") - 1.0).abs() < 1e-12, "labels win: feature cost 1");
        // auto: β is the largest feature cost, 1, and swapping costs less than two wrong labels.
        assert!((value("auto") - 1.0).abs() < 1e-12);
    }

    #[test]
    fn gradients_match_finite_differences_with_plan_and_beta_held() {
        let (n, d, classes) = (5, 3, 4);
        let (x, y) = (numbers(n * d, 1), numbers(n * d, 2));
        let (s, t) = (softmax_like(n, classes, 3), softmax_like(n, classes, 4));
        for label_cost in ["squared", "cross-entropy"] {
            let metric = jw2(&[("beta", "0.3"), ("label_cost", label_cost)]);
            let solve = |x: &[f64], s: &[f64]| {
                let a = Cloud::new(Side::A, x, n, d).unwrap().with_soft_labels(s, classes).unwrap();
                let b = Cloud::new(Side::B, &y, n, d).unwrap().with_soft_labels(&t, classes).unwrap();
                metric.evaluate(&a, &b, Request::GRADIENT).unwrap()
            };
            let gradient = solve(&x, &s).gradient.unwrap();
            let check = |block: &[f64], analytic: &[f64], value: &dyn Fn(&[f64]) -> f64| {
                for k in 0..block.len() {
                    let at = |step: f64| {
                        let mut moved = block.to_vec();
                        moved[k] += step;
                        value(&moved)
                    };
                    let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
                    assert!((numeric - analytic[k]).abs() < 1e-7, "{label_cost} {k}: {numeric} {}", analytic[k]);
                }
            };
            check(&x, &gradient.features, &|x| solve(x, &s).value);
            check(&s, &gradient.soft_labels.unwrap(), &|s| solve(&x, s).value);
        }
    }

    #[test]
    fn labels_are_required_and_must_agree() {
        let x = [0.0, 1.0];
        let plain = Cloud::new(Side::A, &x, 2, 1).unwrap();
        let labelled = Cloud::new(Side::B, &x, 2, 1).unwrap().with_labels(&[0, 1]).unwrap();
        let error = jw2(&[]).evaluate(&plain, &labelled, Request::VALUE).unwrap_err();
        assert_eq!(error, OtError::LabelsMissing { metric: "jw2".into(), side: Side::A });
        let hard = jw2(&[("label_cost", "cross-entropy")]).evaluate(&labelled, &labelled, Request::VALUE);
        assert!(matches!(hard, Err(OtError::Numeric { .. })));
        // The largest β that the option takes is beyond single precision.
        let narrow: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let one = Cloud::new(Side::A, &narrow, 2, 1).unwrap().with_labels(&[0, 1]).unwrap();
        let other = Cloud::new(Side::B, &narrow, 2, 1).unwrap().with_labels(&[1, 0]).unwrap();
        let error = jw2(&[("beta", "1e100")]).evaluate(&one, &other, Request::VALUE).unwrap_err();
        assert!(error.to_string().contains("give a smaller beta"), "{error}");
        let soft = Cloud::new(Side::A, &x, 2, 1).unwrap().with_soft_labels(&x, 1).unwrap();
        let error = jw2(&[]).evaluate(&soft, &labelled, Request::VALUE).unwrap_err();
        assert!(error.to_string().contains("label 1 does not fit"), "{error}");
    }
}
