//! Each layer as Burn operations, one file a layer; the list below is all that another one is added to.

mod reach;
mod scope;
mod value;

use kd2m_nn::Layer;

pub use scope::Scope;
pub use value::Value;

/// Makes a file of each name a module, whose `apply` gets the layer's settings.
macro_rules! layers {
    ($($file:ident: $layer:ident $(($held:ident))? $({ $($field:ident),* })?,)*) => {
        $(mod $file;)*

        /// One layer; none where the engine cannot run it on such inputs. In training mode a batch norm also moves its running
        /// statistics.
        pub fn apply(scope: &mut Scope, layer: &Layer, inputs: &[Value]) -> Option<Value> {
            match layer {
                $(
                    Layer::$layer $(($held))? $({ $($field),* })? => {
                        $file::apply(scope, inputs $(, $held)? $($(, $field)*)?)
                    }
                )*
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
