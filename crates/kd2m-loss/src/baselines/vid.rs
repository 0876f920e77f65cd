//! Variational information distillation: Σ over stages of ½ mean((μ(F_S) − F_T)² / σ_c² + log σ_c²), a Gaussian bound
//! of the mutual information. μ is three 1×1 convolutions with ReLU between, σ_c² = softplus(a_c) + 1e-5 starts at 5.
//! Ahn et al. 2019, "Variational information distillation".

use burn::tensor::{
    Device, Tensor,
    activation::{relu, softplus},
};
use kd2m_nn::init::uniform;


use crate::{
    batch::Batch,
    criterion::{Criterion, Term},
    entry::Entry,
    error::CriterionError,
    parameters::ParameterSet,
    shapes::Needs,
    stages::{Choice, OnStages, PairShape, Stages},
    unit::positions,
};

const VARIANCE_FLOOR: f64 = 1e-5;
const FIRST_VARIANCE: f64 = 5.0;

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "vid",
    aliases: &["variational"],
    formula: "Σ over stages of ½ mean((μ(F_S) − F_T)² / σ_c² + log σ_c²), μ and σ_c learned",
    source: "Ahn et al. 2019, Variational information distillation",
    cost: "O(n·h·w·(c_S + 2·c_T)·c_T)",
    when: "teacher channels that differ in how well they can be predicted",
    weight: 1.0,
    options: &[Choice::All.option()],
    build: |o| OnStages::recipe(o, Choice::All, |stages, device, seed| Ok(Box::new(Vid::new(stages, device, seed)))),
};

/// Cost O(n · h · w · (c_S + 2 c_T) · c_T). Choose it where channels of the teacher differ in how well they can be
/// predicted: σ_c² learns which to let go.
struct Vid {
    stages: Stages,
    parameters: ParameterSet,
    predictors: Vec<Predictor>,
}

/// Indices of one stage's tensors.
struct Predictor {
    weights: [usize; 3],
    raw_variance: usize,
}

impl Predictor {
    fn new(parameters: &mut ParameterSet, key: &str, size: PairShape, seed: u64) -> Self {
        let (student, teacher) = (size.student_channels, size.teacher_channels);
        let mut convolution = |layer: usize, inputs: usize| {
            let key = format!("{key}.{layer}.weight");
            let values = uniform(seed, &key, teacher * inputs, 1.0 / (inputs as f32).sqrt());
            parameters.push(&key, &[teacher, inputs], values)
        };
        let weights = [convolution(1, student), convolution(2, teacher), convolution(3, teacher)];
        // The inverse of softplus.
        let first = ((FIRST_VARIANCE - VARIANCE_FLOOR).exp() - 1.0).ln() as f32;
        let raw_variance = parameters.push(&format!("{key}.variance"), &[teacher, 1], vec![first; teacher]);
        Self { weights, raw_variance }
    }

    /// ½ mean((μ − F_T)² / σ² + log σ²).
    fn negative_log_likelihood(&self, parameters: &ParameterSet, student: Tensor<4>, teacher: Tensor<4>) -> Tensor<1> {
        let tracked = student.is_autodiff();
        let columns = |map: Tensor<4>| {
            let map = positions(map);
            let [n, c, l] = map.dims();
            map.swap_dims(0, 1).reshape([c, n * l])
        };
        let [first, second, third] = self.weights.map(|i| parameters.get::<2>(i, tracked));
        let mean = third.matmul(relu(second.matmul(relu(first.matmul(columns(student))))));
        let variance = softplus(parameters.get::<2>(self.raw_variance, tracked), 1.0) + VARIANCE_FLOOR;
        let squared = (mean - columns(teacher)).square();
        (squared / variance.clone() + variance.log()).mean() * 0.5
    }
}

impl Vid {
    fn new(stages: Stages, device: &Device, seed: u64) -> Self {
        let mut parameters = ParameterSet::new(device);
        let predictors = stages.pairs().map(|(pair, size)| Predictor::new(&mut parameters, &pair.student, size, seed));
        let predictors = predictors.collect();
        Self { stages, parameters, predictors }
    }
}

impl Criterion for Vid {
    fn needs(&self) -> Needs {
        self.stages.needs()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let parameters = &self.parameters;
        let pairs = self.stages.pooled(batch)?.into_iter().zip(&self.predictors);
        let terms = pairs.map(|([student, teacher], p)| p.negative_log_likelihood(parameters, student, teacher));
        Ok(Term::sum(batch, terms))
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        Some(&mut self.parameters)
    }
}
