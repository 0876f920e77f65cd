//! A learned 1×1 convolution with batch norm, and ReLU where wanted, that takes a student's map to the teacher's
//! channels. FitNets, ICKD and WKD-F train one beside the student (RepDistiller's `ConvReg` where both maps have one
//! size).

use burn::tensor::{Tensor, activation::relu};
use kd2m_nn::init::uniform;

use crate::parameters::ParameterSet;

/// PyTorch's default.
const BATCH_NORM_EPS: f64 = 1e-5;

/// relu?(γ · (W x − mean) / √(variance + 1e-5) + β). The convolution has no bias: batch norm would take it away again.
pub struct Regressor {
    weight: usize,
    scale: usize,
    shift: usize,
    rectified: bool,
}

impl Regressor {
    /// Adds its tensors to `parameters` under `key`, drawn as PyTorch draws a convolution, from (seed, key).
    pub fn new(
        parameters: &mut ParameterSet,
        key: &str,
        [student, teacher]: [usize; 2],
        rectified: bool,
        seed: u64,
    ) -> Self {
        let weight_key = format!("{key}.weight");
        let weight = uniform(seed, &weight_key, teacher * student, 1.0 / (student as f32).sqrt());
        Self {
            weight: parameters.push(&weight_key, &[teacher, student], weight),
            scale: parameters.push(&format!("{key}.scale"), &[teacher, 1], vec![1.0; teacher]),
            shift: parameters.push(&format!("{key}.shift"), &[teacher, 1], vec![0.0; teacher]),
            rectified,
        }
    }

    /// `[n, c, h, w]` to `[n, teacher channels, h · w]`. Evaluation uses the batch's own statistics too: nothing is
    /// remembered.
    pub fn forward(&self, parameters: &ParameterSet, map: Tensor<4>) -> Tensor<3> {
        let tracked = map.is_autodiff();
        let get = |index| parameters.get::<2>(index, tracked);
        let [n, c, h, w] = map.dims();
        // Channels first: one large matrix product each way instead of n small ones.
        let y = get(self.weight).matmul(map.swap_dims(0, 1).reshape([c, n * h * w]));
        let centred = y.clone() - y.mean_dim(1);
        let variance = centred.clone().square().mean_dim(1);
        let y = centred / (variance + BATCH_NORM_EPS).sqrt() * get(self.scale) + get(self.shift);
        let y = if self.rectified { relu(y) } else { y };
        let channels = y.dims()[0];
        y.reshape([channels, n, h * w]).swap_dims(0, 1)
    }
}
