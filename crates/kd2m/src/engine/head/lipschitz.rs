//! An engine that holds its classifier to a gentle slope: ½ μ Λ² with Λ = max ‖w_c − w_y‖, the constant of cross entropy in the features
//! (`docs/theory.md`, statement 1). Decoupled from the loss as AdamW's decay is, so that momentum and clipping never see it.

use burn::tensor::Device;
use kd2m_nn::{Graph, NamedTensor, Weights};

use super::left_to_inner;
use crate::{
    batch::{CopyError, Outputs},
    engine::{Engine, EngineError, Images, Mode, OutputGradients, Then, Update},
};

/// Trains everything, and after each step brings the two most distant rows of the classifier nearer.
pub struct LipschitzHead {
    inner: Box<dyn Engine>,
    /// μ.
    penalty: f64,
    /// Key of the classifier's weight `[classes, features]`.
    key: String,
}

impl LipschitzHead {
    /// Penalises the classifier of `graph`, which `inner` trains, with weight μ.
    pub fn new(inner: Box<dyn Engine>, graph: &Graph, penalty: f64) -> Self {
        Self { inner, penalty, key: format!("{}.weight", graph.node(graph.logits()).name) }
    }

    /// W ← W − lr μ ∂(½ Λ²): of a subgradient only the rows c and y of the largest distance are not zero, ±(w_c − w_y).
    fn flatten(&mut self, update: &Update) -> Result<(), EngineError> {
        let missing = || EngineError::Other(format!("the classifier's `{}` is not among the parameters", self.key));
        let mut weight = self.inner.tensor(&self.key)?.ok_or_else(missing)?;
        let width = weight.shape.iter().skip(1).product();
        let Some((c, y)) = most_distant(&weight.values, width) else { return Ok(()) };
        // Beyond ½ the rows would pass each other.
        let step = (update.lr * self.penalty).min(0.5) as f32;
        for k in 0..width {
            let pull = step * (weight.values[c * width + k] - weight.values[y * width + k]);
            weight.values[c * width + k] -= pull;
            weight.values[y * width + k] += pull;
        }
        self.inner.replace(&Weights::from([(self.key.clone(), weight)]))
    }
}

/// The rows of the largest distance; none where all are equal.
fn most_distant(values: &[f32], width: usize) -> Option<(usize, usize)> {
    let row = |c: usize| &values[c * width..][..width];
    let apart = |c: usize, y: usize| -> f64 {
        row(c).iter().zip(row(y)).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    };
    let rows = values.len().checked_div(width)?;
    let pairs = (0..rows).flat_map(|c| (0..c).map(move |y| (c, y)));
    let (_, pair) = pairs.map(|(c, y)| (apart(c, y), (c, y))).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (apart(pair.0, pair.1) > 0.0).then_some(pair)
}

impl Engine for LipschitzHead {
    left_to_inner!();

    fn backward(&mut self, gradients: &OutputGradients, then: Then) -> Result<(), EngineError> {
        self.inner.backward(gradients, then)?;
        match then {
            Then::Accumulate => Ok(()),
            Then::Step(update) => self.flatten(&update),
        }
    }

    fn step(&mut self, update: &Update) -> Result<(), EngineError> {
        self.inner.step(update)?;
        self.flatten(update)
    }
}
