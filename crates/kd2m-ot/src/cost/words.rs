//! Features as 16-bit words, whose products AVX-512 VNNI adds up twice as fast as single precision multiplies, and exactly.
//! Rows are scaled so that no sum of products can leave an `i32` (Cauchy–Schwarz); what rounding to words leaves out of a row is
//! measured, so that every cost comes with a bound. Next: [`super::pairwise`], which uses them where costs are certified later.

use std::{arch::x86_64::*, ops::Range};

use crate::{buffers::Buffer, crew::Crew, isa::Vnni};

/// Rows of a tile.
const ROWS: usize = 12;

/// Columns of a panel: two vectors.
pub const COLUMNS: usize = 32;

/// Most coordinates: rounding to words then adds at most 128 to a row's length in words.
const WIDEST: usize = 1 << 16;

/// Length of a row in words: products of two rows stay below 2³¹, with room for that rounding.
const LENGTH: f32 = 46_000.0;

/// Two clouds, centred, as words: A in rows, B in panels of [`COLUMNS`].
pub struct Words {
    /// Words of a row, padded to whole vectors.
    width: usize,
    /// `[n, width]`.
    rows: Buffer<i16>,
    /// `[panel, width / 2, COLUMNS, 2]`: two coordinates of each column together; columns behind the last one are anything.
    panels: Buffer<i16>,
    of_rows: Vec<Measure>,
    /// Padded to whole panels.
    of_columns: Vec<Measure>,
}

/// What is known of a row beside its words. The row is `scale` · words + a rest.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measure {
    scale: f32,
    /// Length of the rest, and a little more.
    pub rest: f32,
    /// Squared length of the centred row.
    pub norm: f32,
}

impl Words {
    /// Packs two clouds `[n, d]` and `[m, d]` around their centres; `None` where they are too wide.
    pub fn new(_: Vnni, crew: &Crew, (a, p): (&[f32], &[f32]), (b, q): (&[f32], &[f32])) -> Option<Self> {
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
        crew.share_chunks(&mut parts.collect::<Vec<_>>(), 1, |_, part| {
            let ((features, words), measures) = &mut part[0];
            // SAFETY: the token is proof of the instructions; chunks of equally many rows.
            unsafe { quantise_all(features, p, words, measures) }
        });
        let parts = b.chunks(COLUMNS * d).zip(panels.chunks_mut(COLUMNS * width)).zip(of_columns.chunks_mut(COLUMNS));
        crew.share_chunks(&mut parts.collect::<Vec<_>>(), 1, |_, part| {
            let ((features, panel), measures) = &mut part[0];
            let mut words = Buffer::any(COLUMNS * width, 0i16);
            // SAFETY: the token is proof of the instructions; a panel holds as much as 32 rows.
            unsafe {
                quantise_all(features, q, &mut words, measures);
                transpose(&words, panel);
            }
        });
        Some(Self { width, rows, panels, of_rows, of_columns })
    }

    /// What is known of the rows of A.
    pub fn of_rows(&self) -> &[Measure] {
        &self.of_rows
    }

    /// What is known of the rows of B, padded with zeros.
    pub fn of_columns(&self) -> &[Measure] {
        &self.of_columns
    }

    /// The costs between some rows of A and `columns` columns of some panels, `[numbers, columns]`.
    pub fn fill(&self, numbers: &[u32], panels: Range<usize>, columns: usize, out: &mut [f32]) {
        assert!(out.len() == numbers.len() * columns && columns <= panels.len() * COLUMNS);
        assert!(numbers.iter().all(|&i| (i as usize) < self.of_rows.len()));
        for (k, p) in panels.enumerate() {
            let panel = &self.panels[p * COLUMNS * self.width..(p + 1) * COLUMNS * self.width];
            let Some(measures) = self.of_columns[p * COLUMNS..].first_chunk() else { return };
            let of = Panel { words: panel, scale: measures.map(|m| m.scale), norm: measures.map(|m| m.norm) };
            let first = k * COLUMNS;
            for (strip, out) in numbers.chunks(ROWS).zip(out.chunks_mut(ROWS * columns)) {
                // SAFETY: only a processor with the instructions can have made this; lengths were compared above.
                unsafe { self.tile(strip, &of, columns.saturating_sub(first), &mut out[first.min(columns)..], columns) }
            }
        }
    }

