//! Random changes of a training image, in the order in which they are written: `crop-flip:4+jitter:0.4,0.4,0.4,0.1+erase:0.25`.
//! Each image's draws are a function of (seed, epoch, sample index) alone, one operation's behind the other's; pixels that come from outside
//! are black (0), as in torchvision, whose definitions for images of floats these are.
//!
//! `parse.rs` reads and writes the list, `image.rs` is what they change; then one file an operation: `crop_flip.rs`, `affine.rs`, `jitter.rs`
//! (with `colour.rs`), `resized_crop.rs`, `rand_augment.rs` (with `tone.rs` and `warp.rs`), `erase.rs`.

pub(crate) mod affine;
mod colour;
pub(crate) mod crop_flip;
mod erase;
mod forms;
#[cfg(test)]
mod golden;
mod image;
mod jitter;
mod parse;
mod rand_augment;
mod resized_crop;
mod tone;
mod warp;

use affine::Affine;
use crop_flip::CropFlip;
use image::Image;

pub(crate) use forms::FORMS;
pub use jitter::Jitter;
pub use rand_augment::RandAugment;
pub use resized_crop::ResizedCrop;

use crate::{pixels::convert, random::Draws};

/// How training images are changed before a network sees them: operations in their order, none of them for images as they are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Augment(Vec<Operation>);

/// One random change.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Operation {
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
    /// Every second image mirrored left to right.
    Flip,
    /// A part of random area and aspect, brought to the size of the image. In the first place it is cut out of the picture as its file has it.
    ResizedCrop(ResizedCrop),
    /// Brightness, contrast, saturation and hue, in an order that is drawn.
    Jitter(Jitter),
    /// Operations drawn from a list of fourteen, at one magnitude.
    RandAugment(RandAugment),
    /// A rectangle of 2 to 33 % of the image, at an aspect of 0.3 to 3.3, made black.
    Erase {
        /// Share of the images that lose one, 0 … 1.
        probability: f32,
    },
}

impl Augment {
    /// Images as they are.
    pub fn none() -> Self {
        Self::default()
    }

    /// One operation.
    pub fn of(operation: Operation) -> Self {
        Self(vec![operation])
    }

    /// The operations in their order.
    pub fn operations(&self) -> &[Operation] {
        &self.0
    }

    /// Whether images stay as they are.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a part of each image's file is shown, not the image.
    pub fn cuts(&self) -> bool {
        self.cut().is_some()
    }

    /// What is cut first.
    pub(crate) fn cut(&self) -> Option<ResizedCrop> {
        match self.0.first() {
            Some(Operation::ResizedCrop(crop)) => Some(*crop),
            _ => None,
        }
    }

    /// Writes an image `[c, h, w]` of bytes, of which what [`cut`](Self::cut) says is cut already, changed, as floats in 0…1; every value of
    /// `out` is written. A byte times `scale` is in 0…1; `spare` is room that is kept from image to image.
    pub(crate) fn apply(
        &self,
        pixels: &[u8],
        [height, width]: [usize; 2],
        scale: f32,
        draws: &mut Draws,
        out: &mut [f32],
        spare: &mut Vec<f32>,
    ) {
        // The first moves bytes where it moves pixels: one pass for it and for the conversion.
        let operations = &self.0[usize::from(self.cuts())..];
        let rest = match operations.split_first() {
            Some((&Operation::CropFlip { padding, flip }, rest)) => {
                CropFlip::draw(padding, flip, draws).apply(pixels, height, width, scale, out);
                rest
            }
            Some((&Operation::Affine { degrees, translate, scale: zoom }, rest)) => {
                Affine::draw(degrees, translate, zoom, height, width, draws).apply(pixels, height, width, scale, out);
                rest
            }
            _ => {
                convert(pixels, scale, out);
                operations
            }
        };
        let mut image = Image { values: out, height, width, spare };
        rest.iter().for_each(|operation| operation.apply(&mut image, draws));
    }
}

