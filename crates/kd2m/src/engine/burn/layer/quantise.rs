//! Values on the grid of eight bits; the gradient goes straight through within it.

use kd2m_nn::Quantise;

use super::{
    scope::Scope,
    value::{Value, each},
};

pub fn apply(_: &Scope, inputs: &[Value], grid: &Quantise) -> Option<Value> {
    let [x] = inputs else { return None };
    let (zero, [low, high]) = (f32::from(grid.zero), grid.range());
    Some(each!(x, x => {
        let whole = ((x.clone() / grid.step).round() + zero).clamp(-128.0, 127.0);
        let within = x.clone().clamp(low, high);
        within.clone() + ((whole - zero) * grid.step - within).detach()
    }))
}
