//! What the engine does for each layer: one file a layer, which says how it is planned, what it takes in, and how it runs.
//!
//! The list below is all that another one is added to; files beside it hold what several layers have in common. Loops over values are in [`conv`](crate::conv), [`norm`](crate::norm) and [`pool`](crate::pool); a step is one
//! virtual call.

mod activation;
mod convolution;
mod function;
mod identity;

use std::{any::Any, collections::BTreeMap};

use kd2m_nn::{
    Layer,
    step::{Draws, Update},
};

pub use convolution::{Convolve, weight_pack};
pub use function::exp;

use crate::{
    conv::Workspace,
    epilogue::Activation,
    error::CpuError,
    isa::Isa,
    parameters::Parameters,
    plan::{Compiler, ParameterId, Place},
};

/// Makes a file of each name a module, whose `plan` gets the layer's settings.
macro_rules! layers {
    ($($file:ident: $layer:ident $(($held:ident))? $({ $($field:ident),* })?,)*) => {
        $(mod $file;)*

        /// The place of a node: pending, so that its only reader may take it in, or a stored value.
        pub fn plan(c: &mut Compiler, node: usize) -> Place {
            let graph = c.graph;
            match &graph.nodes()[node].layer {
                $(Layer::$layer $(($held))? $({ $($field),* })? => $file::plan(c, node $(, $held)? $($(, $field)*)?),)*
            }
        }
    };
}

layers! {
    input: Input,
    normalise: Normalise { mean, std },
    conv: Conv(conv),
    linear: Linear(linear),
    batch_norm: BatchNorm(norm),
    relu: Relu,
    relu6: Relu6,
    clip: Clip { min, max },
    add: Add,
    concat: Concat,
    slice: Slice { start, len },
    max_pool: MaxPool(pool),
    avg_pool: AvgPool(pool),
    global_avg_pool: GlobalAvgPool,
    flatten: Flatten,
    channel_shuffle: ChannelShuffle { groups },
    layer_norm: LayerNorm(norm),
    group_norm: GroupNorm(norm),
    gelu: Gelu,
    gelu_tanh: GeluTanh,
    silu: Silu,
    sigmoid: Sigmoid,
    hard_sigmoid: HardSigmoid,
    hard_swish: HardSwish,
    prelu: Prelu(prelu),
    mul: Mul,
    pad: Pad { around },
    pad_channels: PadChannels { before, after },
    quantise: Quantise(grid),
    tokens: Tokens,
    prepend: Prepend(prepend),
    position: Position(position),
    attention: Attention(attention),
    token: Token { at },
    scale: Scale(scale),
    dropout: Dropout(dropout),
    places: Places(places),
}

/// What a step computes from its inputs before residual and activation, and what it remembers from forward to backward.
pub trait Op: Any + Send + Sync {
    /// The kind of work, for profiles.
    fn kind(&self) -> &'static str;

    /// The same of its backward pass; none where it keeps the time itself.
    fn backward_kind(&self) -> Option<&'static str> {
        Some("other backward")
    }

    /// The trained tensors: stepped as soon as their gradients are known.
    fn tensors(&self) -> Vec<ParameterId> {
        Vec::new()
    }

    /// Whether [`forward`](Self::forward) adds a residual and applies an activation, so that both may be taken into the step.
    fn takes_in(&self) -> bool {
        false
    }

    /// Whether the gradient to its only input may be written over that of its output, without a buffer of its own;
    /// `residual`: what is added to the output needs a gradient too, which is that of the output.
    fn over_dy(&self, _residual: bool) -> bool {
        false
    }

    /// Whether [`backward`](Self::backward) itself leaves out what the activation cut off.
    fn masks(&self) -> bool {
        false
    }

    /// Only of the network's input: the border of zeros around what this step gives, decided when its readers are known.
    fn border(&mut self, _c: &Compiler, _node: usize) -> Option<[usize; 2]> {
        None
    }

    /// Whether a batch of n samples can be trained on.
    fn check(&self, _layer: &str, _n: usize) -> Result<(), CpuError> {
        Ok(())
    }

    /// Whether a sample's values are the same to the bit in every batch, where the parameters never change.
    fn each_by_itself(&self) -> bool {
        true
    }

    /// Brings what evaluation derives from parameters up to date; `frozen`: they will never change again.
    fn refresh(&mut self, _parameters: &Parameters, _frozen: bool) {}

    /// Numbers that it holds beside values and parameters.
    fn held(&self) -> usize {
        0
    }

    /// Writes the output.
    fn forward(&mut self, step: Forward);

    /// Writes the gradient to one input, and with the first input adds those to its parameters.
    fn backward(&mut self, step: Backward);
}

/// What a step computes from.
pub struct Forward<'a> {
    pub isa: Isa,
    /// Samples.
    pub n: usize,
    /// What is left out at random is drawn from these.
    pub draws: Draws,
    /// The batch in PyTorch's layout.
    pub images: &'a [f32],
    pub inputs: &'a [&'a [f32]],
    /// Added before the activation.
    pub residual: Option<&'a [f32]>,
    pub activation: Activation,
    pub y: &'a mut [f32],
    pub parameters: &'a mut Parameters,
    pub workspace: &'a mut Workspace,
}

/// What the gradient to one input is computed from.
pub struct Backward<'a> {
    pub isa: Isa,
    /// Samples.
    pub n: usize,
    /// Which input.
    pub input: usize,
    pub x: &'a [f32],
    /// All that the step read.
    pub inputs: &'a [&'a [f32]],
    pub y: &'a [f32],
    /// Whether a residual was added.
    pub residual: bool,
    pub activation: Activation,
    /// The gradient to the output, without what the activation cut off unless the operation [masks](Op::masks) itself.
    pub dy: &'a mut [f32],
    pub dx: Dx<'a>,
    pub parameters: &'a mut Parameters,
    pub workspace: &'a mut Workspace,
    pub sink: Sink<'a>,
    /// Seconds by kind of work.
    pub profile: &'a mut BTreeMap<&'static str, f64>,
}

/// Where the gradient to an input goes.
pub enum Dx<'a> {
    /// Nobody needs it.
    None,
    /// The output's gradient becomes the input's.
    OverDy,
    /// Into a buffer of its own.
    Own {
        values: &'a mut [f32],
        /// To what is there already.
        add: bool,
    },
}

/// What happens to the parameters' gradients.
#[derive(Clone, Copy)]
pub enum Sink<'a> {
    /// Added to what is there.
    Accumulate,
    /// Each tensor is stepped as soon as its gradient is known.
    Step(&'a Update),
}
