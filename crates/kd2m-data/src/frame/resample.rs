//! Resizing of 8-bit images with antialiasing, bit for bit as Pillow does it (`Image.resize`, `src/libImaging/Resample.c`): each axis by itself,
//! under a filter that widens where the image shrinks; weights of 22 bits, rounded to bytes after each axis. Columns come first; Pillow 13
//! turns that round where rows shrink much more than columns: what is rounded between the two differs then.

use std::ops::Range;

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
    firsts: Vec<usize>,
    /// As many for each place, zeros among them where one sees fewer.
    weights: Vec<i32>,
    each: usize,
}

impl Axis {
    /// From `from` pixels to `to`, both at least one, of which these places are wanted.
    pub fn new(from: usize, to: usize, interpolation: Interpolation, wanted: Range<usize>) -> Self {
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
        let places: Vec<(usize, Vec<i32>)> = wanted.map(place).collect();
        let each = places.iter().map(|(_, weights)| weights.len()).max().unwrap_or(0);
        let (mut firsts, mut all) = (Vec::with_capacity(places.len()), Vec::with_capacity(places.len() * each));
        for (first, weights) in places {
            // So far to the left that all are pixels.
            let begin = first.min(from - each);
            firsts.push(begin);
            all.resize(all.len() + first - begin, 0);
            all.extend(&weights);
            all.resize(firsts.len() * each, 0);
        }
        Self { firsts, weights: all, each }
    }

    /// Along rows: `[rows, from]` to `[rows, to]`.
    pub fn columns(&self, pixels: &[u8], from: usize) -> Vec<u8> {
        // Loops of known length for what is common.
        match self.each {
            2 => self.columns_of::<2>(pixels, from),
            3 => self.columns_of::<3>(pixels, from),
            4 => self.columns_of::<4>(pixels, from),
            5 => self.columns_of::<5>(pixels, from),
            6 => self.columns_of::<6>(pixels, from),
            7 => self.columns_of::<7>(pixels, from),
            8 => self.columns_of::<8>(pixels, from),
            each => {
                let mut out = Vec::with_capacity(pixels.len() / from.max(1) * self.firsts.len());
                for row in pixels.chunks_exact(from.max(1)) {
                    out.extend(self.firsts.iter().zip(self.weights.chunks_exact(each.max(1))).map(
                        |(first, weights)| {
                            byte(row[*first..].iter().zip(weights).map(|(p, w)| i32::from(*p) * w).sum())
                        },
                    ));
                }
                out
            }
        }
    }

    fn columns_of<const EACH: usize>(&self, pixels: &[u8], from: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(pixels.len() / from.max(1) * self.firsts.len());
        for row in pixels.chunks_exact(from.max(1)) {
            out.extend(self.firsts.iter().zip(self.weights.as_chunks::<EACH>().0).map(|(first, weights)| {
                let seen = row[*first..].first_chunk::<EACH>().unwrap_or(&[0; EACH]);
                byte(std::array::from_fn::<i32, EACH, _>(|i| i32::from(seen[i]) * weights[i]).iter().sum())
            }));
        }
        out
    }

    /// Along columns of each plane: `[planes, from, width]` to `[planes, to, width]`.
    pub fn rows(&self, pixels: &[u8], from: usize, width: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(pixels.len() / from.max(1) * self.firsts.len());
        let mut sums = vec![0_i32; width];
        for plane in pixels.chunks_exact((from * width).max(1)) {
            for (first, weights) in self.firsts.iter().zip(self.weights.chunks_exact(self.each.max(1))) {
                sums.fill(0);
                for (row, weight) in plane.chunks_exact(width.max(1)).skip(*first).zip(weights) {
                    if *weight != 0 {
                        sums.iter_mut().zip(row).for_each(|(sum, p)| *sum += i32::from(*p) * weight);
                    }
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
