//! Tokens as a map.

use kd2m_nn::Places;

use super::{scope::Scope, value::Value};

pub fn apply(_: &Scope, inputs: &[Value], places: &Places) -> Option<Value> {
    let ([Value::Tokens(x)], Places { skip, height, width }) = (inputs, *places) else { return None };
    let [n, _, c] = x.dims();
    let kept = x.clone().narrow(1, skip, height * width);
    Some(Value::Map(kept.swap_dims(1, 2).reshape([n, c, height, width])))
}
