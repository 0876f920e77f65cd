//! How a data set is read, where there is a choice. Read next: `registry.rs`.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// What becomes of an EXIF orientation, by which a camera says how an image that it stored on its side is to be turned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Orientation {
    /// Nothing, as torchvision has it, which turns TIFF files alone.
    #[default]
    Ignore,
    /// The image is turned.
    Apply,
}

/// What a first look at image files found, for who comes after it and need not look again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Of an image.
    pub channels: usize,
    /// Height and width of all images where none are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// Of each channel over the training part, of pixels in 0…1.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel.
    pub std: Vec<f32>,
}

/// How [`load_with`](crate::load_with) reads a data set. All but the share for testing concerns image files; orientation and what is left out also
/// images in Parquet files.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Share of the images (above 0 and below 1) that is kept for testing where a folder of images does not say which.
    pub test_fraction: f64,
    /// Bytes of decoded images that stay in memory; the others are decoded each time.
    pub memory: u64,
    /// A folder in which decoded images are stored, in a file of so many bytes as all have pixels.
    pub cache: Option<&'a Path>,
    /// Whether images are turned as they say.
    pub orientation: Orientation,
    /// Images that cannot be decoded are left out and told of, where they are an error otherwise.
    pub skip_bad: bool,
    /// Training images will be cut from their files ([`Augment::cuts`](crate::Augment::cuts)): they need not stay in memory.
    pub cuts: bool,
    /// Taken in place of a first look at image files, each of which is then checked when it is asked for; not where some are to be left out.
    pub seen: Option<&'a Seen>,
    /// Hears how many images, of how many, have been looked at.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
}

impl Default for Reading<'_> {
    fn default() -> Self {
        Self {
            test_fraction: 0.2,
            memory: 256 << 20,
            cache: None,
            orientation: Orientation::Ignore,
            skip_bad: false,
            cuts: false,
            seen: None,
            progress: None,
        }
    }
}
