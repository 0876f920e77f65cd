//! The ResNets of ImageNet (He et al. 2016) under torchvision's keys, with its stem or the one for 32×32 images.
//! Both stems have the same keys; only `conv1.weight` differs in shape.

use super::{
    Stem, ZooOptions,
    blocks::{Residual, Shortcut, head, residual_stage, unit},
};
use crate::{
    graph::{Graph, GraphError},
    layer::{Conv, Pool},
};

/// Four stages of 64, 128, 256 and 512 channels with this many blocks each.
pub(super) fn resnet(
    name: &str,
    options: &ZooOptions,
    kind: Residual,
    blocks: [usize; 4],
) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin(name);
    let mut x = match options.stem {
        Stem::Imagenet => {
            let x = unit(&mut b, "", 1, x, Conv::square(options.channels, 64, 7).stride(2));
            b.stage("stem", x);
            b.max_pool("maxpool", x, Pool::new([3; 2], [2; 2], [1; 2]))
        }
        Stem::Cifar => {
            let x = unit(&mut b, "", 1, x, Conv::square(options.channels, 64, 3));
            b.stage("stem", x);
            x
        }
    };
    for (i, count) in blocks.into_iter().enumerate() {
        let stride = if i == 0 { 1 } else { 2 };
        let kind = (kind, Shortcut::Projection);
        x = residual_stage(&mut b, &format!("layer{}", i + 1), x, kind, 64 << i, count, stride);
    }
    let (features, logits) = head(&mut b, "fc", x, options.classes);
    b.finish(features, logits)
}
