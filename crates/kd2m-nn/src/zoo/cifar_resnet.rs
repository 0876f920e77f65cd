//! The ResNets of CIFAR (He et al. 2016, section 4.2), depth 6n + 2, in the widths and keys of RepDistiller (Tian et al. 2020).
//! Shortcuts that change shape are projections, as the distillation literature has them; the networks `resnet20_a` and so on have He's
//! zero-padding, under the keys of the widespread repository `akamaster/pytorch_resnet_cifar10`.

use super::{
    ZooOptions,
    blocks::{Residual, Shortcut, head, residual_stage, unit},
};
use crate::{
    graph::{Graph, GraphError},
    layer::Conv,
};

/// The usual widths of stem and stages.
pub(super) const NARROW: [usize; 4] = [16, 16, 32, 64];
/// The `x4` networks, which have twice the stem but four times the stages.
pub(super) const X4: [usize; 4] = [32, 64, 128, 256];

/// Three stages of (depth − 2) / 6 basic blocks with projections.
pub(super) fn resnet(name: &str, options: &ZooOptions, depth: usize, widths: [usize; 4]) -> Result<Graph, GraphError> {
    build(name, options, depth, widths, Shortcut::Projection)
}

/// The same of the usual widths with shortcuts of zeros.
pub(super) fn option_a(name: &str, options: &ZooOptions, depth: usize) -> Result<Graph, GraphError> {
    build(name, options, depth, NARROW, Shortcut::Zeros)
}

fn build(
    name: &str,
    options: &ZooOptions,
    depth: usize,
    widths: [usize; 4],
    shortcut: Shortcut,
) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin(name);
    let mut x = unit(&mut b, "", 1, x, Conv::square(options.channels, widths[0], 3));
    b.stage("stem", x);
    for (stage, &width) in widths.iter().enumerate().skip(1) {
        let stride = if stage == 1 { 1 } else { 2 };
        let kind = (Residual::Basic, shortcut);
        x = residual_stage(&mut b, &format!("layer{stage}"), x, kind, width, (depth - 2) / 6, stride);
    }
    let (features, logits) = head(&mut b, "fc", x, options.classes);
    b.finish(features, logits)
}
