//! Which input positions meet which output positions in a convolution or pooling window, as runs along the width.
//!
//! Everything is counted in positions, so the lists serve every batch size. Within a run the same taps are live and the partner's
//! position moves by a fixed step: a run of a stride-1 layer is one dense product over `length · n` rows.

use std::ops::Range;

use crate::layout::Extent;

/// Window parameters, height before width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
}

impl Window {
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }
}

/// Positions `first…first + length` of one side that see the same taps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub first: usize,
    pub length: usize,
    /// (position of the partner at the run's first position, tap).
    pub taps: Vec<(usize, usize)>,
}

/// Partners under one tap: `input + i · step` meets `output + i` for i < length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meeting {
    pub input: usize,
    pub output: usize,
    pub length: usize,
}

/// All pairs of a window over a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    pub taps: usize,
    /// Over output positions; the partner is the input position, which moves by `step`.
    pub forward: Vec<Run>,
    /// Over input positions; the partner is the output position, which moves by one (runs are single positions if `step` > 1).
    pub backward: Vec<Run>,
    /// By tap.
    pub meetings: Vec<Vec<Meeting>>,
    /// Input positions from one output position to the next.
    pub step: usize,
}

impl Geometry {
    /// The pairs of a window over `input` that makes `output`.
    pub fn new(window: &Window, input: Extent, output: Extent) -> Self {
        let rows = axis(window, 0, input.height, output.height);
        let columns = axis(window, 1, input.width, output.width);
        let mut forward = Vec::new();
        for (y, live_rows) in rows.iter().enumerate() {
            for (range, live_columns) in equal_runs(&columns, window.stride[1]) {
                let taps = live_rows.iter().flat_map(|(ky, iy)| {
                    live_columns.iter().map(move |(kx, ix)| (iy * input.width + ix, ky * window.kernel[1] + kx))
                });
                forward.push(Run { first: y * output.width + range.start, length: range.len(), taps: taps.collect() });
            }
        }
        let (rows, columns) = (inverse(&rows, input.height), inverse(&columns, input.width));
        let mut backward = Vec::new();
        for (y, live_rows) in rows.iter().enumerate() {
            for (range, live_columns) in equal_runs(&columns, 1) {
                let taps = live_rows.iter().flat_map(|(ky, oy)| {
                    live_columns.iter().map(move |(kx, ox)| (oy * output.width + ox, ky * window.kernel[1] + kx))
                });
                backward.push(Run { first: y * input.width + range.start, length: range.len(), taps: taps.collect() });
            }
        }
        let mut meetings = vec![Vec::new(); window.taps()];
        for run in &forward {
            for &(position, tap) in &run.taps {
                meetings[tap].push(Meeting { input: position, output: run.first, length: run.length });
            }
        }
        let meetings = meetings.into_iter().map(|list| join(list, window.stride[1])).collect();
        Self { taps: window.taps(), forward, backward, meetings, step: window.stride[1] }
    }

    /// The same with forward runs as long as they can be: of a kernel of one tap and stride 1, all positions are one run.
    pub fn with_joined_runs(mut self) -> Self {
        let mut joined: Vec<Run> = Vec::new();
        for run in self.forward {
            let follows = |last: &&mut Run| {
                let moved = last.length * self.step;
                last.first + last.length == run.first
                    && last.taps.len() == run.taps.len()
                    && last.taps.iter().zip(&run.taps).all(|(a, b)| a.0 + moved == b.0 && a.1 == b.1)
            };
            match joined.last_mut().filter(follows) {
                Some(last) => last.length += run.length,
                None => joined.push(run),
            }
        }
        self.forward = joined;
        self
    }

    /// Pairs of positions that meet: multiply–adds = pairs · n · inputs · outputs.
    pub fn pairs(&self) -> usize {
        self.forward.iter().map(|run| run.length * run.taps.len()).sum()
    }

    /// The same window over images that already carry their border: kernel rows become the taps, a tap's inputs are the
    /// `kw · c` contiguous values that start at the position (see [`from_nchw_padded`](crate::layout::from_nchw_padded)).
    pub fn over_padded_rows(window: &Window, input: Extent, output: Extent, border: [usize; 2]) -> Self {
        let padded_width = input.width + 2 * border[1];
        let at = |y: usize, ky: usize| {
            let row = y * window.stride[0] + ky * window.dilation[0] + border[0] - window.padding[0];
            row * padded_width + border[1] - window.padding[1]
        };
        let run = |y: usize| Run {
            first: y * output.width,
            length: output.width,
            taps: (0..window.kernel[0]).map(|ky| (at(y, ky), ky)).collect(),
        };
        let meeting =
            |y: usize, ky: usize| Meeting { input: at(y, ky), output: y * output.width, length: output.width };
        Self {
            taps: window.kernel[0],
            forward: (0..output.height).map(run).collect(),
            backward: Vec::new(),
            meetings: (0..window.kernel[0]).map(|ky| (0..output.height).map(|y| meeting(y, ky)).collect()).collect(),
            step: window.stride[1],
        }
    }
}

/// For each output index along an axis, the live (kernel index, input index).
fn axis(window: &Window, axis: usize, input: usize, output: usize) -> Vec<Vec<(usize, usize)>> {
    let live = |o: usize| {
        (0..window.kernel[axis]).filter_map(move |k| {
            let i = (o * window.stride[axis] + k * window.dilation[axis]).checked_sub(window.padding[axis])?;
            (i < input).then_some((k, i))
        })
    };
    (0..output).map(|o| live(o).collect()).collect()
}

