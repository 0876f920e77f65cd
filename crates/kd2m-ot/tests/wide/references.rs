//! Values from their definitions in arithmetic of twice the digits: every pair one by one, moments and closed forms of two features,
//! Sinkhorn's iteration written out. Nothing here shares code with what it judges.

use crate::{
    double_double::Wide,
    generator::{Kind, Problem},
};

/// Both clouds and their weights.
pub struct Pair {
    d: usize,
    x: Vec<Vec<Wide>>,
    y: Vec<Vec<Wide>>,
    a: Vec<Wide>,
    b: Vec<Wide>,
}

fn w(x: f64) -> Wide {
    x.into()
}

fn squared_distance(x: &[Wide], y: &[Wide]) -> Wide {
    x.iter().zip(y).map(|(x, y)| (*x - *y).square()).sum()
}

fn dot(x: &[Wide], y: &[Wide]) -> Wide {
    x.iter().zip(y).map(|(x, y)| *x * *y).sum()
}

/// Mean and covariance, row-major.
struct Moments {
    mean: Vec<Wide>,
    covariance: Vec<Wide>,
}

impl Pair {
    pub fn of(p: &Problem) -> Self {
        let rows = |z: &[f32]| z.chunks(p.d).map(|row| row.iter().map(|z| w(f64::from(*z))).collect()).collect();
        // Weights are exact in `f64` but for their sum, which is taken here.
        let weights = |given: &[f64], n: usize| -> Vec<Wide> {
            let given = if given.is_empty() { vec![1.0; n] } else { given.to_vec() };
            let sum: Wide = given.iter().map(|g| w(*g)).sum();
            given.iter().map(|g| w(*g) / sum).collect()
        };
        Self { d: p.d, x: rows(&p.x), y: rows(&p.y), a: weights(&p.a, p.n()), b: weights(&p.b, p.m()) }
    }

    /// faa Σ a a k + fab Σ a b k + fbb Σ b b k, of different samples only where `unbiased`.
    fn sums(&self, unbiased: bool, sign: f64, k: impl Fn(&[Wide], &[Wide]) -> Wide) -> f64 {
        let within = |z: &[Vec<Wide>], c: &[Wide]| -> Wide {
            let pairs = (0..z.len()).flat_map(|i| (0..z.len()).map(move |j| (i, j)));
            let sum: Wide =
                pairs.filter(|(i, j)| !(unbiased && i == j)).map(|(i, j)| c[i] * c[j] * k(&z[i], &z[j])).sum();
            if unbiased { sum / (w(1.0) - c.iter().map(|c| c.square()).sum()) } else { sum }
        };
        let across: Wide = (self.x.iter().zip(&self.a))
            .map(|(x, a)| self.y.iter().zip(&self.b).map(|(y, b)| *a * *b * k(x, y)).sum())
            .sum();
        (w(sign) * (within(&self.x, &self.a) + within(&self.y, &self.b) - w(2.0) * across)).value()
    }

    pub fn energy(&self) -> f64 {
        self.sums(false, -1.0, |x, y| squared_distance(x, y).sqrt())
    }

    pub fn mmd_poly(&self, unbiased: bool) -> f64 {
        self.sums(unbiased, 1.0, |x, y| {
            // (1 + t)³ − 1: a constant cancels, and beside it small t would lose their digits.
            let t = dot(x, y) / w(self.d as f64);
            t * (w(3.0) + t * (w(3.0) + t))
        })
    }

    /// With the σ that was found: that it is the median is another test.
    pub fn mmd_rbf(&self, sigma: f64) -> f64 {
        let scale = w(-0.5) / w(sigma).square();
        self.sums(false, 1.0, |x, y| (squared_distance(x, y) * scale).exp())
    }

    pub fn mmd_linear(&self) -> f64 {
        self.sums(false, 1.0, dot)
    }

    fn moments(&self, of_a: bool, unbiased: bool) -> Moments {
        let (z, c) = if of_a { (&self.x, &self.a) } else { (&self.y, &self.b) };
        let d = self.d;
        let mean: Vec<Wide> = (0..d).map(|k| z.iter().zip(c).map(|(z, c)| *c * z[k]).sum()).collect();
        let rest = if unbiased { w(1.0) - c.iter().map(|c| c.square()).sum() } else { w(1.0) };
        let entry = |k: usize, l: usize| -> Wide {
            let sum: Wide = z.iter().zip(c).map(|(z, c)| *c * (z[k] - mean[k]) * (z[l] - mean[l])).sum();
            sum / rest
        };
        let covariance = (0..d * d).map(|k| entry(k / d, k % d)).collect();
        Moments { mean, covariance }
    }

    pub fn coral(&self) -> f64 {
        let (a, b) = (self.moments(true, true), self.moments(false, true));
        let norm: Wide = a.covariance.iter().zip(&b.covariance).map(|(x, y)| (*x - *y).square()).sum();
        norm.value() / (4.0 * (self.d * self.d) as f64)
    }

