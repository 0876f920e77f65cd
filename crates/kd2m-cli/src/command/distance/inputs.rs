//! The two sets of features with their labels and weights, brought to one precision.

use kd2m::Error;
use kd2m_data::features::{Location, Values, read_features, read_labels, read_weights};
use kd2m_ot::{Cloud, OtError, Real, Side};

use crate::arguments::DistanceArguments;

/// Both sets in the same precision.
pub enum Pair {
    F32(Sample<f32>, Sample<f32>),
    F64(Sample<f64>, Sample<f64>),
}

/// n samples × d features with what else is known of them.
pub struct Sample<T> {
    side: Side,
    features: Vec<T>,
    pub n: usize,
    pub d: usize,
    pub labels: Option<Vec<u32>>,
    weights: Option<Vec<f64>>,
}

impl<T: Real> Sample<T> {
    /// The view that divergences compare, checked.
    pub fn cloud(&self) -> Result<Cloud<'_, T>, OtError> {
        let mut cloud = Cloud::new(self.side, &self.features, self.n, self.d)?;
        if let Some(weights) = &self.weights {
            cloud = cloud.with_weights(weights)?;
        }
        match &self.labels {
            Some(labels) => cloud.with_labels(labels),
            None => Ok(cloud),
        }
    }
}

/// Reads what the arguments name. Where one file is f64 both are compared in it: widening changes no value.
pub fn read(arguments: &DistanceArguments) -> Result<Pair, Error> {
    let features = |text: &str| read_features(&Location::parse(text));
    let (a, b) = (features(&arguments.a)?, features(&arguments.b)?);
    let labels = |text: &Option<String>| text.as_deref().map(|t| read_labels(&Location::parse(t))).transpose();
    let (labels_a, labels_b) = (labels(&arguments.labels_a)?, labels(&arguments.labels_b)?);
    let weights = |text: &Option<String>| text.as_deref().map(|t| read_weights(&Location::parse(t))).transpose();
    let (weights_a, weights_b) = (weights(&arguments.weights_a)?, weights(&arguments.weights_b)?);
    let sizes = [(a.n, a.d), (b.n, b.d)];
    Ok(match (a.values, b.values) {
        (Values::F32(a), Values::F32(b)) => Pair::F32(
            sample(Side::A, a, sizes[0], labels_a, weights_a),
            sample(Side::B, b, sizes[1], labels_b, weights_b),
        ),
        (a, b) => Pair::F64(
            sample(Side::A, wide(a), sizes[0], labels_a, weights_a),
            sample(Side::B, wide(b), sizes[1], labels_b, weights_b),
        ),
    })
}

fn sample<T>(
    side: Side,
    features: Vec<T>,
    (n, d): (usize, usize),
    labels: Option<Vec<u32>>,
    weights: Option<Vec<f64>>,
) -> Sample<T> {
    Sample { side, features, n, d, labels, weights }
}

fn wide(values: Values) -> Vec<f64> {
    match values {
        Values::F32(values) => values.into_iter().map(f64::from).collect(),
        Values::F64(values) => values,
    }
}
