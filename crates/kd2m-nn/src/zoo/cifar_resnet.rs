//! The ResNets of CIFAR (He et al. 2016, section 4.2), depth 6n + 2, in the widths and keys of RepDistiller (Tian et al. 2020).
//! Shortcuts that change shape are projections, as the distillation literature has them, not He's zero-padding.

use super::{
    ZooOptions,
    blocks::{Residual, head, residual_stage, unit},
};
use crate::{
    graph::{Graph, GraphError},
    layer::Conv,
};

/// The usual widths of stem and stages.
pub(super) const NARROW: [usize; 4] = [16, 16, 32, 64];
/// The `x4` networks, which have twice the stem but four times the stages.
pub(super) const X4: [usize; 4] = [32, 64, 128, 256];

/// Three stages of (depth − 2) / 6 basic blocks.
pub(super) fn resnet(name: &str, options: &ZooOptions, depth: usize, widths: [usize; 4]) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin(name);
    let mut x = unit(&mut b, "", 1, x, Conv::square(options.channels, widths[0], 3));
    b.stage("stem", x);
    for (stage, &width) in widths.iter().enumerate().skip(1) {
        let stride = if stage == 1 { 1 } else { 2 };
        x = residual_stage(&mut b, &format!("layer{stage}"), x, Residual::Basic, width, (depth - 2) / 6, stride);
    }
    let (features, logits) = head(&mut b, "fc", x, options.classes);
    b.finish(features, logits)
}
