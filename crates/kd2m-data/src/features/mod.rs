//! Arrays on disk: features `[n, d]`, labels, weights and names from `.npy`, `.npz` and `.safetensors`, results back as `.npy` and `.npz`.
//! A header is checked against the bytes that are really there before anything of its size is allocated.
//! Read next: [`Location`], then [`read_features`] and [`Shards`], sets in many files; each format has its own file.

mod any;
mod column;
mod element;
mod format;
mod location;
mod matrix;
mod npy;
mod npz;
mod safetensors;
mod shard_names;
mod shards;
mod stored;
mod texts;
mod write;

pub use any::read_features;
pub use column::{read_labels, read_weights};
pub use element::Number;
pub use format::array_names;
pub use location::Location;
pub use matrix::{Features, Values};
pub use shards::{Precision, Shards};
pub use texts::read_texts;
pub use write::{Array, Contents, write_arrays, write_coupling, write_matrix};
