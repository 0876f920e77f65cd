//! Augmentations as text: `none`, or operations joined by `+`.

use std::fmt;
use std::str::FromStr;

use super::{Augment, Jitter, Operation, RandAugment, ResizedCrop, rand_augment::STRONGEST};
use crate::{DataError, Interpolation};

/// What separates two operations.
const JOIN: char = '+';
/// More would only be slow.
const MOST_OPERATIONS: usize = 32;
/// Factors beyond make black and white of an image.
const LARGEST: f32 = 10.0;
/// A padding beyond any image's size only makes black images.
const MOST_PADDING: usize = 1024;

impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("none");
        }
        for (i, operation) in self.operations().iter().enumerate() {
            let join = if i == 0 { String::new() } else { JOIN.to_string() };
            write!(f, "{join}{operation}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CropFlip { padding, flip: false } => write!(f, "crop:{padding}"),
            Self::CropFlip { padding, flip: true } => write!(f, "crop-flip:{padding}"),
            Self::Affine { degrees, translate, scale } => write!(f, "affine:{degrees},{translate},{scale}"),
            Self::Flip => f.write_str("flip"),
            Self::ResizedCrop(ResizedCrop { least, interpolation: Interpolation::Bilinear }) => {
                write!(f, "resized-crop:{least}")
            }
            Self::ResizedCrop(ResizedCrop { least, interpolation }) => {
                write!(f, "resized-crop:{least},{}", interpolation.name())
            }
            Self::Jitter(Jitter { brightness, contrast, saturation, hue }) => {
                write!(f, "jitter:{brightness},{contrast},{saturation},{hue}")
            }
            Self::RandAugment(RandAugment { operations, magnitude }) => {
                write!(f, "randaugment:{operations},{magnitude}")
            }
            Self::Erase { probability } => write!(f, "erase:{probability}"),
        }
    }
}

impl FromStr for Augment {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        if text == "none" {
            return Ok(Self::none());
        }
        let unknown = |part: &str| DataError::Augment {
            text: text.to_owned(),
            part: Some(part.to_owned()).filter(|part| part != text),
        };
        let operations = text.split(JOIN).map(|part| operation(part.trim()).ok_or_else(|| unknown(part)));
        Ok(Self(operations.collect::<Result<_, _>>()?))
    }
}

fn operation(text: &str) -> Option<Operation> {
    if text == "flip" {
        return Some(Operation::Flip);
    }
    let (kind, numbers) = text.split_once(':')?;
    match kind {
        "crop" | "crop-flip" => {
            let padding = numbers.parse().ok().filter(|padding| *padding <= MOST_PADDING)?;
            Some(Operation::CropFlip { padding, flip: kind == "crop-flip" })
        }
        "affine" => {
            let [degrees, translate, scale] = floats(numbers)?;
            let in_range =
                (0.0..=180.0).contains(&degrees) && (0.0..=1.0).contains(&translate) && (0.0..1.0).contains(&scale);
            in_range.then_some(Operation::Affine { degrees, translate, scale })
        }
        "resized-crop" => {
            let (least, interpolation) = match numbers.split_once(',') {
                None => (numbers, Interpolation::Bilinear),
                Some((least, name)) => {
                    let all = [Interpolation::Bilinear, Interpolation::Bicubic];
                    (least, all.into_iter().find(|interpolation| interpolation.name() == name.trim())?)
                }
            };
            let least = least.trim().parse().ok().filter(|least| *least > 0.0 && *least <= 1.0)?;
            Some(Operation::ResizedCrop(ResizedCrop { least, interpolation }))
        }
        "jitter" => {
            let [brightness, contrast, saturation, hue] = floats(numbers)?;
            let in_range = [brightness, contrast, saturation].iter().all(|x| (0.0..=LARGEST).contains(x))
                && (0.0..=0.5).contains(&hue);
            in_range.then_some(Operation::Jitter(Jitter { brightness, contrast, saturation, hue }))
        }
        "randaugment" => {
            let (operations, magnitude) = numbers.split_once(',')?;
            let number = |text: &str| text.trim().parse::<usize>().ok();
            let (operations, magnitude) = (number(operations)?, number(magnitude)?);
            let in_range = (1..=MOST_OPERATIONS).contains(&operations) && magnitude <= STRONGEST;
            in_range.then_some(Operation::RandAugment(RandAugment { operations, magnitude }))
        }
        "erase" => {
            let [probability] = floats(numbers)?;
            (0.0..=1.0).contains(&probability).then_some(Operation::Erase { probability })
        }
        _ => None,
    }
}

/// So many numbers with commas between.
fn floats<const N: usize>(text: &str) -> Option<[f32; N]> {
    let numbers: Vec<f32> = text.split(',').map(|number| number.trim().parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in [
            "none",
            "flip",
            "crop:4",
            "crop-flip:2",
            "affine:10,0.1,0.05",
            "jitter:0.4,0.4,0,0.1",
            "randaugment:2,9",
            "erase:0.25",
            "crop-flip:4+jitter:0.4,0.4,0.4,0.1+erase:0.25",
            "resized-crop:0.08+flip",
            "resized-crop:0.35,bicubic",
            "flip+flip",
        ] {
            assert_eq!(text.parse::<Augment>().unwrap().to_string(), text);
        }
        let spaced = "flip + erase:0.5".parse::<Augment>().unwrap();
        assert_eq!(spaced.operations(), [Operation::Flip, Operation::Erase { probability: 0.5 }]);
    }

    #[test]
    fn bad_text_is_an_error_that_shows_the_forms() {
        for text in [
            "",
            "flips",
            "flip:1",
            "crop",
            "crop:-1",
            "crop:9999999999",
            "affine:10",
            "affine:10,0.1,1",
            "affine:nan,0,0",
            "affine:1,2,3,4",
            "jitter:0.4",
            "jitter:0.1,0.1,0.1,0.6",
            "jitter:-0.1,0,0,0",
            "randaugment:2",
            "randaugment:0,9",
            "randaugment:2,31",
            "erase:1.5",
            "erase:nan",
            "resized-crop",
            "resized-crop:0",
            "resized-crop:1.1",
            "resized-crop:nan",
            "resized-crop:0.1,nearest",
            "flip+",
            "+flip",
            "none+flip",
        ] {
            assert!(text.parse::<Augment>().is_err(), "{text}");
        }
        let why = "mirror".parse::<Augment>().unwrap_err().to_string();
        assert!(
            why.starts_with(
                "unknown augmentation `mirror`: expected none, or one or more joined by `+` of flip, crop:PADDING,"
            ),
            "{why}"
        );
        let why = "flip+mirror".parse::<Augment>().unwrap_err().to_string();
        assert!(why.starts_with("unknown augmentation `mirror` in `flip+mirror`: expected none, or"), "{why}");
    }
}
