//! The kernels of the pair sums, a row of pairs at a time, compiled for the widest vectors that the processor has.

use super::{Factors, points::Points};
use crate::{isa, matrix::in_lanes, real::Real};

/// What is known of a kernel's rounding before any pair is looked at, from the squared norms of the shifted samples.
pub(crate) trait Rounded: Sync {
    /// How the error of a sample's sum over pairs grows with ‖x‖²; `typical` is the mean norm ‖x‖ of all samples.
    fn size(&self, norm_squared: f64, typical: f64) -> f64;

    /// From ‖x‖² of a sample to how far its row of the gradient may be off in norm, in units of ε and of the sample's weight.
    fn slope_size<T: Real>(&self, a: &Points<T>, b: &Points<T>, factors: Factors) -> Box<dyn Fn(f64) -> f64>;

    /// How far the three sums together may be off, in a precision with this ε and this least positive number.
    fn bound<T: Real>(&self, a: &Points<T>, b: &Points<T>, factors: Factors) -> f64;
}

/// A kernel that depends on a pair through one number s: ‖x − y‖² or xᵀy.
pub(crate) trait PairKernel<T: Real>: Rounded {
    /// Whether s is the squared distance (else the inner product).
    const RADIAL: bool;

    /// Σ_j b_j k(s_j) over a row; with a factor, s_j becomes factor · b_j · k'(s_j), else its content is lost.
    fn row(&self, s: &mut [T], weights: &[f64], factor: Option<f64>) -> f64;
}

/// Mean over scales of exp(−s γ), γ = 1/2σ².
pub(crate) struct Gaussian {
    /// γ of each kernel of the mixture.
    pub gammas: Vec<f64>,
}

/// √s: the distance itself. At s = 0 the slope is 0.
pub(crate) struct Distance;

/// (s/d + 1)^degree − 1: the three sums do not see a constant, and small features lose no digits to it.
pub(crate) struct Polynomial {
    pub d: usize,
    pub degree: u32,
}

impl<T: Real> PairKernel<T> for Gaussian {
    const RADIAL: bool = true;

    fn row(&self, s: &mut [T], weights: &[f64], factor: Option<f64>) -> f64 {
        let share = 1.0 / self.gammas.len() as f64;
        if let [gamma] = self.gammas[..] {
            scale(s, T::of(-gamma));
            T::exp_negative(s);
            let sum = weighted_sum(s, weights);
            if let Some(factor) = factor {
                scale_by_weights(s, weights, -gamma * factor);
            }
            return sum;
        }
        let (mut sum, mut slopes, mut one) = (0.0, vec![T::zero(); s.len()], vec![T::zero(); s.len()]);
        for gamma in &self.gammas {
            one.copy_from_slice(s);
            scale(&mut one, T::of(-gamma));
            T::exp_negative(&mut one);
            sum += share * weighted_sum(&one, weights);
            slopes.iter_mut().zip(&one).for_each(|(slope, k)| *slope += T::of(-gamma * share) * *k);
        }
        if let Some(factor) = factor {
            s.copy_from_slice(&slopes);
            scale_by_weights(s, weights, factor);
        }
        sum
    }
}

impl<T: Real> PairKernel<T> for Distance {
    const RADIAL: bool = true;

    fn row(&self, s: &mut [T], weights: &[f64], factor: Option<f64>) -> f64 {
        isa::arch().dispatch(|| s.iter_mut().for_each(|s| *s = s.sqrt()));
        let sum = weighted_sum(s, weights);
        if let Some(factor) = factor {
            let half = T::of(0.5 * factor);
            isa::arch().dispatch(|| {
                s.iter_mut().zip(weights).for_each(|(s, b)| {
                    let slope = half * T::of(*b) / *s;
                    *s = if *s > T::zero() { slope } else { T::zero() };
                })
            });
        }
        sum
    }
}

impl<T: Real> PairKernel<T> for Polynomial {
    const RADIAL: bool = false;

    fn row(&self, s: &mut [T], weights: &[f64], factor: Option<f64>) -> f64 {
        let (inverse, degree) = (T::of(1.0 / self.d as f64), self.degree);
        scale(s, inverse);
        let mut values = s.to_vec();
        let raise = |v: &mut T, t: T| *v += t + *v * t;
        isa::arch().dispatch(|| {
            for _ in 1..degree {
                values.iter_mut().zip(&*s).for_each(|(v, t)| raise(v, *t));
            }
        });
        let sum = weighted_sum(&values, weights);
        if let Some(factor) = factor {
            isa::arch().dispatch(|| s.iter_mut().for_each(|s| *s = (*s + T::one()).powi(degree as i32 - 1)));
            scale_by_weights(s, weights, factor * f64::from(self.degree) / self.d as f64);
        }
        sum
    }
}

/// Σ over the three sums of |factor| (f(A, A), f(A, B), f(B, B)).
fn over_sums(factors: Factors, aa: f64, ab: f64, bb: f64) -> f64 {
    factors.aa.abs() * aa + factors.ab.abs() * ab + factors.bb.abs() * bb
}

impl Rounded for Gaussian {
    fn size(&self, _: f64, _: f64) -> f64 {
        1.0
    }

    fn slope_size<T: Real>(&self, _: &Points<T>, _: &Points<T>, factors: Factors) -> Box<dyn Fn(f64) -> f64> {
        let gamma = self.gammas.iter().sum::<f64>() / self.gammas.len() as f64;
        let slopes = 2.0 * gamma * (2.0 * factors.aa.abs() + factors.ab.abs());
        Box::new(move |norm| slopes * norm.sqrt())
    }

