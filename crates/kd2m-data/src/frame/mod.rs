//! How an image comes to the size that a network sees: resized, then cut at its centre, as torchvision's `Resize` and `CenterCrop` do with
//! Pillow's images. Networks differ in it, and each sees the same view of a sample through its own. Read next: `resample.rs`.

mod resample;

use std::fmt;

use kd2m_simd::buffers::Buffer;
use rayon::prelude::*;
use resample::Axis;
pub use resample::Interpolation;
use serde::{Deserialize, Serialize};

/// No image has a longer side here.
const LONGEST: usize = 4096;

/// What is done to an image before it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// Nothing.
    None,
    /// Height and width, whatever the aspect was.
    Squash([usize; 2]),
    /// The shorter side gets this length, the aspect stays.
    Shorter(usize),
}

/// A way from images to the size of a network's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// First.
    pub resize: Resize,
    /// Height and width that are cut out of the centre then; black where the image is smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<[usize; 2]>,
    /// How it is resized.
    #[serde(default)]
    pub interpolation: Interpolation,
}

impl Frame {
    /// The shorter side first, then a square from the centre.
    pub fn shorter(side: usize, crop: usize, interpolation: Interpolation) -> Self {
        Self { resize: Resize::Shorter(side), crop: Some([crop; 2]), interpolation }
    }

    /// To this height and width, whatever the aspect was.
    pub fn squash(size: [usize; 2], interpolation: Interpolation) -> Self {
        Self { resize: Resize::Squash(size), crop: None, interpolation }
    }

    /// Height and width of an image of this height and width after it is resized.
    fn resized(&self, [height, width]: [usize; 2]) -> [usize; 2] {
        let longer = |side: usize, long: usize, short: usize| (side * long / short.max(1)).max(1);
        match self.resize {
            Resize::None => [height, width],
            Resize::Squash(size) => size,
            Resize::Shorter(side) if height <= width => [side, longer(side, width, height)],
            Resize::Shorter(side) => [longer(side, height, width), side],
        }
    }

    /// Height and width that a network sees of images of this height and width.
    pub fn size(&self, from: [usize; 2]) -> [usize; 2] {
        self.crop.unwrap_or_else(|| self.resized(from))
    }

    /// The same where it does not depend on the images.
    pub(crate) fn fixed_size(&self) -> Option<[usize; 2]> {
        let squashed = if let Resize::Squash(size) = self.resize { Some(size) } else { None };
        self.crop.or(squashed)
    }

    /// The longest side on the way, which has to be bounded.
    ///
    /// # Errors
    /// A side of no pixel, or of more than 4096.
    pub fn check(&self, from: [usize; 2]) -> Result<(), String> {
        let sides = self.resized(from).into_iter().chain(self.size(from));
        match sides.into_iter().find(|side| !(1..=LONGEST).contains(side)) {
            Some(side) => Err(format!("a side of {side} pixels: from 1 to {LONGEST}")),
            None => Ok(()),
        }
    }

    /// Whether images of this height and width stay as they are.
    pub fn keeps(&self, from: [usize; 2]) -> bool {
        self.resized(from) == from && self.size(from) == from
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = self.interpolation.name();
        match self.resize {
            Resize::None => write!(f, "as they are")?,
            Resize::Squash([h, w]) => write!(f, "squashed to {h}×{w} ({how})")?,
            Resize::Shorter(side) => write!(f, "shorter side {side} ({how})")?,
        }
        self.crop.map_or(Ok(()), |[h, w]| write!(f, ", centre {h}×{w}"))
    }
}

/// A frame over images of one shape, its weights computed once.
#[derive(Debug, Clone)]
pub struct Reframe {
    frame: Frame,
    from: [usize; 3],
    /// Height and width before the cut, of what is made of a resized image.
    middle: [usize; 2],
    to: [usize; 2],
    columns: Option<Axis>,
    rows: Option<Axis>,
}

impl Reframe {
    /// Of images `[channels, height, width]`.
    ///
    /// # Errors
    /// Sides that are too long.
    pub fn new(frame: &Frame, from: [usize; 3]) -> Result<Self, String> {
        let [_, height, width] = from;
        frame.check([height, width])?;
        let (resized, to) = (frame.resized([height, width]), frame.size([height, width]));
        let axis = |from: usize, resized: usize, to: usize| {
            if from == resized {
                return (None, resized);
            }
            // What is cut off is not made.
            let (first, length) = (centre(resized, to).0, resized.min(to));
            (Some(Axis::new(from, resized, frame.interpolation, first..first + length)), length)
        };
        let (columns, made_width) = axis(width, resized[1], to[1]);
        let (rows, made_height) = axis(height, resized[0], to[0]);
        let middle = [made_height, made_width];
        Ok(Self { frame: *frame, from, middle, to, columns, rows })
    }

    /// What it does.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Channels, height and width of what comes out.
    pub fn to(&self) -> [usize; 3] {
        [self.from[0], self.to[0], self.to[1]]
    }

    /// One image `[channels, height, width]`.
    pub fn bytes(&self, image: &[u8]) -> Vec<u8> {
        let mut out = vec![0; self.to().iter().product()];
        let [channels, height, width] = self.from;
        let [made_height, made_width] = self.middle;
        let mut narrow = Buffer::any(self.columns.as_ref().map_or(0, |_| channels * height * made_width), 0);
        let mut pixels = image;
        if let Some(columns) = &self.columns {
            columns.columns(pixels, width, &mut narrow);
            pixels = &narrow;
        }
        let mut low = Buffer::any(self.rows.as_ref().map_or(0, |_| channels * made_height * made_width), 0);
        if let Some(rows) = &self.rows {
            rows.rows(pixels, height, made_width, &mut low);
            pixels = &low;
        }
        self.cut(pixels, &mut out);
        out
    }

