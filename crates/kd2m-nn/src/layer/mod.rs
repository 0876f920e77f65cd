//! The layers that a graph is made of, with PyTorch's meaning of every parameter.
//!
//! Each has a file of its own, which says all that this crate knows of it: settings, shape, tensors, initial values, a few words for
//! listings, and ONNX in both directions. So a layer's file and the ONNX reader and writer know each other; that circle is wanted.

mod add;
mod avg_pool;
mod batch_norm;
mod channel_shuffle;
mod concat;
mod conv;
mod flatten;
mod global_avg_pool;
mod input;
mod kind;
mod linear;
mod max_pool;
mod normalise;
mod pool;
mod relu;
mod relu6;
mod slice;
mod window;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{onnx::export::Writer, shape::Shape};

pub use batch_norm::BatchNorm;
pub use conv::Conv;
pub(crate) use kind::{Fan, Kind, Operator, Tensor};
pub use linear::Linear;
pub use pool::Pool;

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
}

/// Makes of each line a variant of [`Layer`], the way to what its file says of it, and the ONNX operators that its file reads.
macro_rules! layers {
    ($(
        $(#[$doc:meta])*
        $file:ident: $name:ident
            $(($held:ident: $type:ty))?
            $({ $($(#[$field_doc:meta])* $field:ident: $field_type:ty),* })?
            => $kind:expr;
    )*) => {
        /// One operation of a graph.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub enum Layer {
            $($(#[$doc])* $name $(($type))? $({ $($(#[$field_doc])* $field: $field_type),* })?,)*
        }

        impl Layer {
            /// Asks the layer's own file.
            fn ask<R>(&self, question: impl FnOnce(&dyn Kind) -> R) -> R {
                match self {
                    $(Layer::$name $(($held))? $({ $($field),* })? => question($kind),)*
                }
            }
        }

        /// What reads which ONNX operator, by layer.
        pub(crate) const OPERATORS: &[&[Operator]] = &[$($file::OPERATORS),*];
    };
}

layers! {
    /// The images: pixels in 0…1.
    input: Input => &input::Images;
    /// (x − mean) / std per channel.
    normalise: Normalise {
        /// Of each channel.
        mean: Vec<f32>,
        /// Standard deviation of each channel, above 0.
        std: Vec<f32>
    } => &normalise::Normalise { mean, std };
    /// Two-dimensional convolution.
    conv: Conv(conv: Conv) => conv;
    /// Batch normalisation.
    batch_norm: BatchNorm(norm: BatchNorm) => norm;
    /// y = W x + b.
    linear: Linear(linear: Linear) => linear;
    /// max(x, 0).
    relu: Relu => &relu::Relu;
    /// min(max(x, 0), 6).
    relu6: Relu6 => &relu6::Relu6;
    /// The sum of two inputs of equal shape.
    add: Add => &add::Add;
    /// Channels of all inputs one after another.
    concat: Concat => &concat::Concat;
    /// Channels `start..start + len` of a map (ShuffleNet V2's split).
    slice: Slice {
        /// The first channel that is kept.
        start: usize,
        /// How many are kept.
        len: usize
    } => &slice::Slice { start: *start, len: *len };
    /// Maxima over windows.
    max_pool: MaxPool(pool: Pool) => &max_pool::MaxPool(pool);
    /// Means over windows.
    avg_pool: AvgPool(pool: Pool) => &avg_pool::AvgPool(pool);
    /// The mean over positions: maps `[n, c, h, w]` become vectors `[n, c]`.
    global_avg_pool: GlobalAvgPool => &global_avg_pool::GlobalAvgPool;
    /// Maps `[n, c, h, w]` become vectors `[n, c·h·w]`, channels outermost.
    flatten: Flatten => &flatten::Flatten;
    /// Channels seen as `[groups, c / groups]` and transposed.
    channel_shuffle: ChannelShuffle {
        /// Rows of that table.
        groups: usize
    } => &channel_shuffle::ChannelShuffle { groups: *groups };
}

impl Layer {
    /// The shape of its output, or why there is none.
    pub(crate) fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        self.ask(|kind| kind.shape(inputs))
    }

    /// Its parameters and running statistics, in PyTorch's order.
    pub(crate) fn tensors(&self) -> Vec<Tensor> {
        self.ask(|kind| kind.tensors())
    }

    /// How weight and bias are drawn, if it has them.
    pub(crate) fn init(&self) -> (Init, Fan) {
        self.ask(|kind| kind.init())
    }

    /// Multiply–adds for one sample whose output has this shape.
    pub(crate) fn multiply_adds(&self, output: Shape) -> u64 {
        self.ask(|kind| kind.multiply_adds(output))
    }

    /// Writes the ONNX operators that do the same.
    pub(crate) fn write(&self, onnx: &mut Writer) {
        self.ask(|kind| kind.write(onnx));
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ask(|kind| kind.show(f))
    }
}
