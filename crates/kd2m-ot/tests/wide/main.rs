//! Problems over the whole range of what features can be, through every divergence that is not exact transport: single precision
//! against double, double against arithmetic of twice the digits, and options at the edge of what they may be.

mod cases;
mod double_double;
mod generator;
mod options;
mod references;

use generator::{Problem, clouds, problems};
use kd2m_ot::{
    Options, OtError, Solution,
    divergence::{Divergence, Request, registry},
    precision,
};

/// Divergences that are plans found exactly, or bounds from them.
pub const EXACT: &[&str] = &["w1", "w2", "jw2", "bounds"];

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

/// What is wrong with the answer in single precision beside that in double, if anything; whether its rounding is told.
fn compare(options: &Options, p: &Problem) -> Option<Result<bool, String>> {
    let name = format!("{options:?} {:?} seed {} {}×{}×{}", p.kind, p.seed, p.n(), p.m(), p.d);
    let (s, t) = match (single(options, p), double(options, p)) {
        (Ok(s), Ok(t)) => (s, t),
        (Err(_), Err(_)) => return None,
        // A gradient that single precision has no numbers for.
        (Err(OtError::Numeric { .. }), Ok(t)) if exceeds_single(&t) => return None,
        (s, t) => return Some(Err(format!("{name}: {:?} against {:?}", s.map(|s| s.value), t.map(|t| t.value)))),
    };
    // A cap that ended an iteration is told by the status.
    if !(s.status.is_trusted() && t.status.is_trusted()) {
        return None;
    }
    let error = (s.value - t.value).abs();
    if error.is_nan() || error > 1e-3 * t.value.abs() + told(&s) + told(&t) {
        return Some(Err(format!("{name}: {} against {}", s.value, t.value)));
    }
    let (g, h) = (&s.gradient.as_ref()?.features, &t.gradient.as_ref()?.features);
    let norm = |z: &mut dyn Iterator<Item = f64>| z.map(|z| z * z).sum::<f64>().sqrt();
    let off = norm(&mut g.iter().zip(h).map(|(g, h)| f64::from(*g) - h));
    let size = norm(&mut h.iter().copied());
    let allowed = 1e-2 * size + left_open(&s, p) + left_open(&t, p) + 1e-36;
    if told(&s) == 0.0 && (off.is_nan() || off > allowed) {
        return Some(Err(format!("{name}: gradient off by {off} of {size}")));
    }
    Some(Ok(told(&s) > 0.0))
}

fn compare_all(cases: impl Iterator<Item = (Problem, Vec<Options>)>) {
    let found = cases.flat_map(|(p, metrics)| metrics.into_iter().filter_map(move |options| compare(&options, &p)));
    let (mut compared, mut reported, mut failures) = (0, 0, Vec::new());
    for one in found {
        compared += 1;
        match one {
            Ok(told) => reported += usize::from(told),
            Err(failure) => failures.push(failure),
        }
    }
    println!("{compared} compared, {reported} with their rounding told");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    assert!(compared > 0 && reported * 20 < compared, "{reported} of {compared} told");
}

#[test]
fn single_precision_is_right_to_a_thousandth_or_says_how_wrong_it_may_be() {
    compare_all(problems(290, 24).map(|p| (p, metrics())));
}

/// Sizes at which a few rows and columns stand for all.
#[test]
fn estimates_from_a_few_rows_hold_for_many() {
    let names = ["energy", "mmd-rbf", "mmd-poly", "kid", "sw2", "cf"];
    let metrics = || names.iter().map(|name| Options::new(name)).collect::<Vec<_>>();
    let large =
        |(k, kind): (usize, &generator::Kind)| Problem::of_shape(*kind, k as u64, 640, 600 + 40 * (k % 2), 8, false);
    compare_all(generator::KINDS.iter().enumerate().map(large).map(|p| (p, metrics())));
}

