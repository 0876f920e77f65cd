//! Int16Products by AVX2: products of pairs, and their sums, in two instructions.

use std::arch::x86_64::*;

use super::{COLUMNS, LENGTH, Measure, Panel, ROWS, Strip};

/// Lanes of a register.
const LANES: usize = 8;

/// Rows whose sums stay in registers, beside two registers of columns, one of a row and one of products: sixteen in all.
const TOGETHER: usize = 6;

/// Costs of at most twelve rows and a panel, `inside` columns of it, to rows of `out` that lie `stride` apart.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn tile(strip: &Strip, panel: &Panel, inside: usize, out: &mut [f32], stride: usize) {
    for first in (0..COLUMNS).step_by(2 * LANES) {
        for from in (0..ROWS).step_by(TOGETHER) {
            let (left, count) = (inside.saturating_sub(first), strip.count.saturating_sub(from));
            if left > 0 && count > 0 {
                let rows: [usize; TOGETHER] = std::array::from_fn(|r| from + r);
                // SAFETY: this function has the instructions; six rows and sixteen columns from there on exist.
                unsafe {
                    let sums = products(rows.map(|r| strip.rows[r]), &panel.integers[2 * first..]);
                    for (r, sums) in rows.into_iter().zip(sums).take(count) {
                        let to = &mut out[r * stride + first..];
                        store(sums, &strip.measures[r], &panel.scale[first..], &panel.norm[first..], left, to);
                    }
                }
            }
        }
    }
}

/// Products of six rows and sixteen columns of a panel.
#[target_feature(enable = "avx2,fma")]
unsafe fn products(rows: [&[i16]; TOGETHER], columns: &[i16]) -> [[__m256i; 2]; TOGETHER] {
    let (width, rows, columns) = (rows[0].len(), rows.map(<[i16]>::as_ptr), columns.as_ptr());
    let mut sums = [[_mm256_setzero_si256(); 2]; TOGETHER];
    for k in (0..width).step_by(2) {
        // SAFETY: every row and the panel have `width` integers a column.
        unsafe {
            let at = columns.add(k * COLUMNS);
            let y = [_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(2 * LANES).cast())];
            for (row, sums) in rows.iter().zip(&mut sums) {
                let x = _mm256_set1_epi32(row.add(k).cast::<i32>().read_unaligned());
                *sums = [
                    _mm256_add_epi32(sums[0], _mm256_madd_epi16(x, y[0])),
                    _mm256_add_epi32(sums[1], _mm256_madd_epi16(x, y[1])),
                ];
            }
        }
    }
    sums
}

/// Turns sixteen products of a row into costs and stores `left` of them.
#[target_feature(enable = "avx2,fma")]
unsafe fn store(sums: [__m256i; 2], of: &Measure, scale: &[f32], norm: &[f32], left: usize, out: &mut [f32]) {
    let mut costs = [0.0f32; 2 * LANES];
    let whole = left >= costs.len();
    let to = if whole { out[..2 * LANES].as_mut_ptr() } else { costs.as_mut_ptr() };
    let (slope, own) = (_mm256_set1_ps(-2.0 * of.scale), _mm256_set1_ps(of.norm));
    for (v, sum) in sums.into_iter().enumerate() {
        let (scale, norm) = (&scale[LANES * v..][..LANES], &norm[LANES * v..][..LANES]);
        // SAFETY: eight scales and norms are there, and sixteen places to store.
        unsafe {
            let product = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(scale.as_ptr()));
            let cost = _mm256_fmadd_ps(product, slope, _mm256_add_ps(own, _mm256_loadu_ps(norm.as_ptr())));
            _mm256_storeu_ps(to.add(LANES * v), _mm256_max_ps(cost, _mm256_setzero_ps()));
        }
    }
    if !whole {
        out[..left].copy_from_slice(&costs[..left]);
    }
}

