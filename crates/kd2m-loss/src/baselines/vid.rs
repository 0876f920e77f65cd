//! Variational information distillation: Σ over stages of ½ mean((μ(F_S) − F_T)² / σ_c² + log σ_c²), a Gaussian bound
//! of the mutual information. μ is three 1×1 convolutions with ReLU between, σ_c² = softplus(a_c) + 1e-5 starts at 5.
//! Ahn et al. 2019, "Variational information distillation".

use burn::tensor::{
    Tensor,
    activation::{relu, softplus},
};
use kd2m_nn::init::uniform;

use crate::{
    entry::Entry,
    on_stages::{OnStages, StageLoss},
    parameters::ParameterSet,
    stages::{Choice, PairShape},
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
    options: OnStages::<Vid>::OPTIONS,
    build: OnStages::<Vid>::build,
};

/// Cost O(n · h · w · (c_S + 2 c_T) · c_T). Choose it where channels of the teacher differ in how well they can be
/// predicted: σ_c² learns which to let go.
struct Vid {
    /// Indices of its tensors.
    weights: [usize; 3],
    raw_variance: usize,
}

impl StageLoss for Vid {
    const STAGES: Choice = Choice::All;
    const POOLED: bool = true;

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
    fn loss(&self, parameters: &ParameterSet, student: Tensor<4>, teacher: Tensor<4>) -> Tensor<1> {
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
