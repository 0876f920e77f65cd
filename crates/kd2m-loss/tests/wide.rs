//! A training batch of any range: the criterion's loss and gradient are those of the exact plan, also where a sample is broken on both
//! sides or a class has collapsed far from the others.

use burn::tensor::{Device, Tensor, TensorData};
use kd2m_loss::{Batch, CriterionConfig, Outputs, Shapes, batch::scalar};

const N: usize = 7;
const D: usize = 2;

/// Student and teacher with one shared far sample, the rest near the origin.
fn batch(far: f32) -> (Vec<f32>, Vec<f32>) {
    let draw = |k: usize, salt: usize| ((k * 7919 + salt * 104_729) % 1009) as f32 / 1009.0 - 0.5;
    let (mut x, mut y): (Vec<f32>, Vec<f32>) = (0..N * D).map(|k| (draw(k, 1), draw(k, 2))).unzip();
    (x[0], y[0]) = (far, far);
    (x[1], y[1]) = (far, far);
    (x, y)
}

/// The best pairing of all, over costs in `f64`: mean cost and gradient.
fn best(x: &[f32], y: &[f32]) -> (f64, Vec<f64>) {
    fn go(at: usize, used: &mut Vec<usize>, cost: f64, c: &dyn Fn(usize, usize) -> f64, best: &mut (f64, Vec<usize>)) {
        if at == N {
            if cost < best.0 {
                *best = (cost, used.clone());
            }
            return;
        }
        for j in 0..N {
            if !used.contains(&j) {
                used.push(j);
                go(at + 1, used, cost + c(at, j), c, best);
                used.pop();
            }
        }
    }
    let difference = |i: usize, j: usize, k: usize| f64::from(x[i * D + k]) - f64::from(y[j * D + k]);
    let cost = |i: usize, j: usize| (0..D).map(|k| difference(i, j, k).powi(2)).sum::<f64>();
    let mut found = (f64::INFINITY, Vec::new());
    go(0, &mut Vec::new(), 0.0, &cost, &mut found);
    let gradient = (0..N * D).map(|k| 2.0 * difference(k / D, found.1[k / D], k % D) / N as f64).collect();
    (found.0 / N as f64, gradient)
}

#[test]
fn a_batch_with_a_far_sample_is_matched_exactly() {
    let device = Device::flex();
    let shapes = Shapes::vectors([D; 2], 2);
    for far in [1.0f32, 1e3, 1e5, 1e7, 1e9] {
        let (x, y) = batch(far);
        let (value, gradient) = best(&x, &y);
        for name in ["w2", "cw2"] {
            let mut criterion = CriterionConfig::new(name).init(&shapes, &device, 0).unwrap();
            let tensor = |values: &[f32]| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [N, D]), &device);
            let outputs = |features: Tensor<2>| Outputs::new(features.clone(), features);
            let tracked = tensor(&x).autodiff().require_grad();
            let (student, teacher) = (outputs(tracked.clone()), outputs(tensor(&y)));
            let labels = [0; N];
            let batch = Batch::new(&student, &teacher).labels(&labels);
            let loss = criterion.evaluate(&batch).unwrap().loss;
            let found = tracked.grad(&loss.backward()).unwrap().into_data().try_to_vec::<f32>().unwrap();
            // The loss adds a large sum that cancels on the tape: its value is what is left, to the digits of the sum.
            let size = f64::from(far).powi(2).max(1.0) * f64::from(f32::EPSILON);
            assert!(
                (scalar(&loss).unwrap() - value).abs() <= size + 1e-6,
                "{name}, {far:e}: {} {value}",
                scalar(&loss).unwrap()
            );
            for (g, expected) in found.iter().zip(&gradient) {
                assert!(
                    (f64::from(*g) - expected).abs() <= 1e-6 * (1.0 + expected.abs()),
                    "{name}, {far:e}: {g} {expected}"
                );
            }
        }
    }
}
