//! Products of small matrices that lie in the nearest caches: those of one head.

use crate::isa::Lanes;

/// Rows are so many numbers long, or a multiple: whole vectors of every instruction set.
pub const WIDE: usize = 16;

/// `length` and what a row of it has too much.
pub fn padded(length: usize) -> usize {
    length.next_multiple_of(WIDE)
}

/// `to[rows × width] (+)= a[rows × depth] · b[depth × width]`
pub struct Product<'a> {
    pub rows: usize,
    pub depth: usize,
    /// A multiple of [`WIDE`].
    pub width: usize,
    pub a: &'a [f32],
    /// Numbers of a from a row to the next, from a column to the next.
    pub a_steps: [usize; 2],
    pub b: &'a [f32],
    pub to: &'a mut [f32],
    /// To what is there already.
    pub add: bool,
}

/// Rows of a tile.
const TALL: usize = 4;

impl Product<'_> {
    #[inline(always)]
    pub fn run<S: Lanes>(mut self, lanes: S) {
        let Self { rows, depth, width, a_steps: [a_row, a_column], .. } = self;
        assert!(width.is_multiple_of(WIDE) && self.to.len() >= rows * width && self.b.len() >= depth * width);
        assert!(rows == 0 || depth == 0 || (rows - 1) * a_row + (depth - 1) * a_column < self.a.len());
        let vectors = width / S::COUNT;
        let mut row = 0;
        while row < rows {
            let tall = rows - row >= TALL;
            let mut vector = 0;
            while vector < vectors {
                let at = (row, vector * S::COUNT);
                // As many sums as there are registers for.
                let step = match vectors - vector {
                    4.. if S::COUNT >= WIDE => 4,
                    2.. => 2,
                    _ => 1,
                };
                match (tall, step) {
                    (true, 4) => self.tile::<S, TALL, 4>(lanes, at),
                    (true, 2) => self.tile::<S, TALL, 2>(lanes, at),
                    (true, _) => self.tile::<S, TALL, 1>(lanes, at),
                    (false, 4) => self.tile::<S, 1, 4>(lanes, at),
                    (false, 2) => self.tile::<S, 1, 2>(lanes, at),
                    (false, _) => self.tile::<S, 1, 1>(lanes, at),
                }
                vector += step;
            }
            row += if tall { TALL } else { 1 };
        }
    }

    /// R rows of V vectors, from a row and a column on. The order of a sum does not depend on the tile.
    #[inline(always)]
    fn tile<S: Lanes, const R: usize, const V: usize>(&mut self, lanes: S, (row, column): (usize, usize)) {
        let [a_row, a_column] = self.a_steps;
        let mut sums = [[lanes.zero(); V]; R];
        for k in 0..self.depth {
            let b = &self.b[k * self.width + column..][..V * S::COUNT];
            // SAFETY: V whole vectors lie in the slice.
            let b: [S::F32; V] = std::array::from_fn(|v| unsafe { lanes.load(b.as_ptr().add(v * S::COUNT)) });
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: `run` asserts that the last row and column are inside.
                let a = lanes.splat(unsafe { *self.a.get_unchecked((row + r) * a_row + k * a_column) });
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = lanes.mul_add(a, b, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let to = &mut self.to[(row + r) * self.width + column..][..V * S::COUNT];
            for (v, sum) in sums.iter().enumerate() {
                // SAFETY: as above.
                unsafe {
                    let to = to.as_mut_ptr().add(v * S::COUNT);
                    lanes.store(to, if self.add { lanes.add(lanes.load(to), *sum) } else { *sum });
                }
            }
        }
    }
}
