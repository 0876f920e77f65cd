use super::*;
use crate::{
    divergence::{AnyDivergence, Divergence, registry, w2::W2},
    error::Side,
    options::Options,
    testing::{check_gradient, check_weighted_gradient, normal},
};

fn metric(name: &str, options: &[(&str, f64)]) -> Box<dyn AnyDivergence> {
    let options = options.iter().fold(Options::new(name), |all, (k, v)| all.set(k, v));
    registry::build(&options).unwrap()
}

fn clouds<'a>(x: &'a [f64], y: &'a [f64], d: usize) -> (Cloud<'a, f64>, Cloud<'a, f64>) {
    (Cloud::new(Side::A, x, x.len() / d, d).unwrap(), Cloud::new(Side::B, y, y.len() / d, d).unwrap())
}

fn value(name: &str, options: &[(&str, f64)], x: &[f64], y: &[f64], d: usize) -> f64 {
    let (a, b) = clouds(x, y, d);
    let found = metric(name, options).evaluate(&a, &b, Request::VALUE).unwrap();
    assert_eq!(found.status, Status::Converged);
    found.value
}

#[test]
fn diracs_are_their_squared_distance_apart_at_every_epsilon() {
    for epsilon in [0.01, 1.0, 50.0] {
        let s = value("sinkhorn", &[("epsilon", epsilon)], &[1.0, 2.0], &[4.0, -2.0], 2);
        assert!((s - 25.0).abs() < 1e-9, "{s}");
    }
}

#[test]
fn a_translation_adds_its_squared_length() {
    // S_ε(μ, μ shifted by t) = ‖t‖² for the squared cost, at every ε.
    let x = normal(1, 40);
    let y: Vec<f64> = x.iter().enumerate().map(|(k, x)| x + [3.0, -1.0][k % 2]).collect();
    for epsilon in [0.1, 2.0] {
        let s = value("sinkhorn", &[("epsilon", epsilon), ("tolerance", 1e-9)], &x, &y, 2);
        assert!((s - 10.0).abs() < 1e-6, "{s}");
    }
}

#[test]
fn limits_are_w2_and_the_distance_of_the_means() {
    let (x, y) = (normal(2, 30), normal(3, 30));
    let (a, b) = clouds(&x, &y, 3);
    let w2 = W2::default().evaluate(&a, &b, Request::VALUE).unwrap().value;
    let small = value("sinkhorn", &[("epsilon", 1e-3), ("tolerance", 1e-7)], &x, &y, 3);
    assert!((small - w2).abs() < 0.01 * w2, "{small} {w2}");
    let mean = |x: &[f64], k: usize| x.chunks_exact(3).map(|r| r[k]).sum::<f64>() / 10.0;
    let means: f64 = (0..3).map(|k| (mean(&x, k) - mean(&y, k)).powi(2)).sum();
    let large = value("sinkhorn", &[("epsilon", 1e5), ("tolerance", 1e-12)], &x, &y, 3);
    assert!((large - means).abs() < 1e-3 * means, "{large} {means}");
}

#[test]
fn symmetric_in_its_clouds_and_scales_with_the_square() {
    let (x, y) = (normal(4, 24), normal(5, 36));
    let tight = |epsilon: f64| [("epsilon", epsilon), ("tolerance", 1e-10)];
    for name in ["sinkhorn", "unbalanced"] {
        let options = |epsilon: f64| {
            let mut options = tight(epsilon).to_vec();
            if name == "unbalanced" {
                options.push(("rho", 3.0 * epsilon));
            }
            options
        };
        let s = value(name, &options(0.5), &x, &y, 2);
        let reversed = value(name, &options(0.5), &y, &x, 2);
        assert!((s - reversed).abs() < 1e-8 * s, "{name}: {s} {reversed}");
        let double = |x: &[f64]| x.iter().map(|x| 2.0 * x).collect::<Vec<_>>();
        let scaled = value(name, &options(2.0), &double(&x), &double(&y), 2);
        assert!((scaled - 4.0 * s).abs() < 1e-8 * scaled, "{name}: {scaled} {s}");
    }
}

#[test]
fn equal_clouds_are_zero_apart_and_no_value_is_negative() {
    for seed in 0..20 {
        let (x, noise) = (normal(seed, 60), normal(seed + 100, 60));
        for name in ["sinkhorn", "unbalanced"] {
            assert!(value(name, &[], &x, &x, 3).abs() < 1e-6);
            for step in [1e-6, 1e-3, 0.1] {
                let y: Vec<f64> = x.iter().zip(&noise).map(|(x, e)| x + step * e).collect();
                assert!(value(name, &[], &x, &y, 3) >= 0.0);
            }
        }
    }
}

