//! Class-conditional forms through the registry: names, options, and where they stand in the chain of metrics.

use kd2m_ot::{
    Cloud, Options, OtError, Side, Solution,
    divergence::{Divergence, Request, registry},
};

const CLASSES: u32 = 3;

/// Numbers in (−1, 1) without structure.
fn numbers(count: usize, phase: f64) -> Vec<f64> {
    (0..count).map(|k| (phase + 1.7 * k as f64 + 0.13 * (k * k % 101) as f64).sin()).collect()
}

fn labels(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| (i * i + i / 3) % CLASSES).collect()
}

fn evaluate(options: Options, n: usize, d: usize, seed: f64) -> Solution<f64> {
    let (x, y, labels) = (numbers(n * d, seed), numbers(n * d, seed + 0.5), labels(n));
    let a = Cloud::new(Side::A, &x, n, d).unwrap().with_labels(&labels).unwrap();
    let b = Cloud::new(Side::B, &y, n, d).unwrap().with_labels(&labels).unwrap();
    let metric = registry::build(&options).unwrap();
    Divergence::<f64>::evaluate(&*metric, &a, &b, Request::GRADIENT).unwrap()
}

#[test]
fn cw2_is_class_w2_and_lies_between_w2_and_mse() {
    for (n, d, seed) in [(12, 2, 0.1), (40, 5, 1.3), (33, 1, 2.2), (3, 4, 0.7)] {
        let value = |name: &str| evaluate(Options::new(name), n, d, seed).value;
        assert_eq!(value("cw2"), value("class-w2"));
        let priors = evaluate(Options::new("cw2").set("priors", true), n, d, seed).value;
        assert!(value("w2") <= priors + 1e-12 && priors <= value("mse") + 1e-12);
        // Pairs within classes are all pairs, so the paired distance is its own prior-weighted class form.
        let paired = evaluate(Options::new("class-mse").set("priors", true), n, d, seed);
        assert!((paired.value - value("mse")).abs() < 1e-12);
        let (g, h) = (paired.gradient.unwrap(), evaluate(Options::new("mse"), n, d, seed).gradient.unwrap());
        assert!(g.features.iter().zip(&h.features).all(|(g, h)| (g - h).abs() < 1e-12));
    }
}

#[test]
fn gradients_of_class_forms_match_finite_differences() {
    let (n, d) = (14, 2);
    let (x, y, labels) = (numbers(n * d, 0.4), numbers(n * d, 0.9), labels(n));
    for options in [
        Options::new("cw2").set("priors", true),
        Options::new("class-sinkhorn").set("epsilon", 0.5).set("tolerance", 1e-12),
        Options::new("class-gaussian-w2"),
    ] {
        let metric = registry::build(&options).unwrap();
        let evaluate = |x: &[f64]| {
            let a = Cloud::new(Side::A, x, n, d).unwrap().with_labels(&labels).unwrap();
            let b = Cloud::new(Side::B, &y, n, d).unwrap().with_labels(&labels).unwrap();
            Divergence::<f64>::evaluate(&*metric, &a, &b, Request::GRADIENT).unwrap()
        };
        let gradient = evaluate(&x).gradient.unwrap().features;
        for k in 0..x.len() {
            let at = |step: f64| {
                let mut moved = x.clone();
                moved[k] += step;
                evaluate(&moved).value
            };
            let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!((gradient[k] - numeric).abs() < 1e-6, "{}, {k}: {} {numeric}", options.metric(), gradient[k]);
        }
    }
}

#[test]
fn names_and_options_are_checked_through_the_prefix() {
    let error = |options: Options| registry::build(&options).err().unwrap();
    assert!(
        matches!(error(Options::new("class-sinkhron")), OtError::UnknownMetric { nearest, .. } if nearest[0] == "class-sinkhorn")
    );
    assert!(matches!(error(Options::new("class-class-w2")), OtError::UnknownMetric { .. }));
    assert!(
        matches!(error(Options::new("cw2").set("prior", true)), OtError::UnknownOption { nearest, .. } if nearest == ["priors"])
    );
    assert!(matches!(error(Options::new("cw2").set("strict", "maybe")), OtError::BadOption { .. }));
    assert!(matches!(error(Options::new("class-sinkhorn").set("epsilon", -1)), OtError::BadOption { .. }));
}
