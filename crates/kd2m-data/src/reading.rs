//! How a data set is read, where there is a choice. Read next: `registry.rs`.

/// How [`load_with`](crate::load_with) reads a data set.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Share of the images (above 0 and below 1) that is kept for testing where a folder of images does not say which.
    pub test_fraction: f64,
}

impl Default for Reading {
    fn default() -> Self {
        Self { test_fraction: 0.2 }
    }
}
