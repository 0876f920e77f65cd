//! QR, singular values, Cholesky: faer's, with the parallelism chosen here. Its global setting is the caller's, and up to a
//! thousand columns one core is the faster (measured at 512: QR 2.5 ms on one core, 13.5 ms on two; singular values 29 and 36).

use faer::{
    Conj, Mat, MatMut, MatRef, Par,
    diag::Diag,
    dyn_stack::{MemBuffer, MemStack},
    linalg::{cholesky::llt, evd, householder, qr::no_pivoting::factor as qr, svd, triangular_solve},
};

fn parallelism(columns: usize) -> Par {
    if columns < 1024 { Par::Seq } else { Par::rayon(0) }
}

/// X = Q R with R `[min(n, d), d]`; Q `[n, min(n, d)]` where it is wanted.
pub(crate) fn qr(x: MatRef<'_, f64>, with_q: bool) -> (Mat<f64>, Option<Mat<f64>>) {
    let (n, d) = x.shape();
    let (size, par) = (n.min(d), parallelism(d));
    let block = qr::recommended_block_size::<f64>(n, d);
    let (mut packed, mut coefficients) = (x.to_owned(), Mat::zeros(block, size));
    let scratch = qr::qr_in_place_scratch::<f64>(n, d, block, par, Default::default());
    let mut memory = MemBuffer::new(scratch);
    qr::qr_in_place(packed.as_mut(), coefficients.as_mut(), par, MemStack::new(&mut memory), Default::default());
    let r = Mat::from_fn(size, d, |i, j| if i <= j { packed[(i, j)] } else { 0.0 });
    let q = with_q.then(|| {
        let mut q = Mat::identity(n, size);
        let scratch = householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<f64>(n, block, size);
        householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
            packed.subcols(0, size),
            coefficients.as_ref(),
            Conj::No,
            q.as_mut(),
            par,
            MemStack::new(&mut MemBuffer::new(scratch)),
        );
        q
    });
    (r, q)
}

/// X = U diag(s) Vᵀ, singular values not increasing.
pub(crate) struct Svd {
    pub values: Vec<f64>,
    /// U `[n, min(n, m)]` and V `[m, min(n, m)]`, where they are wanted.
    pub vectors: Option<(Mat<f64>, Mat<f64>)>,
}

/// The singular value decomposition, or `None` if it does not converge.
pub(crate) fn svd(x: MatRef<'_, f64>, with_vectors: bool) -> Option<Svd> {
    let (n, m) = x.shape();
    let (size, par) = (n.min(m), parallelism(n.min(m)));
    let mut values = Diag::zeros(size);
    let mut vectors = with_vectors.then(|| (Mat::zeros(n, size), Mat::zeros(m, size)));
    let compute = if with_vectors { svd::ComputeSvdVectors::Thin } else { svd::ComputeSvdVectors::No };
    let mut memory = MemBuffer::new(svd::svd_scratch::<f64>(n, m, compute, compute, par, Default::default()));
    let (u, v) = match &mut vectors {
        Some((u, v)) => (Some(u.as_mut()), Some(v.as_mut())),
        None => (None, None),
    };
    svd::svd(x, values.as_mut(), u, v, par, MemStack::new(&mut memory), Default::default()).ok()?;
    Some(Svd { values: values.column_vector().iter().copied().collect(), vectors })
}

