//! Channels across groups.

use super::value::{Value, map};

pub fn apply(groups: usize, inputs: &[Value]) -> Option<Value> {
    let x = map(inputs)?;
    let [n, c, h, w] = x.dims();
    let grouped = x.clone().reshape([n, groups, c / groups, h * w]);
    Some(Value::Map(grouped.swap_dims(1, 2).reshape([n, c, h, w])))
}
