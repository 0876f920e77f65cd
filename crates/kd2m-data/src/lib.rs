//! Data sets on disk, the sampler and augmentation, on plain `u8` and `f32` buffers; no tensors, no losses.
//! The order of samples and every augmentation are functions of (seed, epoch, index), whatever the number of threads.
//! Read next: [`Dataset`], then [`split`] and [`epoch_order`], then [`Loader`], which yields the batches of an epoch;
//! [`features`] reads arrays that others have saved.
//!
//! ```
//! use std::sync::Arc;
//! use kd2m_data::{Loader, epoch_order, load, split};
//!
//! # fn main() -> Result<(), kd2m_data::DataError> {
//! let digits = Arc::new(load("digits", None)?);
//! let parts = split(&digits.train.labels, digits.classes, digits.val_fraction, 0);
//! let (seed, epoch) = (1, 0);
//! let order = epoch_order(&parts.train, seed, epoch);
//! let mut loader = Loader::training(&digits, order, 64, &digits.augment, seed, epoch)?;
//! while let Some(batch) = loader.next() {
//!     assert_eq!(batch.images.len(), batch.labels.len() * digits.image_len());
//!     loader.recycle(batch);
//! }
//! # Ok(())
//! # }
//! ```

#![deny(missing_docs)]

mod augment;
mod dataset;
mod entry;
mod error;
pub mod features;
mod fill;
mod frame;
mod loader;
mod mixture;
mod order;
mod picture;
mod pixels;
mod random;
mod registry;
mod source;
mod split;

pub use augment::Augment;
pub use dataset::{Dataset, Part, Samples};
pub use entry::Entry;
pub use error::DataError;
pub use fill::fill;
pub use frame::{Frame, Interpolation, Reframe, Resize};
pub use loader::{Batch, Loader};
pub use mixture::Mixture;
pub use order::{epoch_order, evaluation_batches, training_batches};
pub use picture::read_image;
pub use random::draw;
pub use registry::{load, registry};
pub use split::{Portion, Split, limit, split};
