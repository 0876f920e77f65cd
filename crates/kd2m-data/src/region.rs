//! A part of an image, and how it comes to the size of the whole.

use crate::{Frame, Interpolation, Reframe};

/// A part of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Region {
    pub top: usize,
    pub left: usize,
    pub height: usize,
    pub width: usize,
}

impl Region {
    /// All of an image.
    pub fn whole([height, width]: [usize; 2]) -> Self {
        Self { top: 0, left: 0, height, width }
    }

    /// Whether it is a part of an image of this height and width.
    pub fn is_within(&self, [height, width]: [usize; 2]) -> bool {
        let fits = |first: usize, count: usize, all: usize| count > 0 && first < all && count <= all - first;
        fits(self.top, self.height, height) && fits(self.left, self.width, width)
    }

    /// Its pixels `[c, h, w]` of an image `[c, height, width]`.
    pub fn cut<T: Copy>(&self, pixels: &[T], [height, width]: [usize; 2]) -> Vec<T> {
        let mut out = Vec::with_capacity(pixels.len() / (height * width).max(1) * self.height * self.width);
        for plane in pixels.chunks_exact((height * width).max(1)) {
            for row in plane.chunks_exact(width.max(1)).skip(self.top).take(self.height) {
                out.extend_from_slice(&row[self.left..self.left + self.width]);
            }
        }
        out
    }
}

/// Planes `[c, h, w]` of these sides at other sides, as Pillow resizes them.
///
/// # Errors
/// A side of more than 4096 pixels.
pub(crate) fn resized(
    planes: &[u8],
    from: [usize; 2],
    to: [usize; 2],
    interpolation: Interpolation,
) -> Result<Vec<u8>, String> {
    let [height, width] = from;
    let channels = planes.len() / (height * width).max(1);
    Ok(Reframe::new(&Frame::squash(to, interpolation), [channels, height, width])?.bytes(planes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_cut_out_of_every_plane() {
        let pixels: Vec<u8> = (0..2 * 3 * 4).collect();
        let region = Region { top: 1, left: 2, height: 2, width: 2 };
        assert_eq!(region.cut(&pixels, [3, 4]), [6, 7, 10, 11, 18, 19, 22, 23]);
        assert!(region.is_within([3, 4]) && !region.is_within([2, 4]) && !region.is_within([3, 3]));
        assert_eq!(resized(&[1, 2, 3, 4], [2, 2], [2, 2], Interpolation::Bilinear).unwrap(), [1, 2, 3, 4]);
        assert_eq!(resized(&[10, 30, 7, 7], [1, 2], [1, 1], Interpolation::Bilinear).unwrap(), [20, 7]);
    }
}
