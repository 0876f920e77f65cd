//! Group normalisation of maps.

use kd2m_nn::{GroupNorm, Role};

use super::{
    scope::Scope,
    value::{Value, map},
};

pub fn apply(scope: &Scope, inputs: &[Value], norm: &GroupNorm) -> Option<Value> {
    let x = map(inputs)?;
    let [n, c, h, w] = x.dims();
    let of_channels = |role| scope.parameter::<1>(role).reshape([1, c, 1, 1]);
    // Each group's numbers in a row.
    let rows = x.clone().reshape([n, norm.groups, c / norm.groups * h * w]);
    let centred = rows.clone() - rows.mean_dim(2);
    let variance = (centred.clone() * centred.clone()).mean_dim(2);
    let normalised = centred / variance.add_scalar(norm.eps).sqrt();
    Some(Value::Map(normalised.reshape([n, c, h, w]) * of_channels(Role::Scale) + of_channels(Role::Shift)))
}
