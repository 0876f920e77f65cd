//! Runs of positions × samples as rows of dense products: blocks of contiguous output rows with a fixed stride on the other side.

use crate::geometry::{Meeting, Run};

/// How the rows of one side of a product lie: values from a position to the next, and from a sample to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    pub position: usize,
    pub row: usize,
}

impl Side {
    /// `[h][w][n][c]`.
    pub fn maps(n: usize, channels: usize) -> Self {
        Self { position: n * channels, row: channels }
    }
}

/// Rows `output…output + rows` of the output side; row r of a tap is at `tap's position · side.position + shift + r · stride`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Index of the run that lists the taps.
    pub run: usize,
    pub output: usize,
    pub rows: usize,
    pub shift: usize,
    pub stride: usize,
}

/// Cuts a run's positions × n samples into pieces of rows with one stride: (first row, rows, shift, stride).
fn pieces(length: usize, n: usize, step: usize, side: Side, mut each: impl FnMut(usize, usize, usize, usize)) {
    if n == 1 {
        each(0, length, 0, step * side.position);
    } else if step * side.position == n * side.row {
        each(0, length * n, 0, side.row);
    } else {
        (0..length).for_each(|i| each(i * n, n, i * step * side.position, side.row));
    }
}

/// The blocks of at most `most` rows that cover all runs.
pub fn blocks(runs: &[Run], n: usize, step: usize, side: Side, most: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        pieces(run.length, n, step, side, |first, rows, shift, stride| {
            let parts = rows.div_ceil(most);
            for part in 0..parts {
                let range = crate::threads::part(rows, part, parts);
                blocks.push(Block {
                    run: index,
                    output: run.first * n + first + range.start,
                    rows: range.len(),
                    shift: shift + range.start * stride,
                    stride,
                });
            }
        });
    }
    blocks
}

/// A tap's pairs of rows: `input + r · stride` (values) meets row `output + r`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strip {
    pub input: usize,
    pub stride: usize,
    pub output: usize,
    pub rows: usize,
}

/// The strips of one tap's meetings.
pub fn strips(meetings: &[Meeting], n: usize, step: usize, side: Side) -> Vec<Strip> {
    let mut strips = Vec::new();
    for meeting in meetings {
        pieces(meeting.length, n, step, side, |first, rows, shift, stride| {
            let (input, output) = (meeting.input * side.position + shift, meeting.output * n + first);
            strips.push(Strip { input, stride, output, rows });
        });
    }
    strips
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_each_row_once_with_the_right_partner() {
        let runs = [
            Run { first: 0, length: 3, taps: vec![(10, 0)] },
            Run { first: 3, length: 5, taps: vec![(20, 0), (30, 1)] },
        ];
        for n in [1, 2, 5] {
            for step in [1, 2] {
                for side in [Side::maps(n, 4), Side { position: 3, row: 1000 }] {
                    for most in [1, 4, 100] {
                        let blocks = blocks(&runs, n, step, side, most);
                        let mut seen = vec![0; 8 * n];
                        for block in blocks {
                            assert!(block.rows <= most);
                            for r in 0..block.rows {
                                let row = block.output + r;
                                seen[row] += 1;
                                let (position, sample) = (row / n, row % n);
                                let moved = (position - runs[block.run].first) * step;
                                assert_eq!(block.shift + r * block.stride, moved * side.position + sample * side.row);
                            }
                        }
                        assert!(seen.iter().all(|s| *s == 1));
                    }
                }
            }
        }
    }
}
