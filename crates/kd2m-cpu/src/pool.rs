//! Max, average and global pooling on `[h][w][n][c]`, forward and backward: every position is a contiguous slab of n·c values.

use crate::{
    geometry::{Geometry, Run},
    isa::{Isa, Kernel, Lanes},
    threads::{Shared, for_each, for_each_piece},
};

/// The live (partner's position, tap) of each position, from outputs and from inputs.
pub struct Windows {
    taps: usize,
    outputs: Vec<Vec<(usize, usize)>>,
    inputs: Vec<Vec<(usize, usize)>>,
}

impl Windows {
    pub fn new(geometry: &Geometry) -> Self {
        let expand = |runs: &[Run], step: usize| {
            let each = |run: &Run, i: usize| run.taps.iter().map(|(p, t)| (p + i * step, *t)).collect();
            runs.iter().flat_map(|run| (0..run.length).map(move |i| each(run, i))).collect()
        };
        Self {
            taps: geometry.taps,
            outputs: expand(&geometry.forward, geometry.step),
            inputs: expand(&geometry.backward, 1),
        }
    }

    /// Maxima over windows; `winners` gets the tap of each (the first one, as in PyTorch).
    pub fn max_forward(&self, isa: Isa, x: &[f32], y: &mut [f32], winners: Option<&mut [u16]>, slab: usize) {
        let winners = winners.map(SharedTaps::new);
        for_each_piece(y, slab, |position, y| {
            // SAFETY: each position has its own winners.
            let winners = winners.as_ref().map(|winners| unsafe { winners.slice(position * slab, slab) });
            isa.run(Maxima { taps: &self.outputs[position], x, y, winners });
        });
    }

    /// Each input position collects from the windows that it won.
    pub fn max_backward(&self, isa: Isa, dy: &[f32], winners: &[u16], dx: &mut [f32], slab: usize, add: bool) {
        for_each_piece(dx, slab, |position, dx| {
            isa.run(Won { taps: &self.inputs[position], dy, winners, dx, add });
        });
    }

    /// Means over windows; padding counts as zeros, as PyTorch does by default.
    pub fn average_forward(&self, isa: Isa, x: &[f32], y: &mut [f32], slab: usize) {
        let share = 1.0 / self.taps as f32;
        for_each_piece(y, slab, |position, y| {
            isa.run(Sum { taps: &self.outputs[position], x, y, share, add: false });
        });
    }

    pub fn average_backward(&self, isa: Isa, dy: &[f32], dx: &mut [f32], slab: usize, add: bool) {
        let share = 1.0 / self.taps as f32;
        for_each_piece(dx, slab, |position, dx| {
            isa.run(Sum { taps: &self.inputs[position], x: dy, y: dx, share, add });
        });
    }
}

/// Values of a slab that go through all taps of a window together: they stay in the nearest cache.
const PIECE: usize = 1024;

struct Maxima<'a> {
    taps: &'a [(usize, usize)],
    x: &'a [f32],
    y: &'a mut [f32],
    winners: Option<&'a mut [u16]>,
}

impl Kernel for Maxima<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let slab = self.y.len();
        // The first live tap wins at once: a window of −∞ still has a winner that is not padding.
        let Some(((from, tap), rest)) = self.taps.split_first() else { return self.y.fill(f32::NEG_INFINITY) };
        let mut winners = self.winners;
        for (i, y) in self.y.chunks_mut(PIECE).enumerate() {
            let length = y.len();
            let piece = |from: &usize| &self.x[from * slab + i * PIECE..][..length];
            let slabs = rest.iter().map(|(from, tap)| (piece(from), *tap as u16));
            y.copy_from_slice(piece(from));
            match &mut winners {
                None => {
                    for (x, _) in slabs {
                        for (y, x) in y.iter_mut().zip(x) {
                            *y = if *x > *y || x.is_nan() { *x } else { *y };
                        }
                    }
                }
                Some(winners) => {
                    let winners = &mut winners[i * PIECE..][..y.len()];
                    winners.fill(*tap as u16);
                    for (x, tap) in slabs {
                        for ((y, winner), x) in y.iter_mut().zip(winners.iter_mut()).zip(x) {
                            let better = *x > *y || x.is_nan();
                            *y = if better { *x } else { *y };
                            *winner = if better { tap } else { *winner };
                        }
                    }
                }
            }
        }
    }
}

struct Won<'a> {
    taps: &'a [(usize, usize)],
    dy: &'a [f32],
    winners: &'a [u16],
    dx: &'a mut [f32],
    add: bool,
}

