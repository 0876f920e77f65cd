//! What a network of the zoo is built for.

use serde::{Deserialize, Serialize};

use crate::graph::{GraphBuilder, NodeId};

/// How the ImageNet networks begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stem {
    /// 7×7 convolution of stride 2 and a 3×3 max-pool of stride 2, as torchvision has it.
    #[default]
    Imagenet,
    /// 3×3 convolution of stride 1 and no pool, for images of about 32×32.
    Cifar,
}

/// What a network is built for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZooOptions {
    /// Length of the logits.
    pub classes: usize,
    /// Read by networks with a choice of stem only.
    pub stem: Stem,
    /// Of the images.
    pub channels: usize,
    /// Of the images.
    pub height: usize,
    /// Of the images.
    pub width: usize,
    /// Per channel, in units of pixels in 0…1.
    pub mean: Vec<f32>,
    /// Standard deviation by channel.
    pub std: Vec<f32>,
}

impl ZooOptions {
    /// Images of this shape, torchvision's stem, pixels taken as they are.
    pub fn new(classes: usize, channels: usize, height: usize, width: usize) -> Self {
        let (mean, std) = (vec![0.0; channels], vec![1.0; channels]);
        Self { classes, stem: Stem::Imagenet, channels, height, width, mean, std }
    }

    /// The same with this stem.
    pub fn stem(mut self, stem: Stem) -> Self {
        self.stem = stem;
        self
    }

    pub(super) fn begin(&self, name: &str) -> (GraphBuilder, NodeId) {
        GraphBuilder::new(name, self.channels, self.height, self.width, &self.mean, &self.std)
    }
}
