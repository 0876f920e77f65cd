//! Optimizer steps with PyTorch's meaning: SGD with L2 decay in the gradient and dampening 0; AdamW (Loshchilov & Hutter 2019),
//! decoupled decay and bias correction.

use kd2m_nn::step::{Rule, Update};

use crate::{
    conv::Sgd,
    threads::{Shared, for_each, part},
};

/// The form that kernels fuse, if it is SGD. Kernels compute in single precision.
pub fn as_sgd(update: &Update) -> Option<Sgd> {
    let Update { lr, weight_decay, gradient_scale, rule } = *update;
    let (lr, weight_decay, gradient_scale) = (lr as f32, weight_decay as f32, gradient_scale as f32);
    match rule {
        Rule::Sgd { momentum, nesterov } => {
            Some(Sgd { lr, weight_decay, gradient_scale, momentum: momentum as f32, nesterov })
        }
        Rule::AdamW { .. } => None,
    }
}

/// Values that one task updates.
const PIECE: usize = 16384;

/// Steps a tensor. `first` and `second` are the moments (momentum and, for AdamW, the squares), `steps` counts this step too.
pub fn apply(update: &Update, w: &mut [f32], g: &[f32], first: &mut [f32], second: &mut [f32], steps: u64) {
    let length = w.len();
    let parts = length.div_ceil(PIECE);
    // SGD has no second moment: `second` is empty then and not touched.
    let (w, first, second) = (Shared::new(w), Shared::new(first), Shared::new(second));
    for_each(parts, |i| {
        let range = part(length, i, parts);
        let g = &g[range.clone()];
        match update.rule {
            // SAFETY: the parts do not overlap.
            Rule::Sgd { momentum, nesterov } => unsafe {
                sgd(update, momentum as f32, nesterov, w.slice(range.clone()), g, first.slice(range));
            },
            // SAFETY: as above.
            Rule::AdamW { beta1, beta2, eps } => unsafe {
                let (w, m, v) = (w.slice(range.clone()), first.slice(range.clone()), second.slice(range));
                adam_w(update, (beta1 as f32, beta2 as f32, eps as f32), steps, w, g, m, v);
            },
        }
    });
}

/// Learning rate, weight decay and scale of gradients in the precision of the values.
fn numbers(update: &Update) -> [f32; 3] {
    [update.lr, update.weight_decay, update.gradient_scale].map(|x| x as f32)
}

fn sgd(update: &Update, momentum: f32, nesterov: bool, w: &mut [f32], g: &[f32], v: &mut [f32]) {
    let [lr, weight_decay, gradient_scale] = numbers(update);
    for ((w, g), v) in w.iter_mut().zip(g).zip(v) {
        let g = g * gradient_scale + weight_decay * *w;
        *v = momentum * *v + g;
        *w -= lr * if nesterov { g + momentum * *v } else { *v };
    }
}

fn adam_w(
    update: &Update,
    (beta1, beta2, eps): (f32, f32, f32),
    steps: u64,
    w: &mut [f32],
    g: &[f32],
    m: &mut [f32],
    v: &mut [f32],
) {
    let [lr, weight_decay, gradient_scale] = numbers(update);
    let correction = |beta: f32| 1.0 - f64::from(beta).powf(steps as f64);
    let step = (f64::from(lr) / correction(beta1)) as f32;
    let root = correction(beta2).sqrt() as f32;
    for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
        let g = g * gradient_scale;
        *m += (1.0 - beta1) * (g - *m);
        *v = beta2 * *v + (1.0 - beta2) * g * g;
        *w -= lr * weight_decay * *w;
        *w -= step * *m / (v.sqrt() / root + eps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three steps of the textbook recursions in f64.
    fn reference(update: &Update, w: f64, gradients: &[f64]) -> f64 {
        let (lr, decay) = (update.lr, update.weight_decay);
        let (mut w, mut m, mut v) = (w, 0.0, 0.0);
        for (t, g) in gradients.iter().enumerate() {
            let g = g * update.gradient_scale;
            match update.rule {
                Rule::Sgd { momentum, nesterov } => {
                    let (mu, g) = (momentum, g + decay * w);
                    m = mu * m + g;
                    w -= lr * if nesterov { g + mu * m } else { m };
                }
                Rule::AdamW { beta1, beta2, eps } => {
                    let (b1, b2) = (beta1, beta2);
                    w *= 1.0 - lr * decay;
                    m = b1 * m + (1.0 - b1) * g;
                    v = b2 * v + (1.0 - b2) * g * g;
                    let t = t as i32 + 1;
                    w -= lr * (m / (1.0 - b1.powi(t))) / ((v / (1.0 - b2.powi(t))).sqrt() + eps);
                }
            }
        }
        w
    }

    #[test]
    fn three_steps_follow_the_definitions() {
        let rules = [
            Rule::Sgd { momentum: 0.0, nesterov: false },
            Rule::Sgd { momentum: 0.9, nesterov: false },
            Rule::Sgd { momentum: 0.9, nesterov: true },
            Rule::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        ];
        for rule in rules {
            let update = Update { lr: 0.1, weight_decay: 0.05, gradient_scale: 0.7, rule };
            for length in [1, 17, 40_000] {
                let start: Vec<f32> = (0..length).map(|i| (i as f32 * 0.7).sin()).collect();
                let gradient = |t: usize, i: usize| ((i + 3 * t) as f32 * 0.3).cos();
                let mut w = start.clone();
                let (mut m, mut v) = (vec![0.0; length], vec![0.0; length]);
                for t in 0..3 {
                    let g: Vec<f32> = (0..length).map(|i| gradient(t, i)).collect();
                    apply(&update, &mut w, &g, &mut m, &mut v, t as u64 + 1);
                }
                for i in (0..length).step_by(length.div_ceil(50)) {
                    let gradients: Vec<f64> = (0..3).map(|t| f64::from(gradient(t, i))).collect();
                    let expected = reference(&update, f64::from(start[i]), &gradients);
                    assert!((f64::from(w[i]) - expected).abs() < 2e-5, "{rule:?} {i}: {} {expected}", w[i]);
                }
            }
        }
    }
}
