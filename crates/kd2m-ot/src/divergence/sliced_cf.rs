//! Sliced distance of characteristic functions: the mean over unit directions θ of ∫ |φ_A(tθ/σ) − φ_B(tθ/σ)|² e^{−t²/2} dt, divided by
//! ∫ e^{−t²/2} dt, on 17 equidistant knots of 0 … 3 by the trapezoid rule. The statistic of Epps and Pulley (1983) along random
//! directions, as SIGReg has it against a Gaussian (Balestriero and LeCun 2025, "LeJEPA"), here against another cloud.
//! Next: [`super::cf`], [`super::sliced`].

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    matrix::{product, product_until, view},
    pairwise::points::Points,
    parameters::{
        domain::{ROWS, SCALE, SEED},
        parameters,
    },
    precision::{Estimate, Estimated, evaluate, of_square},
    projection::{Drawn, ask, draw},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "sliced-cf",
    aliases: &["sliced-characteristic"],
    formula: "mean over directions θ of ∫ |Σ a_i exp(i t θᵀx_i/σ) − Σ b_j exp(i t θᵀy_j/σ)|² w(t) dt, w Gaussian on 0 … 3, ∫ w = 1",
    source: "Epps and Pulley (1983); SIGReg, Balestriero and LeCun (2025), against another cloud",
    cost: "O(L (n + m) (d + 16)) time, O(L (n + m)) memory, L directions",
    when: "linear in n and d, bounded and smooth: outliers cannot dominate it, and no kernel has to be chosen",
    traits: Traits::PLAIN,
    options: SlicedCf::OPTIONS,
    build: build::<SlicedCf>,
};

/// Where the characteristic functions are compared; at 0 they agree.
const KNOTS: usize = 17;
const LAST: f64 = 3.0;

parameters! {
    /// Mean squared difference of characteristic functions along directions.
    pub struct SlicedCf for ENTRY {
        /// number of directions, drawn as orthonormal blocks
        directions: usize = 128 in ROWS,
        /// σ, in units of the features; auto: root of the mean variance of a feature over both clouds, held constant for the gradient
        scale: Option<f64> = "auto" in SCALE,
        /// seed of the directions
        seed: u64 = 0 in SEED,
    }
    // Unit vectors `[directions, d]`.
    keeping { drawn: Drawn }
}

/// The knots above 0 with their weights, which add up to 1 together with that of 0.
fn knots() -> Vec<(f64, f64)> {
    let at = |k: usize| LAST * k as f64 / (KNOTS - 1) as f64;
    let half = |k: usize| if k == 0 || k == KNOTS - 1 { 0.5 } else { 1.0 };
    let weight = |k: usize| half(k) * (-0.5 * at(k) * at(k)).exp();
    let sum: f64 = (0..KNOTS).map(weight).sum();
    (1..KNOTS).map(|k| (at(k), weight(k) / sum)).collect()
}

/// Root of the mean variance of a feature over both clouds, each with half of the mass.
fn spread<T: Real>(a: &Points<T>, b: &Points<T>) -> f64 {
    let d = a.width();
    let mut mean = vec![0.0; d];
    for points in [a, b] {
        for i in 0..points.len() {
            let half = 0.5 * points.weight(i);
            mean.iter_mut().zip(points.row(i)).for_each(|(m, x)| *m += half * x.wide());
        }
    }
    let mut square = 0.0;
    for points in [a, b] {
        for i in 0..points.len() {
            let own: f64 = points.row(i).iter().zip(&mean).map(|(x, m)| (x.wide() - m).powi(2)).sum();
            square += 0.5 * points.weight(i) * own;
        }
    }
    (square / d as f64).sqrt()
}

/// Of projections `[n, L]` at one knot: sines, cosines and their weighted sums over the samples.
struct Waves<T> {
    sines: Vec<T>,
    cosines: Vec<T>,
    sums: [Vec<f64>; 2],
}

impl<T: Real> Waves<T> {
    fn new(points: &Points<T>, projections: &[T], at: T) -> Self {
        let count = projections.len() / points.len().max(1);
        let mut sines: Vec<T> = projections.iter().map(|p| *p * at).collect();
        let mut cosines = vec![T::zero(); sines.len()];
        T::sin_cos_slices(&mut sines, &mut cosines);
        let sum = |values: &[T]| {
            let mut sum = vec![0.0; count];
            for (i, row) in values.chunks_exact(count.max(1)).enumerate() {
                let a = points.weight(i);
                sum.iter_mut().zip(row).for_each(|(s, x)| *s += a * x.wide());
            }
            sum
        };
        Self { sums: [sum(&sines), sum(&cosines)], sines, cosines }
    }
}

