//! Components that are sampled more coarsely than others, enlarged as libjpeg does it by default (`jdsample.c`, "fancy upsampling"): by two
//! along either axis, or both, through a triangle whose roundings alternate; by anything else, each sample repeated.

use super::{
    frame::{Component, Frame, Needed},
    idct::LANES,
};
use crate::Region;

/// Samples of a component, row by row in whole groups of blocks; those that are needed.
pub(super) struct Plane {
    pub samples: Vec<u8>,
    pub stride: usize,
    /// Column and row of blocks at which it begins.
    pub first: [usize; 2],
    /// Columns and rows of blocks.
    pub blocks: [usize; 2],
    /// Which of its samples are asked for.
    needed: Needed,
}

impl Plane {
    /// For what a region needs, grey where nothing is ever sent.
    pub fn new(needed: Needed) -> Self {
        let first = needed.first.map(|sample| sample / 8);
        let blocks = [0, 1].map(|axis| needed.end[axis].div_ceil(8) - first[axis]);
        let stride = 8 * blocks[0].next_multiple_of(LANES);
        Self { samples: vec![128; 8 * blocks[1] * stride], stride, first, blocks, needed }
    }

    /// Row and column among its blocks of a block of the component, if it is one of them.
    #[inline(always)]
    pub fn block(&self, [row, column]: [usize; 2]) -> Option<[usize; 2]> {
        let (row, column) = (row.wrapping_sub(self.first[1]), column.wrapping_sub(self.first[0]));
        (row < self.blocks[1] && column < self.blocks[0]).then_some([row, column])
    }

    /// Where the samples of a group of blocks begin, by its row of blocks and number.
    #[inline(always)]
    pub fn group(&mut self, row: usize, group: usize) -> &mut [u8] {
        &mut self.samples[8 * row * self.stride + 8 * LANES * group..]
    }

    /// The needed samples of a row of the component.
    fn row(&self, y: usize) -> &[u8] {
        let [left, top] = self.first.map(|block| 8 * block);
        &self.samples[(y - top) * self.stride..][self.needed.first[0] - left..self.needed.end[0] - left]
    }
}

/// Where a component has one sample of every two, along which axes.
#[derive(Clone, Copy)]
enum Fancy {
    Across,
    Down,
    Both,
}

/// A region of a component at the size of the image, row by row.
pub(super) struct Enlarged<'a> {
    plane: &'a Plane,
    across: usize,
    down: usize,
    /// Rows of the component.
    rows: usize,
    fancy: Option<Fancy>,
    /// Where the region begins in what is made of the needed samples.
    skip: usize,
    /// Sums of the row's sample three times and its neighbour's once, and what comes of them.
    sums: Vec<u16>,
    wide: Vec<u8>,
}

impl<'a> Enlarged<'a> {
    /// From a component's samples.
    ///
    /// # Errors
    /// A sampling that libjpeg refuses: it does not divide the densest.
    pub fn new(plane: &'a Plane, component: &Component, frame: &Frame, region: &Region) -> Result<Self, &'static str> {
        let [across, down] = [0, 1].map(|axis| frame.most[axis] / component.sampling[axis]);
        if (0..2).any(|axis| !frame.most[axis].is_multiple_of(component.sampling[axis])) {
            return Err("its components are sampled in a way that is not read");
        }
        let [width, rows] = component.size;
        // A triangle needs neighbours: libjpeg asks for three samples in a row.
        let fancy = match (across, down) {
            (2, 1) if width > 2 => Some(Fancy::Across),
            (1, 2) => Some(Fancy::Down),
            (2, 2) if width > 2 => Some(Fancy::Both),
            _ => None,
        };
        let columns = plane.needed.end[0] - plane.needed.first[0];
        let skip = region.left - across * plane.needed.first[0];
        Ok(Self { plane, across, down, rows, fancy, skip, sums: vec![0; columns], wide: vec![0; 2 * columns] })
    }

    /// The row of this number in the image, of as many pixels as there is room for.
    #[inline(always)]
    pub fn row(&mut self, y: usize, out: &mut [u8]) {
        let (near, skip) = (self.plane.row(y / self.down), self.skip);
        let upper = y.is_multiple_of(2);
        let far = |plane: &'a Plane, rows: usize| {
            let next = if upper { (y / 2).saturating_sub(1) } else { y / 2 + 1 };
            plane.row(next.min(rows - 1))
        };
        match self.fancy {
            None if self.across == 1 => out.copy_from_slice(&near[skip..skip + out.len()]),
            None => out.iter_mut().enumerate().for_each(|(x, out)| *out = near[(skip + x) / self.across]),
            Some(Fancy::Down) => {
                let half = if upper { 1 } else { 2 };
                let pairs = near[skip..].iter().zip(&far(self.plane, self.rows)[skip..]);
                out.iter_mut().zip(pairs).for_each(|(out, (a, b))| *out = ((mix(*a, *b) + half) >> 2) as u8);
            }
            Some(Fancy::Across) => {
                self.sums.iter_mut().zip(near).for_each(|(sum, x)| *sum = u16::from(*x));
                double::<2>(&self.sums, [1, 2], &mut self.wide);
                out.copy_from_slice(&self.wide[skip..skip + out.len()]);
            }
            Some(Fancy::Both) => {
                let pairs = near.iter().zip(far(self.plane, self.rows));
                self.sums.iter_mut().zip(pairs).for_each(|(sum, (a, b))| *sum = mix(*a, *b));
                double::<4>(&self.sums, [8, 7], &mut self.wide);
                out.copy_from_slice(&self.wide[skip..skip + out.len()]);
            }
        }
    }
}

