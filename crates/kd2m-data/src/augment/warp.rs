//! Shears, shifts and turns by the nearest pixel, as torchvision's `affine` and `rotate` for images of floats: the map goes from a pixel of
//! the result, counted from the image's centre, to where it lies in the image.

use super::image::Image;

/// `x' = m₀x + m₁y + m₂`, `y' = m₃x + m₄y + m₅`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Warp([f64; 6]);

impl Warp {
    /// Rows move against each other, the upper edge stays.
    pub fn shear_x(shear: f64, height: usize) -> Self {
        Self([1.0, shear, 0.5 * shear * height as f64, 0.0, 1.0, 0.0])
    }

    /// Columns move against each other, the left edge stays.
    pub fn shear_y(shear: f64, width: usize) -> Self {
        Self([1.0, 0.0, 0.0, shear, 1.0, 0.5 * shear * width as f64])
    }

    /// To the right and down, in pixels.
    pub fn shift(x: f64, y: f64) -> Self {
        Self([1.0, 0.0, -x, 0.0, 1.0, -y])
    }

    /// Counter-clockwise about the centre.
    pub fn turn(degrees: f64) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Self([cos, -sin, 0.0, sin, cos, 0.0])
    }

    pub fn apply(self, image: &mut Image) {
        let (height, width) = (image.height, image.width);
        let [xx, xy, x0, yx, yy, y0] = self.0;
        let centre = [(width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0];
        // Halves go to the even pixel.
        let pixel = |position: f64, side: usize| {
            let nearest = position.round_ties_even();
            (nearest >= 0.0 && nearest < side as f64).then_some(nearest as usize)
        };
        let source = |i: usize| {
            let (x, y) = ((i % width) as f64 - centre[0], (i / width) as f64 - centre[1]);
            let column = pixel(xx * x + xy * y + x0 + centre[0], width)?;
            Some(pixel(yx * x + yy * y + y0 + centre[1], height)? * width + column)
        };
        let plane = image.plane();
        image.replace(|from, to| {
            for i in 0..plane {
                let source = source(i);
                for (from, to) in from.chunks_exact(plane).zip(to.chunks_exact_mut(plane)) {
                    to[i] = source.map_or(0.0, |at| from[at]);
                }
            }
        });
    }
}
