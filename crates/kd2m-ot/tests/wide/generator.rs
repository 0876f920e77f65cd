//! Problems that are valid and hard on arithmetic, by kind and seed: what a user's features can be, in a few rows.

use kd2m_ot::{Cloud, OtError, Real, Side};
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;

/// What makes a problem hard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Nothing.
    Ordinary,
    /// Samples this far out, the same on both sides.
    SharedOutliers(f64),
    /// Classes whose samples lie this many of their spreads apart.
    CollapsedClasses(f64),
    /// Columns on scales between 10^−s and 10^s, one of them constant.
    Columns(f64),
    /// This added to every feature.
    Offset(f64),
    /// All features on this scale.
    Scale(f64),
    /// Samples that occur again and again, on both sides.
    Ties,
    /// Clouds that differ by this small a step.
    Near(f64),
}

/// All kinds, in steps of a decade or so.
pub const KINDS: &[Kind] = &[
    Kind::Ordinary,
    Kind::SharedOutliers(1e3),
    Kind::SharedOutliers(1e4),
    Kind::SharedOutliers(1e5),
    Kind::SharedOutliers(1e6),
    Kind::SharedOutliers(1e8),
    Kind::SharedOutliers(1e10),
    Kind::CollapsedClasses(300.0),
    Kind::CollapsedClasses(2e3),
    Kind::CollapsedClasses(2e4),
    Kind::CollapsedClasses(2e5),
    Kind::CollapsedClasses(1e6),
    Kind::Columns(2.0),
    Kind::Columns(5.0),
    Kind::Columns(10.0),
    Kind::Offset(100.0),
    Kind::Offset(300.0),
    Kind::Offset(1000.0),
    Kind::Offset(1e5),
    Kind::Scale(1e-30),
    Kind::Scale(1e-20),
    Kind::Scale(1e-10),
    Kind::Scale(1e-3),
    Kind::Scale(1e5),
    Kind::Scale(1e10),
    Kind::Scale(1e15),
    Kind::Ties,
    Kind::Near(1e-2),
    Kind::Near(1e-4),
];

/// Two clouds in single precision, whose numbers `f64` holds exactly.
#[derive(Debug, Clone)]
pub struct Problem {
    pub kind: Kind,
    pub seed: u64,
    pub d: usize,
    pub x: Vec<f32>,
    pub y: Vec<f32>,
    /// Weights of both sides; empty: uniform.
    pub a: Vec<f64>,
    pub b: Vec<f64>,
}

impl Problem {
    /// The problem of a kind and a seed; by the seed, sizes differ or not, and there are weights or not. At most `largest` rows.
    pub fn new(kind: Kind, seed: u64, largest: usize) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(seed.wrapping_mul(0x9e37_79b9) ^ format!("{kind:?}").len() as u64);
        let n = rng.random_range(largest / 2..=largest);
        let m = if seed.is_multiple_of(2) { n } else { rng.random_range(largest / 2..=largest) };
        Self::of_shape(kind, seed, n, m, rng.random_range(1..=6), seed % 4 >= 2)
    }

    /// The same of a given shape.
    pub fn of_shape(kind: Kind, seed: u64, n: usize, m: usize, d: usize, weighted: bool) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(seed ^ 0xd15c);
        let mut side = |n: usize, shift: f64| -> Vec<f64> {
            (0..n * d)
                .map(|_| shift + <StandardNormal as Distribution<f64>>::sample(&StandardNormal, &mut rng))
                .collect()
        };
        let (mut x, mut y) = (side(n, 0.0), side(m, 0.3));
        match kind {
            Kind::Ordinary => {}
            Kind::SharedOutliers(far) => {
                for k in 0..2.min(n).min(m) {
                    let row: Vec<f64> = (0..d).map(|_| far * rng.random_range(-1.0..1.0)).collect();
                    x[k * d..][..d].copy_from_slice(&row);
                    y[k * d..][..d].copy_from_slice(&row);
                }
            }
            Kind::CollapsedClasses(apart) => {
                let centres: Vec<f64> = (0..3 * d).map(|_| rng.random_range(-1.0..1.0)).collect();
                for (side, rows) in [(&mut x, n), (&mut y, m)] {
                    for i in 0..rows {
                        let row = &mut side[i * d..][..d];
                        row.iter_mut().zip(&centres[i % 3 * d..]).for_each(|(z, c)| *z = c + *z / apart);
                    }
                }
            }
            Kind::Columns(most) => {
                let scales: Vec<f64> = (0..d).map(|_| 10f64.powf(rng.random_range(-most..most))).collect();
                for side in [&mut x, &mut y] {
                    for row in side.chunks_exact_mut(d) {
                        row.iter_mut().zip(&scales).for_each(|(z, s)| *z *= s);
                        if d > 2 {
                            row[d / 2] = 0.1;
                        }
                    }
                }
            }
            Kind::Offset(by) => x.iter_mut().chain(&mut y).for_each(|z| *z += by),
            Kind::Scale(by) => x.iter_mut().chain(&mut y).for_each(|z| *z *= by),
            Kind::Ties => {
                for i in 1..n {
                    if i % 3 > 0 {
                        x.copy_within((i - 1) * d..i * d, i * d);
                    }
                }
                for j in 0..m / 2 {
                    let from = j % n;
                    y[j * d..][..d].copy_from_slice(&x[from * d..][..d]);
                }
            }
            Kind::Near(step) => {
                for (k, z) in y.iter_mut().enumerate() {
                    *z = x[k % x.len()] + step * *z;
                }
            }
        }
        let mut weights = |n: usize| -> Vec<f64> {
            let weight = |_| if weighted { rng.random_range(0.2..2.0) } else { 0.0 };
            (0..if weighted { n } else { 0 }).map(weight).collect()
        };
        let (a, b) = (weights(n), weights(m));
        let single = |z: &[f64]| z.iter().map(|z| *z as f32).collect();
        Self { kind, seed, d, x: single(&x), y: single(&y), a, b }
    }

    pub fn n(&self) -> usize {
        self.x.len() / self.d
    }

    pub fn m(&self) -> usize {
        self.y.len() / self.d
    }

    /// The features of both sides in `f64`.
    pub fn wide(&self) -> (Vec<f64>, Vec<f64>) {
        let wide = |z: &[f32]| z.iter().map(|z| f64::from(*z)).collect();
        (wide(&self.x), wide(&self.y))
    }
}

/// The clouds of a problem in the precision of these features.
pub fn clouds<'z, T: Real>(p: &Problem, x: &'z [T], y: &'z [T]) -> Result<(Cloud<'z, T>, Cloud<'z, T>), OtError> {
    let (a, b) = (Cloud::new(Side::A, x, p.n(), p.d)?, Cloud::new(Side::B, y, p.m(), p.d)?);
    if p.a.is_empty() { Ok((a, b)) } else { Ok((a.with_weights(&p.a)?, b.with_weights(&p.b)?)) }
}

/// `count` problems, kind after kind.
pub fn problems(count: usize, largest: usize) -> impl Iterator<Item = Problem> {
    (0..count).map(move |k| Problem::new(KINDS[k % KINDS.len()], (k / KINDS.len()) as u64, largest))
}
