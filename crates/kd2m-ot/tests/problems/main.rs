//! One table of problems, through which every divergence of the registry passes in both precisions.

mod table;

use kd2m_ot::{
    Cloud, Options, OtError, Side, Solution,
    divergence::{Divergence, Request, registry},
};
use table::{Problem, normal, random, table};

/// Options under which nothing that is held constant for the gradient moves with A, and which make iterations precise.
fn frozen(name: &str) -> Options {
    let options = Options::new(name);
    match name {
        "mmd-rbf" | "cf" => options.set("bandwidth", 1.5),
        "sliced-cf" => options.set("scale", 1.5),
        "gaussian-kl" | "jeffreys" | "bhattacharyya" | "hellinger" => options.set("shrinkage", 0.2),
        "sinkhorn" => options.set("epsilon", 0.8).set("tolerance", 1e-10).set("iterations", 100_000),
        "unbalanced" => options.set("epsilon", 0.8).set("rho", 3).set("tolerance", 1e-10).set("iterations", 100_000),
        "jw2" => options.set("beta", 0.7),
        _ => options,
    }
}

/// Names whose value depends on more than the two distributions: pairing, or the draw of subsets.
fn reads_the_order(name: &str) -> bool {
    ["mse", "kid"].contains(&name)
}

/// Names for which the number of samples counts beside the distribution (n − 1, shrinkage by OAS).
fn reads_the_size(name: &str) -> bool {
    reads_the_order(name) || ["fid", "coral", "gaussian-kl", "jeffreys", "bhattacharyya", "hellinger"].contains(&name)
}

/// All but `bounds`, which answers with an interval and has no gradient.
fn names() -> impl Iterator<Item = &'static str> {
    registry::ENTRIES.iter().map(|e| e.name).filter(|name| *name != "bounds")
}

fn solve(options: &Options, p: &Problem) -> Result<Solution<f64>, OtError> {
    let (mut a, mut b) = (Cloud::new(Side::A, &p.x, p.n(), p.d)?, Cloud::new(Side::B, &p.y, p.m(), p.d)?);
    if !p.a.is_empty() {
        (a, b) = (a.with_weights(&p.a)?, b.with_weights(&p.b)?);
    }
    let (a, b) = (a.with_labels(&p.labels_a)?, b.with_labels(&p.labels_b)?);
    Divergence::<f64>::evaluate(&*registry::build(options)?, &a, &b, Request::ALL)
}

fn solve_single(options: &Options, p: &Problem) -> Result<Solution<f32>, OtError> {
    let single = |z: &[f64]| z.iter().map(|z| *z as f32).collect::<Vec<f32>>();
    let (x, y) = (single(&p.x), single(&p.y));
    let (mut a, mut b) = (Cloud::new(Side::A, &x, p.n(), p.d)?, Cloud::new(Side::B, &y, p.m(), p.d)?);
    if !p.a.is_empty() {
        (a, b) = (a.with_weights(&p.a)?, b.with_weights(&p.b)?);
    }
    let (a, b) = (a.with_labels(&p.labels_a)?, b.with_labels(&p.labels_b)?);
    Divergence::<f32>::evaluate(&*registry::build(options)?, &a, &b, Request::GRADIENT)
}

/// An error that says why this divergence cannot answer this problem.
fn is_a_refusal(name: &str, p: &Problem, error: &OtError) -> bool {
    match error {
        OtError::TooFewSamples { .. } => p.n() < 2 || p.m() < 2 || !p.a.is_empty(),
        OtError::Unpaired { .. } => name == "mse" && p.n() != p.m(),
        // Pairs have one weight, subsets none.
        OtError::Numeric { .. } => reads_the_order(name) && !p.a.is_empty(),
        _ => false,
    }
}

/// The size of the terms that a value is a difference of: a squared norm, or its third power for the polynomial kernels.
fn magnitude(name: &str, p: &Problem) -> f64 {
    let squared = p.x.iter().chain(&p.y).fold(1.0, |m: f64, z| m.max(z * z));
    if name == "mmd-poly" { (squared + 1.0).powi(3) } else { squared * p.d as f64 }
}

fn problems() -> Vec<Problem> {
    table()
        .into_iter()
        .chain((0..12).map(|seed| random(seed, 30)))
        .chain((12..18).map(|seed| random(seed, 200)))
        .collect()
}

