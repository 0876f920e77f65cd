use super::*;
use crate::{
    divergence::{AnyDivergence, Divergence, registry},
    error::Side,
    options::Options,
    solution::Status,
    stop::Stop,
    testing::{check_gradient, check_weighted_gradient, normal},
};

fn metric(name: &str, options: &[(&str, &str)]) -> Box<dyn AnyDivergence> {
    let options = options.iter().fold(Options::new(name), |all, (k, v)| all.set(k, v));
    registry::build(&options).unwrap()
}

fn solve(name: &str, options: &[(&str, &str)], (x, d): (&[f64], usize), (y, e): (&[f64], usize)) -> Solution<f64> {
    let a = Cloud::new(Side::A, x, x.len() / d, d).unwrap();
    let b = Cloud::new(Side::B, y, y.len() / e, e).unwrap();
    metric(name, options).evaluate(&a, &b, Request::ALL).unwrap()
}

#[test]
fn rotated_shifted_and_shuffled_clouds_are_zero_apart() {
    let x = normal(1, 24);
    let (sin, cos) = 0.8f64.sin_cos();
    let order = [5, 2, 11, 0, 7, 3, 9, 1, 10, 4, 8, 6];
    let y: Vec<f64> = order
        .iter()
        .flat_map(|&i: &usize| {
            let (p, q) = (x[2 * i], x[2 * i + 1]);
            [cos * p - sin * q + 3.0, sin * p + cos * q - 1.0, 0.25]
        })
        .collect();
    for inner in ["euclidean", "sqeuclidean", "diffusion"] {
        let found = solve("gw", &[("inner", inner)], (&x, 2), (&y, 3));
        assert!(found.value >= 0.0 && found.value < 1e-12, "{inner}: {}", found.value);
        assert_eq!(found.status, Status::Converged);
        let plan = found.plan.unwrap().to_dense();
        assert!(order.iter().enumerate().all(|(j, &i)| (plan[i * 12 + j] - 1.0 / 12.0).abs() < 1e-12));
        assert!(found.gradient.unwrap().features.iter().all(|g| g.abs() < 1e-7));
    }
}

#[test]
fn never_negative_with_exact_marginals_and_scaling_by_the_fourth_power() {
    for seed in 0..30 {
        let (n, m) = (2 + seed % 9, 1 + (3 * seed) % 11);
        let (x, y) = (normal(seed as u64, n * 2), normal(seed as u64 + 50, m * 3));
        let found = solve("gw", &[("inner", "sqeuclidean")], (&x, 2), (&y, 3));
        assert!(found.value >= 0.0 && found.status.is_trusted());
        let plan = found.plan.unwrap().to_dense();
        assert!(plan.chunks_exact(m).all(|row| (row.iter().sum::<f64>() - 1.0 / n as f64).abs() < 1e-12));
        assert!((0..m).all(|j| (plan[j..].iter().step_by(m).sum::<f64>() - 1.0 / m as f64).abs() < 1e-12));
        let triple = |x: &[f64]| x.iter().map(|x| 3.0 * x).collect::<Vec<_>>();
        let scaled = solve("gw", &[("inner", "sqeuclidean")], (&triple(&x), 2), (&triple(&y), 3));
        assert!((scaled.value - 81.0 * found.value).abs() <= 1e-9 * scaled.value, "{} {}", scaled.value, found.value);
    }
}

#[test]
fn two_segments_have_a_value_known_by_hand() {
    // Lengths 1 and 3, any coupling: pairs on different ends cost (1 − 3)², pairs on the same end 0: half of 4.
    let found = solve("gw", &[], (&[0.0, 1.0], 1), (&[0.0, 3.0], 1));
    assert!((found.value - 2.0).abs() < 1e-12);
    // Equal weights on one point against a segment of length 2: half of 2².
    let found = solve("gw", &[], (&[5.0], 1), (&[0.0, 2.0], 1));
    assert!((found.value - 2.0).abs() < 1e-12);
}

