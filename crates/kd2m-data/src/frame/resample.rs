//! Resizing of 8-bit images with antialiasing, bit for bit as Pillow does it (`Image.resize`, `src/libImaging/Resample.c`): each axis by itself,
//! under a filter that widens where the image shrinks; weights of 22 bits, rounded to bytes after each axis. Columns come first; Pillow 13
//! turns that round where rows shrink much more than columns: what is rounded between the two differs then.

use serde::{Deserialize, Serialize};

/// How pixels between others are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// A triangle of one pixel to either side.
    #[default]
    Bilinear,
    /// Keys' cubic with a = −1/2, two pixels to either side.
    Bicubic,
}

impl Interpolation {
    /// Its name in configurations and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
        }
    }

    /// How far the filter reaches, in pixels.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    /// The filter at a distance.
    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Self::Bilinear if x < 1.0 => 1.0 - x,
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            _ => 0.0,
        }
    }
}

/// Bits of a weight: a byte and a sign of room in 32.
const BITS: u32 = 32 - 8 - 2;

/// One axis from a length to another: for each place the first pixel that it sees and their weights.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    places: Vec<(usize, Vec<i32>)>,
}

impl Axis {
    /// From `from` pixels to `to`, both at least one.
    pub fn new(from: usize, to: usize, interpolation: Interpolation) -> Self {
        let scale = from as f64 / to as f64;
        let widening = scale.max(1.0);
        let narrowing = 1.0 / widening;
        let support = interpolation.support() * widening;
        let place = |i: usize| {
            let centre = (i as f64 + 0.5) * scale;
            // As in C: towards zero.
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            let weight = |j: usize| interpolation.weight((j as f64 - centre + 0.5) * narrowing);
            let weights: Vec<f64> = (first..end).map(weight).collect();
            let sum: f64 = weights.iter().sum();
            let whole = |w: &f64| {
                let scaled = if sum == 0.0 { *w } else { w / sum } * f64::from(1 << BITS);
                (scaled + if scaled < 0.0 { -0.5 } else { 0.5 }) as i32
            };
            (first, weights.iter().map(whole).collect())
        };
        Self { places: (0..to).map(place).collect() }
    }

    /// Along rows: `[rows, from]` to `[rows, to]`.
    pub fn columns(&self, pixels: &[u8], from: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(pixels.len() / from.max(1) * self.places.len());
        for row in pixels.chunks_exact(from.max(1)) {
            out.extend(self.places.iter().map(|(first, weights)| {
                let sum: i32 = row[*first..].iter().zip(weights).map(|(p, w)| i32::from(*p) * w).sum();
                byte(sum)
            }));
        }
        out
    }

    /// Along columns of each plane: `[planes, from, width]` to `[planes, to, width]`.
    pub fn rows(&self, pixels: &[u8], from: usize, width: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(pixels.len() / from.max(1) * self.places.len());
        let mut sums = vec![0_i32; width];
        for plane in pixels.chunks_exact((from * width).max(1)) {
            for (first, weights) in &self.places {
                sums.fill(0);
                for (row, weight) in plane.chunks_exact(width.max(1)).skip(*first).zip(weights) {
                    sums.iter_mut().zip(row).for_each(|(sum, p)| *sum += i32::from(*p) * weight);
                }
                out.extend(sums.iter().map(|sum| byte(*sum)));
            }
        }
        out
    }
}

/// A sum of weighted bytes, rounded.
fn byte(sum: i32) -> u8 {
    ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
}
