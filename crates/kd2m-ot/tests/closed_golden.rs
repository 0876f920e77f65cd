//! Closed forms and sums over pairs against figures of POT 0.9.7, geomloss 0.3.1, scipy 1.17, torch 2.15 and pytorch-fid 0.3,
//! printed by `scripts/golden/closed_forms.py`, which makes the same inputs from the same formula.

use kd2m_ot::{
    Cloud, Options, Side, Solution,
    divergence::{Divergence, Request, registry},
    internals::one_dimension,
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

fn evaluate(options: &Options, weighted: bool) -> Solution<f64> {
    let (x, y) = (x(), y());
    let (mut a, mut b) = (Cloud::new(Side::A, &x, 9, 3).unwrap(), Cloud::new(Side::B, &y, 7, 3).unwrap());
    if weighted {
        a = a.with_weights(&weights(9, 0.3)).unwrap();
        b = b.with_weights(&weights(7, 1.1)).unwrap();
    }
    Divergence::<f64>::evaluate(&*registry::build(options).unwrap(), &a, &b, Request::VALUE).unwrap()
}

fn check(options: Options, weighted: bool, expected: f64) {
    let found = evaluate(&options, weighted).value;
    assert!((found - expected).abs() <= 1e-11 * expected.abs(), "{options:?}: {found}, expected {expected}");
}

#[test]
fn the_line_is_pots() {
    let first = |z: Vec<f64>| z.into_iter().step_by(3).collect::<Vec<f64>>();
    let (x, y, a, b) = (first(x()), first(y()), weights(9, 0.3), weights(7, 1.1));
    for (p, expected) in [(2.0, 0.3547987327410957), (3.0, 0.3731325558954019)] {
        let found = one_dimension(&x, Some(&a), &y, Some(&b), p).cost;
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    let energy = registry::build(&Options::new("energy")).unwrap();
    let (cloud_a, cloud_b) = (Cloud::new(Side::A, &x, 9, 1).unwrap(), Cloud::new(Side::B, &y, 7, 1).unwrap());
    let (cloud_a, cloud_b) = (cloud_a.with_weights(&a).unwrap(), cloud_b.with_weights(&b).unwrap());
    let found = Divergence::<f64>::evaluate(&*energy, &cloud_a, &cloud_b, Request::VALUE).unwrap().value;
    assert!((found - 0.2226933627869473).abs() < 1e-12);
}

#[test]
fn sums_over_pairs_are_scipys_and_twice_geomloss() {
    check(Options::new("energy"), true, 0.30668648234694107);
    check(Options::new("mmd-rbf").set("bandwidth", 0.9), true, 0.10272391309957896);
}

#[test]
fn bandwidths_are_numpys_median_and_mean() {
    for (rule, expected) in [("median", 1.6280270012707607), ("mean", 1.6177980826686218)] {
        let found = evaluate(&Options::new("mmd-rbf").set("bandwidth", rule), false).diagnostics;
        assert!(
            found.iter().any(|(name, sigma)| *name == "bandwidth" && (sigma - expected).abs() < 1e-12),
            "{found:?}"
        );
    }
}

#[test]
fn gaussian_transport_is_pots_and_pytorch_fids() {
    check(Options::new("gaussian-w2"), false, 0.1820259119113391);
    check(Options::new("gaussian-w2"), true, 0.25131209457646425);
    check(Options::new("fid"), false, 0.18653746450133601);
}

#[test]
fn gaussian_divergences_are_torchs() {
    check(Options::new("gaussian-kl").set("shrinkage", 0), false, 31.070981554742346);
    check(Options::new("gaussian-kl"), false, 0.2724533887564877);
    check(Options::new("gaussian-kl").set("direction", "b-a"), false, 0.2896388248030386);
    check(Options::new("jeffreys"), false, 0.2724533887564877 + 0.2896388248030386);
    check(Options::new("gaussian-kl-diag"), false, 0.16661097164837121);
    check(Options::new("bhattacharyya").set("shrinkage", 0.1), false, 0.30681047631584113);
    check(Options::new("hellinger").set("shrinkage", 0.1), false, 1.0 - (-0.30681047631584113f64).exp());
    check(Options::new("coral"), false, 0.002064948561779352);
}
