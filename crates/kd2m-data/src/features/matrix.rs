//! Features: a matrix of n samples by d columns, in the precision of its file.

use super::element::Element;
use super::stored::{Stored, times};
use crate::DataError;

/// Row-major numbers in one of two precisions.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Single precision, also what was stored in half.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

/// n samples × d features, row-major `[n, d]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// The numbers, n · d of them.
    pub values: Values,
    /// Samples.
    pub n: usize,
    /// Features of a sample.
    pub d: usize,
}

/// Samples and features of an array with such axes.
///
/// # Errors
/// Another number of axes than two, or no columns.
pub(super) fn dimensions(place: &str, shape: &[usize]) -> Result<(usize, usize), DataError> {
    let [n, d] = shape[..] else {
        let help = match shape.len() {
            1 => "x.reshape(-1, 1) makes one column of it",
            0 => "one number is no set of samples",
            _ => "x.reshape(len(x), -1) makes one row a sample",
        };
        let problem = format!("the array is {}, features are n × d: {help}", times(shape));
        return Err(DataError::format(place, problem));
    };
    if d == 0 {
        return Err(DataError::format(place, format!("the array is {n} × 0: there are no columns to compare")));
    }
    Ok((n, d))
}

/// Fails for a type that is no floating point number.
///
/// # Errors
/// The type, and what to save.
pub(super) fn element_of_features(place: &str, element: Element) -> Result<(), DataError> {
    if element.fits_f32() || element == Element::F64 {
        return Ok(());
    }
    let name = element.name();
    let problem = format!("the array is of type {name}, features are f32 or f64: save x.astype(np.float32)");
    Err(DataError::format(place, problem))
}

/// Reads an array of features; see [`super::read_features`].
pub(super) fn from_stored(mut stored: Stored<'_>) -> Result<Features, DataError> {
    let (n, d) = dimensions(stored.place, &stored.shape)?;
    element_of_features(stored.place, stored.element)?;
    let turned = stored.column_major;
    let values = match stored.element {
        Element::F64 => Values::F64(in_rows(stored.numbers_f64()?, n, d, turned)),
        _ => Values::F32(in_rows(stored.numbers_f32()?, n, d, turned)),
    };
    Ok(Features { values, n, d })
}

/// Fortran's order turned into rows.
fn in_rows<T: Copy>(values: Vec<T>, n: usize, d: usize, column_major: bool) -> Vec<T> {
    if !column_major || n == 1 || d == 1 {
        return values;
    }
    (0..n * d).map(|k| values[(k % d) * n + k / d]).collect()
}
