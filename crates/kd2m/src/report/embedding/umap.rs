//! UMAP: a graph of each point's nearest neighbours with fuzzy weights, laid out by attraction along its edges and repulsion
//! from random points. McInnes, Healy and Melville 2018, "UMAP: uniform manifold approximation and projection"; exact
//! neighbours, 15 of them, least distance 0.1. One generator with a fixed seed: the same features give the same picture.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::{squared_distances, start, wide};

/// Neighbours of a point, itself counted, as in the authors' code.
const NEIGHBOURS: usize = 15;
const EPOCHS: usize = 300;
const NEGATIVES: usize = 5;
/// The curve 1 / (1 + a d^2b) closest to 1 up to distance 0.1 and exp(−(d − 0.1)) beyond (scripts/golden/embeddings.py).
const A: f64 = 1.576_943_460_5;
const B: f64 = 0.895_060_878_7;
/// Longest step of a coordinate.
const CLIP: f64 = 4.0;

/// Places row-major features `[n, d]` in the plane.
pub fn embed(features: &[f32], d: usize) -> Vec<[f64; 2]> {
    let n = features.len() / d.max(1);
    let mut points = start(features, d, 5.0);
    if n < 4 {
        return points;
    }
    let graph = graph(&squared_distances(&wide(features), d), n, NEIGHBOURS.min(n));
    let edges = graph.iter().enumerate().map(|(at, weight)| (at / n, at % n, *weight));
    let edges: Vec<(usize, usize, f64)> = edges.filter(|e| e.2 > 0.0).collect();
    let strongest = edges.iter().map(|e| e.2).fold(0.0, f64::max);
    let mut generator = Pcg64::seed_from_u64(0);
    for epoch in 0..EPOCHS {
        let rate = 1.0 - epoch as f64 / EPOCHS as f64;
        for (i, j, weight) in &edges {
            // An edge of weight w is drawn w / w_max times an epoch, spread evenly.
            let share = weight / strongest;
            let due = |epoch: usize| (epoch as f64 * share).floor();
            if due(epoch + 1) > due(epoch) {
                attract(&mut points, *i, *j, rate);
                for _ in 0..NEGATIVES {
                    let other = generator.random_range(0..n);
                    repel(&mut points, *i, other, rate);
                }
            }
        }
    }
    points
}

fn between(points: &[[f64; 2]], i: usize, j: usize) -> ([f64; 2], f64) {
    let (u, v) = (points[i][0] - points[j][0], points[i][1] - points[j][1]);
    ([u, v], u * u + v * v)
}

fn attract(points: &mut [[f64; 2]], i: usize, j: usize, rate: f64) {
    let (difference, squared) = between(points, i, j);
    if squared > 0.0 {
        let power = squared.powf(B);
        let pull = -2.0 * A * B * power / squared / (1.0 + A * power);
        for (k, x) in difference.iter().enumerate() {
            let step = rate * (pull * x).clamp(-CLIP, CLIP);
            points[i][k] += step;
            points[j][k] -= step;
        }
    }
}

fn repel(points: &mut [[f64; 2]], i: usize, j: usize, rate: f64) {
    let (difference, squared) = between(points, i, j);
    if i != j && squared > 0.0 {
        let push = 2.0 * B / ((0.001 + squared) * (1.0 + A * squared.powf(B)));
        for (k, x) in difference.iter().enumerate() {
            points[i][k] += rate * (push * x).clamp(-CLIP, CLIP);
        }
    }
}