#[test]
fn values_and_gradients_are_finite_and_agree_in_both_precisions() {
    for name in names() {
        for p in problems() {
            let options = Options::new(name);
            let found = match solve(&options, &p) {
                Ok(found) => found,
                Err(error) => {
                    assert!(is_a_refusal(name, &p, &error), "{name}, {}: {error}", p.name);
                    continue;
                }
            };
            assert!(found.value.is_finite(), "{name}, {}: {}", p.name, found.value);
            assert!(name == "kid" || found.value >= -1e-9 * magnitude(name, &p), "{name}, {}: {}", p.name, found.value);
            let gradient = found.gradient.expect("asked for").features;
            assert_eq!(gradient.len(), p.x.len(), "{name}, {}", p.name);
            assert!(gradient.iter().all(|g| g.is_finite()), "{name}, {}", p.name);
            for (i, a) in p.a.iter().enumerate().filter(|(_, a)| **a == 0.0) {
                assert!(gradient[i * p.d..][..p.d].iter().all(|g| *g == 0.0), "{name}, {}: {i} {a}", p.name);
            }
            let single = solve_single(&options, &p).unwrap_or_else(|e| panic!("{name}, {}: {e}", p.name));
            assert!(single.gradient.expect("asked for").features.iter().all(|g| g.is_finite()), "{name}, {}", p.name);
            // Single precision cannot hold the features far from the origin, nor a dead unit's exact zero beside them.
            if p.name != "far from the origin" {
                let error = (single.value - found.value).abs();
                assert!(
                    error <= 2e-4 * (found.value.abs() + 1.0),
                    "{name}, {}: {} {}",
                    p.name,
                    single.value,
                    found.value
                );
            }
        }
    }
}

#[test]
fn a_cloud_is_at_distance_zero_from_itself_with_no_gradient() {
    for name in names().filter(|name| *name != "kid") {
        for p in problems() {
            let same = Problem { y: p.x.clone(), b: p.a.clone(), labels_b: p.labels_a.clone(), ..p };
            match solve(&Options::new(name), &same) {
                Ok(found) => {
                    assert!(
                        found.value.abs() <= 1e-6 * magnitude(name, &same),
                        "{name}, {}: {}",
                        same.name,
                        found.value
                    )
                }
                Err(error) => assert!(is_a_refusal(name, &same, &error), "{name}, {}: {error}", same.name),
            }
        }
    }
}

#[test]
fn the_order_of_samples_does_not_matter_but_to_pairs() {
    // Gromov–Wasserstein is not convex: from another order it may end in another local minimum.
    for name in names().filter(|name| !reads_the_order(name) && !["gw", "fgw"].contains(name)) {
        for p in table() {
            let Ok(found) = solve(&frozen(name), &p) else { continue };
            let (n, d) = (p.n(), p.d);
            let shuffled = Problem {
                x: (0..n).rev().flat_map(|i| p.x[i * d..][..d].to_vec()).collect(),
                a: p.a.iter().rev().copied().collect(),
                labels_a: p.labels_a.iter().rev().copied().collect(),
                ..p.clone()
            };
            let again = solve(&frozen(name), &shuffled).unwrap();
            let error = (found.value - again.value).abs();
            assert!(error <= 1e-8 * magnitude(name, &p), "{name}, {}: {} {}", p.name, found.value, again.value);
        }
    }
}

#[test]
fn repeated_samples_are_samples_of_double_weight() {
    for name in names().filter(|name| !reads_the_size(name)) {
        let p = table().into_iter().find(|p| p.name == "sizes differ").unwrap();
        let d = p.d;
        let weighted = Problem {
            a: (0..p.n()).map(|i| if i < 3 { 2.0 } else { 1.0 }).collect(),
            b: vec![1.0; p.m()],
            ..p.clone()
        };
        let repeated = Problem {
            x: [p.x.as_slice(), &p.x[..3 * d]].concat(),
            labels_a: [p.labels_a.as_slice(), &p.labels_a[..3]].concat(),
            ..p
        };
        let (w, r) = (solve(&frozen(name), &weighted).unwrap().value, solve(&frozen(name), &repeated).unwrap().value);
        let tolerance = if name == "gw" || name == "fgw" { 0.2 } else { 1e-6 };
        assert!((w - r).abs() <= tolerance * (1.0 + w.abs()), "{name}: {w} {r}");
    }
}