/// The eigenvalues of a symmetric matrix, or `None` if they do not converge.
pub(crate) fn eigenvalues(s: MatRef<'_, f64>) -> Option<Vec<f64>> {
    let (d, par) = (s.nrows(), parallelism(s.nrows()));
    let mut values = Diag::zeros(d);
    let scratch = evd::self_adjoint_evd_scratch::<f64>(d, evd::ComputeEigenvectors::No, par, Default::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    evd::self_adjoint_evd(s, values.as_mut(), None, par, stack, Default::default()).ok()?;
    Some(values.column_vector().iter().copied().collect())
}

/// S = L Lᵀ of a symmetric positive definite matrix.
pub(crate) struct Cholesky {
    lower: Mat<f64>,
}

impl Cholesky {
    /// `None` where S is not positive definite.
    pub(crate) fn new(s: MatRef<'_, f64>) -> Option<Self> {
        let (d, par) = (s.nrows(), parallelism(s.nrows()));
        let mut lower = s.to_owned();
        let mut memory = MemBuffer::new(llt::factor::cholesky_in_place_scratch::<f64>(d, par, Default::default()));
        let stack = MemStack::new(&mut memory);
        llt::factor::cholesky_in_place(lower.as_mut(), Default::default(), par, stack, Default::default()).ok()?;
        // The factorisation uses the other triangle as work space.
        (1..d).for_each(|j| lower.col_mut(j).subrows_mut(0, j).fill(0.0));
        Some(Self { lower })
    }

    /// L.
    pub(crate) fn lower(&self) -> MatRef<'_, f64> {
        self.lower.as_ref()
    }

    /// L⁻ᵀ X, in place.
    pub(crate) fn solve_transposed(&self, x: MatMut<'_, f64>) {
        let par = parallelism(self.lower.nrows());
        triangular_solve::solve_upper_triangular_in_place(self.lower.transpose(), x, par);
    }

    /// The squared ratio of the least and the greatest pivot, an estimate from above of 1/κ(S).
    pub(crate) fn reciprocal_condition(&self) -> f64 {
        let pivots = || (0..self.lower.nrows()).map(|k| self.lower[(k, k)]);
        let (least, greatest) = (pivots().fold(f64::INFINITY, f64::min), pivots().fold(0.0, f64::max));
        (least / greatest).powi(2)
    }

    /// ln det S.
    pub(crate) fn log_det(&self) -> f64 {
        2.0 * (0..self.lower.nrows()).map(|k| self.lower[(k, k)].ln()).sum::<f64>()
    }

    /// S⁻¹.
    pub(crate) fn inverse(&self) -> Mat<f64> {
        let (d, par) = (self.lower.nrows(), parallelism(self.lower.nrows()));
        let mut inverse = Mat::zeros(d, d);
        let mut memory = MemBuffer::new(llt::inverse::inverse_scratch::<f64>(d, par));
        llt::inverse::inverse(inverse.as_mut(), self.lower.as_ref(), par, MemStack::new(&mut memory));
        for j in 0..d {
            for i in 0..j {
                inverse[(i, j)] = inverse[(j, i)];
            }
        }
        inverse
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{matrix::view, testing};

    fn close(x: &Mat<f64>, y: MatRef<'_, f64>, tolerance: f64) -> bool {
        (x - y).norm_max() < tolerance
    }

    #[test]
    fn qr_gives_back_the_matrix_and_an_orthonormal_basis() {
        for (n, d) in [(9, 4), (4, 9), (130, 70), (1, 1), (40, 40)] {
            let mut values = testing::normal(1, n * d);
            if d == 70 {
                // Dead and repeated columns: the triangle loses rank, the product must hold.
                values.chunks_mut(d).for_each(|row| (row[3], row[20]) = (0.0, row[10]));
            }
            let x = view(&values, n, d);
            let (r, q) = qr(x, true);
            let q = q.unwrap();
            assert!(close(&(&q * &r), x, 1e-12), "{n} {d}");
            assert!(close(&(q.transpose() * &q), Mat::identity(q.ncols(), q.ncols()).as_ref(), 1e-12), "{n} {d}");
            assert!(close(&(r.transpose() * &r), (x.transpose() * x).as_ref(), 1e-11));
        }
    }

    #[test]
    fn svd_gives_back_the_matrix() {
        for (n, m) in [(7, 3), (3, 7), (60, 60)] {
            let values = testing::normal(2, n * m);
            let x = view(&values, n, m);
            let Svd { values, vectors } = svd(x, true).unwrap();
            let (u, v) = vectors.unwrap();
            let scaled = Mat::from_fn(n, values.len(), |i, k| u[(i, k)] * values[k]);
            assert!(close(&(scaled * v.transpose()), x, 1e-12));
            let gram = x * x.transpose();
            let largest = eigenvalues(gram.as_ref()).unwrap();
            assert!(largest.iter().rev().zip(&values).all(|(l, s)| (l - s * s).abs() < 1e-11));
            let alone = svd(x, false).unwrap().values;
            assert!(alone.iter().zip(&values).all(|(x, y)| (x - y).abs() < 1e-12));
        }
    }

    #[test]
    fn cholesky_inverts_and_refuses() {
        let values = testing::normal(3, 20 * 8);
        let s = view(&values, 20, 8).transpose() * view(&values, 20, 8);
        let cholesky = Cholesky::new(s.as_ref()).unwrap();
        assert!(close(&(&s * cholesky.inverse()), Mat::identity(8, 8).as_ref(), 1e-12));
        let mut solved = Mat::<f64>::identity(8, 8);
        cholesky.solve_transposed(solved.as_mut());
        assert!(close(&(cholesky.lower().transpose() * solved), Mat::identity(8, 8).as_ref(), 1e-12));
        assert!(close(&(cholesky.lower() * cholesky.lower().transpose()), s.as_ref(), 1e-12));
        assert!((cholesky.log_det() - s.determinant().ln()).abs() < 1e-10);
        assert!(Cholesky::new(Mat::from_fn(2, 2, |i, j| if i == j { 0.0 } else { 1.0 }).as_ref()).is_none());
    }
}
