//! A teacher's features brought to a common scale before anything is compared with them: `teacher.features_as`. The map is fitted on the
//! features of the images that the student trains on and then fixed; student, logits and maps of stages stay as they are.
//!
//! With mean μ and covariance U Λ Uᵀ of the features:
//! `standard` (x − μ)_k / σ_k; `whiten` Λ^−½ Uᵀ (x − μ); `phi-s` H Uᵀ (x − μ) / √(mean λ), which turns the principal axes so that every
//! axis has the same variance and all distances keep their proportions (Ranzinger et al. 2024, "PHI-S"). H is a Hadamard matrix over √d where d
//! is a power of two; elsewhere rotations of two axes at a time do the same (Bendel and Mickey 1978).

use burn::tensor::{Device, Tensor, TensorData};
use faer::{Accum, Mat, MatRef, Par, Side, linalg::matmul::matmul};

use super::{Answer, Query, Teacher};
use crate::{
    Error,
    batch::Outputs,
    config::FeaturesAs,
    engine::{EngineError, Images},
};

/// Share of the mean variance below which an axis counts as dead: what it holds is rounding and is not blown up.
const DEAD: f64 = 1e-4;
/// Rows of a product, so that wide features of many images are never held in double precision at once.
const ROWS: usize = 1024;

/// x ↦ A (x − μ).
#[derive(Debug, Clone)]
pub struct Standardisation {
    mean: Vec<f64>,
    /// `[d, d]`, row-major.
    matrix: Vec<f64>,
}

impl Standardisation {
    /// Fitted on features, row-major `[n, d]`.
    ///
    /// # Errors
    /// Features that are not finite, or do not vary.
    pub fn fit(features: &[f32], d: usize, how: FeaturesAs) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Key { key: "teacher.features_as".to_owned(), why: why.to_owned() };
        let n = features.len() / d.max(1);
        if features.iter().any(|x| !x.is_finite()) {
            return Err(wrong("needs features of the teacher that are numbers: some are not finite"));
        }
        let mut mean = vec![0.0; d];
        for row in features.chunks_exact(d.max(1)) {
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += f64::from(*x) / n as f64);
        }
        let covariance = covariance(features, &mean, d);
        let average = (0..d).map(|k| covariance[(k, k)]).sum::<f64>() / d.max(1) as f64;
        if average.is_nan() || average <= 0.0 {
            return Err(wrong("needs features of the teacher that vary over the training images: all are alike"));
        }
        let inverse = |variance: f64| if variance > DEAD * average { variance.sqrt().recip() } else { 0.0 };
        let matrix = match how {
            FeaturesAs::Raw => Mat::<f64>::identity(d, d),
            FeaturesAs::Standard => Mat::from_fn(d, d, |i, j| if i == j { inverse(covariance[(i, i)]) } else { 0.0 }),
            FeaturesAs::Whiten | FeaturesAs::PhiS => {
                let Ok(spectrum) = covariance.self_adjoint_eigen(Side::Lower) else {
                    return Err(wrong("found no principal axes of the teacher's features"));
                };
                let values: Vec<f64> = (0..d).map(|k| spectrum.S()[k].max(0.0)).collect();
                // A sign is free: the largest entry is made positive, so that runs repeat.
                let sign = |k: usize| {
                    let entries = (0..d).map(|i| spectrum.U()[(i, k)]);
                    entries.fold(0.0, |a: f64, x| if x.abs() > a.abs() { x } else { a }).signum()
                };
                let axes = Mat::from_fn(d, d, |k, i| sign(k) * spectrum.U()[(i, k)]);
                match how {
                    FeaturesAs::Whiten => Mat::from_fn(d, d, |k, i| inverse(values[k]) * axes[(k, i)]),
                    _ => {
                        let turn = equal_variances(&values);
                        let turned = &turn * &axes;
                        Mat::from_fn(d, d, |k, i| turned[(k, i)] / average.sqrt())
                    }
                }
            }
        };
        let matrix = (0..d).flat_map(|i| (0..d).map(move |j| (i, j))).map(|at| matrix[at]).collect();
        Ok(Self { mean, matrix })
    }

    /// A and A μ on a device: x Aᵀ − A μ.
    fn upload(&self, device: &Device) -> [Tensor<2>; 2] {
        let d = self.mean.len();
        let device = device.clone().without_autodiff();
        let shift = self.matrix.chunks_exact(d.max(1)).map(|row| row.iter().zip(&self.mean).map(|(a, m)| a * m).sum());
        let shift: Vec<f64> = shift.collect();
        let single = |values: &[f64]| values.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        let tensor = |values: &[f64], shape| Tensor::from_data(TensorData::new(single(values), shape), &device);
        [tensor(&self.matrix, [d, d]), tensor(&shift, [1, d])]
    }
}

