//! A covariance as a level and rows, S = v I + Zᵀ Z, with its inverse. Where Z has fewer rows than columns nothing of size d × d is
//! made: S⁻¹ = (I − Zᵀ K Z) / v with K = (v I + Z Zᵀ)⁻¹, the identity of Woodbury (1950).
//! Next: [`super`], which fits v and Z to a cloud.

use faer::{Mat, MatRef};

use crate::{
    decomposition::Cholesky,
    matrix::{norm_squared, product, view},
};

/// S = v I + Zᵀ Z, positive definite.
pub(crate) struct Covariance {
    d: usize,
    /// v.
    level: f64,
    /// Z, row-major `[r, d]`.
    rows: Vec<f64>,
    /// S⁻¹ `[d, d]`, or K `[r, r]` where r < d.
    inverse: Mat<f64>,
    /// ln det S.
    pub log_det: f64,
}

impl Covariance {
    /// `None` where S is not positive definite.
    pub(crate) fn new(level: f64, rows: Vec<f64>, d: usize) -> Option<Self> {
        let r = rows.len() / d;
        let gram = gram(view(&rows, r, d));
        let size = r.min(d);
        let shifted = Mat::from_fn(size, size, |i, j| gram[i * size + j] + if i == j { level } else { 0.0 });
        if r < d && level <= 0.0 {
            return None;
        }
        let cholesky = Cholesky::new(shifted.as_ref())?;
        let outside = if r < d { (d - r) as f64 * level.ln() } else { 0.0 };
        let log_det = cholesky.log_det() + outside;
        Some(Self { d, level, rows, inverse: cholesky.inverse(), log_det })
    }

    /// v.
    pub(crate) fn level(&self) -> f64 {
        self.level
    }

    /// Z, row-major `[r, d]`.
    pub(crate) fn rows(&self) -> &[f64] {
        &self.rows
    }

    fn z(&self) -> MatRef<'_, f64> {
        view(&self.rows, self.rows.len() / self.d, self.d)
    }

    /// How many eigenvalues are v alone.
    fn outside(&self) -> f64 {
        (self.d - self.inverse.nrows()) as f64
    }

    /// X S of rows `[k, d]`.
    pub(crate) fn apply(&self, x: &[f64]) -> Vec<f64> {
        let k = x.len() / self.d;
        let onto = product(view(x, k, self.d), self.z().transpose());
        let mut result = product(view(&onto, k, self.z().nrows()), self.z());
        result.iter_mut().zip(x).for_each(|(r, x)| *r += self.level * x);
        result
    }

    /// X S⁻¹ of rows `[k, d]`.
    pub(crate) fn solve(&self, x: &[f64]) -> Vec<f64> {
        let (k, r) = (x.len() / self.d, self.z().nrows());
        if r >= self.d {
            return product(view(x, k, self.d), self.inverse.as_ref());
        }
        let onto = product(view(x, k, self.d), self.z().transpose());
        let inner = product(view(&onto, k, r), self.inverse.as_ref());
        let mut result = product(view(&inner, k, r), self.z());
        result.iter_mut().zip(x).for_each(|(r, x)| *r = (x - *r) / self.level);
        result
    }

    /// tr S⁻¹.
    pub(crate) fn inverse_trace(&self) -> f64 {
        let inside: f64 = (0..self.inverse.nrows()).map(|k| self.inverse[(k, k)]).sum();
        inside + if self.outside() > 0.0 { self.outside() / self.level } else { 0.0 }
    }

    /// tr S⁻².
    pub(crate) fn inverse_square_trace(&self) -> f64 {
        let inside: f64 = self.inverse.col_iter().map(|c| c.iter().map(|x| x * x).sum::<f64>()).sum();
        inside + if self.outside() > 0.0 { self.outside() / self.level.powi(2) } else { 0.0 }
    }

    /// tr S.
    pub(crate) fn trace(&self) -> f64 {
        self.level * self.d as f64 + norm_squared(&self.rows)
    }

    /// How much the rounding of S grows in ln det S and in S⁻¹, at least κ(S): tr S · tr S⁻¹.
    pub(crate) fn growth(&self) -> f64 {
        self.trace() * self.inverse_trace()
    }

    /// The mean of two covariances.
    pub(crate) fn mean(a: &Self, b: &Self) -> Option<Self> {
        let half = 0.5f64.sqrt();
        let rows = a.rows.iter().chain(&b.rows).map(|z| half * z).collect();
        Self::new(0.5 * (a.level + b.level), rows, a.d)
    }
}

/// X Xᵀ or Xᵀ X, whichever is smaller: both have the same eigenvalues but for zeros.
pub(crate) fn gram(x: MatRef<'_, f64>) -> Vec<f64> {
    if x.nrows() < x.ncols() { product(x, x.transpose()) } else { product(x.transpose(), x) }
}

/// ‖Σ‖²_F of Σ = Xᵀ X.
pub(crate) fn squares(x: MatRef<'_, f64>) -> f64 {
    norm_squared(&gram(x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn both_forms_say_what_the_whole_matrix_says() {
        // Fewer rows than features, as many, and more.
        for (r, d) in [(3, 7), (5, 5), (9, 4)] {
            let (level, rows, x) = (0.3, testing::normal(1, r * d), testing::normal(2, 2 * d));
            let z = view(&rows, r, d);
            let whole = z.transpose() * z + Mat::<f64>::identity(d, d) * faer::Scale(level);
            let inverse = Cholesky::new(whole.as_ref()).unwrap().inverse();
            let s = Covariance::new(level, rows.clone(), d).unwrap();
            let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-10, "{found} {expected}");
            near(s.log_det, whole.determinant().ln());
            near(s.inverse_trace(), (0..d).map(|k| inverse[(k, k)]).sum());
            near(s.inverse_square_trace(), inverse.squared_norm_l2());
            for (found, matrix) in [(s.apply(&x), &whole), (s.solve(&x), &inverse)] {
                let expected = product(view(&x, 2, d), matrix.as_ref());
                found.iter().zip(expected).for_each(|(f, e)| near(*f, e));
            }
            near(squares(z), (z.transpose() * z).squared_norm_l2());
        }
    }

    #[test]
    fn a_singular_matrix_is_refused() {
        assert!(Covariance::new(0.0, testing::normal(1, 3 * 7), 7).is_none());
        assert!(Covariance::new(0.0, vec![1.0, 1.0, 2.0, 2.0], 2).is_none());
        assert!(Covariance::new(0.0, testing::normal(1, 9 * 4), 4).is_some());
    }
}