/// A row's sample three times and its neighbour's once.
#[inline(always)]
fn mix(near: u8, far: u8) -> u16 {
    3 * u16::from(near) + u16::from(far)
}

/// Two for each of a row's values: three parts of it and one of its neighbour to that side, the rounding of that side, and bits less.
/// The outermost have no neighbour beside them but themselves, as at the edges of an image.
#[inline(always)]
fn double<const BITS: u32>(values: &[u16], rounding: [u16; 2], out: &mut [u8]) {
    let last = values.len() - 1;
    let mix = |x: u16, neighbour: u16, side: usize| ((3 * x + neighbour + rounding[side]) >> BITS) as u8;
    out[0] = mix(values[0], values[0], 0);
    out[1] = mix(values[0], values[1], 1);
    for (three, two) in values.windows(3).zip(out[2..].as_chunks_mut::<2>().0) {
        *two = [mix(three[1], three[0], 0), mix(three[1], three[2], 1)];
    }
    out[2 * last] = mix(values[last], values[last - 1], 0);
    out[2 * last + 1] = mix(values[last], values[last], 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enlarged(plane: &Plane, component: &Component, frame: &Frame, region: &Region) -> Vec<u8> {
        let mut enlarged = Enlarged::new(plane, component, frame, region).unwrap();
        let mut out = vec![0; region.width * region.height];
        out.chunks_mut(region.width).zip(region.top..).for_each(|(row, y)| enlarged.row(y, row));
        out
    }

    fn component(samples: &[u8], size: [usize; 2], most: [usize; 2], image: [usize; 2]) -> Vec<u8> {
        let [width, height] = image;
        let component = Component { id: 1, sampling: [1, 1], table: 0, size, blocks: [1, 1], padded: [1, 1] };
        let frame = Frame { progressive: false, width, height, components: Vec::new(), most, units: [1, 1] };
        let region = Region::whole([height, width]);
        let mut plane = Plane::new(frame.needed(&component, &region));
        let stride = plane.stride;
        for (row, samples) in plane.samples.chunks_mut(stride).zip(samples.chunks(size[0])) {
            row[..size[0]].copy_from_slice(samples);
        }
        let whole = enlarged(&plane, &component, &frame, &region);
        // Every part of it is what the whole has there.
        for (top, left) in (0..height).flat_map(|top| (0..width).map(move |left| (top, left))) {
            for (down, across) in (1..=height - top).flat_map(|down| (1..=width - left).map(move |a| (down, a))) {
                let region = Region { top, left, height: down, width: across };
                plane.needed = frame.needed(&component, &region);
                let right = (top..top + down).flat_map(|y| &whole[y * width + left..][..across]);
                assert!(enlarged(&plane, &component, &frame, &region).iter().eq(right), "{region:?}");
            }
        }
        whole
    }

    /// By hand: (3x + neighbour + 1) / 4 to the left, + 2 to the right, edges as they are.
    #[test]
    fn a_row_is_doubled_through_a_triangle() {
        assert_eq!(component(&[0, 10, 20], [3, 1], [2, 1], [6, 1]), [0, 3, 7, 13, 17, 20]);
        assert_eq!(component(&[0, 10, 20], [3, 1], [2, 1], [5, 1]), [0, 3, 7, 13, 17]);
        // Two samples have no triangle.
        assert_eq!(component(&[0, 10], [2, 1], [2, 1], [4, 1]), [0, 0, 10, 10]);
    }

    #[test]
    fn columns_and_both_axes_are_doubled_and_other_factors_repeat() {
        assert_eq!(component(&[0, 10, 20], [1, 3], [1, 2], [1, 6]), [0, 3, 7, 13, 17, 20]);
        // Rows 0 0 0 and 16 16 16: sums 0 and 48 from the first row on 0, 16, 48, 64; over sixteen after (3 + 1) parts.
        let both = component(&[0, 0, 0, 16, 16, 16], [3, 2], [2, 2], [6, 4]);
        assert_eq!(both.chunks(6).map(|row| row[0]).collect::<Vec<_>>(), [0, 4, 12, 16]);
        assert_eq!(component(&[1, 2], [2, 1], [4, 1], [7, 1]), [1, 1, 1, 1, 2, 2, 2]);
    }
}