impl Operation {
    /// Changes an image of floats by what is drawn for it.
    fn apply(&self, image: &mut Image, draws: &mut Draws) {
        let (height, width) = (image.height, image.width);
        match *self {
            Self::CropFlip { padding, flip } => {
                let drawn = CropFlip::draw(padding, flip, draws);
                image.replace(|from, to| drawn.apply(from, height, width, 1.0, to));
            }
            Self::Affine { degrees, translate, scale } => {
                let drawn = Affine::draw(degrees, translate, scale, height, width, draws);
                image.replace(|from, to| drawn.apply(from, height, width, 1.0, to));
            }
            Self::Flip if draws.below(2) == 1 => image.values.chunks_exact_mut(width).for_each(<[f32]>::reverse),
            Self::Flip => {}
            Self::ResizedCrop(crop) => {
                let region = crop.draw([height, width], draws);
                image.replace(|from, to| crop.apply(region, from, [height, width], to));
            }
            Self::Jitter(jitter) => jitter.draw(draws).apply(image),
            Self::RandAugment(augment) => augment.draw(draws).for_each(|change| change.apply(image)),
            Self::Erase { probability } => {
                if let Some(hole) = erase::draw(probability, [height, width], draws) {
                    hole.apply(image);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn changed(text: &str, index: u64) -> Vec<f32> {
        let pixels: Vec<u8> = (0..3 * 12 * 10).map(|i| (i * 37 % 251) as u8).collect();
        let mut out = vec![f32::NAN; pixels.len()];
        let augment: Augment = text.parse().unwrap();
        let mut draws = Draws::new(Purpose::Augment, 1, 2, index);
        augment.apply(&pixels, [12, 10], 1.0 / 255.0, &mut draws, &mut out, &mut Vec::new());
        out
    }

    #[test]
    fn what_comes_behind_an_operation_does_not_change_its_draws() {
        for index in 0..20 {
            let alone = changed("crop-flip:2", index);
            let erased = changed("crop-flip:2+erase:1", index);
            assert!(alone.iter().zip(&erased).all(|(x, y)| *y == 0.0 || x == y));
            assert_ne!(alone, erased);
        }
    }

    #[test]
    fn an_operation_is_the_same_in_the_second_place() {
        // `flip` of an image that no draw has been taken for is the identity or a mirror: behind it stands what would stand alone.
        let whole = changed("none", 0);
        for index in 0..20 {
            let flipped = changed("flip", index);
            let mirror = flipped != whole;
            let mut expected = whole.clone();
            if mirror {
                expected.chunks_exact_mut(10).for_each(<[f32]>::reverse);
            }
            assert_eq!(flipped, expected);
            // A crop without padding keeps everything, and takes two draws.
            assert_eq!(changed("flip+crop:0", index), flipped);
            let turned = changed("flip+affine:0,0,0", index);
            assert!(turned.iter().zip(&flipped).all(|(x, y)| (x - y).abs() < 1e-6));
        }
    }

    #[test]
    fn every_second_image_is_mirrored() {
        let whole = changed("none", 0);
        let flips = (0..2000).filter(|index| changed("flip", *index) != whole).count();
        // The standard deviation is 22.
        assert!((900..1100).contains(&flips), "{flips}");
    }

    #[test]
    fn all_values_stay_in_0_to_1_in_colour_and_in_grey() {
        let augment: Augment = "flip+jitter:0.9,0.9,0.9,0.5+randaugment:3,30+erase:0.5".parse().unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for channels in [1, 3] {
            let pixels: Vec<u8> = (0..channels * 9 * 7).map(|i| (i * 91 % 256) as u8).collect();
            for index in 0..300 {
                let mut out = vec![f32::NAN; pixels.len()];
                let mut draws = Draws::new(Purpose::Augment, 5, 0, index);
                augment.apply(&pixels, [9, 7], 1.0 / 255.0, &mut draws, &mut out, &mut Vec::new());
                assert!(out.iter().all(|x| (0.0..=1.0).contains(x)), "{channels} {index} {out:?}");
                seen.insert(out.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
            }
        }
        assert!(seen.len() > 590, "{}", seen.len());
    }
}
