//! How images come to the size that a network sees, in the words of a file.

/// Both sides at once, whatever the image's own aspect.
pub(super) const RESIZE: &str = "squash";
pub(super) const INTERPOLATION: &str = "bilinear";
