//! Problems over the whole range of what features can be, through every divergence that is not exact transport: single precision
//! against double, double against arithmetic of twice the digits, and options at the edge of what they may be.

mod generator;

use generator::{Problem, clouds, problems};
use kd2m_ot::{
    Options, OtError, Solution,
    divergence::{Divergence, Request, registry},
    precision,
};

/// Divergences that are plans found exactly, or bounds from them.
const EXACT: &[&str] = &["w1", "w2", "jw2", "bounds"];

fn metrics() -> Vec<Options> {
    let plain = registry::ENTRIES.iter().filter(|e| !EXACT.contains(&e.name)).map(|e| Options::new(e.name));
    let more = [
        Options::new("mmd-linear").set("estimator", "u"),
        Options::new("mmd-rbf").set("estimator", "u"),
        Options::new("mmd-rbf").set("bandwidth", "multi"),
        Options::new("mmd-poly").set("estimator", "u"),
        Options::new("mmd-poly").set("degree", 2),
        Options::new("kid").set("size", 5).set("subsets", 4),
        Options::new("gw").set("inner", "cosine"),
        Options::new("gaussian-kl").set("direction", "b-a"),
    ];
    plain.chain(more).collect()
}

fn single(options: &Options, p: &Problem) -> Result<Solution<f32>, OtError> {
    let (a, b) = clouds(p, &p.x, &p.y)?;
    Divergence::<f32>::evaluate(&*registry::build(options)?, &a, &b, Request::GRADIENT)
}

fn double(options: &Options, p: &Problem) -> Result<Solution<f64>, OtError> {
    let (x, y) = p.wide();
    let (a, b) = clouds(p, &x, &y)?;
    Divergence::<f64>::evaluate(&*registry::build(options)?, &a, &b, Request::GRADIENT)
}

/// How far the tolerance of an iteration leaves its gradient open: the mass that is out of place, times how far it can be.
fn left_open<T>(s: &Solution<T>, p: &Problem) -> f64 {
    let extent = p.x.iter().chain(&p.y).fold(0.0f64, |most, z| most.max(f64::from(z.abs())));
    s.diagnostic("marginal_error").unwrap_or(0.0) * extent
}

fn exceeds_single(s: &Solution<f64>) -> bool {
    s.gradient.iter().flat_map(|g| &g.features).any(|g| g.abs() > f64::from(f32::MAX))
}

/// The absolute error that an answer owns up to.
fn told<T>(s: &Solution<T>) -> f64 {
    s.diagnostic(precision::ROUNDING_ABSOLUTE).unwrap_or(0.0)
}

#[test]
fn single_precision_is_right_to_a_thousandth_or_says_how_wrong_it_may_be() {
    let mut failures = Vec::new();
    let (mut compared, mut reported) = (0, 0);
    for p in problems(290, 24) {
        for options in metrics() {
            let name = format!("{options:?} {:?} seed {} {}×{}×{}", p.kind, p.seed, p.n(), p.m(), p.d);
            match (single(&options, &p), double(&options, &p)) {
                // A cap that ended an iteration is told by the status.
                (Ok(s), Ok(t)) if !(s.status.is_trusted() && t.status.is_trusted()) => {}
                (Ok(s), Ok(t)) => {
                    compared += 1;
                    reported += usize::from(told(&s) > 0.0);
                    let error = (s.value - t.value).abs();
                    if !(error <= 1e-3 * t.value.abs() + told(&s) + told(&t)) {
                        failures.push(format!("{name}: {} against {}", s.value, t.value));
                    }
                    let (g, h) = (&s.gradient.as_ref().unwrap().features, &t.gradient.as_ref().unwrap().features);
                    let norm = |z: &mut dyn Iterator<Item = f64>| z.map(|z| z * z).sum::<f64>().sqrt();
                    let off = norm(&mut g.iter().zip(h).map(|(g, h)| f64::from(*g) - h));
                    let size = norm(&mut h.iter().copied());
                    let allowed = 1e-2 * size + left_open(&s, &p) + left_open(&t, &p) + 1e-36;
                    if told(&s) == 0.0 && !(off <= allowed) {
                        failures.push(format!("{name}: gradient off by {off} of {size}"));
                    }
                }
                (Err(_), Err(_)) => {}
                // A gradient that single precision has no numbers for.
                (Err(OtError::Numeric { .. }), Ok(t)) if exceeds_single(&t) => {}
                (s, t) => failures.push(format!("{name}: {:?} against {:?}", s.map(|s| s.value), t.map(|t| t.value))),
            }
        }
    }
    println!("{compared} compared, {reported} with their rounding told, {} failures", failures.len());
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
