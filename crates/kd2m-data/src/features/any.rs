//! Features, whatever they lie in: one file of any format, or many of a set.

use super::format::with_array;
use super::matrix::from_stored;
use super::{Features, Location, Shards};
use crate::DataError;

/// Reads features `[n, d]` from a `.npy`, `.npz` or `.safetensors` file, in either order of axes in memory, or all shards of a folder
/// or a pattern ([`Shards`]). `f32` and half precisions become [`Values::F32`](super::Values::F32), `f64` stays; n may be 0.
///
/// # Errors
/// A file that cannot be read, is damaged or claims more than it holds, a type that is not floating point, another number of
/// dimensions than two; shards that are no set.
pub fn read_features(location: &Location) -> Result<Features, DataError> {
    match Shards::are_at(location) {
        true => Shards::open(location)?.whole(),
        false => with_array(location, from_stored),
    }
}