    /// k' ≤ γ, and ‖x‖² + ‖y‖² − 2 xᵀy is off by ε of the norms.
    fn bound<T: Real>(&self, a: &Points<T>, b: &Points<T>, factors: Factors) -> f64 {
        self.bound_of_norms::<T>([a.mean_of(|norm| norm), b.mean_of(|norm| norm)], a.width(), factors)
    }
}

impl Gaussian {
    /// [`Rounded::bound`] from the mean squared norms of both sides.
    pub(crate) fn bound_of_norms<T: Real>(&self, [of_a, of_b]: [f64; 2], d: usize, factors: Factors) -> f64 {
        let gamma = self.gammas.iter().sum::<f64>() / self.gammas.len() as f64;
        let least = d as f64 * T::min_positive_value().wide();
        let of_kernel = |norms: f64| T::epsilon().wide() * (2.0 + gamma * 2.0 * norms) + gamma * least;
        over_sums(factors, of_kernel(2.0 * of_a), of_kernel(of_a + of_b), of_kernel(2.0 * of_b))
    }
}

impl Rounded for Distance {
    fn size(&self, norm_squared: f64, typical: f64) -> f64 {
        norm_squared.sqrt() + typical
    }

    /// Slopes are 1, and ‖x‖ is seldom many times the distance of a pair that is not taken as a difference.
    fn slope_size<T: Real>(&self, _: &Points<T>, _: &Points<T>, factors: Factors) -> Box<dyn Fn(f64) -> f64> {
        let size = 4.0 * (2.0 * factors.aa.abs() + factors.ab.abs());
        Box::new(move |_| size)
    }

    /// A squared distance below √ε of its norms is taken as a difference; the root of a larger one is off by ε/ε^¼ of the norms' root.
    fn bound<T: Real>(&self, a: &Points<T>, b: &Points<T>, factors: Factors) -> f64 {
        let unit = T::epsilon().wide();
        let (of_a, of_b) = (a.mean_of(f64::sqrt), b.mean_of(f64::sqrt));
        let least = (a.width() as f64 * T::min_positive_value().wide()).sqrt();
        let of_kernel = |norms: f64| unit.powf(0.75) * norms + least;
        over_sums(factors, of_kernel(2.0 * of_a), of_kernel(of_a + of_b), of_kernel(2.0 * of_b))
    }
}

impl Rounded for Polynomial {
    /// √(q (1 + q)^(p−1)) with q = ‖x‖²/d: by Cauchy and Schwarz |s k'(s)| ≤ p · size(x) · size(y) for s = xᵀy.
    fn size(&self, norm_squared: f64, _: f64) -> f64 {
        let q = norm_squared / self.d as f64;
        (q * (1.0 + q).powi(self.degree as i32 - 1)).sqrt()
    }

    fn slope_size<T: Real>(&self, a: &Points<T>, b: &Points<T>, factors: Factors) -> Box<dyn Fn(f64) -> f64> {
        let (d, degree) = (self.d as f64, self.degree);
        let rise = move |norm: f64| (1.0 + norm / d).powi(degree as i32 - 1).sqrt();
        let pull = |points: &Points<T>| points.mean_of(|norm| rise(norm) * norm.sqrt());
        let pulls = 2.0 * factors.aa.abs() * pull(a) + factors.ab.abs() * pull(b);
        Box::new(move |norm| f64::from(degree * degree) / d * rise(norm) * pulls)
    }

    fn bound<T: Real>(&self, a: &Points<T>, b: &Points<T>, factors: Factors) -> f64 {
        let unit = T::epsilon().wide() * f64::from(self.degree) * (2.0 + (self.d as f64).sqrt() / 8.0);
        let (of_a, of_b) = (a.mean_of(|norm| self.size(norm, 0.0)), b.mean_of(|norm| self.size(norm, 0.0)));
        unit * over_sums(factors, of_a * of_a, of_a * of_b, of_b * of_b) + T::min_positive_value().wide()
    }
}

/// xᵀy → ‖x − y‖², never negative.
pub(crate) fn squared_distances<T: Real>(row: &mut [T], norm: T, norms: &[T]) {
    let two = T::of(2.0);
    isa::arch().dispatch(|| {
        row.iter_mut().zip(norms).for_each(|(s, other)| {
            let d2 = norm + *other - two * *s;
            *s = if d2 > T::zero() { d2 } else { T::zero() };
        })
    });
}

/// Σ s_j in `f64`.
pub(crate) fn sum<T: Real>(s: &[T]) -> f64 {
    isa::arch().dispatch(|| in_lanes(s.len(), |j| s[j].wide()))
}

/// Σ b_j s_j in `f64`.
fn weighted_sum<T: Real>(s: &[T], weights: &[f64]) -> f64 {
    let weights = &weights[..s.len()];
    isa::arch().dispatch(|| in_lanes(s.len(), |j| s[j].wide() * weights[j]))
}

fn scale<T: Real>(s: &mut [T], by: T) {
    isa::arch().dispatch(|| s.iter_mut().for_each(|s| *s *= by));
}

fn scale_by_weights<T: Real>(s: &mut [T], weights: &[f64], by: f64) {
    isa::arch().dispatch(|| s.iter_mut().zip(weights).for_each(|(s, b)| *s *= T::of(b * by)));
}
