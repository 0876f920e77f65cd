//! Two dimensions for many: principal components of centred features, the same axes for every cloud of a page.

use faer::{Mat, Side};

/// The plane spanned by the two directions of largest variance.
pub struct Plane {
    mean: Vec<f64>,
    axes: [Vec<f64>; 2],
    /// Share of the variance that lies in the plane.
    pub explained: f64,
}

impl Plane {
    /// Fits the plane to row-major features `[n, d]`; `None` when nothing varies.
    pub fn fit(features: &[f32], d: usize) -> Option<Self> {
        let n = features.len() / d.max(1);
        if n < 2 {
            return None;
        }
        let mut mean = vec![0.0; d];
        for row in features.chunks_exact(d) {
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += f64::from(*x) / n as f64);
        }
        let centred = Mat::from_fn(n, d, |i, j| f64::from(features[i * d + j]) - mean[j]);
        let covariance = centred.transpose() * &centred;
        let spectrum = covariance.self_adjoint_eigen(Side::Lower).ok()?;
        let values: Vec<f64> = (0..d).map(|i| spectrum.S()[i].max(0.0)).collect();
        let total: f64 = values.iter().sum();
        if total <= 0.0 {
            return None;
        }
        // Eigenvalues come in ascending order. A sign is free: the largest entry is made positive, so that pictures repeat.
        let axis = |back: usize| {
            let column = d.saturating_sub(back);
            let vector: Vec<f64> = (0..d).map(|i| spectrum.U()[(i, column)]).collect();
            let largest = vector.iter().fold(0.0, |a: f64, x| if x.abs() > a.abs() { *x } else { a });
            vector.iter().map(|x| x * largest.signum()).collect::<Vec<f64>>()
        };
        let second = if d > 1 { axis(2) } else { vec![0.0; d] };
        let explained = values.iter().rev().take(2).sum::<f64>() / total;
        Some(Self { mean, axes: [axis(1), second], explained })
    }

    /// Coordinates of row-major features `[n, d]`.
    pub fn project(&self, features: &[f32]) -> Vec<[f64; 2]> {
        let d = self.mean.len();
        let along = |row: &[f32], axis: &[f64]| {
            row.iter().zip(&self.mean).zip(axis).map(|((x, m), a)| (f64::from(*x) - m) * a).sum::<f64>()
        };
        features.chunks_exact(d).map(|row| [along(row, &self.axes[0]), along(row, &self.axes[1])]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_in_space_is_explained_by_its_direction() {
        let features: Vec<f32> = (0..20).flat_map(|i| [i as f32, 2.0 * i as f32, 0.0]).collect();
        let plane = Plane::fit(&features, 3).unwrap();
        assert!((plane.explained - 1.0).abs() < 1e-9);
        let points = plane.project(&features);
        // Neighbours are √5 apart along the first axis and nowhere along the second.
        assert!(points.windows(2).all(|p| ((p[1][0] - p[0][0]) - 5f64.sqrt()).abs() < 1e-6 && p[0][1].abs() < 1e-6));
        assert!(Plane::fit(&[1.0; 12], 3).is_none());
    }
}