    /// Images `[n, channels, height, width]` of pixels in 0…1, of which those that are resized become bytes, as Pillow's are.
    pub fn floats(&self, images: &[f32], out: &mut Vec<f32>) {
        let (from, to) = (self.from.iter().product::<usize>().max(1), self.to().iter().product::<usize>().max(1));
        out.clear();
        out.resize(images.len() / from * to, 0.0);
        images.par_chunks_exact(from).zip(out.par_chunks_exact_mut(to)).for_each(|(image, out)| {
            if self.columns.is_none() && self.rows.is_none() {
                return self.cut(image, out);
            }
            let bytes: Vec<u8> = image.iter().map(|x| (x * 255.0 + 0.5) as u8).collect();
            out.iter_mut().zip(self.bytes(&bytes)).for_each(|(x, byte)| *x = f32::from(byte) / 255.0);
        });
    }

    /// The centre of each plane; what is outside stays as it is in `out`.
    fn cut<T: Copy>(&self, pixels: &[T], out: &mut [T]) {
        let ([height, width], [to_height, to_width]) = (self.middle, self.to);
        let ((top, skip), (left, pass)) = (centre(height, to_height), centre(width, to_width));
        let columns = (width - left).min(to_width - pass);
        let planes =
            pixels.chunks_exact((height * width).max(1)).zip(out.chunks_exact_mut((to_height * to_width).max(1)));
        for (plane, out) in planes {
            let rows = plane.chunks_exact(width.max(1)).skip(top).zip(out.chunks_exact_mut(to_width.max(1)).skip(skip));
            rows.for_each(|(row, out)| out[pass..pass + columns].copy_from_slice(&row[left..left + columns]));
        }
    }
}

/// Where a cut begins in the image, and where the image begins in the cut; halves go to the even side, as Python rounds.
fn centre(from: usize, to: usize) -> (usize, usize) {
    match from.checked_sub(to) {
        Some(more) => (more / 2 + usize::from(more % 2 == 1 && more / 2 % 2 == 1), 0),
        None => (0, (to - from) / 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_torchvision_s() {
        let frame = Frame::shorter(256, 224, Interpolation::Bilinear);
        // int(256 · 500 / 375) = 341.
        assert_eq!((frame.resized([375, 500]), frame.size([375, 500])), ([256, 341], [224, 224]));
        assert_eq!(frame.resized([500, 375]), [341, 256]);
        assert!(frame.check([375, 500]).is_ok() && frame.check([1, 5000]).is_err());
        let squash = Frame::squash([48, 64], Interpolation::Bicubic);
        assert!(squash.size([9, 9]) == [48, 64] && squash.keeps([48, 64]) && !squash.keeps([64, 48]));
        assert_eq!(frame.to_string(), "shorter side 256 (bilinear), centre 224×224");
        assert_eq!(squash.to_string(), "squashed to 48×64 (bicubic)");
    }

    /// torchvision's CenterCrop: `int(round((h - crop) / 2))`, and black around images that are smaller.
    #[test]
    fn centres_are_torchvision_s() {
        // round(0.5) = 0, round(1.5) = 2, round(2.5) = 2, round(3.5) = 4 in Python.
        for (more, right) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3), (7, 4)] {
            assert_eq!(centre(10 + more, 10), (right, 0), "{more}");
        }
        let cut = |crop| {
            let frame = Frame { resize: Resize::None, crop: Some(crop), interpolation: Interpolation::Bilinear };
            let reframe = Reframe::new(&frame, [1, 3, 3]).unwrap();
            let mut out = Vec::new();
            reframe.floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], &mut out);
            out
        };
        assert_eq!(cut([1, 1]), [5.0]);
        assert_eq!(cut([1, 4]), [4.0, 5.0, 6.0, 0.0]);
        assert_eq!(cut([5, 3])[..6], [0.0, 0.0, 0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn what_is_left_of_a_cut_is_what_the_whole_image_has_there() {
        let image: Vec<u8> = (0..2 * 30 * 53_usize).map(|i| (i * i % 251) as u8).collect();
        for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
            let whole = Frame { resize: Resize::Shorter(16), crop: None, interpolation };
            let whole = Reframe::new(&whole, [2, 30, 53]).unwrap();
            let ([_, height, width], pixels) = (whole.to(), whole.bytes(&image));
            assert_eq!([height, width], [16, 28]);
            let cut = Reframe::new(&Frame::shorter(16, 12, interpolation), [2, 30, 53]).unwrap();
            let (top, left) = (centre(height, 12).0, centre(width, 12).0);
            let expected: Vec<u8> = (0..2 * 12 * 12)
                .map(|i| pixels[(i / 144 * height + top + i / 12 % 12) * width + left + i % 12])
                .collect();
            assert_eq!(cut.bytes(&image), expected);
        }
    }

    #[test]
    fn a_frame_is_written_and_read_back() {
        let frames = [Frame::shorter(256, 224, Interpolation::Bicubic), Frame::squash([8, 9], Interpolation::Bilinear)];
        for frame in frames {
            let text = serde_json::to_string(&frame).unwrap();
            assert_eq!(serde_json::from_str::<Frame>(&text).unwrap(), frame, "{text}");
        }
    }
}
