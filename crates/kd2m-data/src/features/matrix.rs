//! Features: a matrix of n samples by d columns, in the precision of its file.

use super::Location;
use super::element::Element;
use super::format::with_array;
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

/// Reads features `[n, d]` from a `.npy`, `.npz` or `.safetensors` file, in either order of axes in memory.
/// `f32` and half precisions become [`Values::F32`], `f64` stays; n may be 0.
///
/// # Errors
/// A file that cannot be read, is damaged or claims more than it holds, a type that is not floating point, another number of
/// dimensions than two.
pub fn read_features(location: &Location) -> Result<Features, DataError> {
    with_array(location, from_stored)
}

fn from_stored(mut stored: Stored<'_>) -> Result<Features, DataError> {
    let [n, d] = stored.shape[..] else {
        let help = match stored.shape.len() {
            1 => "x.reshape(-1, 1) makes one column of it",
            0 => "one number is no set of samples",
            _ => "x.reshape(len(x), -1) makes one row a sample",
        };
        let problem = format!("the array is {}, features are n × d: {help}", times(&stored.shape));
        return Err(DataError::format(stored.place, problem));
    };
    if d == 0 {
        return Err(DataError::format(stored.place, format!("the array is {n} × 0: there are no columns to compare")));
    }
    let turned = stored.column_major;
    let values = match stored.element {
        element if element.fits_f32() => Values::F32(in_rows(stored.numbers_f32()?, n, d, turned)),
        Element::F64 => Values::F64(in_rows(stored.numbers_f64()?, n, d, turned)),
        other => {
            let problem =
                format!("the array is of type {}, features are f32 or f64: save x.astype(np.float32)", other.name());
            return Err(DataError::format(stored.place, problem));
        }
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