/// Centres a row and writes it as integers; `scratch` and `integers` are whole vectors of sixteen long.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn quantise(row: &[f32], centre: &[f32], scratch: &mut [f32], integers: &mut [i16]) -> Measure {
    for ((centred, x), p) in scratch.iter_mut().zip(row).zip(centre) {
        *centred = x - p;
    }
    let (from, to) = (scratch.as_ptr(), integers.as_mut_ptr());
    let (mut norm, mut most) = ([_mm256_setzero_ps(); 2], [_mm256_setzero_ps(); 2]);
    let sign = _mm256_set1_ps(-0.0);
    for k in (0..scratch.len()).step_by(2 * LANES) {
        for v in 0..2 {
            // SAFETY: `scratch` is whole vectors of sixteen long; behind the row it is zero.
            let x = unsafe { _mm256_loadu_ps(from.add(k + LANES * v)) };
            norm[v] = _mm256_fmadd_ps(x, x, norm[v]);
            most[v] = _mm256_max_ps(most[v], _mm256_andnot_ps(sign, x));
        }
    }
    let norm = lanes(_mm256_add_ps(norm[0], norm[1])).iter().sum::<f32>();
    let most = lanes(_mm256_max_ps(most[0], most[1])).into_iter().fold(0.0, f32::max);
    let scale = if norm > 0.0 { (norm.sqrt() / LENGTH).max(most / 32_766.0) } else { 1.0 };
    let (step, inverse) = (_mm256_set1_ps(scale), _mm256_set1_ps(1.0 / scale));
    let (mut rest, mut along) = ([_mm256_setzero_ps(); 2], [_mm256_setzero_ps(); 2]);
    let mut square = _mm256_setzero_si256();
    for k in (0..scratch.len()).step_by(2 * LANES) {
        let mut q = [_mm256_setzero_si256(); 2];
        for v in 0..2 {
            // SAFETY: as above.
            let x = unsafe { _mm256_loadu_ps(from.add(k + LANES * v)) };
            q[v] = _mm256_cvtps_epi32(_mm256_mul_ps(x, inverse));
            let left = _mm256_fnmadd_ps(_mm256_cvtepi32_ps(q[v]), step, x);
            rest[v] = _mm256_fmadd_ps(left, left, rest[v]);
            along[v] = _mm256_fmadd_ps(left, x, along[v]);
        }
        // Packing works within halves of a register: quarters come out as 0, 2, 1, 3.
        let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(q[0], q[1]));
        square = _mm256_add_epi32(square, _mm256_madd_epi16(packed, packed));
        // SAFETY: `integers` is as long as `scratch`.
        unsafe { _mm256_storeu_si256(to.add(k).cast(), packed) }
    }
    let sum = |v: [__m256; 2]| f64::from(lanes(_mm256_add_ps(v[0], v[1])).iter().sum::<f32>());
    let mut squares = [0i32; LANES];
    // SAFETY: eight places to store.
    unsafe { _mm256_storeu_si256(squares.as_mut_ptr().cast(), square) }
    super::measure(row.len(), scale, sum(rest), sum(along), squares.iter().sum())
}

/// The numbers of a register.
#[target_feature(enable = "avx2")]
fn lanes(v: __m256) -> [f32; LANES] {
    let mut out = [0.0; LANES];
    // SAFETY: eight places to store.
    unsafe { _mm256_storeu_ps(out.as_mut_ptr(), v) }
    out
}

/// Turns 32 rows of integers into a panel: pairs of integers are the elements of 8 × 8 transpositions.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose(rows: &[i16], panel: &mut [i16]) {
    let pairs = rows.len() / COLUMNS / 2;
    let (from, to) = (rows.as_ptr().cast::<i32>(), panel.as_mut_ptr().cast::<i32>());
    for first in (0..COLUMNS).step_by(LANES) {
        for k in (0..pairs).step_by(LANES) {
            // SAFETY: rows `first..first + 8` and groups `k..k + 8` of a multiple of eight pairs.
            unsafe {
                let row = |r: usize| _mm256_loadu_si256(from.add((first + r) * pairs + k).cast());
                for (c, column) in transposed(std::array::from_fn(row)).into_iter().enumerate() {
                    _mm256_storeu_si256(to.add((k + c) * COLUMNS + first).cast(), column);
                }
            }
        }
    }
}

/// Element j of vector i becomes element i of vector j.
#[target_feature(enable = "avx2")]
fn transposed(r: [__m256i; 8]) -> [__m256i; 8] {
    // Pairs of rows, then fours: u[4g + c] has in its half l the column 4l + c of the rows 4g … 4g + 3.
    let t: [__m256i; 8] = std::array::from_fn(|k| {
        let (a, b) = (r[k & !1], r[k | 1]);
        if k & 1 == 0 { _mm256_unpacklo_epi32(a, b) } else { _mm256_unpackhi_epi32(a, b) }
    });
    let u: [__m256i; 8] = std::array::from_fn(|k| {
        let (a, b) = (t[(k & !3) | (k >> 1 & 1)], t[(k & !3) | (k >> 1 & 1) | 2]);
        if k & 1 == 0 { _mm256_unpacklo_epi64(a, b) } else { _mm256_unpackhi_epi64(a, b) }
    });
    std::array::from_fn(|k| {
        let (low, high) = (u[k % 4], u[4 + k % 4]);
        if k < 4 { _mm256_permute2x128_si256::<0x20>(low, high) } else { _mm256_permute2x128_si256::<0x31>(low, high) }
    })
}