    /// ‖μ − μ'‖² + Bures; for two features tr (ΣΣ')^½ = √(tr ΣΣ' + 2 √det ΣΣ').
    pub fn gaussian_w2(&self, unbiased: bool) -> f64 {
        let (a, b) = (self.moments(true, unbiased), self.moments(false, unbiased));
        let means = squared_distance(&a.mean, &b.mean);
        let bures = match self.d {
            1 => (a.covariance[0].sqrt() - b.covariance[0].sqrt()).square(),
            2 => {
                let (s, t) = (&a.covariance, &b.covariance);
                let product = dot(s, t);
                let root = (product + w(2.0) * (determinant(s) * determinant(t)).sqrt()).sqrt();
                s[0] + s[3] + t[0] + t[3] - w(2.0) * root
            }
            d => panic!("no closed form for {d} features"),
        };
        (means + bures).value()
    }

    /// KL of the Gaussians with covariances (1 − s) Σ + s tr(Σ)/d · I, of two features.
    pub fn gaussian_kl(&self, shrinkage: f64) -> f64 {
        let (mut a, mut b) = (self.moments(true, false), self.moments(false, false));
        for m in [&mut a, &mut b] {
            let level = w(shrinkage) * (m.covariance[0] + m.covariance[3]) * w(0.5);
            m.covariance.iter_mut().for_each(|c| *c = *c * (w(1.0) - w(shrinkage)));
            m.covariance[0] = m.covariance[0] + level;
            m.covariance[3] = m.covariance[3] + level;
        }
        let (s, t) = (&a.covariance, &b.covariance);
        let det = determinant(t);
        // T⁻¹ of two features.
        let inverse = [t[3] / det, -t[1] / det, -t[2] / det, t[0] / det];
        let trace = inverse[0] * s[0] + inverse[1] * s[2] + inverse[2] * s[1] + inverse[3] * s[3];
        let delta: Vec<Wide> = a.mean.iter().zip(&b.mean).map(|(x, y)| *x - *y).collect();
        let quadratic = delta[0] * (inverse[0] * delta[0] + inverse[1] * delta[1])
            + delta[1] * (inverse[2] * delta[0] + inverse[3] * delta[1]);
        (w(0.5) * (trace + quadratic - w(2.0) + (det / determinant(s)).ln())).value()
    }

    /// The debiased divergence at this ε, by plain alternating steps until the value stands.
    pub fn sinkhorn(&self, epsilon: f64) -> f64 {
        let of = |z: &[Vec<Wide>], c: &[Wide], v: &[Vec<Wide>], e: &[Wide]| -> Wide {
            let cost: Vec<Vec<Wide>> = z.iter().map(|z| v.iter().map(|v| squared_distance(z, v)).collect()).collect();
            let epsilon = w(epsilon);
            let soft = |costs: &dyn Fn(usize) -> Wide, weights: &[Wide], p: &[Wide]| {
                let exponents: Vec<Wide> = (0..p.len()).map(|j| (p[j] - costs(j)) / epsilon).collect();
                let most = exponents.iter().fold(exponents[0], |m, e| if *e > m { *e } else { m });
                let sum: Wide = exponents.iter().zip(weights).map(|(e, b)| *b * (*e - most).exp()).sum();
                -epsilon * (most + sum.ln())
            };
            let (mut f, mut g) = (vec![w(0.0); z.len()], vec![w(0.0); v.len()]);
            let mut before = f64::INFINITY;
            for _ in 0..400 {
                f = (0..z.len()).map(|i| soft(&|j| cost[i][j], e, &g)).collect();
                g = (0..v.len()).map(|j| soft(&|i| cost[i][j], c, &f)).collect();
                let value = (dot(&f, c) + dot(&g, e)).value();
                if (value - before).abs() <= 1e-16 * epsilon.value() {
                    break;
                }
                before = value;
            }
            dot(&f, c) + dot(&g, e)
        };
        let (x, y, a, b) = (&self.x, &self.y, &self.a, &self.b);
        (of(x, a, y, b) - w(0.5) * (of(x, a, x, a) + of(y, b, y, b))).value()
    }
}

fn determinant(s: &[Wide]) -> Wide {
    s[0] * s[3] - s[1] * s[2]
}

/// Problems for a definition that knows `d` features only (0: as they come).
pub fn problems(d: usize, count: usize) -> impl Iterator<Item = Problem> {
    crate::generator::problems(count, 14).map(move |p| match d {
        0 => p,
        d => Problem::of_shape(p.kind, p.seed, p.n(), p.m(), d, !p.a.is_empty()),
    })
}

/// Whether a problem's numbers cancel beyond 32 digits in this reference.
pub fn is_beyond(kind: Kind, power: i32) -> bool {
    matches!(kind, Kind::SharedOutliers(far) if far.powi(power) > 1e24)
}
