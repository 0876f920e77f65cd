//! Random changes of a training image: crop with padding, horizontal flip, small affine maps.
//! Each image's draw is a function of (seed, epoch, sample index) alone; pixels that come from outside are black (0), as in torchvision.
//! Read next: `crop_flip.rs` and `affine.rs`, then `fill.rs`, which applies them to a batch.

use std::fmt;
use std::str::FromStr;

use crate::DataError;

pub(crate) mod affine;
pub(crate) mod crop_flip;

/// How training images are changed before a network sees them; written `none`, `crop:4`, `crop-flip:4`, `affine:10,0.1,0.1`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Augment {
    /// Images as they are.
    #[default]
    None,
    /// A window of the image's size, placed uniformly within the image padded by `padding` pixels a side; with `flip`, every second one mirrored left to right.
    CropFlip {
        /// Black pixels around the image before the window is placed.
        padding: usize,
        /// Whether every second image is mirrored.
        flip: bool,
    },
    /// A rotation by up to ±`degrees`, a shift by up to ±`translate` times width and height, a zoom by 1 ± `scale`; bilinear.
    Affine {
        /// Largest angle, 0 … 180.
        degrees: f32,
        /// Largest shift as a share of width and height, 0 … 1.
        translate: f32,
        /// Largest zoom away from 1, below 1.
        scale: f32,
    },
}

impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::CropFlip { padding, flip: false } => write!(f, "crop:{padding}"),
            Self::CropFlip { padding, flip: true } => write!(f, "crop-flip:{padding}"),
            Self::Affine { degrees, translate, scale } => write!(f, "affine:{degrees},{translate},{scale}"),
        }
    }
}

impl FromStr for Augment {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        parse(text).ok_or_else(|| DataError::Augment { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Augment> {
    if text == "none" {
        return Some(Augment::None);
    }
    let (kind, numbers) = text.split_once(':')?;
    match kind {
        "crop" | "crop-flip" => {
            // A padding beyond any image's size only makes black images.
            let padding = numbers.parse().ok().filter(|padding| *padding <= 1024)?;
            Some(Augment::CropFlip { padding, flip: kind == "crop-flip" })
        }
        "affine" => {
            let numbers: Vec<f32> =
                numbers.split(',').map(|number| number.trim().parse().ok()).collect::<Option<_>>()?;
            let [degrees, translate, scale] = numbers[..] else { return None };
            let in_range =
                (0.0..=180.0).contains(&degrees) && (0.0..=1.0).contains(&translate) && (0.0..1.0).contains(&scale);
            in_range.then_some(Augment::Affine { degrees, translate, scale })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["none", "crop:4", "crop-flip:2", "affine:10,0.1,0.05"] {
            assert_eq!(text.parse::<Augment>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn bad_text_is_an_error_that_shows_the_forms() {
        for text in [
            "",
            "flip",
            "crop",
            "crop:-1",
            "crop:9999999999",
            "affine:10",
            "affine:10,0.1,1",
            "affine:nan,0,0",
            "affine:1,2,3,4",
        ] {
            assert!(text.parse::<Augment>().is_err(), "{text}");
        }
        assert_eq!(
            "flip".parse::<Augment>().unwrap_err().to_string(),
            "unknown augmentation `flip`: expected none, crop:PADDING, crop-flip:PADDING or affine:DEGREES,TRANSLATE,SCALE (as crop-flip:4 or affine:10,0.1,0.1)"
        );
    }
}