#[test]
fn gradients_match_finite_differences() {
    for (n, m, d, epsilon) in [(7, 5, 3, 0.3), (6, 6, 1, 1.0), (4, 9, 2, 0.05)] {
        let (x, y) = (normal(6, n * d), normal(7, m * d));
        let exact = metric("sinkhorn", &[("epsilon", epsilon), ("tolerance", 1e-12)]);
        check_gradient(&*exact, &x, n, &y, m, d, 1e-6);
        let relaxed = metric("unbalanced", &[("epsilon", epsilon), ("rho", 2.0), ("tolerance", 1e-12)]);
        check_gradient(&*relaxed, &x, n, &y, m, d, 1e-6);
    }
    let (x, y) = (normal(8, 12), normal(9, 10));
    let weights = [0.1, 0.0, 0.3, 0.2, 0.4, 0.0];
    for name in ["sinkhorn", "unbalanced"] {
        let weighted = if name == "sinkhorn" {
            metric(name, &[("epsilon", 0.4), ("tolerance", 1e-12)])
        } else {
            metric(name, &[("epsilon", 0.4), ("rho", 1.5), ("tolerance", 1e-12)])
        };
        check_weighted_gradient(&*weighted, &x, &weights, &y, &[1.0, 2.0, 3.0, 0.0, 1.0], 2, 1e-6);
    }
}

#[test]
fn tiles_recomputed_and_tiles_held_agree_in_both_precisions() {
    let (x, y) = (normal(10, 400 * 8), normal(11, 300 * 8));
    let single = |x: &[f64]| x.iter().map(|x| *x as f32).collect::<Vec<_>>();
    let (x32, y32) = (single(&x), single(&y));
    let mut all = Vec::new();
    for memory in [0, 1 << 30] {
        let debiased = Debiased { memory, ..Sinkhorn::default().debiased(Relaxation::Exact) };
        let (a, b) = clouds(&x, &y, 8);
        let wide = debiased.estimate(&a, &b, Request::ALL).unwrap().solution;
        let a = Cloud::new(Side::A, &x32, 400, 8).unwrap();
        let b = Cloud::new(Side::B, &y32, 300, 8).unwrap();
        let narrow = debiased.estimate(&a, &b, Request::GRADIENT).unwrap().solution;
        assert!((wide.value - narrow.value).abs() < 1e-4 * wide.value, "{} {}", wide.value, narrow.value);
        let scale = 2.0 / 400.0;
        let (g, h) = (wide.gradient.unwrap().features, narrow.gradient.unwrap().features);
        assert!(g.iter().zip(&h).all(|(g, h)| (g - f64::from(*h)).abs() < 1e-3 * scale));
        let plan = wide.plan.unwrap().to_dense();
        let columns = (0..300).map(|j| plan[j..].iter().step_by(300).sum::<f64>());
        assert!(columns.map(|c| (c - 1.0 / 300.0).abs()).sum::<f64>() < 1e-4);
        assert!(plan.chunks_exact(300).all(|row| (row.iter().sum::<f64>() - 1.0 / 400.0).abs() < 1e-12));
        all.push(wide.value);
    }
    assert!((all[0] - all[1]).abs() < 1e-12 * all[0]);
}

#[test]
fn stopping_early_and_degenerate_clouds_are_said() {
    let (x, y) = (normal(12, 40), normal(13, 40));
    let (a, b) = clouds(&x, &y, 2);
    let capped = metric("sinkhorn", &[("iterations", 3.0), ("epsilon", 0.001)]);
    let found = Divergence::<f64>::evaluate(&*capped, &a, &b, Request::VALUE).unwrap();
    assert!(matches!(found.status, Status::Stopped { error } if error > 1e-4));
    let same = [2.0; 8];
    let (a, b) = clouds(&same, &same, 2);
    let found = Divergence::<f64>::evaluate(&*metric("sinkhorn", &[]), &a, &b, Request::GRADIENT).unwrap();
    assert_eq!((found.value, found.gradient.unwrap().features), (0.0, vec![0.0; 8]));
}

#[test]
fn relaxed_marginals_leave_an_outlier_behind() {
    let x: Vec<f64> = normal(14, 40);
    let mut y = normal(15, 40);
    y[0] += 1000.0;
    let exact = value("sinkhorn", &[("epsilon", 1.0)], &x, &y, 2);
    let relaxed = value("unbalanced", &[("epsilon", 1.0), ("rho", 5.0)], &x, &y, 2);
    assert!(exact > 40_000.0 && relaxed < 5.0, "{exact} {relaxed}");
    // As ρ grows the relaxed value becomes the exact one.
    let y = normal(15, 40);
    let exact = value("sinkhorn", &[("epsilon", 1.0), ("tolerance", 1e-9)], &x, &y, 2);
    let relaxed = value("unbalanced", &[("epsilon", 1.0), ("rho", 1e6), ("tolerance", 1e-9)], &x, &y, 2);
    assert!((exact - relaxed).abs() < 1e-4 * exact);
}
