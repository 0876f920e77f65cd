//! VGG with batch norm (Simonyan & Zisserman 2015) and a single linear layer, for 32×32 images, with RepDistiller's keys.
//! Convolutions keep their bias although a batch norm follows: the published parameter counts include it.

use super::ZooOptions;
use crate::{
    graph::{Graph, GraphError},
    layer::{Conv, Init, Linear, Pool},
};

const WIDTHS: [usize; 5] = [64, 128, 256, 512, 512];

/// Five blocks with this many 3×3 convolutions each.
pub(super) fn vgg(name: &str, options: &ZooOptions, convolutions: [usize; 5]) -> Result<Graph, GraphError> {
    let (mut b, mut x) = options.begin(name);
    for (block, (count, width)) in convolutions.into_iter().zip(WIDTHS).enumerate() {
        // The fourth pool belongs to 64×64 images alone: at 32×32 the last two blocks share one resolution.
        if block > 0 && (block < 4 || options.height >= 64) {
            let pool = Pool::new([2; 2], [2; 2], [0; 2]);
            x = b.max_pool(&format!("pool{}", block - 1), x, pool);
        }
        for i in 0..count {
            // Each convolution, batch norm and ReLU counts as one module of the block's sequence.
            let module = |offset: usize| format!("block{block}.{}", 3 * i + offset);
            let conv = Conv::square(b.shape(x).channels(), width, 3).with_bias();
            x = b.conv(&module(0), x, conv);
            x = b.batch_norm(&module(1), x);
            x = b.relu(&module(2), x);
        }
        b.stage(&if block == 0 { "stem".to_owned() } else { format!("layer{block}") }, x);
    }
    let features = b.global_avg_pool("pool4", x);
    let linear = Linear { init: Init::Normal(0.01), ..Linear::new(WIDTHS[4], options.classes) };
    let logits = b.linear("classifier", features, linear);
    b.finish(features, logits)
}