/// Of centred features, with 1/n.
fn covariance(features: &[f32], mean: &[f64], d: usize) -> Mat<f64> {
    let mut sum = Mat::zeros(d, d);
    let n = features.len() / d.max(1);
    for rows in features.chunks(ROWS * d.max(1)) {
        let centred: Vec<f64> = rows.iter().zip(mean.iter().cycle()).map(|(x, m)| f64::from(*x) - m).collect();
        let centred = MatRef::from_row_major_slice(&centred, rows.len() / d.max(1), d);
        // One thread: the order of sums, and so every digit, does not depend on the machine.
        matmul(sum.as_mut(), Accum::Add, centred.transpose(), centred, 1.0 / n as f64, Par::Seq);
    }
    sum
}

/// An orthogonal R for which every diagonal entry of R diag(values) Rᵀ is the mean of the values.
fn equal_variances(values: &[f64]) -> Mat<f64> {
    let d = values.len();
    if d.is_power_of_two() {
        // Sylvester's Hadamard matrix: the sign of an entry is the parity of the bits that both indices have.
        let size = (d as f64).sqrt().recip();
        return Mat::from_fn(d, d, |i, j| if (i & j).count_ones().is_multiple_of(2) { size } else { -size });
    }
    let mean = values.iter().sum::<f64>() / d as f64;
    let mut turn = Mat::<f64>::identity(d, d);
    let mut own = Mat::from_fn(d, d, |i, j| if i == j { values[i] } else { 0.0 });
    let mut open: Vec<usize> = (0..d).collect();
    while open.len() > 1 {
        open.sort_by(|a, b| own[(*a, *a)].total_cmp(&own[(*b, *b)]));
        let (i, j) = (open[0], open[open.len() - 1]);
        let [low, high, across] = [own[(i, i)] - mean, own[(j, j)] - mean, own[(i, j)]];
        if !(low < 0.0 && high > 0.0) {
            break;
        }
        // c² low + 2 c s across + s² high = 0 with t = s / c.
        let t = (-across + (across * across - low * high).sqrt()) / high;
        let c = (1.0 + t * t).sqrt().recip();
        let s = c * t;
        for matrix in [&mut turn, &mut own] {
            for k in 0..d {
                let (x, y) = (matrix[(i, k)], matrix[(j, k)]);
                (matrix[(i, k)], matrix[(j, k)]) = (c * x + s * y, c * y - s * x);
            }
        }
        for k in 0..d {
            let (x, y) = (own[(k, i)], own[(k, j)]);
            (own[(k, i)], own[(k, j)]) = (c * x + s * y, c * y - s * x);
        }
        open.retain(|k| *k != i);
    }
    turn
}

/// A teacher seen through a standardisation.
pub struct Standardised {
    inner: Box<dyn Teacher>,
    matrix: Tensor<2>,
    shift: Tensor<2>,
}

impl Standardised {
    /// Every feature that `inner` gives goes through the map.
    pub fn new(inner: Box<dyn Teacher>, map: &Standardisation, device: &Device) -> Self {
        let [matrix, shift] = map.upload(device);
        Self { inner, matrix, shift }
    }

    fn seen(&self, outputs: Outputs) -> Outputs {
        let features = outputs.features.matmul(self.matrix.clone().transpose()) - self.shift.clone();
        Outputs { features, ..outputs }
    }
}

impl Teacher for Standardised {
    fn answer(&mut self, images: Images, query: &Query) -> Result<Answer, EngineError> {
        let Answer { all, labelled } = self.inner.answer(images, query)?;
        let labelled = labelled.map(|(outputs, classes)| (self.seen(outputs), classes));
        Ok(Answer { all: self.seen(all), labelled })
    }

    fn is_paired(&self) -> bool {
        self.inner.is_paired()
    }

    fn recalled(&self) -> usize {
        self.inner.recalled()
    }

