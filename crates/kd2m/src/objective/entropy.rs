//! Cross entropy with the labels: of images of one class, and of images that are mixtures of two.

use burn::tensor::{Int, Tensor, TensorData, activation::log_softmax};

use crate::batch::Mixed;

/// Mean over samples of −(1 − s) log p_y − s · mean over classes of log p, as PyTorch's `cross_entropy` with `label_smoothing`.
pub fn cross_entropy(logits: &Tensor<2>, labels: &[u32], smoothing: f64) -> Tensor<1> {
    let [n, _] = logits.dims();
    let index: Vec<i32> = labels.iter().map(|l| *l as i32).collect();
    let index = Tensor::<2, Int>::from_data(TensorData::new(index, [n, 1]), &logits.device().without_autodiff());
    let log_p = log_softmax(logits.clone(), 1);
    let hit = log_p.clone().gather(1, index).mean();
    if smoothing == 0.0 { -hit } else { -(hit * (1.0 - smoothing) + log_p.mean() * smoothing) }
}

/// The same of images that count for two labels, as with the sum of both as one distribution over the classes.
pub(super) fn of_mixtures(logits: &Tensor<2>, labels: &[u32], mixed: Option<Mixed>, smoothing: f64) -> Tensor<1> {
    let own = cross_entropy(logits, labels, smoothing);
    match mixed {
        Some(Mixed { labels, share }) => own * share + cross_entropy(logits, labels, smoothing) * (1.0 - share),
        None => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::scalar;

    /// −mean over samples of Σ t log p, t the smoothed mixture of the one-hot labels, in f64.
    #[test]
    fn mixtures_are_cross_entropy_with_the_mixed_distribution() {
        let (n, k, share, smoothing) = (3, 4, 0.7, 0.1);
        let logits: Vec<f64> = (0..n * k).map(|i| (i * i % 7) as f64 / 3.0 - 1.0).collect();
        let (labels, others) = ([2, 0, 3], [3, 2, 0]);
        let mut expected = 0.0;
        for i in 0..n {
            let row = &logits[i * k..][..k];
            let sum: f64 = row.iter().map(|x| x.exp()).sum();
            for (class, logit) in row.iter().enumerate() {
                let hit = |labels: [u32; 3]| f64::from(u8::from(labels[i] as usize == class));
                let target = share * hit(labels) + (1.0 - share) * hit(others);
                let target = (1.0 - smoothing) * target + smoothing / k as f64;
                expected -= target * (logit - sum.ln()) / n as f64;
            }
        }
        let values: Vec<f32> = logits.iter().map(|x| *x as f32).collect();
        let logits = Tensor::<2>::from_data(TensorData::new(values, [n, k]), &Default::default());
        let found = |mixed| scalar(&of_mixtures(&logits, &labels, mixed, smoothing)).unwrap();
        let mixed = found(Some(Mixed { labels: &others, share }));
        assert!((mixed - expected).abs() < 1e-6, "{mixed}, expected {expected}");
        assert_eq!(found(None), scalar(&cross_entropy(&logits, &labels, smoothing)).unwrap());
    }
}
