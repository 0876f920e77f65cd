//! Batch normalisation, with the residual and the activation after it; loops in [`norm`](crate::norm).

use std::sync::Arc;

use kd2m_nn::{BatchNorm, Role, step::Reduce};

use super::{Backward, Convolve, Dx, Forward, Op};
use crate::{
    epilogue::Activation,
    error::CpuError,
    norm::{NormGradients, NormParameters, NormState, Target, affine},
    parameters::Parameters,
    plan::{Compiler, ParameterId, Pending, Place, Purpose},
};

/// A batch norm's tensors and numbers.
#[derive(Clone)]
pub struct Norm {
    gamma: ParameterId,
    beta: ParameterId,
    running_mean: ParameterId,
    running_variance: ParameterId,
    eps: f32,
    momentum: f32,
}

/// A batch norm that nothing took in.
struct BatchNormalise {
    norm: Norm,
    positions: usize,
    /// What the forward pass leaves for the backward pass; none in evaluation.
    state: Option<NormState>,
    /// Who has the rest of each training batch.
    others: Option<Arc<dyn Reduce>>,
}

/// In evaluation taken into the convolution before it.
pub fn plan(c: &mut Compiler, node: usize, norm: &BatchNorm) -> Place {
    let norm = Norm {
        gamma: c.tensor(node, Role::Scale),
        beta: c.tensor(node, Role::Shift),
        running_mean: c.tensor(node, Role::RunningMean),
        running_variance: c.tensor(node, Role::RunningVariance),
        eps: norm.eps,
        momentum: norm.momentum,
    };
    let input = c.input(node, 0);
    let evaluates = c.purpose == Purpose::Evaluation;
    let folded = c.take(input, |pending| {
        let bare = pending.residual.is_none() && pending.activation == Activation::None;
        evaluates && bare && pending.op_mut::<Convolve>().is_some_and(|conv| conv.fold(&norm))
    });
    if let Some(folded) = folded {
        return Place::Pending(folded);
    }
    let state = (!evaluates).then(NormState::default);
    let op = BatchNormalise { norm, positions: c.extent(node).positions(), state, others: c.others.clone() };
    let input = c.value(input);
    Place::Pending(Pending::new(c.name(node), op, vec![input]))
}

impl Norm {
    /// Factor and summand of each channel in evaluation: γ/√(var + eps), β − mean·factor.
    pub fn running_affine(&self, parameters: &Parameters) -> (Vec<f32>, Vec<f32>) {
        let (gamma, beta) = (parameters.values(self.gamma), parameters.values(self.beta));
        let (mean, variance) = (parameters.values(self.running_mean), parameters.values(self.running_variance));
        let eps = f64::from(self.eps);
        let factors = gamma.iter().zip(variance).map(|(g, v)| f64::from(*g) / (f64::from(*v) + eps).sqrt());
        let factors: Vec<f64> = factors.collect();
        let summands =
            beta.iter().zip(mean).zip(&factors).map(|((b, m), f)| (f64::from(*b) - f64::from(*m) * f) as f32);
        (factors.iter().map(|f| *f as f32).collect(), summands.collect())
    }

    /// Moves the running statistics towards the batch's.
    fn track(&self, parameters: &mut Parameters, mean: &[f32], variance: &[f32]) {
        for (id, batch) in [(self.running_mean, mean), (self.running_variance, variance)] {
            let running = &mut parameters.list[id].value;
            running.iter_mut().zip(batch).for_each(|(r, b)| *r += self.momentum * (b - *r));
        }
        parameters.version += 1;
    }
}

fn add_to(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

impl Op for BatchNormalise {
    fn kind(&self) -> &'static str {
        "batch norm"
    }

    fn backward_kind(&self) -> Option<&'static str> {
        Some("batch norm backward")
    }

    fn tensors(&self) -> Vec<ParameterId> {
        vec![self.norm.gamma, self.norm.beta]
    }

    fn takes_in(&self) -> bool {
        true
    }

    /// The residual's gradient is dy after the mask, which is applied here: dx cannot lie there.
    fn over_dy(&self, residual: bool) -> bool {
        !residual
    }

    fn masks(&self) -> bool {
        true
    }

    /// One value a channel has no variance.
    fn check(&self, layer: &str, n: usize) -> Result<(), CpuError> {
        if n * self.positions < 2 && self.others.is_none() {
            Err(CpuError::BatchOfOne { layer: layer.to_owned() })
        } else {
            Ok(())
        }
    }

    fn forward(&mut self, step: Forward) {
        let Forward { isa, inputs, y, residual, activation, parameters, .. } = step;
        let norm = &self.norm;
        match &mut self.state {
            Some(state) => {
                let (gamma, beta) = (parameters.values(norm.gamma), parameters.values(norm.beta));
                let p = NormParameters { gamma, beta, eps: norm.eps };
                let batch = state.forward(isa, p, inputs[0], y, residual, activation, self.others.as_deref());
                norm.track(parameters, &batch.mean, &batch.variance);
            }
            None => {
                let (scale, shift) = norm.running_affine(parameters);
                affine(isa, (&scale, &shift), inputs[0], y, residual, activation);
            }
        }
    }

    fn backward(&mut self, step: Backward) {
        let Some(state) = &mut self.state else { return };
        let target = match step.dx {
            Dx::Own { values, add: true } => Target::Add(values),
            Dx::Own { values, add: false } => Target::Write(values),
            Dx::OverDy => Target::InPlace,
            Dx::None => Target::Nowhere,
        };
        let y = step.residual.then_some(step.y);
        let mut gradients = NormGradients::default();
        state.backward(step.isa, step.x, y, step.dy, step.activation, target, &mut gradients, self.others.as_deref());
        add_to(step.parameters.gradient_to_add(self.norm.gamma), &gradients.gamma);
        add_to(step.parameters.gradient_to_add(self.norm.beta), &gradients.beta);
    }
}
