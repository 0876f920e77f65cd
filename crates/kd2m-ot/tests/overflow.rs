//! What leaves the range of numbers on its way never becomes the value 0, which would say "equal": fault 10 of the reliability notes,
//! one test for each divergence that takes rounding below zero off its value.

use kd2m_ot::{
    Cloud, Options, OtError, Side, Solution,
    divergence::{Divergence, Request, registry},
    precision::ROUNDING,
};

const N: usize = 12;
const M: usize = 10;
const D: usize = 3;

/// Two clouds that differ, about `scale` large.
fn features(scale: f64) -> (Vec<f64>, Vec<f64>) {
    let number = |k: usize| ((k * 7919 + k * k * 31) % 1013) as f64 / 1013.0 - 0.3;
    let x = (0..N * D).map(|k| scale * number(k)).collect();
    (x, (0..M * D).map(|k| scale * (0.7 + 1.5 * number(k + 500))).collect())
}

fn single(options: &Options, scale: f64) -> Result<Solution<f32>, OtError> {
    let (x, y) = features(scale);
    let narrow = |values: &[f64]| values.iter().map(|x| *x as f32).collect::<Vec<_>>();
    let (x, y) = (narrow(&x), narrow(&y));
    let (a, b) = (Cloud::new(Side::A, &x, N, D)?, Cloud::new(Side::B, &y, M, D)?);
    Divergence::<f32>::evaluate(&*registry::build(options)?, &a, &b, Request::GRADIENT)
}

fn double(options: &Options, scale: f64) -> Result<Solution<f64>, OtError> {
    let (x, y) = features(scale);
    let (a, b) = (Cloud::new(Side::A, &x, N, D)?, Cloud::new(Side::B, &y, M, D)?);
    Divergence::<f64>::evaluate(&*registry::build(options)?, &a, &b, Request::GRADIENT)
}

/// MMD² with k = (xᵀy/d + 1)^degree, all pairs, as it is defined.
fn mmd_poly(degree: i32, scale: f64) -> f64 {
    let (x, y) = features(scale);
    // Of the numbers that single precision holds.
    let round = |values: Vec<f64>| values.iter().map(|x| f64::from(*x as f32)).collect::<Vec<_>>();
    let (x, y) = (round(x), round(y));
    let mean = |u: &[f64], v: &[f64]| {
        let kernel =
            |p: &[f64], q: &[f64]| (p.iter().zip(q).map(|(p, q)| p * q).sum::<f64>() / D as f64 + 1.0).powi(degree);
        let all = u.chunks(D).flat_map(|p| v.chunks(D).map(move |q| kernel(p, q)));
        all.sum::<f64>() / (u.len() / D * (v.len() / D)) as f64
    };
    mean(&x, &x) + mean(&y, &y) - 2.0 * mean(&x, &y)
}

#[test]
fn mmd_poly_is_right_where_single_precision_overflows() {
    for (degree, scale) in [(16, 10.0), (8, 200.0), (3, 3e6)] {
        let options = Options::new("mmd-poly").set("degree", degree);
        let expected = mmd_poly(degree, scale);
        match single(&options, scale) {
            Ok(found) => {
                let off = (found.value - expected).abs();
                assert!(off < 1e-3 * expected, "degree {degree}, features of {scale}: {} for {expected}", found.value);
            }
            // Its gradient may lie beyond single precision though its value does not.
            Err(error) => assert!(error.to_string().contains("scale"), "{error}"),
        }
    }
}

#[test]
fn mmd_poly_beyond_double_precision_is_refused() {
    for estimator in ["v", "u"] {
        let options = Options::new("mmd-poly").set("degree", 16).set("estimator", estimator);
        let error = double(&options, 1e18).map(|found| found.value).unwrap_err().to_string();
        assert!(error.contains("mmd-poly") && error.contains("scale"), "{error}");
    }
}

fn never_zero(metric: &str) {
    let options = Options::new(metric);
    let is_right = |value: f64, rounding: Option<f64>| (value > 0.0 && value.is_finite()) || rounding.is_some();
    let mut answered = 0;
    for exponent in (-36..=18).step_by(3) {
        if let Ok(found) = single(&options, 10f64.powi(exponent)) {
            answered += 1;
            assert!(is_right(found.value, found.diagnostic(ROUNDING)), "{metric}, f32, 1e{exponent}: {}", found.value);
        }
    }
    for exponent in (-300..=150).step_by(10) {
        if let Ok(found) = double(&options, 10f64.powi(exponent)) {
            answered += 1;
            assert!(is_right(found.value, found.diagnostic(ROUNDING)), "{metric}, f64, 1e{exponent}: {}", found.value);
        }
    }
    assert!(answered > 5, "{metric} refuses nearly everything: {answered}");
}

macro_rules! never_zero {
    ($($name:ident: $metric:literal;)*) => {
        $(
            #[test]
            fn $name() {
                never_zero($metric);
            }
        )*
    };
}

never_zero! {
    gaussian_kl_never_becomes_zero: "gaussian-kl";
    gaussian_kl_diag_never_becomes_zero: "gaussian-kl-diag";
    bhattacharyya_never_becomes_zero: "bhattacharyya";
    jeffreys_never_becomes_zero: "jeffreys";
    hellinger_never_becomes_zero: "hellinger";
    energy_never_becomes_zero: "energy";
    gaussian_w2_never_becomes_zero: "gaussian-w2";
    fid_never_becomes_zero: "fid";
    coral_never_becomes_zero: "coral";
    sinkhorn_never_becomes_zero: "sinkhorn";
    mmd_rbf_never_becomes_zero: "mmd-rbf";
    mmd_linear_never_becomes_zero: "mmd-linear";
    mmd_poly_never_becomes_zero: "mmd-poly";
}
