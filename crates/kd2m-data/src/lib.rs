#![doc = include_str!("../README.md")]
//!
//! Read next: [`Dataset`], then [`split`] and [`epoch_order`], then [`Loader`], which yields the batches of an epoch;
//! [`features`] reads arrays that others have saved.

#![deny(missing_docs)]

mod augment;
mod budget;
mod dataset;
mod entry;
mod error;
pub mod features;
mod fill;
mod frame;
mod jpeg;
mod kind;
mod left_out;
mod loader;
mod mix;
mod mixture;
mod order;
mod picture;
mod pixels;
mod published;
mod random;
mod reading;
mod region;
mod registry;
mod samples;
mod source;
mod split;
mod statistics;
mod stream;

pub use augment::{Augment, Jitter, Operation, RandAugment, ResizedCrop};
pub use dataset::{Dataset, Part};
pub use entry::Entry;
pub use error::DataError;
pub use fill::fill;
pub use frame::{Frame, Interpolation, Reframe, Resize};
pub use left_out::{Undecoded, left_out};
pub use loader::{Batch, Loader};
pub use mix::{Mix, Mixed};
pub use mixture::Mixture;
pub use order::{epoch_order, evaluation_batches, training_batches};
pub use picture::{read_each_image, read_image, read_images};
pub use published::{Publication, Published, published};
pub use random::draw;
pub use reading::{Orientation, Reading, Seen};
pub(crate) use region::Region;
pub use registry::{load, load_unlabelled, load_with, registry};
pub use samples::Samples;
pub use split::{Portion, Split, limit, split, thin};
