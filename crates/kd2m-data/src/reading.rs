//! How a data set is read, where there is a choice. Read next: `registry.rs`.

use std::path::Path;

/// How [`load_with`](crate::load_with) reads a data set. All but the share for testing concerns image files, and no pixel depends on it.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Share of the images (above 0 and below 1) that is kept for testing where a folder of images does not say which.
    pub test_fraction: f64,
    /// Bytes of decoded images that stay in memory; the others are decoded each time.
    pub memory: u64,
    /// A folder in which decoded images are stored, in a file of so many bytes as all have pixels.
    pub cache: Option<&'a Path>,
    /// Training images will be cut from their files ([`Augment::cuts`](crate::Augment::cuts)): they need not stay in memory.
    pub cuts: bool,
    /// Hears how many images, of how many, have been looked at.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
}

impl Default for Reading<'_> {
    fn default() -> Self {
        Self { test_fraction: 0.2, memory: 256 << 20, cache: None, cuts: false, progress: None }
    }
}
