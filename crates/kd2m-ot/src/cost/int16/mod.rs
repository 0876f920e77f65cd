//! Features as 16-bit integers, whose products AVX-512 VNNI and AVX2 add up twice as fast as single precision multiplies, and exactly.
//! Rows are scaled so that no sum of products can leave an `i32` (Cauchy–Schwarz); what rounding to integers leaves out of a row is
//! measured, so that every cost comes with a bound. Next: [`super::pairwise`], which uses them where costs are certified later.

mod avx2;
mod avx512;
mod panel;

pub(crate) use panel::{COLUMNS, Measure};
use panel::{LENGTH, Panel, ROWS, Strip, measure};

use std::ops::Range;

use crate::{
    buffers::Buffer,
    isa::{Avx2, Isa, Vnni},
    pool::Pool,
    stop::Stop,
};

/// Most coordinates: rounding to integers then adds at most 128 to a row's length in integers.
const WIDEST: usize = 1 << 16;

/// Which instructions multiply.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Multiplier {
    Avx512(Vnni),
    Avx2(Avx2),
}

impl Multiplier {
    /// The best that goes with an instruction set, if any does.
    pub(crate) fn of(isa: Isa) -> Option<Self> {
        match isa {
            // AVX-512 without VNNI multiplies integers as AVX2 does.
            Isa::Avx512(_) => Vnni::new().map(Self::Avx512).or(Avx2::new().map(Self::Avx2)),
            Isa::Avx2(avx2) => Some(Self::Avx2(avx2)),
            Isa::Portable(_) => None,
        }
    }

    /// Centres rows and writes them as integers, each padded with zeros to whole vectors of sixteen.
    fn quantise(self, features: &[f32], centre: &[f32], integers: &mut [i16], measures: &mut [Measure]) {
        let width = centre.len().next_multiple_of(16);
        assert!(features.len().is_multiple_of(centre.len()));
        assert!(
            integers.len() / width >= features.len() / centre.len() && measures.len() >= features.len() / centre.len()
        );
        let mut scratch = vec![0.0; width];
        let rows = features.chunks_exact(centre.len()).zip(integers.chunks_exact_mut(width));
        for ((row, integers), measure) in rows.zip(measures) {
            // SAFETY: the token is proof of the instructions; lengths are those of the chunks.
            *measure = unsafe {
                match self {
                    Self::Avx512(_) => avx512::quantise(row, centre, &mut scratch, integers),
                    Self::Avx2(_) => avx2::quantise(row, centre, &mut scratch, integers),
                }
            };
        }
    }

    /// Turns 32 rows of integers into a panel: pairs of integers are the elements of square transpositions.
    fn transpose(self, rows: &[i16], panel: &mut [i16]) {
        assert!(panel.len() == rows.len() && rows.len().is_multiple_of(COLUMNS * 16));
        // SAFETY: the token is proof of the instructions; a panel holds as much as 32 rows.
        unsafe {
            match self {
                Self::Avx512(_) => avx512::transpose(rows, panel),
                Self::Avx2(_) => avx2::transpose(rows, panel),
            }
        }
    }

    /// Costs of at most twelve rows and a panel, `inside` columns of it, to rows of `out` that lie `stride` apart.
    fn tile(self, strip: &Strip, panel: &Panel, inside: usize, out: &mut [f32], stride: usize) {
        assert!(panel.integers.len().is_multiple_of(2 * COLUMNS));
        assert!(strip.rows.iter().all(|row| row.len() * COLUMNS == panel.integers.len()));
        // SAFETY: the token is proof of the instructions; every row has as many integers as a column of the panel.
        unsafe {
            match self {
                Self::Avx512(_) => avx512::tile(strip, panel, inside, out, stride),
                Self::Avx2(_) => avx2::tile(strip, panel, inside, out, stride),
            }
        }
    }
}

/// Two clouds, centred, as integers: A in rows, B in panels of [`COLUMNS`].
pub(crate) struct Int16Products {
    by: Multiplier,
    /// Integers of a row, padded to whole vectors.
    width: usize,
    /// `[n, width]`.
    rows: Buffer<i16>,
    /// `[panel, width / 2, COLUMNS, 2]`: two coordinates of each column together; columns behind the last one are anything.
    panels: Buffer<i16>,
    of_rows: Vec<Measure>,
    /// Padded to whole panels.
    of_columns: Vec<Measure>,
}

impl Int16Products {
    /// Packs two clouds `[n, d]` and `[m, d]` around their centres; `None` where they are too wide.
    pub(crate) fn new(by: Multiplier, pool: &Pool, (a, p): (&[f32], &[f32]), (b, q): (&[f32], &[f32])) -> Option<Self> {
        let d = p.len();
        if d > WIDEST || q.len() != d {
            return None;
        }
        let (n, m, width) = (a.len() / d, b.len() / d, d.next_multiple_of(16));
        let mut rows = Buffer::any(n * width, 0i16);
        let mut panels = Buffer::any(m.div_ceil(COLUMNS) * COLUMNS * width, 0i16);
        let mut of_rows = vec![Measure::default(); n];
        let mut of_columns = vec![Measure::default(); m.next_multiple_of(COLUMNS)];

        let parts = a.chunks(COLUMNS * d).zip(rows.chunks_mut(COLUMNS * width)).zip(of_rows.chunks_mut(COLUMNS));
        pool.share_chunks(&mut parts.collect::<Vec<_>>(), 1, |_, part| {
            let ((features, integers), measures) = &mut part[0];
            by.quantise(features, p, integers, measures);
        });
        let parts = b.chunks(COLUMNS * d).zip(panels.chunks_mut(COLUMNS * width)).zip(of_columns.chunks_mut(COLUMNS));
        pool.share_chunks(&mut parts.collect::<Vec<_>>(), 1, |_, part| {
            let ((features, panel), measures) = &mut part[0];
            let mut integers = Buffer::any(COLUMNS * width, 0i16);
            by.quantise(features, q, &mut integers, measures);
            by.transpose(&integers, panel);
        });
        Some(Self { by, width, rows, panels, of_rows, of_columns })
    }

