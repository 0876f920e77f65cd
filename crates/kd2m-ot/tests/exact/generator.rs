//! Transport problems of every range that features come in: far samples on both sides, collapsed classes, columns of any scale, tiny
//! and huge numbers, duplicates, weights, sizes that differ; by kind and seed.

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;

/// Row-major clouds `[n, d]` and `[m, d]` with weights, or without where these are empty.
pub struct Problem {
    pub what: String,
    pub d: usize,
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    pub a: Vec<f64>,
    pub b: Vec<f64>,
}

/// How places are drawn.
const KINDS: usize = 9;

impl Problem {
    /// The problem of a seed, with at most `largest` samples a side. `single` rounds features to single precision and keeps them
    /// within its range.
    pub fn of(seed: u64, largest: usize, single: bool) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let n = rng.random_range(1..=largest);
        let m = if seed.is_multiple_of(3) { rng.random_range(1..=largest) } else { n };
        let d = rng.random_range(1..=5);
        let kind = rng.random_range(0..KINDS);
        let far = 10f64.powf(rng.random_range(1.0..if single { 10.0 } else { 14.0 }));
        let normal = |rng: &mut Pcg64Mcg| -> f64 { StandardNormal.sample(rng) };
        let shift = normal(&mut rng);
        let mut x: Vec<f64> = (0..n * d).map(|_| normal(&mut rng)).collect();
        let mut y: Vec<f64> = (0..m * d).map(|_| shift + normal(&mut rng)).collect();
        match kind {
            // A few samples far out that both sides share, or nearly.
            0 | 1 => {
                for k in 0..rng.random_range(1..4usize).min(n).min(m) {
                    for c in 0..d {
                        x[k * d + c] = far * normal(&mut rng);
                        y[k * d + c] = x[k * d + c] + if kind == 1 { normal(&mut rng) } else { 0.0 };
                    }
                }
            }
            // One side only: mass has to travel.
            2 => x[0] = far,
            // Collapsed classes, as many samples of each on both sides or not.
            3 | 4 => {
                let classes = rng.random_range(2..6);
                let centres: Vec<f64> = (0..classes * d).map(|_| far * normal(&mut rng)).collect();
                for (rows, uneven) in [(&mut x, 0), (&mut y, kind - 3)] {
                    for (i, row) in rows.chunks_exact_mut(d).enumerate() {
                        let class = if uneven == 1 { rng.random_range(0..classes) } else { i % classes };
                        row.iter_mut().zip(&centres[class * d..]).for_each(|(x, c)| *x += c);
                    }
                }
            }
            // Columns of any scale.
            5 => {
                let scales: Vec<f64> = (0..d).map(|_| 10f64.powf(rng.random_range(-8.0..8.0))).collect();
                for row in x.chunks_exact_mut(d).chain(y.chunks_exact_mut(d)) {
                    row.iter_mut().zip(&scales).for_each(|(x, s)| *x *= s);
                }
            }
            // All tiny, or huge.
            6 => {
                let scale = 10f64.powf(rng.random_range(-30.0..if single { 12.0 } else { 100.0 }));
                x.iter_mut().chain(&mut y).for_each(|x| *x *= scale);
            }
            // Whole numbers: ties everywhere.
            7 => x.iter_mut().chain(&mut y).for_each(|x| *x = (2.0 * *x).round()),
            // A common offset, which cancels.
            _ => x.iter_mut().chain(&mut y).for_each(|x| *x += far),
        }
        let weighted = seed % 5 == 1;
        let mut weights = |count: usize| -> Vec<f64> {
            let whole = rng.random_bool(0.5);
            let draw = |_| if whole { f64::from(rng.random_range(1..4)) } else { rng.random_range(0.1..2.0) };
            (0..if weighted { count } else { 0 }).map(draw).collect()
        };
        let (a, mut b) = (weights(n), weights(m));
        if n == m && weighted && seed % 2 == 1 {
            // The same weights in another order: far samples keep theirs.
            b = a.clone();
            b[1..].reverse();
        }
        if single {
            x.iter_mut().chain(&mut y).for_each(|x| *x = f64::from(*x as f32));
        }
        let what = format!("seed {seed}: kind {kind}, {n} × {m} × {d}, far {far:.1e}, weights {weighted}");
        Self { what, d, x, y, a, b }
    }
}
