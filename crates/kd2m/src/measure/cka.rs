//! Linear centred kernel alignment: ‖X_cᵀY_c‖²_F / (‖X_cᵀX_c‖_F · ‖Y_cᵀY_c‖_F) of centred features, from 0 to 1. It takes
//! different widths and is blind to rotations and to scale, which distances between features are not.
//! Kornblith et al. 2019, "Similarity of neural network representations revisited".

use faer::{Accum, Mat, MatRef, Par, linalg::matmul::matmul};

/// Sums over samples, batch by batch, in f64.
pub struct Sums {
    n: f64,
    means: [Vec<f64>; 2],
    /// XᵀX, XᵀY, YᵀY.
    products: [Mat<f64>; 3],
}

impl Sums {
    /// For widths d of X and e of Y.
    pub fn new(d: usize, e: usize) -> Self {
        let products = [Mat::zeros(d, d), Mat::zeros(d, e), Mat::zeros(e, e)];
        Self { n: 0.0, means: [vec![0.0; d], vec![0.0; e]], products }
    }

    /// Adds features of the same samples, `[n, d]` and `[n, e]` row-major.
    pub fn add(&mut self, x: &[f32], y: &[f32]) {
        let (d, e) = (self.means[0].len(), self.means[1].len());
        let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
        let (x, y) = (wide(x), wide(y));
        let n = x.len() / d.max(1);
        self.n += n as f64;
        for (mean, (values, width)) in self.means.iter_mut().zip([(&x, d), (&y, e)]) {
            for row in values.chunks_exact(width.max(1)) {
                mean.iter_mut().zip(row).for_each(|(m, v)| *m += v);
            }
        }
        let x = MatRef::from_row_major_slice(&x, n, d);
        let y = MatRef::from_row_major_slice(&y, n, e);
        // One thread: the order of sums, and so every digit, does not depend on the machine.
        for (to, (a, b)) in self.products.iter_mut().zip([(x, x), (x, y), (y, y)]) {
            matmul(to.as_mut(), Accum::Add, a.transpose(), b, 1.0, Par::Seq);
        }
    }

    /// The alignment; `None` where one side never varies.
    pub fn value(&self) -> Option<f64> {
        let pairs = [(0, 0), (0, 1), (1, 1)];
        let [xx, xy, yy] = [0, 1, 2].map(|k| {
            let (a, b) = (&self.means[pairs[k].0], &self.means[pairs[k].1]);
            let centred = |i: usize, j: usize| self.products[k][(i, j)] - a[i] * b[j] / self.n;
            (0..a.len()).flat_map(|i| (0..b.len()).map(move |j| centred(i, j).powi(2))).sum::<f64>()
        });
        let size = (xx * yy).sqrt();
        (size > 0.0).then(|| xy / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inputs of scripts/golden/measures.py.
    fn features(n: usize, d: usize, phase: f64) -> Vec<f32> {
        let value =
            |i: usize, j: usize| 3.0 + ((i * 13 + j * 29 + i * j) as f64 * 0.37 + phase).sin() * (1.0 + j as f64);
        (0..n).flat_map(|i| (0..d).map(move |j| value(i, j) as f32)).collect()
    }

    fn of(x: &[f32], y: &[f32], n: usize) -> Option<f64> {
        let mut sums = Sums::new(x.len() / n, y.len() / n);
        let half = n / 2;
        let (d, e) = (x.len() / n, y.len() / n);
        sums.add(&x[..half * d], &y[..half * e]);
        sums.add(&x[half * d..], &y[half * e..]);
        sums.value()
    }

    #[test]
    fn the_value_is_that_of_the_gram_form() {
        // scripts/golden/measures.py, numpy 2: tr(K H L H) with n × n Gram matrices, f64.
        let found = of(&features(50, 6, 0.0), &features(50, 9, 1.1), 50).unwrap();
        assert!((found - GOLDEN_CKA).abs() < 1e-9, "{found}");
    }

    #[test]
    fn rotation_and_scale_do_not_count() {
        let x = features(40, 2, 0.0);
        let turned: Vec<f32> = x.chunks(2).flat_map(|p| [5.0 * p[1], -5.0 * p[0]]).collect();
        assert!((of(&x, &turned, 40).unwrap() - 1.0).abs() < 1e-9);
        assert!(of(&x, &[1.0; 80], 40).is_none());
    }

    const GOLDEN_CKA: f64 = 0.269_040_880_973_504_2;
}
