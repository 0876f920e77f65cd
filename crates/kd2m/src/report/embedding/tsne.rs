//! t-SNE, exact: neighbourhoods as probabilities P in the features' space and Q in the plane, KL(P ‖ Q) lowered by gradient
//! descent with momentum. Van der Maaten and Hinton 2008, "Visualizing data using t-SNE"; starting plane and learning rate as
//! Kobak and Berens 2019 advise. n² work an iteration: for some hundreds of points.

use super::{squared_distances, start, wide};

/// Effective number of neighbours; a third of the points where there are few.
const PERPLEXITY: f64 = 30.0;
const ITERATIONS: usize = 400;
/// Iterations in which P is exaggerated so that clusters form.
const EARLY: usize = 100;
const EXAGGERATION: f64 = 12.0;

/// Places row-major features `[n, d]` in the plane.
pub fn embed(features: &[f32], d: usize) -> Vec<[f64; 2]> {
    let n = features.len() / d.max(1);
    let mut points = start(features, d, 1e-4);
    if n < 4 {
        return points;
    }
    let p = probabilities(&squared_distances(&wide(features), d), n, PERPLEXITY.min((n - 1) as f64 / 3.0));
    let rate = (n as f64 / EXAGGERATION / 4.0).max(50.0);
    let mut speed = vec![[0.0; 2]; n];
    let mut gains = vec![[1.0_f64; 2]; n];
    let mut kernel = vec![0.0; n * n];
    for iteration in 0..ITERATIONS {
        let (exaggeration, momentum) = if iteration < EARLY { (EXAGGERATION, 0.5) } else { (1.0, 0.8) };
        let slope = gradient(&p, &points, exaggeration, &mut kernel);
        for i in 0..n {
            for k in 0..2 {
                // Steps grow while a coordinate keeps its direction and shrink where it turns (Jacobs 1988).
                let turns = (slope[i][k] > 0.0) == (speed[i][k] > 0.0);
                gains[i][k] = if turns { (gains[i][k] * 0.8).max(0.01) } else { gains[i][k] + 0.2 };
                speed[i][k] = momentum * speed[i][k] - rate * gains[i][k] * slope[i][k];
                points[i][k] += speed[i][k];
            }
        }
    }
    points
}

/// Joint probabilities, n × n with sum 1: Gaussians whose widths give each point `perplexity` neighbours, made symmetric.
fn probabilities(squared: &[f64], n: usize, perplexity: f64) -> Vec<f64> {
    let mut conditional = vec![0.0; n * n];
    for i in 0..n {
        row(&squared[i * n..(i + 1) * n], i, perplexity.ln(), &mut conditional[i * n..(i + 1) * n]);
    }
    let joint = |at: usize| (conditional[at] + conditional[at % n * n + at / n]) / (2 * n) as f64;
    (0..n * n).map(joint).collect()
}

/// One point's neighbours: the precision β at which the entropy of exp(−β d²) is `entropy`, by bisection.
fn row(squared: &[f64], own: usize, entropy: f64, out: &mut [f64]) {
    let nearest = squared.iter().enumerate().filter(|(j, _)| *j != own).map(|(_, d)| *d).fold(f64::INFINITY, f64::min);
    let (mut low, mut high, mut beta) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..100 {
        let (mut sum, mut moment) = (0.0, 0.0);
        for (j, (to, d)) in out.iter_mut().zip(squared).enumerate() {
            // Relative to the nearest: no underflow of all.
            *to = if j == own { 0.0 } else { (-beta * (d - nearest)).exp() };
            sum += *to;
            moment += *to * (d - nearest);
        }
        out.iter_mut().for_each(|p| *p /= sum);
        let excess = sum.ln() + beta * moment / sum - entropy;
        if excess.abs() < 1e-7 {
            return;
        }
        if excess > 0.0 {
            low = beta
        } else {
            high = beta
        }
        beta = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * beta };
    }
}

/// ∂KL/∂y_i = 4 Σ_j (p_ij − q_ij) (1 + |y_i − y_j|²)⁻¹ (y_i − y_j), with P exaggerated. `kernel` is working space, n × n.
fn gradient(p: &[f64], points: &[[f64; 2]], exaggeration: f64, kernel: &mut [f64]) -> Vec<[f64; 2]> {
    let n = points.len();
    let mut total = 0.0;
    for i in 0..n {
        let [x, y] = points[i];
        for j in 0..i {
            let (u, v) = (x - points[j][0], y - points[j][1]);
            let k = 1.0 / (1.0 + u * u + v * v);
            kernel[i * n + j] = k;
            total += 2.0 * k;
        }
    }
    let mut slope = vec![[0.0; 2]; n];
    for i in 0..n {
        let [x, y] = points[i];
        for j in 0..i {
            let k = kernel[i * n + j];
            let pull = 4.0 * (exaggeration * p[i * n + j] - k / total) * k;
            let (u, v) = (pull * (x - points[j][0]), pull * (y - points[j][1]));
            slope[i][0] += u;
            slope[i][1] += v;
            slope[j][0] -= u;
            slope[j][1] -= v;
        }
    }
    slope
}

#[cfg(test)]
mod tests {
    use super::{super::tests::clusters, *};

    fn divergence(p: &[f64], points: &[[f64; 2]]) -> f64 {
        let n = points.len();
        let kernel = |i: usize, j: usize| {
            if i == j { 0.0 } else { 1.0 / (1.0 + (0..2).map(|k| (points[i][k] - points[j][k]).powi(2)).sum::<f64>()) }
        };
        let all: Vec<f64> = (0..n * n).map(|at| kernel(at / n, at % n)).collect();
        let total: f64 = all.iter().sum();
        p.iter().zip(&all).filter(|(p, _)| **p > 0.0).map(|(p, k)| p * (p * total / k).ln()).sum()
    }

    #[test]
    fn probabilities_are_those_of_scikit_learn() {
        // scripts/golden/embeddings.py, scikit-learn's _joint_probabilities at perplexity 5; it stops at 1e-5 in entropy.
        let n = 30;
        let p = probabilities(&squared_distances(&wide(&clusters(10)), 5), n, 5.0);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        for (i, j, expected) in GOLDEN {
            assert!((p[i * n + j] - expected).abs() < 1e-4 * expected, "{i} {j}: {}", p[i * n + j]);
        }
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let n = 12;
        let p = probabilities(&squared_distances(&wide(&clusters(4)), 5), n, 3.0);
        let points: Vec<[f64; 2]> = (0..n).map(|i| [(i as f64).sin(), (2.0 * i as f64).cos()]).collect();
        let slope = gradient(&p, &points, 1.0, &mut vec![0.0; n * n]);
        for i in 0..n {
            for k in 0..2 {
                let moved = |step: f64| {
                    let mut points = points.clone();
                    points[i][k] += step;
                    divergence(&p, &points)
                };
                let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((slope[i][k] - expected).abs() < 1e-8, "{i} {k}: {} {expected}", slope[i][k]);
            }
        }
    }

    const GOLDEN: [(usize, usize, f64); 8] = [
        (0, 3, 0.002_010_117_995),
        (0, 6, 0.009_235_645_060),
        (0, 9, 0.000_973_769_963),
        (1, 4, 0.003_912_547_562),
        (2, 29, 0.001_222_369_428),
        (5, 8, 0.001_974_104_968),
        (10, 13, 0.008_300_078_029),
        (27, 3, 0.000_943_768_140),
    ];
}
