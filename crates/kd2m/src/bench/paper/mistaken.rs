//! JW2 with mistakes of KD²M's reference code, each by its own switch, so that their effect can be measured beside
//! [`jw2`](kd2m_ot::divergence::jw2), which it equals with all of them off: min over plans γ of Σ γ_ij (F_ij + sg(max F) L_ij),
//! F the squared distances of features, L those of outputs.

use burn::tensor::{Device, Int, Tensor, TensorData, activation::softmax};
use kd2m_loss::{Batch, Criterion, CriterionError, Entry, Needs, Recipe, Shapes, Term, batch::host, entry::option};
use kd2m_ot::{Cloud, Side, internals};

/// How it is found; beside the field's methods, not among them.
pub const ENTRY: Entry = Entry {
    name: "jw2-mistaken",
    aliases: &[],
    formula: "jw2 with mistakes of KD²M's reference code, each by its switch",
    source: "reference code of Montesuma 2025",
    cost: "O(n²(d + classes)), up to O(n³)",
    when: "never, but to see what a mistake does (protocol = \"paper-code\")",
    weight: 1.0,
    options: &[
        option("self_cost", "false", "true: the feature cost lies between the student and itself"),
        option("detached_cost", "false", "true: the feature cost carries no gradient"),
        option("raw_logits", "false", "true: the label cost compares logits"),
    ],
    build: |o| {
        Ok(Box::new(Switches(Jw2Mistaken {
            self_cost: o.flag("self_cost")?,
            detached_cost: o.flag("detached_cost")?,
            raw_logits: o.flag("raw_logits")?,
        })))
    },
};

/// Cost O(n²(d + classes)) and up to O(n³) for the plan. Never choose it for a student that matters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Jw2Mistaken {
    /// F_ij is the distance of the student's sample i to the student's sample j: the plan prefers the identity.
    pub self_cost: bool,
    /// F carries no gradient: the features learn nothing from it.
    pub detached_cost: bool,
    /// L compares logits, which have no bound, in place of probabilities.
    pub raw_logits: bool,
}

/// What is known of it before the sizes of the networks.
#[derive(Debug)]
struct Switches(Jw2Mistaken);

impl Recipe for Switches {
    fn needs(&self) -> Needs {
        Needs::features()
    }

    fn init(&self, shapes: &Shapes, _: &Device, _: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        let (own, other) = (shapes.student.features, shapes.teacher.features);
        if own != other && !self.0.self_cost {
            let why = format!(" has no projector: the student has {own} features, the teacher {other}; use jw2");
            return Err(CriterionError::Sizes { criterion: ENTRY.name.to_owned(), why });
        }
        Ok(Box::new(self.0))
    }
}

impl Criterion for Jw2Mistaken {
    fn needs(&self) -> Needs {
        Needs::features()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let (student, teacher) = (batch.student, batch.teacher);
        let own = student.features.clone();
        let other = if self.self_cost { own.clone() } else { teacher.features.clone() };
        let outputs = |logits: &Tensor<2>| if self.raw_logits { logits.clone() } else { softmax(logits.clone(), 1) };
        let (s, t) = (outputs(&student.logits), outputs(&teacher.logits));

        let mut costs = pairwise(&own, &other)?;
        let beta = costs.iter().copied().fold(0.0, f32::max);
        costs.iter_mut().zip(pairwise(&s, &t)?).for_each(|(f, l)| *f += beta * l);
        if costs.iter().any(|c| !c.is_finite()) {
            // There is no plan any more: a loss that is not finite ends the run.
            let lost = TensorData::new(vec![f32::INFINITY], [1]);
            return Ok(Term::new(Tensor::from_data(lost, &own.device().without_autodiff())));
        }
        let plan: Vec<i32> =
            internals::assignment(&costs, own.dims()[0], None).columns.iter().map(|j| *j as i32).collect();

        let features = over_pairs(&own, &other, &plan);
        let features = if self.detached_cost { features.inner() } else { features };
        Ok(Term::new(over_pairs(&s, &t, &plan) * f64::from(beta) + features))
    }
}

/// Squared distances on the host, row-major `[n, n]`.
fn pairwise(a: &Tensor<2>, b: &Tensor<2>) -> Result<Vec<f32>, CriterionError> {
    let [n, d] = a.dims();
    let (a, b) = (host(a)?, host(b)?);
    Ok(internals::squared_distances(&Cloud::new(Side::A, &a, n, d)?, &Cloud::new(Side::B, &b, n, d)?))
}

/// (1/n) Σ_i ‖a_i − b_π(i)‖², tracked.
fn over_pairs(a: &Tensor<2>, b: &Tensor<2>, plan: &[i32]) -> Tensor<1> {
    let n = plan.len();
    let columns = Tensor::<1, Int>::from_data(TensorData::new(plan.to_vec(), [n]), &b.device().without_autodiff());
    (a.clone() - b.clone().select(0, columns)).square().sum() / n as f64
}

