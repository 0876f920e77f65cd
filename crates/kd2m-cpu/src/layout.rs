//! How activations and weights lie in memory, and the ways in and out of PyTorch's layouts.
//!
//! Activations are `[h][w][n][c]`: a (position, tap) pair of a convolution is then a dense `n × in` by `in × out` product over
//! contiguous rows, and a tap that meets padding is simply not there. Vectors are maps of one position. Next: [`geometry`](crate::geometry).

use std::ops::Range;

use crate::{
    aligned::Aligned,
    isa::{Isa, Kernel, Lanes},
    threads::{Shared, for_each, for_each_piece, part},
};

/// Channels, height and width of one sample; a vector is a map of one position, tokens are a column of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Extent {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Extent {
    pub fn of(shape: kd2m_nn::Shape) -> Self {
        match shape {
            kd2m_nn::Shape::Map { channels, height, width } => Self { channels, height, width },
            kd2m_nn::Shape::Vector(channels) => Self { channels, height: 1, width: 1 },
            kd2m_nn::Shape::Tokens { tokens, width } => Self { channels: width, height: tokens, width: 1 },
        }
    }

    pub fn positions(&self) -> usize {
        self.height * self.width
    }

    /// Values of one sample.
    pub fn len(&self) -> usize {
        self.channels * self.positions()
    }
}

/// `[n, c, h, w]` → `[h, w, n, c]`, with a factor and a summand for each channel (the normalisation of images).
pub fn from_nchw(from: &[f32], to: &mut [f32], n: usize, extent: Extent, scale: impl Fn(usize) -> (f32, f32) + Sync) {
    let (c, positions) = (extent.channels, extent.positions());
    for_each_piece(to, n * c, |position, rows| {
        for (i, row) in rows.chunks_exact_mut(c).enumerate() {
            for (channel, value) in row.iter_mut().enumerate() {
                let (factor, summand) = scale(channel);
                *value = from[(i * c + channel) * positions + position] * factor + summand;
            }
        }
    });
}

/// `[n, c, h, w]` → `[h, w, n, c]`.
pub fn from_nchw_into(from: &[f32], to: &mut [f32], n: usize, extent: Extent) {
    from_nchw(from, to, n, extent, |_| (1.0, 0.0));
}

/// Adds `[n, c, h, w]` to `[h, w, n, c]`.
pub fn add_nchw(from: &[f32], to: &mut [f32], n: usize, extent: Extent) {
    let (c, positions) = (extent.channels, extent.positions());
    for_each_piece(to, n * c, |position, rows| {
        for (i, row) in rows.chunks_exact_mut(c).enumerate() {
            for (channel, value) in row.iter_mut().enumerate() {
                *value += from[(i * c + channel) * positions + position];
            }
        }
    });
}

/// `[h, w, n, c]` → `[n, c, h, w]`.
pub fn to_nchw(from: &[f32], to: &mut [f32], n: usize, extent: Extent) {
    let (c, positions) = (extent.channels, extent.positions());
    for_each_piece(to, positions, |plane, values| {
        let (i, channel) = (plane / c, plane % c);
        for (position, value) in values.iter_mut().enumerate() {
            *value = from[(position * n + i) * c + channel];
        }
    });
}

/// Lays one sample's `[h, w, c]` between those of a batch `[h, w, n, c]`.
pub fn put_sample(from: &[f32], to: &mut [f32], sample: usize, n: usize, channels: usize) {
    let positions = from.len() / channels.max(1);
    // Whole pages for each task.
    let parts = positions.div_ceil(64);
    let shared = Shared::new(to);
    for_each(parts, |i| {
        for position in part(positions, i, parts) {
            let at = (position * n + sample) * channels;
            // SAFETY: each position is in one part.
            let to = unsafe { shared.slice(at..at + channels) };
            to.copy_from_slice(&from[position * channels..][..channels]);
        }
    });
}

