//! Distance of characteristic functions: mean over random frequencies t of |φ_A(t) − φ_B(t)|², φ(t) = Σ a_i exp(i tᵀx_i).
//! With Gaussian frequencies it is an unbiased sample of `mmd-rbf` (Bochner; Rahimi and Recht 2007), in time linear in n.
//! Next: [`super::mmd_rbf`].

use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;

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
        domain::{ROWS, SEED},
        parameters,
    },
    precision::{Estimate, Estimated, evaluate, of_square},
    projection::Drawn,
    real::Real,
    room,
    solution::Solution,
    stop::{Interrupted, Stop},
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "cf",
    aliases: &[],
    formula: "mean over t ~ N(0, I/σ²) of |Σ a_i exp(i tᵀx_i) − Σ b_j exp(i tᵀy_j)|²",
    source: "Chwialkowski et al. (2015); frequencies, Rahimi and Recht (2007)",
    cost: "O(F (n + m) d) time, O(F (n + m + d)) memory, F frequencies; the median bandwidth adds O((n + m)² d)",
    when: "mmd-rbf for large n: give a bandwidth and the cost is linear; noisier, since frequencies are sampled",
    traits: Traits::PLAIN,
    options: CharacteristicFunction::OPTIONS,
    build: build::<CharacteristicFunction>,
};

pub use crate::pairwise::bandwidth::Bandwidth;

parameters! {
    /// Mean squared difference of characteristic functions.
    pub struct CharacteristicFunction for ENTRY {
        /// number of sampled frequencies
        frequencies: usize = 512 in ROWS,
        bandwidth: Bandwidth,
        /// seed of the frequencies
        seed: u64 = 0 in SEED,
    }
    // Standard normal numbers `[frequencies, d]`.
    keeping { drawn: Drawn }
}

fn draw((count, d, seed): (usize, usize, u64), _: &Stop) -> Result<Vec<f64>, Interrupted> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    Ok((0..count * d).map(|_| StandardNormal.sample(&mut rng)).collect())
}

/// tᵀx of all samples and frequencies as sines and cosines, row-major `[n, F]`, with their weighted sums over samples.
struct Transform<T> {
    sines: Vec<T>,
    cosines: Vec<T>,
    sum_of_sines: Vec<f64>,
    sum_of_cosines: Vec<f64>,
}

impl<T: Real> Transform<T> {
    fn new(points: &Points<T>, frequencies: &[T], stop: &Stop) -> Result<Self, Interrupted> {
        let (n, d) = (points.len(), points.width());
        let count = frequencies.len() / d;
        let rows = view(points.rows(&(0..n)), n, d);
        let mut sines = product_until(rows, view(frequencies, count, d).transpose(), stop)?;
        let mut cosines = vec![T::zero(); n * count];
        T::sin_cos_slices(&mut sines, &mut cosines);
        let sum = |values: &[T]| {
            let mut sum = vec![0.0; count];
            for (i, row) in values.chunks_exact(count).enumerate() {
                let a = points.weight(i);
                sum.iter_mut().zip(row).for_each(|(s, x)| *s += a * x.wide());
            }
            sum
        };
        Ok(Self { sum_of_sines: sum(&sines), sum_of_cosines: sum(&cosines), sines, cosines })
    }
}

