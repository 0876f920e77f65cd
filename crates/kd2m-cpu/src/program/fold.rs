//! Batch norm in evaluation is a factor and a summand for each channel; both go into the convolution before it.

use super::Program;
use crate::{
    buffers::Buffer,
    layout::Pack,
    parameters::Parameters,
    plan::{Norm, Operation},
};

/// A convolution's weights and bias with the batch norm after it.
pub struct Folded {
    pub weight: Buffer,
    pub bias: Vec<f32>,
}

/// Factor and summand of each channel in evaluation: γ/√(var + eps), β − mean·factor.
pub fn running_affine(parameters: &Parameters, norm: &Norm) -> (Vec<f32>, Vec<f32>) {
    let (gamma, beta) = (parameters.values(norm.gamma), parameters.values(norm.beta));
    let (mean, variance) = (parameters.values(norm.running_mean), parameters.values(norm.running_variance));
    let factors = gamma.iter().zip(variance).map(|(g, v)| f64::from(*g) / (f64::from(*v) + f64::from(norm.eps)).sqrt());
    let factors: Vec<f64> = factors.collect();
    let summands = beta.iter().zip(mean).zip(&factors).map(|((b, m), f)| (f64::from(*b) - f64::from(*m) * f) as f32);
    (factors.iter().map(|f| *f as f32).collect(), summands.collect())
}

/// Multiplies the weights of each output by its factor.
fn scale_outputs(pack: &Pack, weight: &mut [f32], factors: &[f32]) {
    for group in 0..pack.groups {
        for block in 0..pack.blocks() {
            let (start, width) = (pack.start(group, block), pack.width(block));
            let outputs = pack.outputs_of(block);
            let factors = &factors[group * pack.outputs..][outputs];
            for row in weight[start..start + pack.taps * pack.inputs * width].chunks_exact_mut(width) {
                row.iter_mut().zip(factors).for_each(|(w, f)| *w *= f);
            }
        }
    }
}

impl Program {
    /// Brings the folded weights, and what a frozen network's kernels derive from weights, up to date with the parameters.
    pub(super) fn fold(&mut self, parameters: &Parameters) {
        if self.folded_version == Some(parameters.version) {
            return;
        }
        for (i, (step, folded)) in self.plan.steps.iter().zip(&mut self.folded).enumerate() {
            let Operation::Convolution { weight, bias, folded: norm, conv } = &step.operation else { continue };
            let Some(norm) = norm else {
                // Its batch norm comes before it, as in wide residual networks.
                if self.frozen {
                    self.prepared[i] = conv.prepare(parameters.values(*weight));
                }
                continue;
            };
            let (factors, mut summands) = running_affine(parameters, norm);
            let weight = parameters.values(*weight);
            let into = folded.get_or_insert_with(|| Folded { weight: Buffer::zeros(weight.len()), bias: Vec::new() });
            into.weight.copy_from_slice(weight);
            scale_outputs(&conv.pack, &mut into.weight, &factors);
            if let Some(bias) = bias {
                let bias = parameters.values(*bias);
                summands.iter_mut().zip(bias).zip(&factors).for_each(|((s, b), f)| *s += b * f);
            }
            into.bias = summands;
            if self.frozen {
                self.prepared[i] = conv.prepare(&into.weight);
            }
        }
        self.folded_version = Some(parameters.version);
    }
}
