//! x min(max(x / 6 + 1/2, 0), 1).

use super::{
    scope::Scope,
    value::{Value, each},
};

pub fn apply(_: &Scope, inputs: &[Value]) -> Option<Value> {
    let [x] = inputs else { return None };
    Some(each!(x, x => (x.clone() / 6.0 + 0.5).clamp(0.0, 1.0) * x.clone()))
}
