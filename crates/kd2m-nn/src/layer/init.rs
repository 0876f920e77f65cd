//! How weights are drawn at the start of training.

use serde::{Deserialize, Serialize};

/// How a layer's weight is drawn at the start of training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Init {
    /// Normal with variance 2 / fan_out and bias zero (torchvision's ResNets, the CIFAR networks).
    KaimingNormalFanOut,
    /// PyTorch's default for convolutions and linear layers: uniform in ±1/√fan_in, weight and bias.
    TorchDefault,
    /// The same for the weight, bias zero (wide ResNets' classifier).
    TorchDefaultZeroBias,
    /// Normal with this standard deviation, bias zero (VGG's linear layers).
    Normal(f32),
    /// All alike.
    Constant(f32),
}

/// Connections into and out of one unit, counted as PyTorch does: groups do not lower the second.
#[derive(Clone, Copy)]
pub(crate) struct Fan {
    pub inward: usize,
    pub outward: usize,
}
