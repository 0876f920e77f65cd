//! What flows along an edge of the graph.

use burn::tensor::Tensor;

/// The samples of a node's output.
#[derive(Clone)]
pub enum Value {
    /// `[n, c, h, w]`
    Map(Tensor<4>),
    /// `[n, d]`
    Vector(Tensor<2>),
    /// `[n, tokens, width]`
    Tokens(Tensor<3>),
}

/// The same function of a value whatever its rank.
macro_rules! each {
    ($value:expr, $x:ident => $result:expr) => {
        match $value {
            Value::Map($x) => Value::Map($result),
            Value::Vector($x) => Value::Vector($result),
            Value::Tokens($x) => Value::Tokens($result),
        }
    };
}
pub(super) use each;

/// The sole input, if it is a map.
pub fn map(inputs: &[Value]) -> Option<&Tensor<4>> {
    match inputs {
        [Value::Map(x)] => Some(x),
        _ => None,
    }
}
