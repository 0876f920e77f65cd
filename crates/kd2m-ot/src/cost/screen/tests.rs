use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::{Least, Screen};
use crate::{cloud::Cloud, cost::squared_distance, error::Side, stop::Stop};

/// Row minima against all pairs in `f64`: odd sizes, several tiles of columns, outliers that leave bytes little.
#[test]
fn minima_are_those_of_exact_costs() {
    let mut random = Pcg64::seed_from_u64(29);
    for (n, m, d, outlier) in
        [(1, 1, 1, 0.0), (13, 40, 17, 0.0), (30, 257, 64, 0.0), (25, 100, 512, 0.0), (12, 2000, 33, 60.0)]
    {
        let mut numbers =
            |count: usize| -> Vec<f32> { (0..count).map(|_| random.random_range(-2.0f32..3.0)).collect() };
        let (mut x, mut y, p, q, v) = (numbers(n * d), numbers(m * d), numbers(d), numbers(d), numbers(m));
        x[0] += outlier;
        y[d / 2] += outlier;
        let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, m, d).unwrap());
        let Some(screen) = Screen::new(&a, &p) else {
            eprintln!("skipped: this processor multiplies no bytes");
            return;
        };
        let mut least = vec![Least::NONE; n];
        let half = m / 2 * d;
        let tiles = [(&y[..half], &v[..m / 2]), (&y[half..], &v[m / 2..])];
        for (y, v) in tiles.into_iter().filter(|(_, v)| !v.is_empty()) {
            let tile = Cloud::new(Side::B, y, v.len(), d).unwrap();
            assert!(screen.lower(&tile, &q, v, &mut least, &Stop::NEVER), "{n} × {m} × {d}");
        }
        let centred =
            |z: &[f32], c: &[f32]| z.iter().zip(c).map(|(z, c)| f64::from(*z) - f64::from(*c)).collect::<Vec<f64>>();
        for (i, least) in least.iter().enumerate() {
            let reduced =
                (0..m).map(|j| squared_distance(&centred(a.row(i), &p), &centred(b.row(j), &q)) - f64::from(v[j]));
            let exact = reduced.fold(f64::INFINITY, f64::min);
            let off = exact - least.certain;
            assert!(
                (0.0..1e-9 * (1.0 + exact.abs())).contains(&off) || off.abs() < 1e-12,
                "{n} × {m} × {d}, {i}: {off}"
            );
        }
    }
}

#[test]
fn rows_that_bytes_cannot_tell_apart_are_left_to_others() {
    // Far from its centre a cloud's bytes say nothing of what differs.
    let (n, d) = (200, 8);
    let mut random = Pcg64::seed_from_u64(30);
    let x: Vec<f32> = (0..n * d).map(|_| 1000.0 + random.random_range(0.0f32..1.0)).collect();
    let a = Cloud::new(Side::A, &x, n, d).unwrap();
    let centre = vec![0.0; d];
    if let Some(screen) = Screen::new(&a, &centre) {
        let mut least = vec![Least::NONE; n];
        assert!(!screen.lower(&a, &centre, &vec![0.0; n], &mut least, &Stop::NEVER));
    }
}