/// Fuzzy weights, n × n and symmetric: w + wᵀ − w ∘ wᵀ of each point's exp(−(d − ρ) / σ) to its neighbours.
fn graph(squared: &[f64], n: usize, neighbours: usize) -> Vec<f64> {
    let mut one_way = vec![0.0; n * n];
    for i in 0..n {
        let distance = |j: usize| squared[i * n + j].sqrt();
        let mut order: Vec<usize> = (0..n).filter(|j| *j != i).collect();
        order.sort_by(|a, b| distance(*a).total_cmp(&distance(*b)));
        order.truncate(neighbours - 1);
        let distances: Vec<f64> = order.iter().map(|j| distance(*j)).collect();
        // ρ: the nearest that is not at the same place; its weight is 1.
        let nearest = distances.iter().copied().find(|d| *d > 0.0).unwrap_or(0.0);
        let width = width(&distances, nearest, (neighbours as f64).log2());
        for (j, d) in order.iter().zip(&distances) {
            let beyond = d - nearest;
            one_way[i * n + j] = if beyond <= 0.0 || width == 0.0 { 1.0 } else { (-beyond / width).exp() };
        }
    }
    let both = |at: usize| {
        let (w, back) = (one_way[at], one_way[at % n * n + at / n]);
        w + back - w * back
    };
    (0..n * n).map(both).collect()
}

/// σ at which Σ exp(−max(0, d − ρ) / σ) is log₂ k, by bisection; not below a thousandth of the mean distance.
fn width(distances: &[f64], nearest: f64, target: f64) -> f64 {
    let (mut low, mut high, mut sigma) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..64 {
        let sum: f64 = distances.iter().map(|d| (-(d - nearest).max(0.0) / sigma).exp()).sum();
        if (sum - target).abs() < 1e-5 {
            break;
        }
        if sum > target {
            high = sigma
        } else {
            low = sigma
        }
        sigma = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * sigma };
    }
    let mean = distances.iter().sum::<f64>() / (distances.len() + 1) as f64;
    sigma.max(1e-3 * mean)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::clusters, *};

    #[test]
    fn weights_are_those_of_umap_learn() {
        // scripts/golden/embeddings.py, umap-learn's fuzzy_simplicial_set with 6 neighbours.
        let n = 30;
        let found = graph(&squared_distances(&wide(&clusters(10)), 5), n, 6);
        for (i, j, expected) in GOLDEN {
            assert!((found[i * n + j] - expected).abs() < 2e-5, "{i} {j}: {} {expected}", found[i * n + j]);
        }
    }

    #[test]
    fn forces_are_the_slopes_of_the_cross_entropy() {
        // Along an edge −ln q is lowered, off it −ln(1 − q), with q = 1 / (1 + a d^2b); the code softens the second near 0.
        let q = |d2: f64| 1.0 / (1.0 + A * d2.powf(B));
        for d in [0.6, 1.0, 2.5] {
            let mut points = vec![[d, 0.0], [0.0, 0.0]];
            attract(&mut points, 0, 1, 1e-3);
            let slope = |f: &dyn Fn(f64) -> f64| (f((d + 1e-6).powi(2)) - f((d - 1e-6).powi(2))) / 2e-6;
            let expected = d - 1e-3 * slope(&|d2| -q(d2).ln());
            assert!((points[0][0] - expected).abs() < 1e-6, "{d}: {} {expected}", points[0][0]);
            let mut points = vec![[d, 0.0], [0.0, 0.0]];
            repel(&mut points, 0, 1, 1e-3);
            let softened = d * d / (0.001 + d * d);
            let expected = d - 1e-3 * softened * slope(&|d2| -(1.0 - q(d2)).ln());
            assert!((points[0][0] - expected).abs() < 1e-6, "{d}: {} {expected}", points[0][0]);
        }
    }

    const GOLDEN: [(usize, usize, f64); 11] = [
        (0, 3, 0.512_844_324),
        (1, 16, 0.999_999_940),
        (3, 6, 0.585_521_519),
        (5, 17, 0.095_858_537),
        (7, 10, 0.588_324_010),
        (8, 23, 0.791_911_483),
        (10, 25, 0.657_152_653),
        (13, 16, 0.717_867_851),
        (16, 28, 0.583_323_717),
        (23, 26, 1.0),
        (0, 1, 0.0),
    ];
}
