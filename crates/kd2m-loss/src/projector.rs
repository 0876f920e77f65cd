//! A learned linear map from the student's feature width to the teacher's, for criteria that need equal widths.
//! It is trained with the student and kept out of its file (FitNets, Romero et al. 2015, use the same device).

use burn::tensor::{Device, Tensor, module::linear};
use kd2m_nn::init::uniform;

use crate::parameters::ParameterSet;

/// The weight's key `[teacher width, student width]` within the learned part.
pub const WEIGHT: &str = "projector.weight";
/// The bias's key `[teacher width]`.
pub const BIAS: &str = "projector.bias";

/// y = W x + b with W `[teacher width, student width]`.
pub struct Projector {
    parameters: ParameterSet,
}

impl Projector {
    /// Drawn as PyTorch draws a linear layer, from (seed, key).
    pub fn new(student: usize, teacher: usize, device: &Device, seed: u64) -> Self {
        let bound = 1.0 / (student as f32).sqrt();
        let mut parameters = ParameterSet::new(device);
        let weight = uniform(seed, WEIGHT, student * teacher, bound);
        parameters.push(WEIGHT, &[teacher, student], weight);
        parameters.push(BIAS, &[teacher], uniform(seed, BIAS, teacher, bound));
        Self { parameters }
    }

    /// Projected features `[n, teacher width]`, tracked to the features and to the projector when the features are.
    pub fn forward(&self, features: &Tensor<2>) -> Tensor<2> {
        let tracked = features.is_autodiff();
        let weight = self.parameters.get::<2>(0, tracked).transpose();
        linear(features.clone(), weight, Some(self.parameters.get::<1>(1, tracked)))
    }

    /// The trained tensors.
    pub fn parameters(&mut self) -> &mut ParameterSet {
        &mut self.parameters
    }
}
