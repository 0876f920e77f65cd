//! Components that are sampled more coarsely than others, enlarged as libjpeg does it by default (`jdsample.c`, "fancy upsampling"): by two
//! along either axis, or both, through a triangle whose roundings alternate; by anything else, each sample repeated.

use super::frame::{Component, Frame};

/// The samples of a component, row by row in whole blocks.
pub(super) struct Plane {
    pub samples: Vec<u8>,
    pub stride: usize,
}

impl Plane {
    fn row(&self, y: usize, width: usize) -> &[u8] {
        &self.samples[y * self.stride..][..width]
    }
}

/// Where a component has one sample of every two, along which axes.
#[derive(Clone, Copy)]
enum Fancy {
    Across,
    Down,
    Both,
}

/// A component at the size of the image, `[height, width]`.
///
/// # Errors
/// A sampling that libjpeg refuses: it does not divide the densest.
pub(super) fn enlarged(plane: &Plane, component: &Component, frame: &Frame) -> Result<Vec<u8>, &'static str> {
    let [across, down] = [0, 1].map(|axis| frame.most[axis] / component.sampling[axis]);
    if (0..2).any(|axis| !frame.most[axis].is_multiple_of(component.sampling[axis])) {
        return Err("its components are sampled in a way that is not read");
    }
    let [width, height] = component.size;
    // A triangle needs neighbours: libjpeg asks for three samples in a row.
    let fancy = match (across, down) {
        (2, 1) if width > 2 => Some(Fancy::Across),
        (1, 2) => Some(Fancy::Down),
        (2, 2) if width > 2 => Some(Fancy::Both),
        _ => None,
    };
    let mut out = Vec::with_capacity(frame.width * frame.height);
    // Sums of the row's sample three times and its neighbour's once, and what comes of them.
    let (mut sums, mut wide) = (vec![0; width], vec![0; 2 * width]);
    for y in 0..frame.height {
        let near = plane.row(y / down, width);
        let upper = y % 2 == 0;
        let next = if upper { (y / 2).saturating_sub(1) } else { y / 2 + 1 };
        let far = plane.row(next.min(height - 1), width);
        let mix = |(a, b): (&u8, &u8)| 3 * u16::from(*a) + u16::from(*b);
        match fancy {
            None if across == 1 => out.extend_from_slice(near),
            None => out.extend((0..frame.width).map(|x| near[x / across])),
            Some(Fancy::Down) => {
                let half = if upper { 1 } else { 2 };
                out.extend(near.iter().zip(far).map(|pair| ((mix(pair) + half) >> 2) as u8));
            }
            Some(Fancy::Across) => {
                sums.iter_mut().zip(near).for_each(|(sum, x)| *sum = u16::from(*x));
                double::<2>(&sums, [1, 2], &mut wide);
                out.extend_from_slice(&wide[..frame.width]);
            }
            Some(Fancy::Both) => {
                sums.iter_mut().zip(near.iter().zip(far)).for_each(|(sum, pair)| *sum = mix(pair));
                double::<4>(&sums, [8, 7], &mut wide);
                out.extend_from_slice(&wide[..frame.width]);
            }
        }
    }
    Ok(out)
}

/// Two for each of a row's values: three parts of it and one of its neighbour to that side, the rounding of that side, and bits less.
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

    fn component(samples: &[u8], size: [usize; 2], most: [usize; 2], image: [usize; 2]) -> Vec<u8> {
        let [width, height] = image;
        let component = Component { id: 1, sampling: [1, 1], table: 0, size, blocks: [1, 1], padded: [1, 1] };
        let frame = Frame { progressive: false, width, height, components: Vec::new(), most, units: [1, 1] };
        let mut plane = Plane { samples: vec![0; 64], stride: 8 };
        for (row, samples) in plane.samples.chunks_mut(8).zip(samples.chunks(size[0])) {
            row[..size[0]].copy_from_slice(samples);
        }
        enlarged(&plane, &component, &frame).unwrap()
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
