//! What a part of the objective asks of the student: its gradient at the outputs, and one measure of how hard it pulls.
//!
//! Every part is judged at the same place. A gradient of the logits is carried through the classifier to the features and joins the
//! gradient of the features there: `G = ∂L/∂features + ∂L/∂logits · W`. Its strength is `‖G‖ · ‖features‖`; a gradient of a stage's map,
//! which reaches the network below the features, adds `‖∂L/∂map‖ · ‖map‖`, squared under one root. So strengths are what the loss changes
//! by, per relative change of what is read, whatever the units of a layer are, and between two parts that read features or logits their
//! ratio is that of the norms of G.

use burn::tensor::{Gradients, Tensor};

use crate::{
    batch::{CopyError, Outputs, host},
    engine::OutputGradients,
};

/// A loss on leaves of its own, so that one backward pass leaves its gradient apart from those of the others.
pub(super) struct Part {
    /// The student's outputs, read by this loss alone.
    pub leaves: Outputs,
    /// `[1]`, without its weight.
    pub loss: Tensor<1>,
}

impl Part {
    /// What a backward pass left at its leaves.
    pub fn gradients(&self, gradients: &mut Gradients) -> OutputGradients {
        let maps = self.leaves.maps.iter();
        OutputGradients {
            features: self.leaves.features.grad_remove(gradients),
            logits: self.leaves.logits.grad_remove(gradients),
            maps: maps.filter_map(|(name, map)| Some((name.clone(), map.grad_remove(gradients)?))).collect(),
        }
    }
}

/// How hard a part pulls, and where to.
#[derive(Debug, Clone, Default)]
pub(super) struct Pull {
    /// G, row-major; empty where the part reads nothing above the stages.
    pub at_features: Vec<f32>,
    /// Relative, over everything that the part reads.
    pub strength: f64,
}

impl Pull {
    /// Of a part's gradients at these outputs; `head` is the classifier's weight `[classes, features]`. Without one, gradients of the logits
    /// count by themselves, as those of a stage do.
    ///
    /// # Errors
    /// A tensor that cannot be copied from its device.
    pub fn new(part: &OutputGradients, outputs: &Outputs, head: Option<&Tensor<2>>) -> Result<Self, CopyError> {
        let (carried, apart) = match (&part.logits, head) {
            (Some(logits), Some(weight)) => (Some(logits.clone().matmul(weight.clone())), None),
            (logits, _) => (None, logits.as_ref()),
        };
        let at_features = match (part.features.clone(), carried) {
            (Some(own), Some(carried)) => Some(own + carried),
            (own, carried) => own.or(carried),
        };
        let at_features = at_features.as_ref().map(host).transpose()?.unwrap_or_default();
        let mut squares = relative(&at_features, &host(&outputs.features)?);
        if let Some(logits) = apart {
            squares += relative(&host(logits)?, &host(&outputs.logits)?);
        }
        for (name, gradient) in &part.maps {
            if let Some(map) = outputs.map(name) {
                squares += relative(&host(gradient)?, &host(map)?);
            }
        }
        Ok(Self { at_features, strength: squares.sqrt() })
    }

    /// ⟨G, G'⟩.
    pub fn inner(&self, other: &Self) -> f64 {
        inner(&self.at_features, &other.at_features)
    }

    /// ‖G‖.
    pub fn norm(&self) -> f64 {
        self.inner(self).sqrt()
    }

    /// Cosine of the angle between G and G'; none where one of them vanishes.
    pub fn cosine(&self, other: &Self) -> Option<f64> {
        let cosine = self.inner(other) / (self.norm() * other.norm());
        cosine.is_finite().then_some(cosine)
    }
}

fn inner(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// (‖gradient‖ · ‖value‖)².
fn relative(gradient: &[f32], value: &[f32]) -> f64 {
    inner(gradient, gradient) * inner(value, value)
}

/// Σ of the parts' gradients, each so many times.
pub(super) fn combined(parts: Vec<OutputGradients>, factors: &[f64]) -> OutputGradients {
    let mut all = OutputGradients::default();
    for (part, factor) in parts.into_iter().zip(factors) {
        add(&mut all.features, part.features, *factor);
        add(&mut all.logits, part.logits, *factor);
        for (name, gradient) in part.maps {
            match all.maps.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum = sum.clone() + times(gradient, *factor),
                None => all.maps.push((name, times(gradient, *factor))),
            }
        }
    }
    all
}

fn add(sum: &mut Option<Tensor<2>>, gradient: Option<Tensor<2>>, factor: f64) {
    let Some(gradient) = gradient.map(|gradient| times(gradient, factor)) else { return };
    *sum = Some(match sum.take() {
        Some(sum) => sum + gradient,
        None => gradient,
    });
}

fn times<const D: usize>(gradient: Tensor<D>, factor: f64) -> Tensor<D> {
    if factor == 1.0 { gradient } else { gradient * factor }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use burn::tensor::{Device, TensorData};

    use super::*;

    fn matrix<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
    }

    fn outputs() -> Outputs {
        let mut outputs = Outputs::new(matrix(&[3.0, 4.0], [1, 2]), matrix(&[1.0, 2.0, 2.0], [1, 3]));
        outputs.maps.push((Arc::from("layer1"), matrix(&[2.0], [1, 1, 1, 1])));
        outputs
    }

    #[test]
    fn logits_are_carried_through_the_classifier_and_maps_count_relative_to_what_they_hold() {
        let head = matrix(&[1.0, 0.0, 0.0, 2.0, 1.0, 1.0], [3, 2]);
        let part = OutputGradients {
            features: Some(matrix(&[1.0, -1.0], [1, 2])),
            logits: Some(matrix(&[1.0, 1.0, 2.0], [1, 3])),
            maps: vec![(Arc::from("layer1"), matrix(&[3.0], [1, 1, 1, 1]))],
        };
        let pull = Pull::new(&part, &outputs(), Some(&head)).unwrap();
        assert_eq!(pull.at_features, [4.0, 3.0]);
        // (5 · 5)² + (3 · 2)².
        assert!((pull.strength - 661f64.sqrt()).abs() < 1e-12, "{}", pull.strength);
        let other = Pull { at_features: vec![3.0, -4.0], strength: 1.0 };
        assert_eq!((pull.norm(), pull.inner(&other), pull.cosine(&other)), (5.0, 0.0, Some(0.0)));
        assert_eq!(pull.cosine(&Pull::default()), None);
        let alone = Pull::new(&part, &outputs(), None).unwrap();
        // (√2 · 5)² + (√6 · 3)² + (3 · 2)².
        assert!((alone.strength - 140f64.sqrt()).abs() < 1e-12 && alone.at_features == [1.0, -1.0]);
    }

    #[test]
    fn gradients_of_several_parts_add_up() {
        let part = |x: f32, maps: bool| OutputGradients {
            features: Some(matrix(&[x, 0.0], [1, 2])),
            logits: maps.then(|| matrix(&[x], [1, 1])),
            maps: if maps { vec![(Arc::from("layer1"), matrix(&[x], [1, 1, 1, 1]))] } else { Vec::new() },
        };
        let sum = combined(vec![part(1.0, false), part(2.0, true), part(4.0, true)], &[1.0, 0.5, 2.0]);
        assert_eq!(host(&sum.features.unwrap()).unwrap(), [10.0, 0.0]);
        assert_eq!(host(&sum.logits.unwrap()).unwrap(), [9.0]);
        assert_eq!((sum.maps.len(), host(&sum.maps[0].1).unwrap()), (1, vec![9.0]));
    }
}
