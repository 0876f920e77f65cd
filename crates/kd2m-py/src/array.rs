//! Arrays of NumPy as slices: without a copy where they are contiguous, with one where they are not.

use std::borrow::Cow;

use kd2m_ot::{Cloud, OtError, Real, Side};
use numpy::{Element, PyReadonlyArray, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods, ndarray::Dimension};
use pyo3::prelude::*;

/// The numbers of an array, row-major.
pub fn values<'a, T: Element + Copy, D: Dimension>(array: &'a PyReadonlyArray<'_, T, D>) -> Cow<'a, [T]> {
    // `as_slice` takes columns one after another for contiguous too, and gives them in that order.
    match array.as_slice() {
        Ok(slice) if array.is_c_contiguous() => Cow::Borrowed(slice),
        _ => Cow::Owned(array.as_array().iter().copied().collect()),
    }
}

/// A matrix in either precision.
pub enum Matrix<'py> {
    F32(PyReadonlyArray2<'py, f32>),
    F64(PyReadonlyArray2<'py, f64>),
}

impl<'py> Matrix<'py> {
    /// The matrix `name` as it is given.
    ///
    /// # Errors
    /// Anything but a matrix of f32 or f64.
    pub fn of(array: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        if let Ok(matrix) = array.extract::<PyReadonlyArray2<f32>>() {
            return Ok(Self::F32(matrix));
        }
        match array.extract::<PyReadonlyArray2<f64>>() {
            Ok(matrix) => Ok(Self::F64(matrix)),
            Err(_) => Err(crate::error::wrong(format!("{name} is no n × d array of float32 or float64"))),
        }
    }
}

/// What is known of the classes of one side.
pub enum Labels<'py, T: Element> {
    None,
    Hard(PyReadonlyArray1<'py, u32>),
    /// A distribution over classes a sample.
    Soft(PyReadonlyArray2<'py, T>),
}

impl<'py, T: Element> Labels<'py, T> {
    /// Classes as whole numbers (uint32) or as a matrix of the features' precision.
    ///
    /// # Errors
    /// Anything else.
    pub fn of(array: Option<&Bound<'py, PyAny>>, name: &str) -> PyResult<Self> {
        let Some(array) = array else { return Ok(Self::None) };
        if let Ok(hard) = array.extract::<PyReadonlyArray1<u32>>() {
            return Ok(Self::Hard(hard));
        }
        match array.extract::<PyReadonlyArray2<T>>() {
            Ok(soft) => Ok(Self::Soft(soft)),
            Err(_) => Err(crate::error::wrong(format!(
                "{name} are neither n classes nor an n × C array of the features' precision"
            ))),
        }
    }
}

/// The numbers of one side, borrowed or copied.
pub struct Numbers<'a, T: Clone> {
    features: Cow<'a, [T]>,
    shape: [usize; 2],
    weights: Option<Cow<'a, [f64]>>,
    hard: Option<Cow<'a, [u32]>>,
    soft: Option<(Cow<'a, [T]>, usize)>,
}

impl<'a, T: Element + Copy + Real> Numbers<'a, T> {
    /// Of these arrays.
    pub fn of(
        features: &'a PyReadonlyArray2<'_, T>,
        weights: Option<&'a PyReadonlyArray1<'_, f64>>,
        labels: &'a Labels<'_, T>,
    ) -> Self {
        Self {
            shape: [features.shape()[0], features.shape()[1]],
            features: values(features),
            weights: weights.map(values),
            hard: match labels {
                Labels::Hard(hard) => Some(values(hard)),
                _ => None,
            },
            soft: match labels {
                Labels::Soft(soft) => Some((values(soft), soft.shape()[1])),
                _ => None,
            },
        }
    }

    /// Samples and features.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// The cloud of this side.
    ///
    /// # Errors
    /// Numbers that are not finite, or lengths that differ.
    pub fn cloud(&self, side: Side) -> Result<Cloud<'_, T>, OtError> {
        let [n, d] = self.shape;
        let mut cloud = Cloud::new(side, &self.features, n, d)?;
        if let Some(weights) = &self.weights {
            cloud = cloud.with_weights(weights)?;
        }
        if let Some(labels) = &self.hard {
            cloud = cloud.with_labels(labels)?;
        }
        match &self.soft {
            Some((soft, classes)) => cloud.with_soft_labels(soft, *classes),
            None => Ok(cloud),
        }
    }
}
