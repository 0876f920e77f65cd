//! Two learned linear maps that bring the features of both networks to one width, as correlation congruence and CRD
//! compare them. The teacher's is trained too; the teacher's features themselves stay constants.

use burn::tensor::{Device, Tensor, module::linear};
use kd2m_nn::init::uniform;

use crate::{batch::Batch, parameters::ParameterSet, shapes::Shapes};

/// e = W x + b for the student and for the teacher.
pub struct Embeddings {
    parameters: ParameterSet,
}

impl Embeddings {
    /// Drawn as PyTorch draws linear layers, from (seed, key).
    pub fn new(shapes: &Shapes, width: usize, device: &Device, seed: u64) -> Self {
        let mut parameters = ParameterSet::new(device);
        for (who, inputs) in [("student", shapes.student.features), ("teacher", shapes.teacher.features)] {
            let bound = 1.0 / (inputs as f32).sqrt();
            for (role, shape) in [("weight", vec![width, inputs]), ("bias", vec![width])] {
                let key = format!("{who}.{role}");
                parameters.push(&key, &shape, uniform(seed, &key, shape.iter().product(), bound));
            }
        }
        Self { parameters }
    }

    /// Embedded features `[n, width]`, student's first.
    pub fn forward(&self, batch: &Batch) -> [Tensor<2>; 2] {
        let tracked = batch.student.features.is_autodiff();
        let embed = |features: &Tensor<2>, first: usize| {
            let weight = self.parameters.get::<2>(first, tracked).transpose();
            linear(features.clone(), weight, Some(self.parameters.get::<1>(first + 1, tracked)))
        };
        [embed(&batch.student.features, 0), embed(&batch.teacher.features, 2)]
    }

    /// The trained tensors.
    pub fn parameters(&mut self) -> &mut ParameterSet {
        &mut self.parameters
    }
}