#[test]
fn fused_ends_are_w2_and_gw() {
    let (x, y) = (normal(3, 30), normal(4, 30));
    let w2 = solve("fgw", &[("alpha", "0")], (&x, 3), (&y, 3));
    let a = Cloud::new(Side::A, &x, 10, 3).unwrap();
    let b = Cloud::new(Side::B, &y, 10, 3).unwrap();
    let expected = crate::divergence::registry::build(&Options::new("w2")).unwrap();
    let expected = Divergence::<f64>::evaluate(&*expected, &a, &b, Request::GRADIENT).unwrap();
    assert!((w2.value - expected.value).abs() < 1e-12);
    let (g, h) = (w2.gradient.unwrap().features, expected.gradient.unwrap().features);
    assert!(g.iter().zip(&h).all(|(g, h)| (g - h).abs() < 1e-12));
    let gw = solve("gw", &[("starts", "product")], (&x, 3), (&y, 3));
    let fused = solve("fgw", &[("alpha", "1"), ("starts", "product")], (&x, 3), (&y, 3));
    assert!((gw.value - fused.value).abs() < 1e-12);
}

#[test]
fn gradients_match_finite_differences() {
    for inner in ["euclidean", "sqeuclidean", "cosine"] {
        for (n, m, d) in [(6, 6, 3), (5, 7, 2)] {
            let (x, y) = (normal(5, n * d), normal(6, m * d));
            check_gradient(&*metric("gw", &[("inner", inner)]), &x, n, &y, m, d, 1e-5);
            check_gradient(&*metric("fgw", &[("inner", inner), ("alpha", "0.7")]), &x, n, &y, m, d, 1e-5);
        }
    }
    let (x, y) = (normal(7, 12), normal(8, 10));
    let weights = [0.1, 0.3, 0.2, 0.0, 0.3, 0.1];
    check_weighted_gradient(&*metric("gw", &[]), &x, &weights, &y, &[1.0, 2.0, 3.0, 1.0, 1.0], 2, 1e-5);
}

#[test]
fn the_gradient_through_diffusion_distances_matches_with_sigma_held() {
    // σ moves with the samples, so the chain is tested where it can be held: a fixed kernel variance.
    let (n, d) = (6, 2);
    let (x, slopes) = (normal(9, n * d), normal(10, n * n));
    let slopes: Vec<f64> = (0..n * n).map(|k| slopes[k] + slopes[(k % n) * n + k / n]).collect();
    let variance = inner::tests_support::variance(&x, d);
    let value = |x: &[f64]| -> f64 {
        let distances = inner::tests_support::diffusion_with_variance(x, d, variance);
        distances.values.iter().zip(&slopes).map(|(c, s)| c * s).sum()
    };
    let gradient = inner::tests_support::diffusion_with_variance(&x, d, variance).back(&slopes, &Stop::NEVER).unwrap();
    for k in 0..x.len() {
        let at = |step: f64| {
            let mut moved = x.clone();
            moved[k] += step;
            value(&moved)
        };
        let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((gradient[k] - numeric).abs() < 1e-6, "{k}: {} {numeric}", gradient[k]);
    }
}

#[test]
fn coincident_samples_and_constant_features_have_no_gradient_at_the_kink() {
    let x = [1.0; 10];
    for inner in ["euclidean", "sqeuclidean", "cosine", "diffusion"] {
        let found = solve("gw", &[("inner", inner)], (&x, 2), (&normal(11, 10), 2));
        assert!(found.value.is_finite());
        assert!(found.gradient.unwrap().features.iter().all(|g| *g == 0.0 || inner == "cosine"), "{inner}");
    }
}

#[test]
fn only_gw_takes_different_widths_and_a_cap_is_reported() {
    let (x, y) = (normal(12, 24), normal(13, 24));
    let a = Cloud::new(Side::A, &x, 8, 3).unwrap();
    let b = Cloud::new(Side::B, &y, 12, 2).unwrap();
    assert!(matches!(metric("fgw", &[]).evaluate(&a, &b, Request::VALUE), Err(OtError::Widths { .. })));
    let found: Solution<f64> = metric("gw", &[("iterations", "1")]).evaluate(&a, &b, Request::VALUE).unwrap();
    assert!(matches!(found.status, Status::Stopped { error } if error > 0.0));
}
