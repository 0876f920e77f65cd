//! Initial weights drawn from PyTorch's distributions (He et al. 2015 for convolutions).
//! A tensor's values are a function of (seed, key) alone, so two networks that share a layer start alike there.

use rand::RngExt;
use rand_distr::StandardNormal;
use rand_pcg::Pcg64;

use crate::{
    graph::Graph,
    layer::{Fan, Init},
    weights::{NamedTensor, Role, Weights},
};

/// Weights to start training from: batch norms at the identity, the rest as each layer's [`Init`] says.
pub fn initialise(graph: &Graph, seed: u64) -> Weights {
    let mut weights = Weights::new();
    for spec in graph.parameters() {
        let count = spec.len();
        let values = match spec.role {
            Role::Scale => match graph.node(spec.node).layer.init().0 {
                Init::Constant(value) => vec![value; count],
                _ => vec![1.0; count],
            },
            Role::RunningVariance => vec![1.0; count],
            Role::Shift | Role::RunningMean => vec![0.0; count],
            Role::Weight | Role::Bias | Role::Embedding => {
                let (init, fan) = graph.node(spec.node).layer.init();
                draw(init, fan, spec.role, count, &mut generator(seed, &spec.key))
            }
        };
        weights.insert(spec.key, NamedTensor { shape: spec.shape, values });
    }
    weights
}

fn draw(init: Init, fan: Fan, role: Role, count: usize, rng: &mut Pcg64) -> Vec<f32> {
    let normal = |deviation: f32, rng: &mut Pcg64| -> Vec<f32> {
        (0..count).map(|_| deviation * rng.sample::<f32, _>(StandardNormal)).collect()
    };
    let uniform = |bound: f32, rng: &mut Pcg64| (0..count).map(|_| rng.random_range(-bound..=bound)).collect();
    let torch_bound = 1.0 / (fan.inward as f32).sqrt();
    match (init, role) {
        (Init::TorchDefault, _) => uniform(torch_bound, rng),
        (_, Role::Bias) => vec![0.0; count],
        (Init::TorchDefaultZeroBias, _) => uniform(torch_bound, rng),
        (Init::KaimingNormalFanOut, _) => normal((2.0 / fan.outward as f32).sqrt(), rng),
        (Init::Normal(deviation), _) => normal(deviation, rng),
        (Init::Constant(value), _) => vec![value; count],
    }
}

/// `count` values uniform in ±`bound`, a function of (seed, key) alone: for learned parts beside a network.
pub fn uniform(seed: u64, key: &str, count: usize, bound: f32) -> Vec<f32> {
    let mut rng = generator(seed, key);
    (0..count).map(|_| rng.random_range(-bound..=bound)).collect()
}

/// `count` values of a normal with this deviation, a function of (seed, key) alone.
pub fn normal(seed: u64, key: &str, count: usize, deviation: f32) -> Vec<f32> {
    let mut rng = generator(seed, key);
    (0..count).map(|_| deviation * rng.sample::<f32, _>(StandardNormal)).collect()
}

/// A generator of its own for each tensor: the seed is its state, the key its stream.
fn generator(seed: u64, key: &str) -> Pcg64 {
    Pcg64::new(u128::from(seed), u128::from(fnv1a(key)))
}

/// Fowler–Noll–Vo hash; the standard library's may change between releases, which would change every network.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::{self, ZooOptions};

    fn moments(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let variance = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance)
    }

    #[test]
    fn fnv1a_gives_its_published_vectors() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn convolutions_have_variance_two_over_fan_out() {
        let graph = zoo::build("digits-cnn-teacher", &ZooOptions::new(10, 1, 8, 8)).unwrap();
        let weights = initialise(&graph, 3);
        let (mean, variance) = moments(&weights["conv4.weight"].values);
        let expected = 2.0 / (64.0 * 9.0);
        // 36,864 values: three standard errors of mean and variance.
        assert!(mean.abs() < 3.0 * (expected / 36_864.0_f64).sqrt(), "{mean}");
        assert!((variance / expected - 1.0).abs() < 3.0 * (2.0 / 36_864.0_f64).sqrt(), "{variance}");
        assert_eq!(weights["bn4.weight"].values, vec![1.0; 64]);
        assert_eq!(weights["bn4.running_mean"].values, vec![0.0; 64]);
    }

    #[test]
    fn linear_layers_are_uniform_within_one_over_root_fan_in() {
        let graph = zoo::build("mlp-3", &ZooOptions::new(10, 1, 28, 28)).unwrap();
        let weights = initialise(&graph, 3);
        for key in ["fc1.weight", "fc1.bias"] {
            let values = &weights[key].values;
            let bound = 1.0 / 28.0;
            let largest = values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            assert!(largest <= bound && largest > 0.95 * bound, "{key}: {largest}");
            let variance = moments(values).1;
            let n = values.len() as f64;
            // Var of the sample variance of a uniform: (μ₄ − σ⁴)/n = 0.8 σ⁴/n.
            assert!((variance * 3.0 * 784.0 - 1.0).abs() < 3.0 * (0.8 / n).sqrt(), "{key}: {variance}");
        }
    }

    #[test]
    fn values_depend_on_seed_and_key_only() {
        let options = ZooOptions::new(10, 1, 28, 28);
        let deep = initialise(&zoo::build("mlp-5", &options).unwrap(), 1);
        let shallow = initialise(&zoo::build("mlp-3", &options).unwrap(), 1);
        assert_eq!(deep["fc2.weight"], shallow["fc2.weight"]);
        assert_ne!(deep["fc4.weight"].values, deep["fc5.weight"].values);
        assert_ne!(deep["fc2.weight"], initialise(&zoo::build("mlp-5", &options).unwrap(), 2)["fc2.weight"]);
    }
}
