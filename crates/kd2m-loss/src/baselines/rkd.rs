//! Relational knowledge distillation: 25 · huber(distances, each divided by their mean) + 50 · huber(cosines of the
//! angles of all triplets). Park et al. 2019, "Relational knowledge distillation"; huber is PyTorch's smooth L1, averaged
//! over all entries.

use burn::tensor::Tensor;

use crate::{
    batch::Batch,
    criterion::{Criterion, Term},
    entry::{Entry, Number, PART, number},
    error::CriterionError,
    shapes::Needs,
    unit::inverse_root,
};

/// Squared distances up to this count as zero, as in the authors' code.
const COINCIDENT: f64 = 1e-12;

const DISTANCE: Number = number!(distance = 25 in PART, "weight of the distances; at least 0");
const ANGLE: Number = number!(angle = 50 in PART, "weight of the angles; 0 leaves out the n³ part");

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "rkd",
    aliases: &["relational"],
    formula: "25 · huber(d_S / mean, d_T / mean) + 50 · huber(cos of all triplets' angles)",
    source: "Park et al. 2019, Relational KD",
    cost: "O(n²·d + n³)",
    when: "only the shape of the batch in feature space should be alike; widths may differ",
    weight: 1.0,
    options: &[DISTANCE.spec(), ANGLE.spec()],
    build: |o| Ok(Box::new(Rkd { distance: DISTANCE.read(o)?, angle: ANGLE.read(o)? })),
};

/// Cost O(n² · d + n³). Choose it where only the shape of the batch in feature space should be alike, not its place or
/// scale; widths may differ.
#[derive(Debug, Clone)]
pub struct Rkd {
    /// Weight of the distances.
    pub distance: f64,
    /// Weight of the angles; 0 leaves out the n³ part.
    pub angle: f64,
}

/// Inner products of centred features and what follows from them. Triplets from a Gram matrix cost n³ instead of n³ d;
/// centring keeps its differences from cancelling, and the mean may be a constant because no relation depends on it.
struct Relations {
    gram: Tensor<2>,
    /// ‖x_i‖² `[n, 1]`.
    norms: Tensor<2>,
    /// ‖x_i − x_j‖², at least [`COINCIDENT`].
    squared: Tensor<2>,
    /// 0 on the diagonal, 1 elsewhere.
    off_diagonal: Tensor<2>,
}

impl Relations {
    fn new(features: Tensor<2>) -> Self {
        let mean = features.clone().inner().mean_dim(0);
        let x = features - mean;
        let norms = x.clone().square().sum_dim(1);
        let gram = x.clone().matmul(x.transpose());
        let squared = norms.clone() + norms.clone().transpose() - gram.clone() * 2.0;
        let off_diagonal = 1.0 - Tensor::<2>::eye(norms.dims()[0], &norms.device().without_autodiff());
        Self { gram, norms, squared: squared.clamp_min(COINCIDENT), off_diagonal }
    }

    /// Distances divided by their mean over different samples.
    fn distances(&self) -> Tensor<2> {
        let n = self.norms.dims()[0];
        let distances = self.squared.clone().sqrt() * self.off_diagonal.clone();
        let mean = distances.clone().sum() / (n * (n - 1)) as f64;
        distances / mean.clamp_min(COINCIDENT).reshape([1, 1])
    }

    /// cos ∠(x_j, x_i, x_k) at `[i, j, k]`; zero where two of a triplet coincide.
    fn cosines(&self) -> Tensor<3> {
        let inverse = inverse_root(self.squared.clone(), COINCIDENT) * self.off_diagonal.clone();
        let scale = inverse.clone().unsqueeze_dim::<3>(2) * inverse.unsqueeze_dim::<3>(1);
        let inner = self.gram.clone().unsqueeze_dim::<3>(0)
            - self.gram.clone().unsqueeze_dim::<3>(2)
            - self.gram.clone().unsqueeze_dim::<3>(1)
            + self.norms.clone().unsqueeze_dim::<3>(2);
        inner * scale
    }
}

/// Mean of ½x² where |x| < 1, |x| − ½ elsewhere.
fn huber<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let size = x.abs();
    let near = size.clone().clamp_max(1.0);
    (near.clone().square() * 0.5 + size - near).mean()
}

impl Criterion for Rkd {
    fn needs(&self) -> Needs {
        Needs::features()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        if batch.student.features.dims()[0] < 2 {
            // One sample has no relations.
            return Ok(Term::new(batch.student.features.clone().sum() * 0.0));
        }
        let student = Relations::new(batch.student.features.clone());
        let teacher = Relations::new(batch.teacher.features.clone());
        let mut loss = huber(student.distances() - teacher.distances()) * self.distance;
        if self.angle > 0.0 {
            loss = loss + huber(student.cosines() - teacher.cosines()) * self.angle;
        }
        Ok(Term::new(loss))
    }
}
