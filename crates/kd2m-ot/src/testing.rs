//! What the tests of this crate share: seeded clouds, and the check of a gradient against central finite differences in `f64`.

use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;

use crate::{
    cloud::Cloud,
    divergence::{Divergence, Request},
    error::Side,
};

/// `count` standard normal numbers of a seed.
pub(crate) fn normal(seed: u64, count: usize) -> Vec<f64> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// The same numbers in single precision.
pub(crate) fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|x| *x as f32).collect()
}

/// Asserts that the gradient at A is that of central differences, within `tolerance` relative to its largest entry.
///
/// The divergence must hold its detached quantities fixed (bandwidth, shrinkage …), since these move with A.
pub(crate) fn check_gradient<D: Divergence<f64> + ?Sized>(
    divergence: &D,
    x: &[f64],
    n: usize,
    y: &[f64],
    m: usize,
    d: usize,
    tolerance: f64,
) {
    check_weighted_gradient(divergence, x, &vec![1.0; n], y, &vec![1.0; m], d, tolerance);
}

/// The same under weights.
pub(crate) fn check_weighted_gradient<D: Divergence<f64> + ?Sized>(
    divergence: &D,
    x: &[f64],
    a: &[f64],
    y: &[f64],
    b: &[f64],
    d: usize,
    tolerance: f64,
) {
    let evaluate = |x: &[f64], request: Request| {
        let cloud_a = Cloud::new(Side::A, x, a.len(), d).unwrap().with_weights(a).unwrap();
        let cloud_b = Cloud::new(Side::B, y, b.len(), d).unwrap().with_weights(b).unwrap();
        divergence.evaluate(&cloud_a, &cloud_b, request).unwrap()
    };
    let gradient = evaluate(x, Request::GRADIENT).gradient.unwrap().features;
    assert_eq!(gradient.len(), x.len());
    let scale = gradient.iter().fold(1e-3f64, |s, g| s.max(g.abs()));
    let step = 1e-5;
    let mut moved = x.to_vec();
    for k in 0..x.len() {
        moved[k] = x[k] + step;
        let up = evaluate(&moved, Request::VALUE).value;
        moved[k] = x[k] - step;
        let down = evaluate(&moved, Request::VALUE).value;
        moved[k] = x[k];
        let expected = (up - down) / (2.0 * step);
        let error = (gradient[k] - expected).abs() / scale;
        assert!(error < tolerance, "entry {k}: gradient {} but differences give {expected}", gradient[k]);
    }
}
