//! Options at the edge: refused by their own name with the range they may have, or answered by a number.

use kd2m_ot::{
    Cloud, Options, OtError, Side,
    divergence::{Divergence, Request, registry},
};

use crate::EXACT;

const EDGES: &[&str] = &[
    "0",
    "-1",
    "-0.5",
    "1e-300",
    "1e-200",
    "1e-100",
    "1e100",
    "1e200",
    "1e300",
    "inf",
    "-inf",
    "nan",
    "1.5",
    "1000",
    "17",
    "18446744073709551615",
    "99999999999999999999",
    "",
    "x",
];

/// What must be refused, by metric, option and value.
const REFUSED: &[(&str, &str, &[&str])] = &[
    ("sinkhorn", "epsilon", &["0", "-1", "1e-300", "1e300", "inf", "nan", "x", ""]),
    ("sinkhorn", "tolerance", &["0", "-1", "1e-300", "inf", "nan", "2"]),
    ("sinkhorn", "iterations", &["0", "-1", "1.5", "nan"]),
    ("unbalanced", "epsilon", &["0", "1e-300", "inf", "nan"]),
    ("unbalanced", "rho", &["0", "-1", "1e-300", "1e300", "inf", "nan"]),
    ("mmd-rbf", "bandwidth", &["0", "-1", "1e-200", "1e200", "inf", "nan", "x"]),
    ("mmd-rbf", "estimator", &["w", ""]),
    ("mmd-poly", "degree", &["0", "-1", "1.5", "17", "1000"]),
    ("kid", "subsets", &["0", "-1", "99999999999999999999", "18446744073709551615"]),
    ("kid", "size", &["0", "1", "-1", "1000"]),
    ("cf", "frequencies", &["0", "-1", "18446744073709551615"]),
    ("cf", "bandwidth", &["0", "1e-200", "inf"]),
    ("sliced-cf", "directions", &["0", "-1", "18446744073709551615"]),
    ("sliced-cf", "scale", &["0", "-1", "1e-300", "inf", "nan"]),
    ("sw2", "directions", &["0", "-1", "18446744073709551615"]),
    ("max-sw2", "directions", &["0", "-1", "18446744073709551615"]),
    ("gaussian-kl", "shrinkage", &["-0.5", "1.5", "nan", "inf"]),
    ("gaussian-kl", "direction", &["a", ""]),
    ("jeffreys", "shrinkage", &["-0.5", "1.5", "nan"]),
    ("bhattacharyya", "shrinkage", &["-0.5", "1.5", "nan"]),
    ("hellinger", "shrinkage", &["-0.5", "1.5", "nan"]),
    ("gaussian-kl-diag", "shrinkage", &["-0.5", "1.5", "nan"]),
    ("gaussian-kl-diag", "floor", &["0", "-1", "1.5", "nan"]),
    ("fgw", "alpha", &["-0.5", "1.5", "nan", "inf"]),
    ("gw", "inner", &["x", ""]),
    ("gw", "tolerance", &["0", "-1", "1e-300", "inf", "nan"]),
    ("gw", "iterations", &["0"]),
    ("joint-energy", "beta", &["-1", "1e-300", "1e300", "inf", "nan"]),
];

/// Two small clouds with labels.
fn answer(options: &Options) -> Result<f64, OtError> {
    let x: Vec<f32> = (0..24).map(|k| (k as f32 * 0.7).sin()).collect();
    let y: Vec<f32> = (0..24).map(|k| (k as f32 * 1.3).cos()).collect();
    let labels = [0, 1, 0, 1, 0, 1, 0, 1];
    let side = |side, z| Cloud::<f32>::new(side, z, 8, 3)?.with_labels(&labels);
    let (a, b) = (side(Side::A, &x)?, side(Side::B, &y)?);
    let found = Divergence::<f32>::evaluate(&*registry::build(options)?, &a, &b, Request::GRADIENT)?;
    let gradient = found.gradient.expect("asked for").features;
    assert!(gradient.iter().all(|g| g.is_finite()), "{options:?}");
    Ok(found.value)
}

#[test]
fn values_at_the_edge_are_refused_by_the_name_of_their_option() {
    for (metric, option, values) in REFUSED {
        for value in *values {
            match answer(&Options::new(metric).set(option, value)) {
                Err(error @ OtError::BadOption { .. }) => {
                    let text = error.to_string();
                    assert!(text.contains(metric) && text.contains(option), "{text}");
                }
                other => panic!("{metric} {option} = {value}: {other:?}"),
            }
        }
    }
}

#[test]
fn every_option_of_every_metric_is_refused_or_gives_a_number() {
    let plain = || registry::ENTRIES.iter().filter(|e| !EXACT.contains(&e.name));
    for entry in plain() {
        for form in ["", "class-", "joint-"] {
            let name = format!("{form}{}", entry.name);
            let (entry, of_form) = registry::resolve(&name).unwrap();
            for option in of_form.options_with(entry) {
                // Sweeps without end are what they are asked for.
                for value in EDGES.iter().filter(|v| option.name != "iterations" || v.len() < 6) {
                    match answer(&Options::new(&name).set(option.name, value)) {
                        Ok(value) => assert!(value.is_finite(), "{name} {}", option.name),
                        Err(OtError::BadOption { name: named, .. }) => assert_eq!(named, option.name),
                        Err(error) => {
                            let text = error.to_string();
                            assert!(text.contains(option.name) || form == "joint-" || form == "class-", "{text}");
                        }
                    }
                }
            }
        }
    }
}
