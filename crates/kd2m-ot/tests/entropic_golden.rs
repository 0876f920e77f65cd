//! The network simplex, Sinkhorn and Gromov–Wasserstein against figures of POT 0.9.7 and geomloss 0.3.1, printed by
//! `scripts/golden/entropic.py`, which makes the same inputs from the same formula.

use kd2m_ot::{
    Cloud, Options, Side, Solution,
    divergence::{Divergence, Request, registry},
    internals::network_simplex,
};

fn wave(n: usize, d: usize, phase: f64) -> Vec<f64> {
    let entry = |i: usize, k: usize| (0.7 + 1.3 * i as f64 + 2.1 * k as f64 + phase * ((i + 1) * (k + 1)) as f64).sin();
    (0..n).flat_map(|i| (0..d).map(move |k| entry(i, k))).collect()
}

fn weights(n: usize, phase: f64) -> Vec<f64> {
    let raw: Vec<f64> = (0..n).map(|i| 1.5 + (phase + 0.9 * i as f64).sin()).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|w| w / sum).collect()
}

/// Nine points in three dimensions.
fn x() -> Vec<f64> {
    wave(9, 3, 0.11)
}

/// Seven points in three dimensions.
fn y() -> Vec<f64> {
    wave(7, 3, 0.23).iter().map(|y| y + 0.2).collect()
}

fn evaluate(options: Options, b: &[f64], width: usize) -> Solution<f64> {
    let a = x();
    let a = Cloud::new(Side::A, &a, 9, 3).unwrap().with_weights(&weights(9, 0.3)).unwrap();
    let b = Cloud::new(Side::B, b, 7, width).unwrap().with_weights(&weights(7, 1.1)).unwrap();
    let metric = registry::build(&options).unwrap();
    Divergence::<f64>::evaluate(&*metric, &a, &b, Request::GRADIENT).unwrap()
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * expected.abs(), "{found}, expected {expected}");
}

#[test]
fn network_simplex_is_pots_emd2() {
    let (x, y) = (x(), y());
    let squared = |p: &[f64], q: &[f64]| p.iter().zip(q).map(|(p, q)| (p - q) * (p - q)).sum::<f64>();
    let cost: Vec<f64> = x.chunks_exact(3).flat_map(|p| y.chunks_exact(3).map(move |q| squared(p, q))).collect();
    close(network_simplex(&cost, &weights(9, 0.3), &weights(7, 1.1), None).value, 0.7239385520753852, 1e-12);
    close(network_simplex(&cost, &[1.0 / 9.0; 9], &[1.0 / 7.0; 7], None).value, 0.6139835788806504, 1e-12);
}

#[test]
fn sinkhorn_divergence_is_pots_and_twice_geomlosss() {
    let tight = |epsilon: f64| Options::new("sinkhorn").set("epsilon", epsilon).set("tolerance", 1e-12);
    close(evaluate(tight(0.1), &y(), 3).value, 0.6669480944863965, 1e-7);
    let found = evaluate(tight(0.5), &y(), 3);
    close(found.value, 0.4887667424102175, 1e-9);
    // geomloss stops its ε-scaling short of convergence (scaling 0.999: 3e-5), so it is met to its own accuracy.
    close(found.value, 0.48875452134341285, 1e-4);
    let gradient = found.gradient.unwrap().features;
    for (g, e) in gradient.iter().zip([-0.09780717705874115, 0.02010873337005934, -0.09739319566854836]) {
        close(*g, e, 3e-3);
    }
}

#[test]
fn unbalanced_divergence_is_pots() {
    let options = Options::new("unbalanced").set("epsilon", 0.3).set("rho", 1.7).set("tolerance", 1e-13);
    close(evaluate(options, &y(), 3).value, 0.36846150214086026, 1e-9);
}

#[test]
fn gromov_wasserstein_is_pots_from_the_product_and_below_it_from_the_best_start() {
    let other = wave(7, 2, 0.37);
    for (inner, product, best) in [
        ("euclidean", 0.5040624933354506, 0.30049032593542685),
        ("sqeuclidean", 2.565067123806701, 2.565067117654364),
        ("cosine", 0.19773957472537193, 0.1448396660300553),
    ] {
        let options = || Options::new("gw").set("inner", inner).set("tolerance", 1e-12);
        close(evaluate(options().set("starts", "product"), &other, 2).value, product, 1e-6);
        let found = evaluate(options(), &other, 2).value;
        assert!(found <= product * (1.0 + 1e-9), "{inner}: {found} from the best start, {product} from the product");
        assert!(found >= best * (1.0 - 1e-6), "{inner}: {found} is below the best of 300 random starts, {best}");
    }
    let fused = Options::new("fgw").set("alpha", 0.4).set("starts", "product").set("tolerance", 1e-12);
    close(evaluate(fused, &y(), 3).value, 0.5799186443714406, 1e-6);
}
