//! Kinds of image files that need more than the `image` crate does with them.

pub(crate) mod gif;
pub(crate) mod tiff;
pub(crate) mod upright;

/// An image as three bytes a pixel.
pub(crate) struct Rgb {
    pub width: u32,
    pub height: u32,
    /// Whether the file has grey values, not colours.
    pub grey: bool,
    pub pixels: Vec<u8>,
}