    /// Costs of at most twelve rows and a panel, `inside` columns of it, to rows of `out` that lie `stride` apart.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma")]
    unsafe fn tile(&self, strip: &[u32], panel: &Panel, inside: usize, out: &mut [f32], stride: usize) {
        // A short strip repeats its last row; the repetitions are not stored.
        let number = |r: usize| strip[r.min(strip.len() - 1)] as usize;
        // SAFETY: every row and the panel have `width` words a column; masked lanes are not written.
        unsafe {
            let rows: [*const i16; ROWS] = std::array::from_fn(|r| self.rows.as_ptr().add(number(r) * self.width));
            let mut sums = [[_mm512_setzero_si512(); 2]; ROWS];
            for k in (0..self.width).step_by(2) {
                let from = panel.words.as_ptr().add(k * COLUMNS);
                let y = [_mm512_loadu_si512(from.cast()), _mm512_loadu_si512(from.add(COLUMNS).cast())];
                for (row, sums) in rows.iter().zip(&mut sums) {
                    let x = _mm512_set1_epi32(row.add(k).cast::<i32>().read_unaligned());
                    *sums = [_mm512_dpwssd_epi32(sums[0], x, y[0]), _mm512_dpwssd_epi32(sums[1], x, y[1])];
                }
            }
            for (r, sums) in sums.iter().enumerate().take(strip.len()) {
                let of = &self.of_rows[number(r)];
                let (slope, norm) = (_mm512_set1_ps(-2.0 * of.scale), _mm512_set1_ps(of.norm));
                for (v, &sum) in sums.iter().enumerate() {
                    let (scale, norms) = (&panel.scale[16 * v..], &panel.norm[16 * v..]);
                    let product = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(scale.as_ptr()));
                    let cost = _mm512_fmadd_ps(product, slope, _mm512_add_ps(norm, _mm512_loadu_ps(norms.as_ptr())));
                    let left = inside.saturating_sub(16 * v).min(16);
                    if left > 0 {
                        let to = out[r * stride + 16 * v..][..left].as_mut_ptr();
                        let mask = 0xffffu16 >> (16 - left);
                        _mm512_mask_storeu_ps(to, mask, _mm512_max_ps(cost, _mm512_setzero_ps()));
                    }
                }
            }
        }
    }
}

/// A panel beside what is known of its columns.
struct Panel<'a> {
    words: &'a [i16],
    scale: [f32; COLUMNS],
    norm: [f32; COLUMNS],
}

/// Centres rows and writes them as words, each padded with zeros to whole vectors.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma")]
unsafe fn quantise_all(features: &[f32], centre: &[f32], words: &mut [i16], measures: &mut [Measure]) {
    let width = centre.len().next_multiple_of(16);
    let mut scratch = vec![0.0; width];
    let rows = features.chunks_exact(centre.len()).zip(words.chunks_exact_mut(width));
    for ((row, words), measure) in rows.zip(measures) {
        // SAFETY: this function has the instructions; lengths are those of the chunks.
        *measure = unsafe { quantise(row, centre, &mut scratch, words) };
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma")]
unsafe fn quantise(row: &[f32], centre: &[f32], scratch: &mut [f32], words: &mut [i16]) -> Measure {
    let (from, middle, centred, to) = (row.as_ptr(), centre.as_ptr(), scratch.as_mut_ptr(), words.as_mut_ptr());
    let (mut norm, mut most) = (_mm512_setzero_ps(), _mm512_setzero_ps());
    for k in (0..row.len()).step_by(16) {
        let inside = 0xffffu16 >> (16 - (row.len() - k).min(16));
        // SAFETY: masked lanes are not read; `scratch` is whole vectors long.
        unsafe {
            let x =
                _mm512_sub_ps(_mm512_maskz_loadu_ps(inside, from.add(k)), _mm512_maskz_loadu_ps(inside, middle.add(k)));
            _mm512_storeu_ps(centred.add(k), x);
            norm = _mm512_fmadd_ps(x, x, norm);
            most = _mm512_max_ps(most, _mm512_abs_ps(x));
        }
    }
    let (norm, most) = (_mm512_reduce_add_ps(norm), _mm512_reduce_max_ps(most));
    let scale = if norm > 0.0 { (norm.sqrt() / LENGTH).max(most / 32_766.0) } else { 1.0 };
    let (step, inverse) = (_mm512_set1_ps(scale), _mm512_set1_ps(1.0 / scale));
    let (mut rest, mut along, mut square) = (_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_si512());
    for k in (0..row.len()).step_by(16) {
        // SAFETY: as above; `words` is as long as `scratch`.
        unsafe {
            let x = _mm512_loadu_ps(centred.add(k));
            let q = _mm512_cvtps_epi32(_mm512_mul_ps(x, inverse));
            let left = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(q), step, x);
            rest = _mm512_fmadd_ps(left, left, rest);
            along = _mm512_fmadd_ps(left, x, along);
            square = _mm512_add_epi32(square, _mm512_mullo_epi32(q, q));
            _mm256_storeu_si256(to.add(k).cast(), _mm512_cvtepi32_epi16(q));
        }
    }
    // ‖x‖² from the words, whose squares are added exactly, and the small rest: ‖x‖² = ‖sq‖² + 2⟨x, rest⟩ − ‖rest‖².
    let (rest, along) = (f64::from(_mm512_reduce_add_ps(rest)), f64::from(_mm512_reduce_add_ps(along)));
    let words = f64::from(scale).powi(2) * f64::from(_mm512_reduce_add_epi32(square));
    // Sixteen lanes sum up to WIDEST / 16 squares in single precision.
    let rounded = 1.0 + 2f64.powi(-24) * (row.len() as f64 / 16.0 + 16.0);
    Measure { scale, rest: (rest.sqrt() * rounded) as f32, norm: (words + 2.0 * along - rest).max(0.0) as f32 }
}

/// Turns 32 rows of words into a panel: pairs of words are the elements of 16 × 16 transpositions.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn transpose(rows: &[i16], panel: &mut [i16]) {
    let pairs = rows.len() / COLUMNS / 2;
    let (from, to) = (rows.as_ptr().cast::<i32>(), panel.as_mut_ptr().cast::<i32>());
    debug_assert!(panel.len() == rows.len() && pairs.is_multiple_of(8));
    for half in 0..2 {
        for k in (0..pairs).step_by(16) {
            // The last block of an odd number of vectors of eight pairs is read and written by halves.
            let inside = 0xffffu16 >> (16 - (pairs - k).min(16));
            // SAFETY: rows `half·16 + 0..16` and groups `k..` below `pairs`, masked beyond.
            unsafe {
                let row = |r: usize| _mm512_maskz_loadu_epi32(inside, from.add((16 * half + r) * pairs + k));
                let columns = transposed(std::array::from_fn(row));
                for (c, column) in columns.into_iter().enumerate().take(pairs - k) {
                    _mm512_storeu_epi32(to.add((k + c) * COLUMNS + 16 * half), column);
                }
            }
        }
    }
}

