//! One number a sample: class labels and weights, from an array of any number type or from text with one number a line.

use std::fs;

use super::Location;
use super::format::{Format, format_of, with_array};
use super::stored::times;
use crate::DataError;

/// Reads one class a sample: whole numbers from 0, stored as any integer type, as floats with whole values, or as text.
///
/// # Errors
/// A file that cannot be read, more than one column, a value that is no class (its row is named, counted from 0).
pub fn read_labels(location: &Location) -> Result<Vec<u32>, DataError> {
    let values = read_column(location)?;
    let whole = |x: f64| x.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&x);
    if let Some(row) = values.iter().position(|&x| !whole(x)) {
        let problem =
            format!("row {row} (counted from 0) is {}, classes are whole numbers from 0 to {}", values[row], u32::MAX);
        return Err(DataError::format(&location.to_string(), problem));
    }
    Ok(values.into_iter().map(|x| x as u32).collect())
}

/// Reads one weight a sample; that they are fit to be weights is checked where they are used.
///
/// # Errors
/// A file that cannot be read, or more than one column.
pub fn read_weights(location: &Location) -> Result<Vec<f64>, DataError> {
    read_column(location)
}

fn read_column(location: &Location) -> Result<Vec<f64>, DataError> {
    if format_of(location)? == Format::Other {
        return read_text(location);
    }
    with_array(location, |mut stored| match stored.shape[..] {
        [_] | [_, 1] | [1, _] => stored.numbers_f64(),
        _ => {
            let problem = format!("the array is {}, expected one number a sample", times(&stored.shape));
            Err(DataError::format(stored.place, problem))
        }
    })
}

fn read_text(location: &Location) -> Result<Vec<f64>, DataError> {
    let place = location.to_string();
    let bytes = fs::read(&location.path).map_err(|source| DataError::Io { place: place.clone(), source })?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        let problem = "the file is neither .npy, .npz, .safetensors nor text with one number a line";
        return Err(DataError::format(&place, problem));
    };
    let parse = |(line, text): (usize, &str)| {
        text.trim().parse().map_err(|_| {
            let shown: String = text.trim().chars().take(40).collect();
            DataError::format(&place, format!("line {} is `{shown}`, expected one number a line", line + 1))
        })
    };
    text.trim_start_matches('\u{feff}').trim_end().lines().enumerate().map(parse).collect()
}
