//! The proof holds exactly when every sample's own partner is nearest, over sizes, widths, scales and near ties.

use super::*;
use crate::{cost::centring::Centring, error::Side, stop::Stop};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

fn check(isa: Isa, n: usize, d: usize, noise: f32, scale: f32, seed: u64) -> Option<bool> {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut draw = || random.random_range(-1.0f32..1.0);
    let x: Vec<f32> = (0..n * d).map(|_| scale * draw()).collect();
    let y: Vec<f32> = x.iter().map(|x| x + scale * (noise * draw() + 0.3)).collect();
    let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, n, d).unwrap());
    Pool::with(n > 100, &Stop::NEVER, |pool| {
        let mut proved = None;
        for centring in [Centring::Each, Centring::Common] {
            let centres = Centres::of(isa, pool, &a, &b, centring);
            let cost = |i: usize, j: usize| -> f64 {
                let of = |k: usize| {
                    let (p, q) = (f64::from(centres.a[k]), f64::from(centres.b[k]));
                    (f64::from(x[i * d + k]) - p) - (f64::from(y[j * d + k]) - q)
                };
                (0..d).map(|k| of(k).powi(2)).sum()
            };
            let found = prove(isa, pool, &a, &b, &centres);
            proved = Some(found.is_some());
            if let Some(found) = found {
                for (i, pair) in found.pairs.iter().enumerate() {
                    let tolerance = 1e-10 * f64::from(scale).powi(2) * d as f64;
                    assert!((pair.centred - cost(i, i)).abs() <= tolerance);
                    assert!((0..n).all(|j| cost(i, i) <= cost(i, j) + tolerance), "n = {n}, d = {d}, row {i}");
                    let shift = centres.shift();
                    let along: f64 =
                        (0..d).map(|k| (f64::from(y[i * d + k]) - f64::from(centres.b[k])) * shift[k]).sum();
                    assert!((pair.along - along).abs() <= tolerance);
                    assert!((pair.plain - crate::cost::squared_distance(a.row(i), b.row(i))).abs() <= tolerance);
                }
            }
        }
        proved
    })
}

#[test]
fn what_is_proved_is_true() {
    for (seed, n) in [1, 2, 3, 11, 12, 13, 31, 32, 33, 64, 100, 129].into_iter().enumerate() {
        for d in [1, 2, 5, 16, 33, 128] {
            for noise in [0.0, 0.05, 0.3, 1.0, 3.0] {
                for scale in [1.0, 1e-6, 1e8, 1e-15] {
                    for isa in Isa::available() {
                        check(isa, n, d, noise, scale, seed as u64);
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn paired_features_are_proved_where_bytes_or_words_are_multiplied() {
    for isa in Isa::available().into_iter().filter(|isa| !matches!(isa, Isa::Portable(_))) {
        assert_eq!(check(isa, 128, 64, 0.3, 1.0, 1), Some(true));
        assert_eq!(check(isa, 100, 128, 0.5, 1e3, 2), Some(true));
        assert_eq!(check(isa, 128, 64, 30.0, 1.0, 3), Some(false));
    }
}