impl<T: Real> Divergence<T> for SlicedCf {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for SlicedCf {
    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        let d = a.width();
        // Beside the projections their sines and cosines at a knot, and the slopes.
        ask(ENTRY.name, self.directions.saturating_mul(4), a, b)?;
        let (points_a, points_b) = Points::centred(a, b);
        let sigma = self.scale.unwrap_or_else(|| spread(&points_a, &points_b));
        if sigma == 0.0 {
            return Ok(Estimate::of_coincident(a, b, request.gradient));
        }
        let unit = self.drawn.get((self.directions, d, self.seed), request.stop, draw)?;
        let directions: Vec<T> = unit.iter().map(|x| T::of(x / sigma)).collect();
        let count = directions.len() / d;
        let project = |points: &Points<T>| {
            let rows = view(points.rows(&(0..points.len())), points.len(), d);
            product_until(rows, view(&directions, count, d).transpose(), request.stop)
        };
        let (along_a, along_b) = (project(&points_a)?, project(&points_b)?);
        let mut value = 0.0;
        let mut slopes = vec![0.0; if request.gradient { along_a.len() } else { 0 }];
        for (at, weight) in knots() {
            request.stop.check()?;
            let waves = |points: &Points<T>, along: &[T]| Waves::new(points, along, T::of(at));
            let (of_a, of_b) = rayon::join(|| waves(&points_a, &along_a), || waves(&points_b, &along_b));
            let subtract = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x - y).collect::<Vec<f64>>();
            let [sine, cosine] = [0, 1].map(|k| subtract(&of_a.sums[k], &of_b.sums[k]));
            value += weight * sine.iter().chain(&cosine).map(|x| x * x).sum::<f64>() / count as f64;
            // ∂/∂(θᵀx_i/σ) = 2 a_i w t / L (ΔS cos − ΔC sin)
            for (i, own) in slopes.chunks_exact_mut(count).enumerate() {
                let scale = 2.0 * points_a.weight(i) * weight * at / count as f64;
                let (s, c) = (&of_a.sines[i * count..][..count], &of_a.cosines[i * count..][..count]);
                for (l, slope) in own.iter_mut().enumerate() {
                    *slope += scale * (sine[l] * c[l].wide() - cosine[l] * s[l].wide());
                }
            }
        }
        let gradient = request.gradient.then(|| {
            let slopes: Vec<T> = slopes.iter().map(|x| T::of(*x)).collect();
            points_a.scatter(product(view(&slopes, points_a.len(), count), view(&directions, count, d)))
        });
        let mut solution = Solution::closed(value).with_gradient(gradient);
        solution.diagnostics = vec![("scale", sigma), ("directions", count as f64)];
        // An angle tθᵀx/σ is off by ε of t‖x‖/σ, and so are its sine and cosine beside their own rounding.
        let steepest = LAST / sigma;
        let angles = steepest * (points_a.mean_of(f64::sqrt) + points_b.mean_of(f64::sqrt));
        let least = steepest * (d as f64 * T::min_positive_value().wide()).sqrt();
        let error = of_square(value, T::epsilon().wide() * (2.0 * angles + 4.0) + least);
        Ok(Estimate::new(solution, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, testing};

    #[test]
    fn two_diracs_on_the_line_have_the_sum_over_the_knots() {
        let (a, b) = (Cloud::new(Side::A, &[0.5f64], 1, 1).unwrap(), Cloud::new(Side::B, &[3.5f64], 1, 1).unwrap());
        let found = |scale: Option<f64>| {
            let divergence = SlicedCf { scale, ..SlicedCf::default() };
            divergence.evaluate(&a, &b, Request::VALUE).unwrap().value
        };
        // |e^{itx} − e^{ity}|² = 2 − 2 cos(t · 3 / σ), whatever the sign of the direction. Trapezoid weights written out.
        let expected = |sigma: f64| {
            let (mut sum, mut mass) = (0.0, 0.0);
            for k in 0..=16 {
                let t = 3.0 * f64::from(k) / 16.0;
                let weight = (-t * t / 2.0).exp() * if k == 0 || k == 16 { 0.5 } else { 1.0 };
                mass += weight;
                sum += weight * (2.0 - 2.0 * (t * 3.0 / sigma).cos());
            }
            sum / mass
        };
        assert!((found(Some(2.0)) - expected(2.0)).abs() < 1e-12);
        // Two points 3 apart, half of the mass each: variance 9/4.
        assert!((found(None) - expected(1.5)).abs() < 1e-12);
    }

    #[test]
    fn it_is_bounded_and_does_not_depend_on_units() {
        let (x, y) = (testing::normal(1, 12 * 3), testing::normal(2, 9 * 3));
        let value = |scale: f64, far: f64| {
            let x: Vec<f64> = x.iter().map(|x| scale * (x + far)).collect();
            let y: Vec<f64> = y.iter().map(|y| scale * y).collect();
            let (a, b) = (Cloud::new(Side::A, &x, 12, 3).unwrap(), Cloud::new(Side::B, &y, 9, 3).unwrap());
            SlicedCf::default().evaluate(&a, &b, Request::VALUE).unwrap().value
        };
        assert!((value(1.0, 0.3) - value(1e4, 0.3)).abs() < 1e-10 * value(1.0, 0.3));
        assert!(value(1.0, 0.0) < value(1.0, 0.5) && value(1.0, 1e3) < 4.0);
    }

    #[test]
    fn gradients_match_finite_differences() {
        let (x, y) = (testing::normal(1, 8 * 3), testing::normal(2, 6 * 3));
        let divergence = SlicedCf::default().scale(1.3).directions(20);
        testing::check_gradient(&divergence, &x, 8, &y, 6, 3, 1e-7);
        let a = [1.0, 0.0, 2.0, 1.0, 1.0, 3.0, 0.5, 1.0];
        testing::check_weighted_gradient(&divergence, &x, &a, &y, &[2.0; 6], 3, 1e-7);
    }
}
