//! Resizing of 8-bit images with antialiasing, bit for bit as Pillow does it (`Image.resize`, `src/libImaging/Resample.c`): each axis by itself,
//! under a filter that widens where the image shrinks; weights of 22 bits, rounded to bytes after each axis. Columns come first; Pillow 13
//! turns that round where rows shrink much more than columns: what is rounded between the two differs then.

use std::ops::Range;

use kd2m_simd::isa::{Isa, Kernel, Simd};
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

    /// How many places are wanted.
    pub fn len(&self) -> usize {
        self.firsts.len()
    }

    /// Along rows: `[rows, from]` to `[rows, to]`.
    pub fn columns(&self, pixels: &[u8], from: usize, out: &mut [u8]) {
        Isa::detect().run(Columns { axis: self, pixels, from: from.max(1), out });
    }

    /// Along columns of each plane: `[planes, from, width]` to `[planes, to, width]`.
    pub fn rows(&self, pixels: &[u8], from: usize, width: usize, out: &mut [u8]) {
        Isa::detect().run(Rows { axis: self, pixels, from: from.max(1), width: width.max(1), out });
    }

    /// For each place the first pixel that it sees and their weights.
    #[inline(always)]
    fn places(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.firsts.iter().copied().zip(self.weights.chunks_exact(self.each.max(1)))
    }
}

/// Pixels that one weight goes to.
const AT_ONCE: usize = 16;

/// [`Axis::columns`], as it is compiled for each instruction set.
struct Columns<'a> {
    axis: &'a Axis,
    pixels: &'a [u8],
    from: usize,
    out: &'a mut [u8],
}

impl Kernel for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, _: S) {
        let Self { axis, pixels, from, out } = self;
        let to = axis.len().max(1);
        // Rows side by side, so that one weight goes to all of them at once.
        let (mut tile, mut made) = (vec![[0_u8; AT_ONCE]; from], vec![[0_u8; AT_ONCE]; to]);
        for (rows, outs) in pixels.chunks(AT_ONCE * from).zip(out.chunks_mut(AT_ONCE * to)) {
            for (lane, row) in rows.chunks_exact(from).enumerate() {
                for (pixels, pixel) in tile.iter_mut().zip(row) {
                    pixels[lane] = *pixel;
                }
            }
            for ((first, weights), made) in axis.places().zip(&mut made) {
                let mut sums = [0; AT_ONCE];
                for (pixels, weight) in tile[first..].iter().zip(weights) {
                    add(&mut sums, pixels, *weight);
                }
                round(&sums, made);
            }
            for (lane, out) in outs.chunks_exact_mut(to).enumerate() {
                for (out, made) in out.iter_mut().zip(&made) {
                    *out = made[lane];
                }
            }
        }
    }
}

/// [`Axis::rows`], as it is compiled for each instruction set.
struct Rows<'a> {
    axis: &'a Axis,
    pixels: &'a [u8],
    from: usize,
    width: usize,
    out: &'a mut [u8],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, _: S) {
        let Self { axis, pixels, from, width, out } = self;
        let planes = pixels.chunks_exact(from * width).zip(out.chunks_exact_mut((axis.len() * width).max(1)));
        for (plane, out) in planes {
            for ((first, weights), out) in axis.places().zip(out.chunks_exact_mut(width)) {
                let (blocks, rest) = out.as_chunks_mut::<AT_ONCE>();
                let done = AT_ONCE * blocks.len();
                for (at, block) in blocks.iter_mut().enumerate() {
                    let mut sums = [0; AT_ONCE];
                    for (row, weight) in plane.chunks_exact(width).skip(first).zip(weights) {
                        if let Some(pixels) = row[AT_ONCE * at..].first_chunk() {
                            add(&mut sums, pixels, *weight);
                        }
                    }
                    round(&sums, block);
                }
                for (x, out) in rest.iter_mut().enumerate() {
                    let rows = plane.chunks_exact(width).skip(first).zip(weights);
                    *out = byte(rows.map(|(row, weight)| i32::from(row[done + x]) * weight).sum());
                }
            }
        }
    }
}

#[inline(always)]
fn add(sums: &mut [i32; AT_ONCE], pixels: &[u8; AT_ONCE], weight: i32) {
    for lane in 0..AT_ONCE {
        sums[lane] += i32::from(pixels[lane]) * weight;
    }
}

#[inline(always)]
fn round(sums: &[i32; AT_ONCE], out: &mut [u8; AT_ONCE]) {
    for lane in 0..AT_ONCE {
        out[lane] = byte(sums[lane]);
    }
}

/// A sum of weighted bytes, rounded.
#[inline(always)]
fn byte(sum: i32) -> u8 {
    ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
}