#[test]
fn every_gradient_is_that_of_finite_differences() {
    for name in names() {
        let (n, m, d) = (8, if name == "mse" { 8 } else { 6 }, 3);
        let mut p = table().into_iter().find(|p| p.name == "independent").unwrap();
        (p.d, p.x, p.y) = (d, normal(21, n * d), normal(22, m * d));
        (p.labels_a, p.labels_b) = ((0..n as u32).map(|i| i % 2).collect(), (0..m as u32).map(|i| i % 2).collect());
        let options = frozen(name);
        let gradient = solve(&options, &p).unwrap().gradient.unwrap().features;
        let scale = gradient.iter().fold(0.0f64, |s, g| s.max(g.abs()));
        assert!(scale > 0.0, "{name}");
        for (k, gradient) in gradient.iter().enumerate() {
            let at = |step: f64| {
                let mut moved = p.clone();
                moved.x[k] += step;
                solve(&options, &moved).unwrap().value
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((gradient - difference).abs() < 1e-4 * scale, "{name}, entry {k}: {gradient} {difference}");
        }
    }
}

#[test]
fn the_chain_of_distances_holds_on_paired_batches() {
    let chain = ["mmd-linear", "gaussian-w2-diag", "gaussian-w2", "w2", "class-w2", "mse"];
    let paired = |mut p: Problem| {
        p.y = p.x.iter().zip(normal(99, p.x.len())).map(|(x, z)| (x + 0.4 * z).max(0.0)).collect();
        (p.b, p.labels_b) = (p.a.clone(), p.labels_a.clone());
        p
    };
    for p in problems().into_iter().map(paired).filter(|p| p.n() >= 2) {
        let value = |name: &str| {
            let options = Options::new(name);
            solve(&if name == "class-w2" { options.set("priors", true) } else { options }, &p).map(|s| s.value)
        };
        let values: Vec<f64> =
            chain.iter().map(|name| value(name).unwrap_or_else(|e| panic!("{name}, {}: {e}", p.name))).collect();
        for (pair, names) in values.windows(2).zip(chain.windows(2)) {
            assert!(pair[0] <= pair[1] + 1e-9 * magnitude("mse", &p), "{}: {names:?} {pair:?}", p.name);
        }
    }
}

#[test]
fn the_sliced_distance_is_at_most_w2_over_d() {
    for p in problems() {
        let w2 = solve(&Options::new("w2"), &p).unwrap().value;
        for blocks in [1, 3] {
            let found = solve(&Options::new("sw2").set("directions", blocks * p.d), &p).unwrap().value;
            assert!(found <= w2 / p.d as f64 + 1e-9 * magnitude("sw2", &p), "{}: {found} {w2}", p.name);
        }
    }
}

#[test]
fn values_whose_squares_overflow_are_refused_and_those_below_are_not() {
    let (n, d) = (3, 2);
    let cloud = |side, x| Cloud::<f32>::new(side, x, n, d);
    let (x, y) = ([1e17f32, -1e17, 3e16, 0.0, 1.0, 2e17], [-2e17f32, 1e17, 5e16, 0.0, 9e16, -2e17]);
    for name in ["w2", "w1", "jw2", "energy", "mse", "sw2", "mmd-linear", "sinkhorn"] {
        let a = cloud(Side::A, &x).unwrap().with_labels(&[0, 1, 2]).unwrap();
        let b = cloud(Side::B, &y).unwrap().with_labels(&[2, 1, 0]).unwrap();
        let metric = registry::build(&Options::new(name)).unwrap();
        let found = Divergence::<f32>::evaluate(metric.as_ref(), &a, &b, Request::GRADIENT).unwrap();
        assert!(found.value.is_finite() && found.value > 0.0, "{name}: {}", found.value);
        assert!(found.gradient.unwrap().features.iter().all(|g| g.is_finite()), "{name}");
    }
    let error = cloud(Side::A, &[0.0, 0.0, 0.0, 3e38, 0.0, 0.0]).unwrap_err();
    assert!(matches!(error, OtError::TooLarge { row: 1, column: 1, .. }), "{error}");
    assert_eq!(error.unusable_value(Side::A), Some(f64::from(3e38f32)));
    assert_eq!(error.unusable_value(Side::B), None);
}
