//! Distances between the samples of one cloud, `[n, n]`, and the gradient through them: what Gromov–Wasserstein compares.
//! Euclidean, squared Euclidean, cosine, and the one-step diffusion distance of Coifman and Lafon (2006) over a Gaussian kernel,
//! the reference code's "geodesic". All in `f64`.

use crate::{
    cost,
    matrix::{self, product_until, view},
    parameters::words,
    stop::{Interrupted, Stop},
};

words! {
    /// Which inner distance.
    pub enum Inner {
        /// ‖x − y‖
        Euclidean = "euclidean",
        /// ‖x − y‖²
        SquaredEuclidean = "sqeuclidean",
        /// 1 − the cosine of the angle
        Cosine = "cosine",
        /// one step over a Gaussian kernel, σ = median distance, held constant
        Diffusion = "diffusion",
    }
}

/// Inner distances with what their gradient needs.
pub(crate) struct InnerMatrix {
    inner: Inner,
    rows: Vec<f64>,
    n: usize,
    d: usize,
    /// The distances, symmetric with a zero diagonal, `[n, n]`.
    pub values: Vec<f64>,
    diffusion: Option<Diffusion>,
}

/// Parts of the diffusion distance: the kernel, its row sums, their total, and σ² (held constant).
struct Diffusion {
    kernel: Vec<f64>,
    degrees: Vec<f64>,
    total: f64,
    variance: f64,
    /// Rows whose Euclidean distances are the diffusion distances: K_il √total / (d_i √d_l).
    embedding: Vec<f64>,
}

impl Inner {
    /// The distances between rows `[n, d]`.
    ///
    /// # Errors
    /// Told to stop.
    pub(crate) fn matrix(self, rows: Vec<f64>, d: usize, stop: &Stop) -> Result<InnerMatrix, Interrupted> {
        let n = rows.len() / d;
        let mut diffusion = None;
        let values = match self {
            Inner::SquaredEuclidean => squared_distances(&rows, d, stop)?,
            Inner::Euclidean => roots(squared_distances(&rows, d, stop)?),
            Inner::Cosine => cosine_distances(&rows, d, stop)?,
            Inner::Diffusion => {
                let parts = Diffusion::new(squared_distances(&rows, d, stop)?, n);
                let values = roots(squared_distances(&parts.embedding, n, stop)?);
                diffusion = Some(parts);
                values
            }
        };
        Ok(InnerMatrix { inner: self, rows, n, d, values, diffusion })
    }
}

impl InnerMatrix {
    /// The gradient `[n, d]` of a value whose derivative with respect to each distance is `slopes` `[n, n]`, symmetric.
    ///
    /// # Errors
    /// Told to stop.
    pub(crate) fn back(&self, slopes: &[f64], stop: &Stop) -> Result<Vec<f64>, Interrupted> {
        let n = self.n;
        match self.inner {
            Inner::SquaredEuclidean => pull_apart(slopes.iter().map(|s| 4.0 * s).collect(), &self.rows, self.d, stop),
            Inner::Euclidean => pull_apart(per_distance(slopes, &self.values), &self.rows, self.d, stop),
            Inner::Cosine => self.back_cosine(slopes, stop),
            Inner::Diffusion => {
                let Some(parts) = &self.diffusion else { return Ok(vec![0.0; self.rows.len()]) };
                let of_embedding = pull_apart(per_distance(slopes, &self.values), &parts.embedding, n, stop)?;
                pull_apart(parts.back(&of_embedding), &self.rows, self.d, stop)
            }
        }
    }

    /// 1 − x̂_i·x̂_k, with ∂/∂x_i = −(x̂_k − (x̂_i·x̂_k) x̂_i)/‖x_i‖; rows of length 0 get none.
    fn back_cosine(&self, slopes: &[f64], stop: &Stop) -> Result<Vec<f64>, Interrupted> {
        let (n, d) = (self.n, self.d);
        let unit = unit_rows(&self.rows, d);
        let pulled = product_until(view(slopes, n, n), view(&unit, n, d), stop)?;
        let mut gradient = Vec::with_capacity(self.rows.len());
        for i in 0..n {
            let (u, p) = (&unit[i * d..][..d], &pulled[i * d..][..d]);
            let norm = matrix::norm_squared(&self.rows[i * d..][..d]).sqrt();
            let along = matrix::dot(u, p);
            let factor = if norm > 0.0 { -2.0 / norm } else { 0.0 };
            gradient.extend(p.iter().zip(u).map(|(p, u)| factor * (p - along * u)));
        }
        Ok(gradient)
    }
}

impl Diffusion {
    fn new(squared: Vec<f64>, n: usize) -> Self {
        let variance = median_positive(&squared).unwrap_or(1.0);
        Self::with_variance(squared, n, variance)
    }

    fn with_variance(squared: Vec<f64>, n: usize, variance: f64) -> Self {
        let kernel: Vec<f64> = squared.iter().map(|s| (-s / (2.0 * variance)).exp()).collect();
        let degrees: Vec<f64> = kernel.chunks_exact(n).map(|row| row.iter().sum()).collect();
        let total: f64 = degrees.iter().sum();
        let embedding =
            (0..n * n).map(|k| kernel[k] * total.sqrt() / (degrees[k / n] * degrees[k % n].sqrt())).collect();
        Self { kernel, degrees, total, variance, embedding }
    }