/// Element j of vector i becomes element i of vector j.
#[target_feature(enable = "avx512f")]
fn transposed(r: [__m512i; 16]) -> [__m512i; 16] {
    // Pairs of rows, then fours: u[4g + c] has in its 128-bit lane l the column 4l + c of the rows 4g … 4g + 3.
    let t: [__m512i; 16] = std::array::from_fn(|k| {
        let (a, b) = (r[k & !1], r[k | 1]);
        if k & 1 == 0 { _mm512_unpacklo_epi32(a, b) } else { _mm512_unpackhi_epi32(a, b) }
    });
    let u: [__m512i; 16] = std::array::from_fn(|k| {
        let (a, b) = (t[(k & !3) | (k >> 1 & 1)], t[(k & !3) | (k >> 1 & 1) | 2]);
        if k & 1 == 0 { _mm512_unpacklo_epi64(a, b) } else { _mm512_unpackhi_epi64(a, b) }
    });
    // Then the lanes of the four vectors of each c.
    std::array::from_fn(|k| {
        let (lane, c) = (k / 4, k % 4);
        let two = |g: usize| match lane / 2 {
            0 => _mm512_shuffle_i32x4::<0x44>(u[4 * g + c], u[4 * g + 4 + c]),
            _ => _mm512_shuffle_i32x4::<0xee>(u[4 * g + c], u[4 * g + 4 + c]),
        };
        match lane % 2 {
            0 => _mm512_shuffle_i32x4::<0x88>(two(0), two(2)),
            _ => _mm512_shuffle_i32x4::<0xdd>(two(0), two(2)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    /// Costs against plain sums over odd sizes, with one coordinate that outweighs all others and with rows of zeros.
    #[test]
    fn costs_lie_within_what_the_rests_allow() {
        let Some(vnni) = Vnni::new() else {
            eprintln!("skipped: this processor has no AVX-512 VNNI");
            return;
        };
        let mut random = Pcg64::seed_from_u64(1);
        for (n, m, d) in [(1, 1, 1), (2, 3, 5), (13, 31, 16), (12, 32, 17), (25, 33, 100), (40, 70, 512)] {
            for outlier in [0.0, 500.0] {
                let mut numbers =
                    |count: usize| -> Vec<f32> { (0..count).map(|_| random.random_range(-2.0f32..3.0)).collect() };
                let (mut x, mut y, p, q) = (numbers(n * d), numbers(m * d), numbers(d), numbers(d));
                x[0] += outlier;
                y[d / 2] += outlier;
                x[(n - 1) * d..].copy_from_slice(&p);
                let Some(words) = Words::new(vnni, &Crew::alone(), (&x, &p), (&y, &q)) else {
                    unreachable!("not wide")
                };
                let numbers: Vec<u32> = (0..n as u32).rev().collect();
                let mut costs = vec![f32::NAN; n * m];
                words.fill(&numbers, 0..m.div_ceil(COLUMNS), m, &mut costs);
                let centred = |z: &[f32], c: &[f32], i: usize| -> Vec<f64> {
                    z[i * d..(i + 1) * d].iter().zip(c).map(|(z, c)| f64::from(z - c)).collect()
                };
                for (k, &i) in numbers.iter().enumerate() {
                    let of_x = words.of_rows()[i as usize];
                    let x = centred(&x, &p, i as usize);
                    let length = |z: &[f64]| z.iter().map(|z| z * z).sum::<f64>().sqrt();
                    assert!((f64::from(of_x.norm) - length(&x).powi(2)).abs() <= 1e-6 * length(&x).powi(2));
                    for j in 0..m {
                        let (y, of_y) = (centred(&y, &q, j), words.of_columns()[j]);
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