    /// What is known of the rows of A.
    pub(crate) fn of_rows(&self) -> &[Measure] {
        &self.of_rows
    }

    /// What is known of the rows of B, padded with zeros.
    pub(crate) fn of_columns(&self) -> &[Measure] {
        &self.of_columns
    }

    /// The costs between some rows of A and `columns` columns of some panels, `[numbers, columns]`.
    /// More than a strip of rows is left undone once `stop` is set.
    pub(crate) fn fill(&self, numbers: &[u32], panels: Range<usize>, columns: usize, out: &mut [f32], stop: &Stop) {
        assert!(out.len() == numbers.len() * columns && columns <= panels.len() * COLUMNS);
        assert!(numbers.iter().all(|&i| (i as usize) < self.of_rows.len()));
        for (k, p) in panels.enumerate() {
            if numbers.len() > ROWS && stop.is_set() {
                return;
            }
            let panel = &self.panels[p * COLUMNS * self.width..(p + 1) * COLUMNS * self.width];
            let Some(measures) = self.of_columns[p * COLUMNS..].first_chunk() else { return };
            let of = Panel { integers: panel, scale: measures.map(|m| m.scale), norm: measures.map(|m| m.norm) };
            let first = k * COLUMNS;
            for (numbers, out) in numbers.chunks(ROWS).zip(out.chunks_mut(ROWS * columns)) {
                // A short strip repeats its last row; the repetitions are not stored.
                let number = |r: usize| numbers[r.min(numbers.len() - 1)] as usize;
                let strip = Strip {
                    rows: std::array::from_fn(|r| &self.rows[number(r) * self.width..(number(r) + 1) * self.width]),
                    measures: std::array::from_fn(|r| self.of_rows[number(r)]),
                    count: numbers.len(),
                };
                let (inside, out) = (columns.saturating_sub(first), &mut out[first.min(columns)..]);
                self.by.tile(&strip, &of, inside, out, columns);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    /// Costs against plain sums over odd sizes, with one coordinate that outweighs all others and with rows of zeros.
    #[test]
    fn costs_lie_within_what_the_rests_allow() {
        let multipliers: Vec<Multiplier> = Isa::available().into_iter().filter_map(Multiplier::of).collect();
        if multipliers.is_empty() {
            eprintln!("skipped: this processor has no products of 16-bit integers");
        }
        for by in multipliers {
            check(by);
        }
    }

    fn check(by: Multiplier) {
        let mut random = Pcg64::seed_from_u64(1);
        for (n, m, d) in [(1, 1, 1), (2, 3, 5), (13, 31, 16), (12, 32, 17), (25, 33, 100), (40, 70, 512)] {
            for outlier in [0.0, 500.0] {
                let mut numbers =
                    |count: usize| -> Vec<f32> { (0..count).map(|_| random.random_range(-2.0f32..3.0)).collect() };
                let (mut x, mut y, p, q) = (numbers(n * d), numbers(m * d), numbers(d), numbers(d));
                x[0] += outlier;
                y[d / 2] += outlier;
                x[(n - 1) * d..].copy_from_slice(&p);
                let Some(integers) = Int16Products::new(by, &Pool::alone(), (&x, &p), (&y, &q)) else {
                    unreachable!("not wide")
                };
                let numbers: Vec<u32> = (0..n as u32).rev().collect();
                let mut costs = vec![f32::NAN; n * m];
                integers.fill(&numbers, 0..m.div_ceil(COLUMNS), m, &mut costs, &Stop::NEVER);
                let centred = |z: &[f32], c: &[f32], i: usize| -> Vec<f64> {
                    z[i * d..(i + 1) * d].iter().zip(c).map(|(z, c)| f64::from(z - c)).collect()
                };
                for (k, &i) in numbers.iter().enumerate() {
                    let of_x = integers.of_rows()[i as usize];
                    let x = centred(&x, &p, i as usize);
                    let length = |z: &[f64]| z.iter().map(|z| z * z).sum::<f64>().sqrt();
                    assert!((f64::from(of_x.norm) - length(&x).powi(2)).abs() <= 1e-6 * length(&x).powi(2));
                    for j in 0..m {
                        let (y, of_y) = (centred(&y, &q, j), integers.of_columns()[j]);
                        let exact: f64 = x.iter().zip(&y).map(|(x, y)| (x - y).powi(2)).sum();
                        let (of_x, of_y) = (f64::from(of_x.rest), f64::from(of_y.rest));
                        let bound = 2.0 * (of_x * length(&y) + (length(&x) + of_x) * of_y);
                        let rounding = 1e-6 * (length(&x) + length(&y)).powi(2);
                        let error = (f64::from(costs[k * m + j]) - exact).abs();
                        assert!(error <= bound + rounding, "{n}×{m}×{d}, {i}, {j}: {error} > {bound}");
                    }
                }
            }
        }
    }
}