/// Asserts that f64 and f32 both give the reference's value within a thousandth, or own up to more.
fn judge(options: &Options, p: &Problem, reference: impl Fn(&Solution<f64>) -> f64) -> (usize, usize) {
    let found = double(options, p).unwrap_or_else(|e| panic!("{options:?} {:?} {}: {e}", p.kind, p.seed));
    let right = reference(&found);
    let off = (found.value - right).abs();
    assert!(
        off <= 1e-3 * right.abs() + told(&found),
        "{options:?} {:?} seed {} {}×{}×{}: {} against {right} {:?}",
        p.kind,
        p.seed,
        p.n(),
        p.m(),
        p.d,
        found.value,
        found.diagnostics
    );
    if let Ok(single) = single(options, p) {
        let off = (single.value - right).abs();
        assert!(
            off <= 1e-3 * right.abs() + told(&single),
            "{options:?} {:?} f32: {} against {right}",
            p.kind,
            single.value
        );
    }
    (1, usize::from(told(&found) > 0.0))
}

/// What is told must be seldom: an estimate that always cries wolf would pass everything.
fn seldom(name: &str, counts: impl Iterator<Item = (usize, usize)>, most: f64) {
    let (all, told) = counts.fold((0, 0), |(all, told), (one, tells)| (all + one, told + tells));
    println!("{name}: {told} of {all} told");
    assert!(told as f64 <= most * all as f64, "{name}: {told} of {all} told");
}

#[test]
fn sums_over_pairs_are_those_of_twice_the_digits() {
    use references::{Pair, is_beyond, problems};
    let many = || problems(0, 116);
    let energy = many().map(|p| judge(&Options::new("energy"), &p, |_| Pair::of(&p).energy()));
    seldom("energy", energy, 0.02);
    let linear = many().map(|p| judge(&Options::new("mmd-linear"), &p, |_| Pair::of(&p).mmd_linear()));
    seldom("mmd-linear", linear, 0.02);
    let rbf = |s: &Solution<f64>, p: &Problem| Pair::of(p).mmd_rbf(s.diagnostic("bandwidth").unwrap());
    seldom("mmd-rbf", many().map(|p| judge(&Options::new("mmd-rbf"), &p, |s| rbf(s, &p))), 0.02);
    let clear = || many().filter(|p| !is_beyond(p.kind, 6));
    for (estimator, unbiased) in [("v", false), ("u", true)] {
        let options = Options::new("mmd-poly").set("estimator", estimator);
        seldom("mmd-poly", clear().map(|p| judge(&options, &p, |_| Pair::of(&p).mmd_poly(unbiased))), 0.2);
    }
    // One subset that is the whole of both clouds.
    let whole = clear().filter(|p| p.a.is_empty() && p.n() == p.m());
    seldom("kid", whole.map(|p| judge(&Options::new("kid"), &p, |_| Pair::of(&p).mmd_poly(true))), 0.2);
}

#[test]
fn moments_are_those_of_twice_the_digits() {
    use references::{Pair, is_beyond, problems};
    let coral = problems(0, 116).filter(|p| !is_beyond(p.kind, 4));
    seldom("coral", coral.map(|p| judge(&Options::new("coral"), &p, |_| Pair::of(&p).coral())), 0.2);
    for d in [1, 2] {
        for (name, unbiased) in [("gaussian-w2", false), ("fid", true)] {
            let counts =
                problems(d, 116).map(|p| judge(&Options::new(name), &p, |_| Pair::of(&p).gaussian_w2(unbiased)));
            seldom(name, counts, 0.2);
        }
    }
    let clear = problems(2, 116).filter(|p| !is_beyond(p.kind, 4));
    let options = Options::new("gaussian-kl").set("shrinkage", 0.1);
    seldom("gaussian-kl", clear.map(|p| judge(&options, &p, |_| Pair::of(&p).gaussian_kl(0.1))), 0.1);
}

#[test]
fn sinkhorn_is_that_of_twice_the_digits() {
    use references::{Pair, problems};
    // ε as large as the mean cost, where plain steps converge.
    let counts =
        problems(0, 58).map(|p| Problem::of_shape(p.kind, p.seed, 7, p.m().min(8), p.d, !p.a.is_empty())).map(|p| {
            let mean_cost = double(&Options::new("sinkhorn"), &p).unwrap().diagnostic("epsilon").unwrap() / 0.05;
            judge(&Options::new("sinkhorn").set("epsilon", mean_cost), &p, |_| Pair::of(&p).sinkhorn(mean_cost))
        });
    seldom("sinkhorn", counts, 0.2);
}
