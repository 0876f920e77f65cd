//! Arrays on disk: features `[n, d]`, labels and weights from `.npy`, `.npz` and `.safetensors`, results back as `.npy` and `.npz`.
//! A header is checked against the bytes that are really there before anything of its size is allocated.
//! Read next: [`Location`], then [`read_features`]; each format has its own file.

mod column;
mod element;
mod format;
mod location;
mod matrix;
mod npy;
mod npz;
mod safetensors;
mod stored;
mod write;

pub use column::{read_labels, read_weights};
pub use element::Number;
pub use format::array_names;
pub use location::Location;
pub use matrix::{Features, Values, read_features};
pub use write::{Array, Numbers, write_arrays, write_coupling, write_matrix};