#[cfg(test)]
mod tests {
    use kd2m_loss::{CriterionConfig, Outputs};

    use super::*;

    const N: usize = 5;

    fn matrix(width: usize, seed: usize, scale: f32) -> Tensor<2> {
        let values = (0..N * width).map(|k| scale * ((k * 7919 + seed * 31 + k * k * 17) % 101) as f32 / 101.0);
        Tensor::from_data(TensorData::new(values.collect::<Vec<_>>(), [N, width]), &Device::flex())
    }

    fn outputs(seed: usize) -> Outputs {
        Outputs { features: matrix(3, seed, 1.0), logits: matrix(4, seed + 1, 3.0), maps: Vec::new() }
    }

    /// Value, gradient with respect to features and to logits.
    fn evaluated(
        criterion: &mut dyn Criterion,
        student: &Outputs,
        teacher: &Outputs,
    ) -> (f32, Option<Vec<f32>>, Vec<f32>) {
        let student = student.leaves();
        let batch = Batch::new(&student, teacher);
        let loss = criterion.evaluate(&batch).unwrap().loss;
        let value = host(&loss).unwrap()[0];
        let mut gradients = loss.backward();
        let features = student.features.grad_remove(&mut gradients).map(|g| host(&g).unwrap());
        (value, features, student.logits.grad_remove(&mut gradients).map(|g| host(&g).unwrap()).unwrap())
    }

    fn near(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-5)
    }

    #[test]
    fn without_mistakes_it_is_jw2() {
        let (student, teacher) = (outputs(1), outputs(9));
        let shapes = Shapes::vectors([3, 3], 4);
        let mut right = CriterionConfig::new("jw2").init(&shapes, &Device::flex(), 0).unwrap();
        let right = evaluated(right.as_mut(), &student, &teacher);
        let found = evaluated(&mut Jw2Mistaken::default(), &student, &teacher);
        assert!((found.0 - right.0).abs() < 1e-5 && near(&found.2, &right.2));
        assert!(near(&found.1.unwrap(), &right.1.unwrap()));
    }

    #[test]
    fn a_detached_cost_teaches_the_features_nothing() {
        let (student, teacher) = (outputs(1), outputs(9));
        let right = evaluated(&mut Jw2Mistaken::default(), &student, &teacher);
        let mut detached = Jw2Mistaken { detached_cost: true, ..Default::default() };
        let found = evaluated(&mut detached, &student, &teacher);
        assert!(found.0 == right.0 && found.1.is_none() && near(&found.2, &right.2));
    }

    /// All at once, with features far enough apart for the identity to win, it is max F times the paired squared error of logits.
    #[test]
    fn all_mistakes_together_match_logits_in_pairs() {
        let (mut student, teacher) = (outputs(1), outputs(9));
        let line: Vec<f32> = (0..N * 3).map(|k| 10.0 * (k / 3) as f32).collect();
        student.features = Tensor::from_data(TensorData::new(line, [N, 3]), &Device::flex());
        student.logits = teacher.logits.clone() + 0.01;
        let largest = 3.0 * 40f32.powi(2);
        let mut all = Jw2Mistaken { self_cost: true, detached_cost: true, raw_logits: true };
        let (value, features, logits) = evaluated(&mut all, &student, &teacher);
        assert!((value - largest * 4.0 * 1e-4).abs() < 1e-3 && features.is_none(), "{value}");
        assert!(logits.iter().all(|g| (g - largest * 0.02 / N as f32).abs() < 1e-3), "{logits:?}");
    }

    /// β and logits multiply: costs leave the numbers while features and logits are still fine.
    #[test]
    fn costs_that_overflow_end_in_an_infinite_loss() {
        let (student, teacher) = (outputs(1), outputs(9));
        let far = Outputs { features: matrix(3, 1, 1e15), logits: matrix(4, 2, 1e15), ..student };
        let batch = Batch::new(&far, &teacher);
        let mut raw = Jw2Mistaken { raw_logits: true, ..Default::default() };
        assert_eq!(host(&raw.evaluate(&batch).unwrap().loss).unwrap(), [f32::INFINITY]);
    }

    /// The plan may pair samples of the student; each then pulls the other.
    #[test]
    fn a_self_cost_has_no_teacher_in_it() {
        let (student, teacher) = (outputs(1), outputs(9));
        let mut own = Jw2Mistaken { self_cost: true, ..Default::default() };
        let elsewhere = Outputs { features: matrix(3, 77, 50.0), ..teacher.clone() };
        let (one, other) = (evaluated(&mut own, &student, &teacher), evaluated(&mut own, &student, &elsewhere));
        assert_eq!(one, other);
    }
}
