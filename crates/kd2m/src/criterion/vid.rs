//! Variational information distillation: Σ over stages of ½ mean((μ(F_S) − F_T)² / σ_c² + log σ_c²), a Gaussian bound
//! of the mutual information. μ is three 1×1 convolutions with ReLU between, σ_c² = softplus(a_c) + 1e-5 starts at 5.
//! Ahn et al. 2019, "Variational information distillation".

use burn::tensor::{
    Device, Tensor,
    activation::{relu, softplus},
};
use kd2m_nn::init::uniform;
use kd2m_ot::Options;

use super::{
    Criterion, CriterionError, Needs, Shapes, Term,
    stages::{Choice, PairShape, Stages},
    unit::positions,
};
use crate::{batch::Batch, parameters::ParameterSet};

const VARIANCE_FLOOR: f64 = 1e-5;
const FIRST_VARIANCE: f64 = 5.0;

/// Cost O(n · h · w · (c_S + 2 c_T) · c_T). Choose it where channels of the teacher differ in how well they can be
/// predicted: σ_c² learns which to let go.
pub struct Vid {
    stages: Stages,
    parameters: Option<ParameterSet>,
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
    /// Reads `stages`; all common blocks when none is named.
    ///
    /// # Errors
    /// An option that cannot be read.
    pub fn new(options: &Options) -> Result<Self, CriterionError> {
        Ok(Self { stages: Stages::parse(options, Choice::All)?, parameters: None, predictors: Vec::new() })
    }
}

impl Criterion for Vid {
    fn needs(&self) -> Needs {
        self.stages.needs()
    }

    fn prepare(&mut self, shapes: &Shapes, device: &Device, seed: u64) -> Result<(), CriterionError> {
        let mut parameters = ParameterSet::new(device);
        let sizes = self.stages.prepare(shapes)?;
        let named = self.stages.pairs().iter().zip(sizes);
        self.predictors =
            named.map(|(pair, size)| Predictor::new(&mut parameters, &pair.student, size, seed)).collect();
        self.parameters = Some(parameters);
        Ok(())
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let parameters = self.parameters.as_ref().ok_or(CriterionError::Unprepared)?;
        let pairs = self.stages.pooled(batch)?.into_iter().zip(&self.predictors);
        Term::sum(pairs.map(|([student, teacher], p)| p.negative_log_likelihood(parameters, student, teacher)))
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        self.parameters.as_mut()
    }
}
