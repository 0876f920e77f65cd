//! The kernels of the pair sums, a row of pairs at a time, compiled for the widest vectors that the processor has.

use pulp::Arch;

use crate::{matrix::in_lanes, real::Real};

/// A kernel that depends on a pair through one number s: ‖x − y‖² or xᵀy.
pub(crate) trait PairKernel<T: Real>: Sync {
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

/// (s/d + 1)^degree.
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
        Arch::new().dispatch(|| s.iter_mut().for_each(|s| *s = s.sqrt()));
        let sum = weighted_sum(s, weights);
        if let Some(factor) = factor {
            let half = T::of(0.5 * factor);
            Arch::new().dispatch(|| {
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
        let (inverse, power) = (T::of(1.0 / self.d as f64), self.degree as i32);
        Arch::new().dispatch(|| s.iter_mut().for_each(|s| *s = *s * inverse + T::one()));
        let mut values = s.to_vec();
        Arch::new().dispatch(|| values.iter_mut().for_each(|v| *v = v.powi(power)));
        let sum = weighted_sum(&values, weights);
        if let Some(factor) = factor {
            Arch::new().dispatch(|| s.iter_mut().for_each(|s| *s = s.powi(power - 1)));
            scale_by_weights(s, weights, factor * f64::from(self.degree) / self.d as f64);
        }
        sum
    }
}

/// xᵀy → ‖x − y‖², never negative.
pub(crate) fn squared_distances<T: Real>(row: &mut [T], norm: T, norms: &[T]) {
    let two = T::of(2.0);
    Arch::new().dispatch(|| {
        row.iter_mut().zip(norms).for_each(|(s, other)| {
            let d2 = norm + *other - two * *s;
            *s = if d2 > T::zero() { d2 } else { T::zero() };
        })
    });
}

/// Σ s_j in `f64`.
pub(crate) fn sum<T: Real>(s: &[T]) -> f64 {
    Arch::new().dispatch(|| in_lanes(s.len(), |j| s[j].wide()))
}

/// Σ b_j s_j in `f64`.
fn weighted_sum<T: Real>(s: &[T], weights: &[f64]) -> f64 {
    let weights = &weights[..s.len()];
    Arch::new().dispatch(|| in_lanes(s.len(), |j| s[j].wide() * weights[j]))
}

fn scale<T: Real>(s: &mut [T], by: T) {
    Arch::new().dispatch(|| s.iter_mut().for_each(|s| *s *= by));
}

fn scale_by_weights<T: Real>(s: &mut [T], weights: &[f64], by: f64) {
    Arch::new().dispatch(|| s.iter_mut().zip(weights).for_each(|(s, b)| *s *= T::of(b * by)));
}