impl<T: Real> Divergence<T> for CharacteristicFunction {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for CharacteristicFunction {
    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        let (d, count) = (a.width(), self.frequencies);
        // Frequencies; sines and cosines at all samples.
        let bytes = room::sum(&[
            room::bytes::<f64>(&[count, d]),
            room::bytes::<T>(&[count, d]),
            room::bytes::<T>(&[2, a.len() + b.len(), count]),
        ]);
        let what = || format!("{count} frequencies of {} + {} samples × {d}", a.len(), b.len());
        room::ask(ENTRY.name, bytes, what, "give fewer frequencies, or compare fewer samples")?;
        // A common shift of both clouds turns the phase of both functions alike: centred, the angles are small.
        let (points_a, points_b) = Points::centred(a, b);
        self.bandwidth.check(ENTRY.name, &points_a, &points_b)?;
        let Some(sigma) = self.bandwidth.sigma(&points_a, &points_b, None, request.stop)? else {
            return Ok(Estimate::of_coincident(a, b, request.gradient));
        };
        let widths = self.bandwidth.widths(sigma);
        let normal = self.drawn.get((count, d, self.seed), request.stop, draw)?;
        let rows = normal.chunks_exact(d).enumerate();
        let frequencies: Vec<T> = rows
            .flat_map(|(k, row)| {
                let inverse = 1.0 / widths[k % widths.len()];
                row.iter().map(move |z| T::of(z * inverse))
            })
            .collect();
        let transform = |points: &Points<T>| Transform::new(points, &frequencies, request.stop);
        let (of_a, of_b) = rayon::join(|| transform(&points_a), || transform(&points_b));
        let (of_a, of_b) = (of_a?, of_b?);
        let subtract = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x - y).collect::<Vec<f64>>();
        let sine = subtract(&of_a.sum_of_sines, &of_b.sum_of_sines);
        let cosine = subtract(&of_a.sum_of_cosines, &of_b.sum_of_cosines);
        let value = sine.iter().chain(&cosine).map(|x| x * x).sum::<f64>() / count as f64;
        let gradient = request.gradient.then(|| {
            // ∂/∂x_i = 2 a_i / F Σ_t (ΔS cos(tᵀx_i) − ΔC sin(tᵀx_i)) t
            let Transform { mut sines, cosines, .. } = of_a;
            for (i, (s, c)) in sines.chunks_exact_mut(count).zip(cosines.chunks_exact(count)).enumerate() {
                let scale = 2.0 * points_a.weight(i) / count as f64;
                for (((s, c), ds), dc) in s.iter_mut().zip(c).zip(&sine).zip(&cosine) {
                    *s = T::of(scale * ds) * *c - T::of(scale * dc) * *s;
                }
            }
            points_a.scatter(product(view(&sines, points_a.len(), count), view(&frequencies, count, d)))
        });
        let mut solution = Solution::closed(value).with_gradient(gradient);
        solution.diagnostics = vec![("bandwidth", sigma), ("frequencies", count as f64)];
        // An angle tᵀx is off by ε of ‖x‖/σ, and so are its sine and cosine beside their own rounding.
        let steepest = widths.iter().fold(0.0, |most: f64, width| most.max(1.0 / width));
        let angles = steepest * (points_a.mean_of(f64::sqrt) + points_b.mean_of(f64::sqrt));
        let least = steepest * (d as f64 * T::min_positive_value().wide()).sqrt();
        let error = of_square(value, T::epsilon().wide() * (2.0 * angles + 4.0) + least);
        Ok(Estimate::new(solution, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, options::Options, testing};

    #[test]
    fn two_diracs_on_the_line() {
        // |e^{itx} − e^{ity}|² = 2 − 2 cos t(x − y), averaged over the very frequencies that were drawn.
        let (a, b) = (Cloud::new(Side::A, &[0.0f64], 1, 1).unwrap(), Cloud::new(Side::B, &[3.0f64], 1, 1).unwrap());
        let divergence = CharacteristicFunction::default().bandwidth(2.0).frequencies(100).seed(5);
        let drawn = testing::normal(5, 100);
        let expected = drawn.iter().map(|z| 2.0 - 2.0 * (z * 1.5).cos()).sum::<f64>() / 100.0;
        let found = divergence.evaluate(&a, &b, Request::VALUE).unwrap().value;
        assert!((found - expected).abs() < 1e-12);
    }

    #[test]
    fn many_frequencies_approach_mmd_rbf() {
        let (x, y) = (testing::normal(1, 30 * 2), testing::normal(2, 20 * 2));
        let y: Vec<f64> = y.iter().map(|y| 1.5 * y + 1.0).collect();
        let (a, b) = (Cloud::new(Side::A, &x, 30, 2).unwrap(), Cloud::new(Side::B, &y, 20, 2).unwrap());
        let value = |options: &Options| {
            super::super::registry::build(options).unwrap().evaluate(&a, &b, Request::VALUE).unwrap().value
        };
        let (mmd, cf) = (value(&Options::new("mmd-rbf")), value(&Options::new("cf").set("frequencies", 40_000)));
        assert!((mmd - cf).abs() < 0.02 * mmd, "{mmd} {cf}");
    }

    #[test]
    fn gradient_matches_finite_differences() {
        let (x, y) = (testing::normal(1, 8 * 3), testing::normal(2, 6 * 3));
        let divergence = CharacteristicFunction::default().bandwidth(1.3).frequencies(50);
        testing::check_gradient(&divergence, &x, 8, &y, 6, 3, 1e-7);
        testing::check_weighted_gradient(
            &divergence,
            &x,
            &[1.0, 0.0, 2.0, 1.0, 1.0, 3.0, 0.5, 1.0],
            &y,
            &[2.0; 6],
            3,
            1e-7,
        );
    }
}
