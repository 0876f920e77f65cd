//! Losses of logits before their mean over samples, for criteria that weigh samples.

use std::fmt;

use burn::tensor::Tensor;

/// A loss of logits.
pub(crate) trait EachSample: fmt::Debug + Send + Sync {
    /// That of each sample `[n, 1]`, of logits `[n, classes]` and n classes.
    fn of_samples(&self, student: Tensor<2>, teacher: Tensor<2>, labels: &[u32]) -> Tensor<2>;
}
