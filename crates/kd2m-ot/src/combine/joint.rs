//! `joint-NAME`: any divergence between features and labels together. Every sample becomes (x, √β s), s its one-hot or soft label,
//! so that ‖x − y‖² + β ‖s − t‖² is the squared distance that NAME sees: KD²M's joint matching, for all divergences.
//! Next: [`crate::divergence::jw2`], which is `joint-w2` and knows another label cost.

use crate::{
    cloud::{Cloud, Labels, equal_widths},
    cost,
    divergence::{AnyDivergence, Divergence, Request},
    error::OtError,
    label_vectors::LabelVectors,
    options::{OptionSpec, Options, is_scale},
    real::Real,
    solution::{Gradient, Solution},
};

/// The wrapper's own options; all others go to the divergence inside.
pub const OPTIONS: &[OptionSpec] = &[OptionSpec {
    name: "beta",
    default: "auto",
    help: "weight of the squared label distance beside that of the features; auto: the largest squared feature distance, held constant for the gradient",
}];

/// A divergence between features with their labels appended.
///
/// The gradient has a part for the features and, where A's labels are soft, one for these.
pub struct Joint {
    name: String,
    inner: Box<dyn AnyDivergence>,
    beta: Option<f64>,
}

impl Joint {
    /// Wraps `inner`, which error messages call by `options.metric()`; reads `beta`.
    ///
    /// # Errors
    /// [`OtError::BadOption`].
    pub fn new(inner: Box<dyn AnyDivergence>, options: &Options) -> Result<Self, OtError> {
        let beta = read_beta(options)?;
        match beta.filter(|beta| *beta > 0.0 && !is_scale(beta)) {
            Some(beta) => Err(options.bad("beta", &format!("{beta:e}"), "0, a number from 1e-100 to 1e100, or auto")),
            None => Ok(Self { name: options.metric().to_owned(), inner, beta }),
        }
    }
}

/// β, or `None` for the largest squared feature distance.
///
/// # Errors
/// [`OtError::BadOption`].
pub(crate) fn read_beta(options: &Options) -> Result<Option<f64>, OtError> {
    match options.text("beta") {
        None | Some("auto") => Ok(None),
        Some(_) => {
            options.parsed("beta", 0.0, "a number not below 0, or auto", |x: &f64| *x >= 0.0 && x.is_finite()).map(Some)
        }
    }
}

// A trait object holds its two precisions as two traits, so the generic code takes the one it needs as a parameter.
impl Divergence<f32> for Joint {
    fn evaluate(&self, a: &Cloud<f32>, b: &Cloud<f32>, request: Request) -> Result<Solution<f32>, OtError> {
        self.with_labels_appended(&*self.inner, a, b, request)
    }
}

impl Divergence<f64> for Joint {
    fn evaluate(&self, a: &Cloud<f64>, b: &Cloud<f64>, request: Request) -> Result<Solution<f64>, OtError> {
        self.with_labels_appended(&*self.inner, a, b, request)
    }
}

impl Joint {
    fn with_labels_appended<T: Real, D: Divergence<T> + ?Sized>(
        &self,
        inner: &D,
        a: &Cloud<T>,
        b: &Cloud<T>,
        request: Request,
    ) -> Result<Solution<T>, OtError> {
        equal_widths(&self.name, a, b)?;
        let (labels_a, labels_b) = LabelVectors::of_both(&self.name, a, b)?;
        let beta = match self.beta {
            Some(beta) => beta,
            None => cost::largest(a, b, request.stop)?,
        };
        let root = beta.sqrt();
        let (joint_a, joint_b) = (append(a, &labels_a, root), append(b, &labels_b, root));
        let (joint_a, joint_b) = (self.cloud(a, &joint_a, beta)?, self.cloud(b, &joint_b, beta)?);
        let mut solution = inner.evaluate(&joint_a, &joint_b, request)?;
        let root_if_soft = matches!(a.labels(), Labels::Soft { .. }).then_some(root);
        let split = |joint: Gradient<T>| split(&joint.features, a.width(), labels_a.classes, root_if_soft);
        solution.gradient = solution.gradient.map(split);
        solution.diagnostics.push(("beta", beta));
        Ok(solution)
    }

    /// The same samples and weights with other features; labels are among these.
    ///
    /// # Errors
    /// A β that makes labels larger than features may be.
    fn cloud<'j, T: Real>(&self, like: &Cloud<T>, joint: &'j [T], beta: f64) -> Result<Cloud<'j, T>, OtError> {
        let cloud =
            Cloud::new(like.side(), joint, like.len(), joint.len() / like.len()).map_err(|error| match error {
                OtError::NonFinite { column, .. } | OtError::TooLarge { column, .. } if column >= like.width() => {
                    OtError::BadOption {
                        metric: self.name.clone(),
                        name: "beta".to_owned(),
                        value: format!("{beta:e}"),
                        expected: "a number near the squared distances of the features, or auto".to_owned(),
                    }
                }
                error => error,
            })?;
        match like.masses() {
            Some(weights) => cloud.with_weights(weights),
            None => Ok(cloud),
        }
    }
}

/// (x, √β s) for every sample, row-major `[n, d + classes]`.
fn append<T: Real>(cloud: &Cloud<T>, labels: &LabelVectors, root: f64) -> Vec<T> {
    let mut joint = Vec::with_capacity(cloud.len() * (cloud.width() + labels.classes));
    for i in 0..cloud.len() {
        joint.extend_from_slice(cloud.row(i));
        joint.extend(labels.row(i).iter().map(|s| T::of(root * s)));
    }
    joint
}

/// The gradient with respect to features `[n, d]` and, if these are asked for, to labels, from that to the joint rows.
fn split<T: Real>(joint: &[T], d: usize, classes: usize, root: Option<f64>) -> Gradient<T> {
    let rows = || joint.chunks_exact(d + classes);
    let features = rows().flat_map(|row| row[..d].iter().copied()).collect();
    let of_labels = |root: f64| rows().flat_map(|row| row[d..].iter().map(move |g| T::of(root * g.wide()))).collect();
    Gradient { features, soft_labels: root.map(of_labels) }
}