impl Kernel for Won<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let slab = self.dx.len();
        for (i, dx) in self.dx.chunks_mut(PIECE).enumerate() {
            if !self.add {
                dx.fill(0.0);
            }
            for (from, tap) in self.taps {
                let at = from * slab + i * PIECE;
                for ((dx, dy), winner) in dx.iter_mut().zip(&self.dy[at..]).zip(&self.winners[at..]) {
                    *dx += if *winner == *tap as u16 { *dy } else { 0.0 };
                }
            }
        }
    }
}

/// `y (+)= share · Σ over taps x`.
struct Sum<'a> {
    taps: &'a [(usize, usize)],
    x: &'a [f32],
    y: &'a mut [f32],
    share: f32,
    add: bool,
}

impl Kernel for Sum<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let slab = self.y.len();
        if !self.add {
            self.y.fill(0.0);
        }
        for (from, _) in self.taps {
            self.y.iter_mut().zip(&self.x[from * slab..][..slab]).for_each(|(y, x)| *y += self.share * x);
        }
    }
}

/// The mean over all positions.
pub fn global_forward(isa: Isa, x: &[f32], y: &mut [f32]) {
    const MEANS: usize = 4096;
    let slab = y.len();
    for_each_piece(y, MEANS, |i, y| isa.run(Mean { x, slab, first: i * MEANS, y }));
}

struct Mean<'a> {
    x: &'a [f32],
    slab: usize,
    first: usize,
    y: &'a mut [f32],
}

impl Kernel for Mean<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let share = 1.0 / (self.x.len() / self.slab) as f32;
        self.y.fill(0.0);
        for x in self.x.chunks_exact(self.slab) {
            self.y.iter_mut().zip(&x[self.first..]).for_each(|(y, x)| *y += x);
        }
        self.y.iter_mut().for_each(|y| *y *= share);
    }
}

pub fn global_backward(dy: &[f32], dx: &mut [f32], add: bool) {
    let share = 1.0 / (dx.len() / dy.len()) as f32;
    for_each_piece(dx, dy.len(), |_, dx| {
        for (dx, dy) in dx.iter_mut().zip(dy) {
            *dx = if add { *dx } else { 0.0 } + dy * share;
        }
    });
}

/// [`Shared`] for winners.
struct SharedTaps(*mut u16, usize);

// SAFETY: the only method is unsafe and asks for disjoint ranges.
unsafe impl Sync for SharedTaps {}

impl SharedTaps {
    fn new(winners: &mut [u16]) -> Self {
        Self(winners.as_mut_ptr(), winners.len())
    }

    /// # Safety
    /// No other reference to these values exists.
    #[expect(clippy::mut_from_ref, reason = "as for Shared")]
    unsafe fn slice(&self, start: usize, length: usize) -> &mut [u16] {
        assert!(start + length <= self.1);
        // SAFETY: inside the slice, disjoint by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), length) }
    }
}

/// Copies blocks of channels between maps of different widths: concatenation, its gradient, and (by pairs of channels) shuffles.
/// `to[row][to_first..] (+)= from[row][from_first..]`.
pub fn copy_channels(from: (&[f32], usize, usize), to: (&mut [f32], usize, usize), channels: usize, add: bool) {
    let ((from, from_width, from_first), (to, to_width, to_first)) = (from, to);
    let rows = to.len() / to_width;
    let parts = rows.div_ceil(1024);
    let shared = Shared::new(to);
    for_each(parts, |i| {
        for r in crate::threads::part(rows, i, parts) {
            let start = r * to_width + to_first;
            // SAFETY: each row is in one part.
            let to = unsafe { shared.slice(start..start + channels) };
            let from = &from[r * from_width + from_first..][..channels];
            if add {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            } else {
                to.copy_from_slice(from);
            }
        }
    });
}

/// Channels seen as `[groups, c / groups]` and transposed; with `groups = c / groups` the inverse.
pub fn shuffle(x: &[f32], y: &mut [f32], channels: usize, groups: usize, add: bool) {
    let each = channels / groups;
    for_each_piece(y, 256 * channels, |i, y| {
        for (y, x) in y.chunks_exact_mut(channels).zip(x[i * 256 * channels..].chunks_exact(channels)) {
            for k in 0..each {
                for g in 0..groups {
                    let value = &mut y[k * groups + g];
                    *value = if add { *value } else { 0.0 } + x[g * each + k];
                }
            }
        }
    });
}