/// For each input index, the live (kernel index, output index).
fn inverse(live: &[Vec<(usize, usize)>], input: usize) -> Vec<Vec<(usize, usize)>> {
    let mut inverse = vec![Vec::new(); input];
    for (o, list) in live.iter().enumerate() {
        for &(k, i) in list {
            inverse[i].push((k, o));
        }
    }
    inverse.iter_mut().for_each(|list| list.sort_unstable());
    inverse
}

type AxisRun<'a> = (Range<usize>, &'a [(usize, usize)]);

/// Ranges over which the kernel indices stay and the partners move by `step`, with the first index's list.
fn equal_runs(live: &[Vec<(usize, usize)>], step: usize) -> Vec<AxisRun<'_>> {
    let mut runs: Vec<AxisRun> = Vec::new();
    for (at, list) in live.iter().enumerate() {
        let follows = |run: &AxisRun| {
            let distance = (at - run.0.start) * step;
            run.1.len() == list.len() && run.1.iter().zip(list).all(|(a, b)| a.0 == b.0 && a.1 + distance == b.1)
        };
        match runs.last_mut() {
            Some(run) if follows(run) => run.0.end = at + 1,
            _ => runs.push((at..at + 1, list)),
        }
    }
    runs
}

/// Joins meetings that continue each other.
fn join(list: Vec<Meeting>, step: usize) -> Vec<Meeting> {
    let mut joined: Vec<Meeting> = Vec::new();
    for meeting in list {
        match joined.last_mut() {
            Some(last)
                if last.output + last.length == meeting.output && last.input + last.length * step == meeting.input =>
            {
                last.length += meeting.length;
            }
            _ => joined.push(meeting),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extents(window: &Window, height: usize, width: usize) -> (Extent, Extent) {
        let out = |axis: usize, length: usize| {
            (length + 2 * window.padding[axis] - window.dilation[axis] * (window.kernel[axis] - 1) - 1)
                / window.stride[axis]
                + 1
        };
        let input = Extent { channels: 1, height, width };
        (input, Extent { channels: 1, height: out(0, height), width: out(1, width) })
    }

    fn naive(window: &Window, input: Extent, output: Extent) -> Vec<(usize, usize, usize)> {
        let mut pairs = Vec::new();
        for oy in 0..output.height {
            for ox in 0..output.width {
                for ky in 0..window.kernel[0] {
                    for kx in 0..window.kernel[1] {
                        let y = (oy * window.stride[0] + ky * window.dilation[0]) as isize - window.padding[0] as isize;
                        let x = (ox * window.stride[1] + kx * window.dilation[1]) as isize - window.padding[1] as isize;
                        if (0..input.height as isize).contains(&y) && (0..input.width as isize).contains(&x) {
                            let i = y as usize * input.width + x as usize;
                            pairs.push((i, oy * output.width + ox, ky * window.kernel[1] + kx));
                        }
                    }
                }
            }
        }
        pairs.sort_unstable();
        pairs
    }

    #[test]
    fn runs_hold_exactly_the_pairs_of_the_window() {
        for (kernel, stride, padding, dilation) in [
            ([3, 3], [1, 1], [1, 1], [1, 1]),
            ([3, 3], [2, 2], [1, 1], [1, 1]),
            ([1, 1], [2, 2], [0, 0], [1, 1]),
            ([1, 1], [1, 1], [0, 0], [1, 1]),
            ([5, 3], [1, 2], [2, 0], [1, 1]),
            ([3, 3], [1, 1], [2, 2], [2, 2]),
            ([2, 2], [2, 2], [0, 0], [1, 1]),
            ([7, 7], [2, 2], [3, 3], [1, 1]),
        ] {
            let window = Window { kernel, stride, padding, dilation };
            for (height, width) in [(5, 7), (8, 8), (6, 5)] {
                let (input, output) = extents(&window, height, width);
                let geometry = Geometry::new(&window, input, output);
                let expected = naive(&window, input, output);
                assert_eq!(geometry.pairs(), expected.len());
                let step = geometry.step;
                let collect = |mut pairs: Vec<(usize, usize, usize)>| {
                    pairs.sort_unstable();
                    pairs
                };
                let expand = |runs: &[Run], step: usize| {
                    runs.iter()
                        .flat_map(|r| {
                            (0..r.length)
                                .flat_map(move |i| r.taps.iter().map(move |(p, t)| (r.first + i, p + i * step, *t)))
                        })
                        .collect::<Vec<_>>()
                };
                let forward = expand(&geometry.forward, step).into_iter().map(|(o, i, t)| (i, o, t)).collect();
                assert_eq!(collect(forward), expected);
                assert_eq!(collect(expand(&geometry.backward, 1)), expected);
                assert!(stride[1] == 1 || geometry.backward.iter().all(|r| r.length == 1 || r.taps.is_empty()));
                let joined = geometry.clone().with_joined_runs();
                assert_eq!(expand(&joined.forward, step), expand(&geometry.forward, step));
                assert!(kernel != [1, 1] || stride != [1, 1] || joined.forward.len() == 1);
                let by_tap = geometry.meetings.iter().enumerate().flat_map(|(t, list)| {
                    list.iter().flat_map(move |m| (0..m.length).map(move |i| (m.input + i * step, m.output + i, t)))
                });
                assert_eq!(collect(by_tap.collect()), expected);
            }
        }
    }
}