    fn notes(&mut self) -> Vec<String> {
        self.inner.notes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kd2m_nn::init::uniform;

    /// Correlated features of very different scale.
    fn features(n: usize, d: usize) -> Vec<f32> {
        let drawn = uniform(3, "features", n * d, 1.0);
        let row = |row: &[f32]| {
            (0..d).map(|k| 10f32.powi(k as i32 % 3) * (row[k] + 0.5 * row[(k + 1) % d]) + k as f32).collect()
        };
        drawn.chunks(d).flat_map(|x| -> Vec<f32> { row(x) }).collect()
    }

    fn mapped(features: &[f32], d: usize, how: FeaturesAs) -> Vec<f64> {
        let Standardisation { mean, matrix } = Standardisation::fit(features, d, how).unwrap();
        let row = |x: &[f32]| {
            let centred: Vec<f64> = x.iter().zip(&mean).map(|(x, m)| f64::from(*x) - m).collect();
            matrix.chunks(d).map(|a| a.iter().zip(&centred).map(|(a, x)| a * x).sum()).collect::<Vec<f64>>()
        };
        features.chunks(d).flat_map(row).collect()
    }

    /// Covariance with 1/n, `[d, d]`.
    fn of(values: &[f64], d: usize) -> Vec<f64> {
        let n = (values.len() / d) as f64;
        let entry = |i: usize, j: usize| values.chunks(d).map(|row| row[i] * row[j]).sum::<f64>() / n;
        (0..d * d).map(|at| entry(at / d, at % d)).collect()
    }

    #[test]
    fn each_way_has_the_covariance_that_it_promises() {
        for d in [5, 8] {
            let x = features(60, d);
            let diagonal = |c: &[f64]| (0..d).map(|k| c[k * d + k]).collect::<Vec<f64>>();
            let standard = of(&mapped(&x, d, FeaturesAs::Standard), d);
            assert!(diagonal(&standard).iter().all(|v| (v - 1.0).abs() < 1e-9), "{standard:?}");
            let white = of(&mapped(&x, d, FeaturesAs::Whiten), d);
            for (at, v) in white.iter().enumerate() {
                let expected = if at / d == at % d { 1.0 } else { 0.0 };
                assert!((v - expected).abs() < 1e-6, "{d}: {white:?}");
            }
            let turned = mapped(&x, d, FeaturesAs::PhiS);
            let phi = of(&turned, d);
            assert!(diagonal(&phi).iter().all(|v| (v - 1.0).abs() < 1e-9), "{d}: {phi:?}");
            // Distances keep their proportions.
            let apart = |y: &dyn Fn(usize, usize) -> f64, i: usize, j: usize| {
                (0..d).map(|k| (y(i, k) - y(j, k)).powi(2)).sum::<f64>()
            };
            let ratio = |i: usize, j: usize| {
                apart(&|i, k| turned[i * d + k], i, j) / apart(&|i, k| f64::from(x[i * d + k]), i, j)
            };
            assert!((ratio(0, 1) / ratio(7, 40) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_dead_axis_stays_dead_and_nothing_to_scale_is_an_error() {
        let mut x = features(30, 4);
        x.chunks_mut(4).for_each(|row| row[2] = 7.0);
        for how in [FeaturesAs::Standard, FeaturesAs::Whiten, FeaturesAs::PhiS] {
            assert!(mapped(&x, 4, how).iter().all(|y| y.is_finite() && y.abs() < 100.0), "{how:?}");
        }
        let fails = |x: &[f32]| Standardisation::fit(x, 2, FeaturesAs::Whiten).unwrap_err().to_string();
        assert!(fails(&[1.0, 2.0, 1.0, 2.0]).contains("all are alike"));
        assert!(fails(&[1.0, f32::NAN]).contains("not finite"));
    }

    #[test]
    fn variances_are_equal_at_any_width() {
        for d in [1, 2, 3, 6, 7, 16, 33] {
            let values: Vec<f64> = (0..d).map(|k| (k * k) as f64 + 0.5).collect();
            let turn = equal_variances(&values);
            let mean = values.iter().sum::<f64>() / d as f64;
            for i in 0..d {
                let variance: f64 = (0..d).map(|k| turn[(i, k)].powi(2) * values[k]).sum();
                assert!((variance - mean).abs() < 1e-9 * mean, "{d}");
                for j in 0..d {
                    let inner: f64 = (0..d).map(|k| turn[(i, k)] * turn[(j, k)]).sum();
                    assert!((inner - f64::from(u8::from(i == j))).abs() < 1e-12, "{d}");
                }
            }
        }
    }
}
