//! The problems that every divergence passes through: two clouds with weights and labels each, from Diracs to random ones.

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;

/// Two clouds. Empty weights are uniform ones.
#[derive(Clone)]
pub struct Problem {
    pub name: String,
    pub d: usize,
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    pub a: Vec<f64>,
    pub b: Vec<f64>,
    pub labels_a: Vec<u32>,
    pub labels_b: Vec<u32>,
}

impl Problem {
    fn new(name: &str, d: usize, x: Vec<f64>, y: Vec<f64>) -> Self {
        let labels = |z: &[f64]| (0..(z.len() / d) as u32).map(|i| i % 2).collect();
        let (labels_a, labels_b) = (labels(&x), labels(&y));
        Self { name: name.to_owned(), d, x, y, a: Vec::new(), b: Vec::new(), labels_a, labels_b }
    }

    fn weighted(mut self, a: Vec<f64>, b: Vec<f64>) -> Self {
        (self.a, self.b) = (a, b);
        self
    }

    pub fn n(&self) -> usize {
        self.x.len() / self.d
    }

    pub fn m(&self) -> usize {
        self.y.len() / self.d
    }
}

pub fn normal(seed: u64, count: usize) -> Vec<f64> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

fn map(x: &[f64], f: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    x.iter().enumerate().map(|(k, x)| f(k, *x)).collect()
}

/// The named problems.
pub fn table() -> Vec<Problem> {
    let x = normal(1, 10 * 4);
    let y = normal(2, 10 * 4);
    let reversed: Vec<f64> = x.chunks(4).rev().flatten().copied().collect();
    let relu = |z: &[f64]| map(z, |_, z| z.max(0.0));
    vec![
        Problem::new("two Diracs", 3, vec![0.0, 0.0, 0.0], vec![1.0, 2.0, 2.0]),
        Problem::new("a Dirac and itself", 2, vec![0.5, -1.0], vec![0.5, -1.0]),
        Problem::new("a Dirac and a cloud", 4, vec![0.1; 4], y.clone()),
        Problem::new("translation", 4, x.clone(), map(&x, |k, x| x + (k % 4) as f64)),
        Problem::new("permutation", 4, x.clone(), reversed),
        Problem::new("the same", 4, x.clone(), x.clone()),
        Problem::new("gradient of a convex function", 4, x.clone(), map(&x, |_, x| x.exp())),
        Problem::new("independent", 4, x.clone(), y.clone()),
        Problem::new("paired features", 4, relu(&map(&x, |k, x| x + 0.3 * y[k])), relu(&x)),
        Problem::new("line", 1, normal(3, 9), normal(4, 9)),
        Problem::new("line, sizes differ", 1, normal(3, 9), normal(4, 5)),
        Problem::new("sizes differ", 4, x.clone(), y[..28].to_vec()),
        Problem::new("wider than many", 12, normal(5, 5 * 12), normal(6, 7 * 12)),
        Problem::new("ties", 2, map(&normal(7, 24), |_, x| x.round()), map(&normal(8, 24), |_, x| x.round())),
        Problem::new("duplicates", 4, x[..8].repeat(5), y[..12].repeat(3)),
        Problem::new("constant features", 4, map(&x, |k, x| if k % 4 < 2 { 0.7 } else { x }), y.clone()),
        Problem::new("all constant", 4, vec![0.3; 24], vec![0.3; 20]),
        Problem::new("two constants", 4, vec![0.3; 24], vec![-0.2; 20]),
        Problem::new("far from the origin", 4, map(&x, |_, x| x + 1e4), map(&y, |_, y| y + 1e4)),
        Problem::new("weights", 4, x.clone(), y.clone())
            .weighted((1..11).map(f64::from).collect(), (1..11).map(|k| f64::from(k % 3 + 1)).collect()),
        Problem::new("weights of zero", 4, x.clone(), y[..32].to_vec()).weighted(
            vec![1.0, 0.0, 2.0, 1.0, 0.0, 1.0, 1.0, 1.0, 3.0, 1.0],
            vec![1.0, 1.0, 0.0, 2.0, 1.0, 1.0, 1.0, 0.0],
        ),
    ]
}

/// Random problems of up to `largest` samples a side: ties, repeated rows, dead features, weights, far origins, by seed.
pub fn random(seed: u64, largest: usize) -> Problem {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let (n, m, d) = (rng.random_range(1..=largest), rng.random_range(1..=largest), rng.random_range(1..=9));
    let m = if seed.is_multiple_of(2) { n } else { m };
    let mut cloud = |count: usize, seed: u64| {
        let mut z = normal(seed, count * d);
        if rng.random_bool(0.3) {
            z.iter_mut().for_each(|z| *z = (2.0 * *z).round());
        }
        if rng.random_bool(0.3) {
            z.iter_mut().for_each(|z| *z = z.max(0.0));
        }
        if rng.random_bool(0.3) && count > 2 {
            z.copy_within(0..d, (count - 1) * d);
        }
        if rng.random_bool(0.2) {
            z.iter_mut().step_by(d).for_each(|z| *z = 1.0);
        }
        z
    };
    let (x, y) = (cloud(n, 2 * seed + 1000), cloud(m, 2 * seed + 1001));
    let problem = Problem::new(&format!("random {seed}: {n} × {m} × {d}"), d, x, y);
    if !seed.is_multiple_of(3) {
        return problem;
    }
    let mut weights = |n: usize| {
        let mut w: Vec<f64> = (0..n).map(|_| f64::from(rng.random_range(0..5u32))).collect();
        w[0] = 1.0;
        w
    };
    let (a, b) = (weights(n), weights(m));
    problem.weighted(a, b)
}