    /// From the gradient to the embedding to symmetric weights of (x_i − x_l).
    fn back(&self, of_embedding: &[f64]) -> Vec<f64> {
        let n = self.degrees.len();
        let (mut of_degree, mut of_total) = (vec![0.0; n], 0.0);
        let mut of_kernel = vec![0.0; n * n];
        for k in 0..n * n {
            let (i, l) = (k / n, k % n);
            let share = of_embedding[k] * self.embedding[k];
            of_degree[i] -= share / self.degrees[i];
            of_degree[l] -= 0.5 * share / self.degrees[l];
            of_total += 0.5 * share / self.total;
            of_kernel[k] = of_embedding[k] * self.total.sqrt() / (self.degrees[i] * self.degrees[l].sqrt());
        }
        for k in 0..n * n {
            of_kernel[k] += of_degree[k / n] + of_total;
        }
        (0..n * n)
            .map(|k| {
                let (i, l) = (k / n, k % n);
                -(of_kernel[k] + of_kernel[l * n + i]) * self.kernel[k] / self.variance
            })
            .collect()
    }
}

/// Σ_k w_ik (x_i − x_k) for symmetric weights.
fn pull_apart(weights: Vec<f64>, rows: &[f64], d: usize, stop: &Stop) -> Result<Vec<f64>, Interrupted> {
    let n = rows.len() / d;
    let mut gradient = product_until(view(&weights, n, n), view(rows, n, d), stop)?;
    for (i, g) in gradient.chunks_exact_mut(d).enumerate() {
        let total: f64 = weights[i * n..][..n].iter().sum();
        g.iter_mut().zip(&rows[i * d..][..d]).for_each(|(g, x)| *g = total * x - *g);
    }
    Ok(gradient)
}

/// 2 s_ik / c_ik: both ends of a pair pull; coincident samples have a kink, where the gradient is 0.
fn per_distance(slopes: &[f64], distances: &[f64]) -> Vec<f64> {
    slopes.iter().zip(distances).map(|(s, c)| if *c > 0.0 { 2.0 * s / c } else { 0.0 }).collect()
}

fn roots(squared: Vec<f64>) -> Vec<f64> {
    squared.into_iter().map(f64::sqrt).collect()
}

/// Pairs whose squared distance is a smaller share of their squared norms are taken as differences: they would lose four digits.
const CLOSE: f64 = 1e-4;

/// ‖x_i − x_k‖², through one product of rows shifted to their mean, close pairs as differences.
fn squared_distances(rows: &[f64], d: usize, stop: &Stop) -> Result<Vec<f64>, Interrupted> {
    let n = rows.len() / d;
    let mut mean = vec![0.0; d];
    rows.chunks_exact(d).for_each(|row| mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / n as f64));
    let centred: Vec<f64> = rows.chunks_exact(d).flat_map(|row| row.iter().zip(&mean).map(|(x, m)| x - m)).collect();
    let x = view(&centred, n, d);
    let mut values = product_until(x, x.transpose(), stop)?;
    let norms: Vec<f64> = (0..n).map(|i| values[i * n + i]).collect();
    for i in 0..n {
        for k in 0..n {
            let sum = norms[i] + norms[k];
            let distance = sum - 2.0 * values[i * n + k];
            values[i * n + k] = if i == k {
                0.0
            } else if distance < CLOSE * sum {
                cost::squared_distance(&rows[i * d..][..d], &rows[k * d..][..d])
            } else {
                distance
            };
        }
    }
    Ok(values)
}

fn unit_rows(rows: &[f64], d: usize) -> Vec<f64> {
    let unit = |row: &[f64]| {
        let norm = matrix::norm_squared(row).sqrt();
        let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        row.iter().map(|x| x * scale).collect::<Vec<_>>()
    };
    rows.chunks_exact(d).flat_map(unit).collect()
}

fn cosine_distances(rows: &[f64], d: usize, stop: &Stop) -> Result<Vec<f64>, Interrupted> {
    let n = rows.len() / d;
    let unit = unit_rows(rows, d);
    let x = view(&unit, n, d);
    let mut values = product_until(x, x.transpose(), stop)?;
    for (k, value) in values.iter_mut().enumerate() {
        let (i, j) = (k / n, k % n);
        let (u, v) = (&unit[i * d..][..d], &unit[j * d..][..d]);
        let distance = 1.0 - *value;
        // 1 − û·v̂ = ½‖û − v̂‖², but for rows of length 0, which are 1 away from all.
        let is_close = distance < CLOSE && *value > 0.0;
        *value = if i == j {
            0.0
        } else if is_close {
            0.5 * cost::squared_distance(u, v)
        } else {
            distance
        };
    }
    Ok(values)
}

/// The median of what lies above zero.
fn median_positive(values: &[f64]) -> Option<f64> {
    let mut positive: Vec<f64> = values.iter().copied().filter(|v| *v > 0.0).collect();
    let middle = positive.len() / 2;
    (!positive.is_empty()).then(|| *positive.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// For the test of the chain rule: σ² as found, and distances for a σ² that stays.
#[cfg(test)]
pub(super) mod tests_support {
    use super::*;
    use crate::stop::unstoppable;

    pub(crate) fn variance(rows: &[f64], d: usize) -> f64 {
        median_positive(&unstoppable(|stop| squared_distances(rows, d, stop))).unwrap_or(1.0)
    }

    pub(crate) fn diffusion_with_variance(rows: &[f64], d: usize, variance: f64) -> InnerMatrix {
        let n = rows.len() / d;
        let distances = |rows: &[f64], d: usize| unstoppable(|stop| squared_distances(rows, d, stop));
        let parts = Diffusion::with_variance(distances(rows, d), n, variance);
        let values = roots(distances(&parts.embedding, n));
        InnerMatrix { inner: Inner::Diffusion, rows: rows.to_vec(), n, d, values, diffusion: Some(parts) }
    }
}
