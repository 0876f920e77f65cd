//! min(max(x, min), max) of any limits.

use super::{
    scope::Scope,
    value::{Value, each},
};

pub fn apply(_: &Scope, inputs: &[Value], min: &f32, max: &f32) -> Option<Value> {
    let [x] = inputs else { return None };
    Some(each!(x, x => x.clone().clamp(*min, *max)))
}
