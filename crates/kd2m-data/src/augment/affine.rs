//! Small rotations, shifts and zooms with bilinear interpolation, for digits.
//! The map goes from output to input about the image's centre, so that every output pixel gets exactly one value.

use crate::random::Draws;

/// What is drawn for one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Affine {
    /// Counter-clockwise, in radians.
    pub angle: f32,
    /// How far the content moves right and down, in pixels.
    pub shift: [f32; 2],
    pub zoom: f32,
}

/// The four input pixels of an output pixel, in one plane, with their weights; weight 0 outside the image.
type Taps = [(usize, f32); 4];

impl Affine {
    pub(crate) fn draw(
        degrees: f32,
        translate: f32,
        scale: f32,
        height: usize,
        width: usize,
        draws: &mut Draws,
    ) -> Self {
        Self {
            angle: draws.symmetric() * degrees.to_radians(),
            shift: [draws.symmetric() * translate * width as f32, draws.symmetric() * translate * height as f32],
            zoom: 1.0 + draws.symmetric() * scale,
        }
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
        let plane = height * width;
        let (sin, cos) = self.angle.sin_cos();
        let centre = [(width as f32 - 1.0) / 2.0, (height as f32 - 1.0) / 2.0];
        for y in 0..height {
            for x in 0..width {
                let right = (x as f32 - centre[0] - self.shift[0]) / self.zoom;
                let down = (y as f32 - centre[1] - self.shift[1]) / self.zoom;
                let taps =
                    taps(cos * right - sin * down + centre[0], sin * right + cos * down + centre[1], height, width);
                for (pixels, out) in pixels.chunks_exact(plane).zip(out.chunks_exact_mut(plane)) {
                    let value: f32 = taps.iter().map(|&(at, weight)| pixels[at].into() * weight).sum();
                    out[y * width + x] = value * scale;
                }
            }
        }
    }
}

/// The bilinear taps at input position (x, y).
fn taps(x: f32, y: f32, height: usize, width: usize) -> Taps {
    let (left, fx) = split(x, width);
    let (top, fy) = split(y, height);
    let tap = |column: i32, row: i32, weight: f32| {
        // A negative number is a large unsigned one: one comparison a side.
        let inside = (column as u32 as usize) < width && (row as u32 as usize) < height;
        if inside { (row as usize * width + column as usize, weight) } else { (0, 0.0) }
    };
    [
        tap(left, top, (1.0 - fx) * (1.0 - fy)),
        tap(left + 1, top, fx * (1.0 - fy)),
        tap(left, top + 1, (1.0 - fx) * fy),
        tap(left + 1, top + 1, fx * fy),
    ]
}

/// A position as the whole pixel before it and the fraction, after far positions are drawn in to just outside.
fn split(position: f32, side: usize) -> (i32, f32) {
    let position = position.clamp(-2.0, side as f32 + 1.0);
    // Truncation of a positive number; `floor` is a function call on plain x86-64, which took most of the time.
    let whole = (position + 2.0) as i32 - 2;
    // Rounding of the sum may lift a position onto the next pixel: its fraction is then 0.
    (whole, (position - whole as f32).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: Affine = Affine { angle: 0.0, shift: [0.0, 0.0], zoom: 1.0 };

    fn apply(affine: Affine, pixels: &[u8], height: usize, width: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; pixels.len()];
        affine.apply(pixels, height, width, 1.0, &mut out);
        out
    }

    #[test]
    fn the_still_map_changes_nothing() {
        let pixels: Vec<u8> = (0..30).collect();
        assert_eq!(apply(STILL, &pixels, 3, 5), pixels.iter().map(|&p| f32::from(p)).collect::<Vec<_>>());
    }

    #[test]
    fn shifts_move_content_and_bring_in_black() {
        let pixels = [1, 2, 3, 4, 5, 6];
        assert_eq!(apply(Affine { shift: [1.0, 0.0], ..STILL }, &pixels, 2, 3), [0.0, 1.0, 2.0, 0.0, 4.0, 5.0]);
        assert_eq!(apply(Affine { shift: [0.0, -1.0], ..STILL }, &pixels, 2, 3), [4.0, 5.0, 6.0, 0.0, 0.0, 0.0]);
        // Half a pixel: the mean of neighbours, half of the edge.
        assert_eq!(apply(Affine { shift: [0.5, 0.0], ..STILL }, &[2, 4, 8], 1, 3), [1.0, 3.0, 6.0]);
    }

    #[test]
    fn a_quarter_turn_is_counter_clockwise() {
        let turned = apply(Affine { angle: std::f32::consts::FRAC_PI_2, ..STILL }, &[1, 2, 3, 4, 5, 6, 7, 8, 9], 3, 3);
        let expected = [3.0, 6.0, 9.0, 2.0, 5.0, 8.0, 1.0, 4.0, 7.0];
        assert!(turned.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{turned:?}");
    }

    #[test]
    fn a_zoom_of_two_magnifies_about_the_centre() {
        assert_eq!(apply(Affine { zoom: 2.0, ..STILL }, &[0, 4, 8], 1, 3), [2.0, 4.0, 6.0]);
    }

    #[test]
    fn far_maps_are_black() {
        assert_eq!(apply(Affine { shift: [50.0, 1e9], ..STILL }, &[9; 4], 2, 2), [0.0; 4]);
    }
}
