//! Crop with padding and horizontal flip, on rows: the augmentation of CIFAR since He et al. 2015.
//! Read next: `affine.rs`.

use crate::pixels::convert;
use crate::random::Draws;

/// What is drawn for one image: output pixel (y, x) shows input pixel (y + dy, x + dx), mirrored after that if `flip`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CropFlip {
    pub dy: isize,
    pub dx: isize,
    pub flip: bool,
}

impl CropFlip {
    pub(crate) fn draw(padding: usize, flip: bool, draws: &mut Draws) -> Self {
        let mut shift = || draws.below(2 * padding as u64 + 1) as isize - padding as isize;
        let (dy, dx) = (shift(), shift());
        Self { dy, dx, flip: flip && draws.below(2) == 1 }
    }

    /// Writes the changed image `[c, h, w]` as floats in 0…1; every value of `out` is written.
    pub(crate) fn apply<T: Copy + Into<f32>>(
        self,
        pixels: &[T],
        height: usize,
        width: usize,
        scale: f32,
        out: &mut [f32],
    ) {
        // Output columns `start..end` lie inside the input, the others in its padding.
        let start = (-self.dx).clamp(0, width as isize) as usize;
        let end = (width as isize - self.dx).clamp(start as isize, width as isize) as usize;
        let source = (start as isize + self.dx).clamp(0, width as isize) as usize;
        let planes = pixels.chunks_exact(height * width).zip(out.chunks_exact_mut(height * width));
        for (pixels, out) in planes {
            for (y, row) in out.chunks_exact_mut(width).enumerate() {
                let source_y = y as isize + self.dy;
                if !(0..height as isize).contains(&source_y) {
                    row.fill(0.0);
                    continue;
                }
                let from = source_y as usize * width + source;
                row[..start].fill(0.0);
                row[end..].fill(0.0);
                convert(&pixels[from..from + (end - start)], scale, &mut row[start..end]);
                if self.flip {
                    row.reverse();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::Purpose;

    #[test]
    fn draws_reach_every_shift_and_both_flips_equally_often() {
        let mut counts = std::collections::BTreeMap::new();
        for index in 0..50_000 {
            let drawn = CropFlip::draw(2, true, &mut Draws::new(Purpose::Augment, 0, 0, index));
            *counts.entry((drawn.dy, drawn.dx, drawn.flip)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 5 * 5 * 2);
        // Expected 1000 each, standard deviation 31.
        assert!(counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
        assert!(!CropFlip::draw(2, false, &mut Draws::new(Purpose::Augment, 0, 0, 0)).flip);
    }

    proptest! {
        #[test]
        fn agrees_with_the_pixel_by_pixel_form(c in 1usize..4, h in 1usize..7, w in 1usize..9, dy in -9isize..10, dx in -9isize..10, flip: bool) {
            let pixels: Vec<u8> = (0..c * h * w).map(|i| (i * 7 + 1) as u8).collect();
            let mut out = vec![f32::NAN; c * h * w];
            CropFlip { dy, dx, flip }.apply(&pixels, h, w, 0.5, &mut out);
            for plane in 0..c {
                for y in 0..h {
                    for x in 0..w {
                        let (sy, sx) = (y as isize + dy, (if flip { w - 1 - x } else { x }) as isize + dx);
                        let inside = (0..h as isize).contains(&sy) && (0..w as isize).contains(&sx);
                        let expected = if inside { f32::from(pixels[(plane * h + sy as usize) * w + sx as usize]) * 0.5 } else { 0.0 };
                        prop_assert_eq!(out[(plane * h + y) * w + x], expected);
                    }
                }
            }
        }
    }
}