/// Images `[n, c, h, w]` → `[n][h + 2·pad][w + 2·pad][c]` with borders of zeros: a row of a first layer's kernel is then one
/// contiguous run of `kw·c` values instead of `kw` runs of three.
pub fn from_nchw_padded(
    from: &[f32],
    to: &mut [f32],
    extent: Extent,
    pad: [usize; 2],
    scale: impl Fn(usize) -> (f32, f32) + Sync,
) {
    let Extent { channels: c, height, width } = extent;
    let padded_height = height + 2 * pad[0];
    for_each_piece(to, (width + 2 * pad[1]) * c, |index, row| {
        let (i, y) = (index / padded_height, index % padded_height);
        let Some(y) = y.checked_sub(pad[0]).filter(|y| *y < height) else { return row.fill(0.0) };
        let (before, row) = row.split_at_mut(pad[1] * c);
        let (row, behind) = row.split_at_mut(width * c);
        before.fill(0.0);
        behind.fill(0.0);
        for channel in 0..c {
            let (factor, summand) = scale(channel);
            let line = &from[((i * c + channel) * height + y) * width..][..width];
            for (value, pixel) in row[channel..].iter_mut().step_by(c).zip(line) {
                *value = pixel * factor + summand;
            }
        }
    });
}

/// The order of a convolution's weights in memory: `[group][block of outputs][tap][input][output in the block]`.
///
/// A block is as wide as a kernel's register tile; the last one of a group is as narrow as whole vectors (`granule`) allow, and what
/// it has too much is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pack {
    pub groups: usize,
    /// Outputs of one group.
    pub outputs: usize,
    /// Inputs of one group.
    pub inputs: usize,
    pub taps: usize,
    pub block: usize,
    pub granule: usize,
}

impl Pack {
    /// Blocks of one group.
    pub fn blocks(&self) -> usize {
        self.outputs.div_ceil(self.block)
    }

    /// The outputs of a block that are real.
    pub fn outputs_of(&self, block: usize) -> Range<usize> {
        block * self.block..self.outputs.min((block + 1) * self.block)
    }

    /// Values from one input to the next in a block.
    pub fn width(&self, block: usize) -> usize {
        self.outputs_of(block).len().next_multiple_of(self.granule)
    }

    /// Where a block of a group starts.
    pub fn start(&self, group: usize, block: usize) -> usize {
        let group_width = (self.blocks() - 1) * self.block + self.width(self.blocks() - 1);
        (group * group_width + block * self.block) * self.taps * self.inputs
    }

    /// Number of values, padding included.
    pub fn len(&self) -> usize {
        self.start(self.groups, 0)
    }

    /// The pack of the transposed product: inputs and outputs exchanged.
    pub fn transposed(&self) -> Self {
        Self { outputs: self.inputs, inputs: self.outputs, ..*self }
    }

    /// From PyTorch's `[outputs of all groups, inputs of a group, taps]`.
    pub fn packed(&self, torch: &[f32]) -> Aligned {
        let mut packed = Aligned::zeros(self.len());
        self.visit(|at, torch_index| packed[at] = torch[torch_index]);
        packed
    }

    /// To PyTorch's layout.
    pub fn unpacked(&self, packed: &[f32]) -> Vec<f32> {
        let mut torch = vec![0.0; self.groups * self.outputs * self.inputs * self.taps];
        self.visit(|at, torch_index| torch[torch_index] = packed[at]);
        torch
    }

    /// Calls `f` with the index in the pack and in PyTorch's layout of each weight.
    fn visit(&self, mut f: impl FnMut(usize, usize)) {
        for group in 0..self.groups {
            for block in 0..self.blocks() {
                let (start, width) = (self.start(group, block), self.width(block));
                for tap in 0..self.taps {
                    for input in 0..self.inputs {
                        for (lane, output) in self.outputs_of(block).enumerate() {
                            let torch = ((group * self.outputs + output) * self.inputs + input) * self.taps + tap;
                            f(start + (tap * self.inputs + input) * width + lane, torch);
                        }
                    }
                }
            }
        }
    }

    /// All taps.
    #[cfg(test)]
    pub fn transpose(&self, isa: Isa, packed: &[f32], to: &mut [f32]) {
        self.transpose_taps(isa, &(0..self.taps).collect::<Vec<_>>(), packed, to);
    }

