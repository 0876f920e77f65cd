//! min(max(x, 0), 6).

use super::{
    scope::Scope,
    value::{Value, each},
};

pub fn apply(_: &Scope, inputs: &[Value]) -> Option<Value> {
    let [x] = inputs else { return None };
    Some(each!(x, x => x.clone().clamp(0.0, 6.0)))
}
