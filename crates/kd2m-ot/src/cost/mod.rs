//! Costs between the samples of two clouds: single pairs, and whole matrices `[n, m]` by blocked products of centred features.
//! Next: [`anew`] for costs in which nothing is rounded but themselves, [`paired`] for clouds that need no matrix, [`pairwise`] for the product and its rounding bound, [`rows`] for what the assignment solver sees of it.

pub(crate) mod anew;
#[cfg(target_arch = "x86_64")]
mod bytes;
pub(crate) mod centring;
mod distances;
mod ground;
#[cfg(target_arch = "x86_64")]
pub(crate) mod int16;
pub(crate) mod paired;
pub(crate) mod pairwise;
mod rounded;
pub(crate) mod rows;
pub(crate) mod scan;
pub(crate) mod screen;
pub(crate) mod sets;
mod single;
pub(crate) mod streamed;

pub use distances::squared_distances;
pub(crate) use distances::{largest, largest_of, rounded_distances};
pub(crate) use rounded::Rounded;
pub(crate) use single::squared_distance;
