//! `joint-NAME`: any divergence between features and labels together. Every sample becomes (x, √β s), s its one-hot or soft label,
//! so that ‖x − y‖² + β ‖s − t‖² is the squared distance that NAME sees: KD²M's joint matching, for all divergences.
//! Next: [`crate::divergence::jw2`], which is `joint-w2` and knows another label cost.

use crate::{
    cloud::{Cloud, Labels, equal_widths},
    cost,
    divergence::{AnyDivergence, Divergence, Request},
    error::OtError,
    label_vectors::LabelVectors,
    options::Options,
    parameters::{
        Parameters as _,
        domain::{SCALE, WEIGHT},
        parameters,
    },
    real::Real,
    solution::{Gradient, Solution},
};

parameters! {
    /// The wrapper's own parameters.
    #[derive(Copy)]
    pub struct Parameters {
        /// weight of the squared label distance beside that of the features; auto: the largest squared feature distance, held constant for the gradient
        beta: Option<f64> = "auto" in WEIGHT,
    }
    checked by is_zero_or_scale
}

/// Labels are features times √β.
fn is_zero_or_scale(parameters: &Parameters, metric: &str) -> Result<(), OtError> {
    match parameters.beta.filter(|beta| *beta > 0.0 && !SCALE.has(beta)) {
        Some(beta) => {
            let expected = "0, a number from 1e-100 to 1e100, or auto";
            Err(Options::new(metric).bad("beta", &format!("{beta:e}"), expected))
        }
        None => Ok(()),
    }
}

/// A divergence between features with their labels appended.
///
/// The gradient has a part for the features and, where A's labels are soft, one for these.
pub struct Joint {
    name: String,
    inner: Box<dyn AnyDivergence>,
    parameters: Parameters,
}

impl Joint {
    /// Wraps `inner`; error messages call it `name`.
    ///
    /// # Errors
    /// [`OtError::BadOption`].
    pub fn new(name: &str, inner: impl AnyDivergence + 'static, parameters: Parameters) -> Result<Self, OtError> {
        parameters.check(name)?;
        Ok(Self { name: name.to_owned(), inner: Box::new(inner), parameters })
    }

    /// Compares A with B, in the precision of the clouds.
    ///
    /// # Errors
    /// Missing labels, a β out of scale with the features, and what the divergence inside refuses.
    pub fn evaluate<T: Real>(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError>
    where
        Self: Divergence<T>,
    {
        Divergence::evaluate(self, a, b, request)
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
        let beta = match self.parameters.beta {
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
