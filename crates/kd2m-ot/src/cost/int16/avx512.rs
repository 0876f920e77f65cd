//! Int16Products by AVX-512: products that VNNI adds up as it multiplies.

use std::arch::x86_64::*;

use super::{COLUMNS, LENGTH, Measure, Panel, ROWS, Strip};

/// Costs of at most twelve rows and a panel, `inside` columns of it, to rows of `out` that lie `stride` apart.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma")]
pub(super) unsafe fn tile(strip: &Strip, panel: &Panel, inside: usize, out: &mut [f32], stride: usize) {
    let rows = strip.rows.map(<[i16]>::as_ptr);
    // SAFETY: every row and the panel have `width` integers a column; masked lanes are not written.
    unsafe {
        let mut sums = [[_mm512_setzero_si512(); 2]; ROWS];
        for k in (0..strip.rows[0].len()).step_by(2) {
            let from = panel.integers.as_ptr().add(k * COLUMNS);
            let y = [_mm512_loadu_si512(from.cast()), _mm512_loadu_si512(from.add(COLUMNS).cast())];
            for (row, sums) in rows.iter().zip(&mut sums) {
                let x = _mm512_set1_epi32(row.add(k).cast::<i32>().read_unaligned());
                *sums = [_mm512_dpwssd_epi32(sums[0], x, y[0]), _mm512_dpwssd_epi32(sums[1], x, y[1])];
            }
        }
        for (r, (sums, of)) in sums.iter().zip(&strip.measures).enumerate().take(strip.count) {
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

/// Centres a row and writes it as integers; `scratch` and `integers` are whole vectors of sixteen long.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma")]
pub(super) unsafe fn quantise(row: &[f32], centre: &[f32], scratch: &mut [f32], integers: &mut [i16]) -> Measure {
    let (from, middle, centred, to) = (row.as_ptr(), centre.as_ptr(), scratch.as_mut_ptr(), integers.as_mut_ptr());
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
        // SAFETY: as above; `integers` is as long as `scratch`.
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
    let (rest, along) = (f64::from(_mm512_reduce_add_ps(rest)), f64::from(_mm512_reduce_add_ps(along)));
    super::measure(row.len(), scale, rest, along, _mm512_reduce_add_epi32(square))
}

/// Turns 32 rows of integers into a panel: pairs of integers are the elements of 16 × 16 transpositions.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) unsafe fn transpose(rows: &[i16], panel: &mut [i16]) {
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