    /// Writes the transposed pack (see [`transposed`](Self::transposed)) of these taps' weights; the others are left as they are.
    pub fn transpose_taps(&self, isa: Isa, taps: &[usize], packed: &[f32], to: &mut [f32]) {
        let back = self.transposed();
        let shared = Shared::new(to);
        let per_group = back.blocks();
        for_each(self.groups * per_group * taps.len(), |task| {
            let (group, rest) = (task / (per_group * taps.len()), task % (per_group * taps.len()));
            let (block, tap) = (rest / taps.len(), taps[rest % taps.len()]);
            let width = back.width(block);
            let start = back.start(group, block) + tap * back.inputs * width;
            // SAFETY: each (group, block, tap) has its own range.
            let target = unsafe { shared.slice(start..start + back.inputs * width) };
            for from_block in 0..self.blocks() {
                let from_width = self.width(from_block);
                let from = &packed[self.start(group, from_block) + tap * self.inputs * from_width..];
                let (outputs, inputs) = (self.outputs_of(from_block), back.outputs_of(block));
                isa.run(Transpose { from, from_width, inputs, outputs, target, width });
            }
        });
    }
}

/// A block of a pack into the transposed block: `target[output][input in the block] = from[input][output in the block]`.
struct Transpose<'a> {
    from: &'a [f32],
    from_width: usize,
    inputs: Range<usize>,
    outputs: Range<usize>,
    target: &'a mut [f32],
    width: usize,
}

impl Kernel for Transpose<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        let Self { from, from_width, inputs, outputs, target, width } = self;
        let whole = |length: usize| length - length % S::COUNT;
        let (whole_inputs, whole_outputs) = (whole(inputs.len()), whole(outputs.len()));
        for i in (0..whole_inputs).step_by(S::COUNT) {
            for o in (0..whole_outputs).step_by(S::COUNT) {
                let from = &from[(inputs.start + i) * from_width + o..][..(S::COUNT - 1) * from_width + S::COUNT];
                let to = &mut target[(outputs.start + o) * width + i..][..(S::COUNT - 1) * width + S::COUNT];
                // SAFETY: COUNT rows of COUNT numbers are inside both slices.
                unsafe { lanes.transpose(from.as_ptr(), from_width, to.as_mut_ptr(), width) };
            }
        }
        for i in 0..inputs.len() {
            let first = if i < whole_inputs { whole_outputs } else { 0 };
            for o in first..outputs.len() {
                target[(outputs.start + o) * width + i] = from[(inputs.start + i) * from_width + o];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(length: usize) -> Vec<f32> {
        (0..length).map(|i| i as f32 + 1.0).collect()
    }

    #[test]
    fn maps_come_back_from_the_engine_layout() {
        let extent = Extent { channels: 3, height: 2, width: 5 };
        let images = counting(4 * extent.len());
        let mut inside = vec![0.0; images.len()];
        from_nchw(&images, &mut inside, 4, extent, |_| (1.0, 0.0));
        assert_eq!(inside[3 + 1], images[extent.len() + 10]);
        let mut back = vec![0.0; images.len()];
        to_nchw(&inside, &mut back, 4, extent);
        assert_eq!(back, images);
        add_nchw(&images, &mut inside, 4, extent);
        to_nchw(&inside, &mut back, 4, extent);
        assert!(back.iter().zip(&images).all(|(b, i)| *b == 2.0 * i));
    }

    #[test]
    fn packs_are_inverted_by_unpacking_and_transposing_twice() {
        let packs = [
            (1, 70, 35, 9, 32, 16),
            (2, 3, 4, 1, 32, 16),
            (3, 33, 2, 4, 32, 16),
            (1, 6, 7, 3, 6, 1),
            (1, 40, 33, 2, 16, 8),
        ];
        for (isa, (groups, outputs, inputs, taps, block, granule)) in
            Isa::available().flat_map(|isa| packs.map(|pack| (isa, pack)))
        {
            let pack = Pack { groups, outputs, inputs, taps, block, granule };
            let torch = counting(groups * outputs * inputs * taps);
            let packed = pack.packed(&torch);
            assert_eq!(pack.unpacked(&packed), torch);
            let back = pack.transposed();
            let mut transposed = vec![0.0; back.len()];
            pack.transpose(isa, &packed, &mut transposed);
            let swapped = back.unpacked(&transposed);
            for g in 0..groups {
                for o in 0..outputs {
                    for i in 0..inputs {
                        for t in 0..taps {
                            let straight = torch[((g * outputs + o) * inputs + i) * taps + t];
                            assert_eq!(swapped[((g * inputs + i) * outputs + o) * taps + t], straight);
                        }
                    }
                }
            }
            let mut twice = vec![0.0; pack.len()];
            back.transpose(isa, &transposed, &mut twice);
            assert_eq!(twice, packed[..]);
        }
    }
}
