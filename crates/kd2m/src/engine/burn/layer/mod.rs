//! Each layer as Burn operations, one file a layer; [`apply`] is the list.

mod activation;
mod add;
mod batch_norm;
mod channel_shuffle;
mod concat;
mod convolution;
mod flatten;
mod layer_norm;
mod linear;
mod mul;
mod normalise;
mod pad;
mod pool;
mod scope;
mod slice;
mod tokens;
mod value;

use kd2m_nn::Layer;

pub use scope::Scope;
pub use value::Value;

/// One layer; none where the engine cannot run it on such inputs. In training mode a batch norm also moves its running statistics.
pub fn apply(scope: &mut Scope, layer: &Layer, inputs: &[Value]) -> Option<Value> {
    match layer {
        Layer::Input => None,
        Layer::Normalise { mean, std } => normalise::apply(scope, mean, std, inputs),
        Layer::Conv(conv) => convolution::apply(scope, conv, inputs),
        Layer::BatchNorm(norm) => batch_norm::apply(scope, norm, inputs),
        Layer::Linear(_) => linear::apply(scope, inputs),
        Layer::Relu => activation::relu(inputs),
        Layer::Relu6 => activation::relu6(inputs),
        Layer::Add => add::apply(inputs),
        Layer::Concat => concat::apply(inputs),
        Layer::Slice { start, len } => slice::apply(*start, *len, inputs),
        Layer::MaxPool(pool) => pool::max(pool, inputs),
        Layer::AvgPool(pool) => pool::mean(pool, inputs),
        Layer::GlobalAvgPool => pool::global(inputs),
        Layer::Flatten => flatten::apply(inputs),
        Layer::ChannelShuffle { groups } => channel_shuffle::apply(*groups, inputs),
        Layer::LayerNorm(norm) => layer_norm::apply(scope, norm, inputs),
        Layer::Gelu => activation::gelu(inputs),
        Layer::Silu => activation::silu(inputs),
        Layer::Sigmoid => activation::sigmoid(inputs),
        Layer::HardSigmoid => activation::hard_sigmoid(inputs),
        Layer::HardSwish => activation::hard_swish(inputs),
        Layer::Mul => mul::apply(inputs),
        Layer::Pad { around } => pad::apply(*around, inputs),
        Layer::Tokens => tokens::apply(inputs),
    }
}
