//! Max, average and global pooling on `[h][w][n][c]`, forward and backward: every output position is a few contiguous slabs of n·c values.

use crate::{
    geometry::Geometry,
    threads::{Shared, for_each, for_each_piece},
};

/// Maxima over windows; `winners` gets the tap of each (the first one, as in PyTorch).
pub fn max_forward(geometry: &Geometry, x: &[f32], y: &mut [f32], winners: Option<&mut [u16]>, slab: usize) {
    let positions = expand(geometry);
    let winners = winners.map(SharedTaps::new);
    for_each_piece(y, slab, |position, y| {
        let taps = &positions[position];
        let mut none = Vec::new();
        let winners = match &winners {
            // SAFETY: each position has its own winners.
            Some(winners) => unsafe { winners.slice(position * slab, slab) },
            None => {
                none.resize(slab, 0);
                &mut none[..]
            }
        };
        y.fill(f32::NEG_INFINITY);
        // The first live tap wins at once: a window of NaN or −∞ still has a winner that is not padding.
        if let Some((_, tap)) = taps.first() {
            winners.fill(*tap as u16);
        }
        for (from, tap) in taps {
            let x = &x[from * slab..][..slab];
            for ((y, winner), x) in y.iter_mut().zip(winners.iter_mut()).zip(x) {
                let better = *x > *y || x.is_nan();
                *y = if better { *x } else { *y };
                *winner = if better { *tap as u16 } else { *winner };
            }
        }
    });
}

/// Each input position collects from the windows that it won.
pub fn max_backward(geometry: &Geometry, dy: &[f32], winners: &[u16], dx: &mut [f32], slab: usize, add: bool) {
    let mut incoming = vec![&[][..]; dx.len() / slab];
    for run in &geometry.backward {
        for i in 0..run.length {
            incoming[run.first + i] = &run.taps;
        }
    }
    let offsets = offsets(geometry, dx.len() / slab);
    for_each_piece(dx, slab, |position, dx| {
        if !add {
            dx.fill(0.0);
        }
        for (from, tap) in incoming[position] {
            let from = (from + offsets[position]) * slab;
            let tap = *tap as u16;
            for ((dx, dy), winner) in dx.iter_mut().zip(&dy[from..from + slab]).zip(&winners[from..from + slab]) {
                *dx += if *winner == tap { *dy } else { 0.0 };
            }
        }
    });
}

/// Means over windows; padding counts as zeros, as PyTorch does by default.
pub fn average_forward(geometry: &Geometry, x: &[f32], y: &mut [f32], slab: usize) {
    let positions = expand(geometry);
    let share = 1.0 / geometry.taps as f32;
    for_each_piece(y, slab, |position, y| {
        y.fill(0.0);
        for (from, _) in &positions[position] {
            y.iter_mut().zip(&x[from * slab..]).for_each(|(y, x)| *y += x);
        }
        y.iter_mut().for_each(|y| *y *= share);
    });
}

pub fn average_backward(geometry: &Geometry, dy: &[f32], dx: &mut [f32], slab: usize, add: bool) {
    let mut incoming = vec![&[][..]; dx.len() / slab];
    for run in &geometry.backward {
        for i in 0..run.length {
            incoming[run.first + i] = &run.taps;
        }
    }
    let offsets = offsets(geometry, dx.len() / slab);
    let share = 1.0 / geometry.taps as f32;
    for_each_piece(dx, slab, |position, dx| {
        if !add {
            dx.fill(0.0);
        }
        for (from, _) in incoming[position] {
            let from = (from + offsets[position]) * slab;
            dx.iter_mut().zip(&dy[from..from + slab]).for_each(|(dx, dy)| *dx += dy * share);
        }
    });
}

/// The mean over all positions.
pub fn global_forward(x: &[f32], y: &mut [f32]) {
    let slab = y.len();
    let share = 1.0 / (x.len() / slab) as f32;
    for_each_piece(y, slab.div_ceil(16).max(256), |i, y| {
        let start = i * slab.div_ceil(16).max(256);
        y.fill(0.0);
        for x in x.chunks_exact(slab) {
            y.iter_mut().zip(&x[start..]).for_each(|(y, x)| *y += x);
        }
        y.iter_mut().for_each(|y| *y *= share);
    });
}

pub fn global_backward(dy: &[f32], dx: &mut [f32], add: bool) {
    let share = 1.0 / (dx.len() / dy.len()) as f32;
    for_each_piece(dx, dy.len(), |_, dx| {
        for (dx, dy) in dx.iter_mut().zip(dy) {
            *dx = if add { *dx } else { 0.0 } + dy * share;
        }
    });
}

/// The live (input position, tap) of each output position.
fn expand(geometry: &Geometry) -> Vec<Vec<(usize, usize)>> {
    let runs = geometry.forward.iter();
    runs.flat_map(|run| {
        (0..run.length).map(move |i| run.taps.iter().map(|(p, t)| (p + i * geometry.step, *t)).collect())
    })
    .collect()
}

/// How far each input position is into its run.
fn offsets(geometry: &Geometry, positions: usize) -> Vec<usize> {
    let mut offsets = vec![0; positions];
    for run in &geometry.backward {
        for i in 0..run.length {
            offsets[run.first + i] = i;
        }
    }
    offsets
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
