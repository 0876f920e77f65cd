//! Attention over tokens that hold q, k and v side by side.

use burn::tensor::activation::softmax;
use kd2m_nn::Attention;

use super::{scope::Scope, value::Value};

pub fn apply(_: &Scope, inputs: &[Value], attention: &Attention) -> Option<Value> {
    let [Value::Tokens(x)] = inputs else { return None };
    let [n, tokens, width] = x.dims();
    let (width, heads) = (width / 3, attention.heads);
    let each = width / heads;
    let [q, k, v] = [0, 1, 2].map(|part| {
        let x = x.clone().narrow(2, part * width, width);
        x.reshape([n, tokens, heads, each]).swap_dims(1, 2)
    });
    let scores = q.matmul(k.swap_dims(2, 3)) / (each as f64).sqrt();
    let mixed = softmax(scores, 3).matmul(v);
    Some(Value::Tokens(mixed.swap_dims(1, 2).reshape([n, tokens, width])))
}
