//! The chains of distances on one paired sample: squared distances from the means' to the paired error's, sliced and 1-Wasserstein
//! below W₂, mini-batches above it. `docs/theory.md`, statements 5 to 7; the distances are `kd2m-ot`'s.

use kd2m_ot::{Options, Plan};

use super::{
    chain::{Chain, Term},
    distance::Pair,
};
use crate::Error;

/// Directions of the sliced distance: one orthonormal block, so that their 1-D distances sum to at most W₂².
const DIRECTIONS: usize = 512;
/// Share of the clouds' second moments that rounding may leave in a difference of traces.
const CANCELLATION: f64 = 1e-10;

/// What was computed of a pair of clouds.
pub struct Distances {
    /// (1/n) Σ ‖x_i − y_i‖².
    pub mse: f64,
    /// [lower, upper] of W₂² and W₁.
    pub w2: [f64; 2],
    pub w1: [f64; 2],
    /// A coupling of the whole with cost W₂², where it is computed exactly.
    pub plan: Option<Plan>,
    /// Mean W₂² over mini-batches, by their sizes.
    pub w2_in_batches: [f64; 2],
    pub chains: Vec<Chain>,
}

impl Distances {
    /// Of two clouds of the same samples; `cw2` is [lower, upper] of Σ π_y W₂²(y), `batch` the mini-batches' size.
    ///
    /// # Errors
    /// Features that are not finite.
    pub fn of(pair: &Pair, cw2: [f64; 2], batch: usize) -> Result<Self, Error> {
        let closed = |name: &str| pair.closed(&Options::new(name));
        let ((w2, plan), w1, mse) = (pair.coupled()?, pair.w1()?, closed("mse")?);
        let w2_in_batches = in_batches(pair, batch)?;
        let rounding = CANCELLATION * second_moment(pair);
        let mut squared = vec![Term::new("mmd-linear", closed("mmd-linear")?, "distance of the means")];
        if pair.len() > 1 {
            squared.push(Term::new("gaussian-w2-diag", closed("gaussian-w2-diag")?, "means and variances"));
            squared.push(Term::new("gaussian-w2", closed("gaussian-w2")?, "means and covariances"));
        }
        squared.extend([
            Term::between("w2", w2, "best coupling of the features"),
            Term::between("cw2, priors", cw2, "best coupling within classes"),
            Term::new("mse", mse, "‖g_S − g_T‖² in L2(P): each sample with itself"),
        ]);
        let (directions, sliced) = sliced(pair)?;
        let chains = vec![
            Chain::new("squared distances", 5, squared).with_rounding(rounding),
            Chain::new(
                "sliced",
                6,
                vec![
                    Term::new(format!("{directions} · sw2"), sliced, "1-D distances along one orthonormal block"),
                    Term::between("w2", w2, "best coupling of the features"),
                ],
            )
            .with_rounding(rounding),
            Chain::new(
                "first and second order",
                6,
                vec![
                    Term::between("w1²", w1.map(|w| w * w), "best coupling for ‖x − y‖, squared"),
                    Term::between("w2", w2, "best coupling for ‖x − y‖²"),
                ],
            ),
            Chain::new(
                "mini-batches",
                7,
                vec![
                    Term::between("w2", w2, "best coupling of the whole split"),
                    Term::between(format!("w2 in batches of {batch}"), w2_in_batches, "what training and its log see"),
                    Term::new("mse", mse, "batches of one sample"),
                ],
            ),
        ];
        Ok(Self { mse, w2, w1, plan, w2_in_batches, chains })
    }
}

/// L directions of one orthonormal block, and L · sw2 along them.
fn sliced(pair: &Pair) -> Result<(usize, f64), Error> {
    let directions = pair.width.min(DIRECTIONS);
    let sw2 = pair.closed(&Options::new("sw2").set("directions", directions))?;
    Ok((directions, directions as f64 * sw2))
}

/// Σ (n_b / n) W₂² of batch b, batches in the order of the split.
fn in_batches(pair: &Pair, batch: usize) -> Result<[f64; 2], Error> {
    let step = batch.max(1) * pair.width;
    let mut mean = [0.0; 2];
    for (a, b) in pair.a.chunks(step).zip(pair.b.chunks(step)) {
        let share = a.len() as f64 / pair.a.len() as f64;
        let found = Pair { a, b, ..*pair }.w2()?;
        mean.iter_mut().zip(found).for_each(|(m, w)| *m += share * w);
    }
    Ok(mean)
}

/// (1/n) Σ ‖x‖² + ‖y‖².
fn second_moment(pair: &Pair) -> f64 {
    let sum = |x: &[f64]| x.iter().map(|v| v * v).sum::<f64>();
    (sum(pair.a) + sum(pair.b)) / pair.len() as f64
}
