//! The layers that a graph is made of, with PyTorch's meaning of every parameter.
//!
//! Each has a file of its own, which says all that this crate knows of it: settings, shape, tensors, initial values, a few words for
//! listings, and ONNX in both directions. The list below is all that another one is added to.

mod init;
mod kind;
mod pool;
mod window;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    onnx::{operator::Operator, writer::Writer},
    shape::Shape,
};
use kind::{Kind, Tensor};

pub use dropout::Ramp;
pub(crate) use init::Fan;
pub use init::Init;
pub use pool::Pool;

/// Makes of each line a module, a variant of [`Layer`], the way to what its file says of it, and the ONNX operators that its file reads.
/// `in FILE`: the settings are a type of that file, which everyone may name.
macro_rules! layers {
    ($(
        $(#[$doc:meta])*
        $file:ident: $name:ident
            $(($held:ident: $type:ident $(in $home:ident)?))?
            $({ $($(#[$field_doc:meta])* $field:ident: $field_type:ty),* })?
            => $kind:expr;
    )*) => {
        $(mod $file;)*
        $($($(pub use $home::$type;)?)?)*

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

        /// The layer that an ONNX operator is, if a layer's file knows it.
        ///
        /// # Errors
        /// Settings that the layer does not have.
        #[allow(unused_parens, reason = "settings are nothing, one value or several")]
        pub(crate) fn read(operator: &mut Operator) -> Result<Option<Layer>, String> {
            $(
                for (_, read) in $file::OPERATORS.iter().filter(|(name, _)| *name == operator.node.op_type) {
                    // What one takes out before it finds that it is another's is still there for that.
                    let mut own = operator.clone();
                    if let Some(($($held)? $($($field),*)?)) = read(&mut own)? {
                        *operator = own;
                        return Ok(Some(Layer::$name $(($held))? $({ $($field),* })?));
                    }
                }
            )*
            Ok(None)
        }

        /// The names of all operators that are read as layers.
        pub(crate) fn operators() -> Vec<&'static str> {
            let mut all = Vec::new();
            $(all.extend($file::OPERATORS.iter().map(|(name, _)| *name));)*
            all
        }
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
    conv: Conv(conv: Conv in conv) => conv;
    /// Batch normalisation.
    batch_norm: BatchNorm(norm: BatchNorm in batch_norm) => norm;
    /// y = W x + b.
    linear: Linear(linear: Linear in linear) => linear;
    /// max(x, 0).
    relu: Relu => &relu::Relu;
    /// min(max(x, 0), 6).
    relu6: Relu6 => &relu6::Relu6;
    /// min(max(x, min), max).
    clip: Clip {
        /// The lower limit; `f32::MIN`: none.
        min: f32,
        /// The upper limit, above it; `f32::MAX`: none.
        max: f32
    } => &clip::Clip { min: *min, max: *max };
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
    /// The mean over places or tokens: maps `[n, c, h, w]` and tokens `[n, t, c]` become vectors `[n, c]`.
    global_avg_pool: GlobalAvgPool => &global_avg_pool::GlobalAvgPool;
    /// Maps `[n, c, h, w]` become vectors `[n, c·h·w]`, channels outermost.
    flatten: Flatten => &flatten::Flatten;
    /// Channels seen as `[groups, c / groups]` and transposed.
    channel_shuffle: ChannelShuffle {
        /// Rows of that table.
        groups: usize
    } => &channel_shuffle::ChannelShuffle { groups: *groups };
    /// Layer normalisation.
    layer_norm: LayerNorm(norm: LayerNorm in layer_norm) => norm;
    /// Group normalisation.
    group_norm: GroupNorm(norm: GroupNorm in group_norm) => norm;
    /// x Φ(x), with the error function.
    gelu: Gelu => &gelu::Gelu;
    /// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.
    gelu_tanh: GeluTanh => &gelu_tanh::GeluTanh;
    /// x / (1 + exp(−x)).
    silu: Silu => &silu::Silu;
    /// 1 / (1 + exp(−x)).
    sigmoid: Sigmoid => &sigmoid::Sigmoid;
    /// min(max(x / 6 + 1/2, 0), 1).
    hard_sigmoid: HardSigmoid => &hard_sigmoid::HardSigmoid;
    /// x min(max(x / 6 + 1/2, 0), 1).
    hard_swish: HardSwish => &hard_swish::HardSwish;
    /// x above 0, below a slope times x.
    prelu: Prelu(prelu: Prelu in prelu) => prelu;
    /// The product of two inputs of equal shape, or of a map and a factor for each of its channels.
    mul: Mul => &mul::Mul;
    /// Zeros around maps.
    pad: Pad {
        /// Rows above, columns left, rows below, columns right.
        around: [usize; 4]
    } => &pad::Pad { around: *around };
    /// Channels of zeros beside those of a map.
    pad_channels: PadChannels {
        /// Before the map's own.
        before: usize,
        /// Behind them.
        after: usize
    } => &pad_channels::PadChannels { before: *before, after: *after };
    /// Values rounded to 8 bits.
    quantise: Quantise(quantise: Quantise in quantise) => quantise;
    /// Places of maps as tokens: `[n, c, h, w]` become `[n, h·w, c]`, row by row.
    tokens: Tokens => &tokens::Tokens;
    /// A learned token before the others.
    prepend: Prepend(prepend: Prepend in prepend) => prepend;
    /// A learned vector added to each token.
    position: Position(position: Position in position) => position;
    /// Attention over tokens that hold q, k and v side by side.
    attention: Attention(attention: Attention in attention) => attention;
    /// One of the tokens as a vector.
    token: Token {
        /// Which, from 0.
        at: usize
    } => &token::Token { at: *at };
    /// A learned factor for each channel.
    scale: Scale(scale: Scale in scale) => scale;
    /// What is left out at random while training.
    dropout: Dropout(dropout: Dropout in dropout) => dropout;
    /// Tokens as a map.
    places: Places(places: Places in places) => places;
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
