//! Plain multilayer perceptrons, those of KD²M's MNIST experiment.
//! Features are the last hidden layer after its ReLU.

use super::ZooOptions;
use crate::{
    graph::{Graph, GraphError},
    layer::Linear,
};

/// One linear layer and ReLU a width, then the classifier: keys `fc1`, `fc2`, …, `fc`.
pub(super) fn mlp(name: &str, options: &ZooOptions, widths: &[usize]) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin(name);
    let mut x = b.flatten("flatten", x);
    for (i, &width) in widths.iter().enumerate() {
        let linear = Linear::new(b.shape(x).len(), width);
        x = b.linear(&format!("fc{}", i + 1), x, linear);
        x = b.relu(&format!("relu{}", i + 1), x);
    }
    let classifier = Linear::new(b.shape(x).len(), options.classes);
    let logits = b.linear("fc", x, classifier);
    b.finish(x, logits)
}
