//! The logits of every place of the last map ([`CLASS_MAP`]), of networks that can give them.

use burn::tensor::Tensor;
use kd2m_nn::CLASS_MAP;

use crate::{batch::Outputs, error::CriterionError, shapes::NetworkShapes};

/// Their `[classes, height, width]` of the student or the teacher (`who`).
///
/// # Errors
/// A network that has none.
pub fn shape(network: &NetworkShapes, who: &str, criterion: &str) -> Result<[usize; 3], CriterionError> {
    network.map(CLASS_MAP).ok_or_else(|| CriterionError::Sizes {
        criterion: criterion.to_owned(),
        why: format!(
            " compares what the classifier says of parts of the last map, and the {who} gives no map whose mean over places a linear \
             classifier reads: choose hinton, which compares what is said of the whole"
        ),
    })
}

/// They themselves `[n, classes, height, width]`.
///
/// # Errors
/// Outputs that lack them.
pub fn of<'o>(outputs: &'o Outputs, who: &str, criterion: &str) -> Result<&'o Tensor<4>, CriterionError> {
    let why = || format!("the {who} gave no map `{CLASS_MAP}`");
    outputs.map(CLASS_MAP).ok_or_else(|| CriterionError::Batch { criterion: criterion.to_owned(), why: why() })
}
