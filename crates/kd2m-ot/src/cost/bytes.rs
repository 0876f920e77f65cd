//! Features as bytes, and products of bytes sixteen columns at a time: AVX-512 VNNI multiplies four times as many numbers in an
//! instruction as single precision does. What a byte leaves out of a row is measured, so that products come with a bound.
//! Next: [`super::paired`], which proves pairings with it, and [`super::screen`], which finds nearest columns.

use std::arch::x86_64::*;

use crate::isa::Vnni;

/// Rows of a tile.
pub(crate) const ROWS: usize = 12;

/// Columns of a tile: two vectors.
pub(crate) const COLUMNS: usize = 32;

/// Most coordinates whose products of bytes (up to 255 · 127 each) still add up within an `i32`.
pub(crate) const WIDEST: usize = 1 << 16;

/// What is known of a row beside its bytes. The row is `scale` · bytes + a rest of length at most `rest`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quantised {
    pub scale: f32,
    /// Length of what the bytes leave out, without the rounding of the centred features themselves.
    pub rest: f32,
    /// Squared length of the centred row.
    pub norm: f32,
    /// Sum of the bytes.
    pub sum: i32,
}

impl Quantised {
    /// Length of the centred row, and a little more.
    pub(crate) fn length(&self) -> f64 {
        f64::from(self.norm).sqrt() * 1.000_1
    }

    /// Length of what the bytes leave out, and a little more: the rounding of a centred coordinate and of the measures themselves is small
    /// beside it.
    fn left_out(&self) -> f64 {
        f64::from(self.rest) * 1.001 + self.length() * 2f64.powi(-23)
    }

    /// Whether single precision can bound what is computed with this row.
    pub(crate) fn is_safe(&self) -> bool {
        self.norm == 0.0 || (1e-18..1e18).contains(&self.norm)
    }
}

/// How long rows are and how much of them bytes leave out, at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    length: f64,
    left_out: f64,
}

impl Extent {
    /// Of all of these.
    pub(crate) fn of(rows: &[Quantised]) -> Self {
        let most = |measure: fn(&Quantised) -> f64| rows.iter().map(measure).fold(0.0, f64::max);
        Self { length: most(Quantised::length), left_out: most(Quantised::left_out) }
    }

    /// How far ‖x‖² + ‖y‖² − 2⟨x, y⟩ of any of these with any of those may be off, by bytes and in single precision: norms are sums of `d`
    /// squares in sixteen lanes, the rest a few operations.
    #[inline]
    pub(crate) fn doubt(self, other: Self, d: usize) -> f64 {
        let products = 2.0 * (self.left_out * other.length + (self.length + self.left_out) * other.left_out);
        let reach = self.length + other.length;
        products + 2f64.powi(-22) * (d as f64 / 32.0 + 32.0) * reach * reach
    }
}

/// What a panel's tiles need of its columns.
#[derive(Debug)]
pub(crate) struct Columns {
    pub(crate) correction: [i32; COLUMNS],
    pub(crate) scale: [f32; COLUMNS],
    pub(crate) offset: [f32; COLUMNS],
}

impl Columns {
    /// Of at most [`COLUMNS`], each offset by its norm less `v`; those that pad a panel are never near.
    pub(crate) fn new(of: &[Quantised], v: impl Fn(usize) -> f32) -> Self {
        Self {
            correction: std::array::from_fn(|j| of.get(j).map_or(0, |of| -128 * of.sum)),
            scale: std::array::from_fn(|j| of.get(j).map_or(0.0, |of| of.scale)),
            offset: std::array::from_fn(|j| of.get(j).map_or(f32::INFINITY, |of| of.norm - v(j))),
        }
    }
}

/// Where a row's bytes go.
pub(crate) enum Place<'a> {
    /// One after the other, 128 added so that they are unsigned.
    Row(&'a mut [u8]),
    /// Column `.1` of a panel of [`COLUMNS`], four coordinates of each column together.
    Panel(&'a mut [u8], usize),
}

/// What the token of [`Vnni`] allows: products of bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Products(Vnni);

impl Products {
    /// For a processor that has them.
    pub(crate) fn of(vnni: Vnni) -> Self {
        Self(vnni)
    }

    /// Centres a row and writes it as bytes, padded to whole vectors; `scratch` holds the centred row and is as long as its bytes.
    pub(crate) fn quantise(self, row: &[f32], centre: &[f32], scratch: &mut [f32], place: Place) -> Quantised {
        assert!(row.len() == centre.len() && scratch.len() == row.len().next_multiple_of(16));
        match &place {
            Place::Row(bytes) => assert!(bytes.len() >= scratch.len()),
            Place::Panel(bytes, column) => assert!(bytes.len() >= scratch.len() * COLUMNS && *column < COLUMNS),
        }
        // SAFETY: the token is proof of the instructions; the lengths were compared above.
        unsafe { quantise(row, centre, scratch, place) }
    }

    /// One tile: which columns of each row have `offset_j − slope_i · scale_j · product_ij` below the row's limit, as bits.
    pub(crate) fn below(self, tile: &Tile) -> [u32; ROWS] {
        let coordinates = tile.panel.len() / COLUMNS;
        assert!(coordinates.is_multiple_of(4) && tile.rows.iter().all(|row| row.len() >= coordinates));
        // SAFETY: the token is proof of the instructions; every row has as many coordinates as the panel.
        unsafe { below(tile, coordinates) }
    }
}

/// Twelve rows against a panel.
pub(crate) struct Tile<'a> {
    pub rows: [&'a [u8]; ROWS],
    /// Twice each row's scale.
    pub slope: [f32; ROWS],
    pub limit: [f32; ROWS],
    pub panel: &'a [u8],
    /// Sums of each column's bytes, times −128: what the rows' unsigned bytes add to each product.
    pub correction: &'a [i32; COLUMNS],
    pub scale: &'a [f32; COLUMNS],
    pub offset: &'a [f32; COLUMNS],
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma")]
unsafe fn quantise(row: &[f32], centre: &[f32], scratch: &mut [f32], place: Place) -> Quantised {
    let (from, middle, to) = (row.as_ptr(), centre.as_ptr(), scratch.as_mut_ptr());
    let (mut norm, mut most) = (_mm512_setzero_ps(), _mm512_setzero_ps());
    for k in (0..row.len()).step_by(16) {
        let inside = 0xffffu16 >> (16 - (row.len() - k).min(16));
        // SAFETY: masked lanes are not read; `scratch` is whole vectors long.
        unsafe {
            let x =
                _mm512_sub_ps(_mm512_maskz_loadu_ps(inside, from.add(k)), _mm512_maskz_loadu_ps(inside, middle.add(k)));
            _mm512_storeu_ps(to.add(k), x);
            norm = _mm512_fmadd_ps(x, x, norm);
            most = _mm512_max_ps(most, _mm512_abs_ps(x));
        }
    }
    let most = _mm512_reduce_max_ps(most);
    let scale = if most > 0.0 { most / 127.0 } else { 1.0 };
    let (step, inverse) = (_mm512_set1_ps(scale), _mm512_set1_ps(1.0 / scale));
    let (mut rest, mut sum) = (_mm512_setzero_ps(), _mm512_setzero_si512());
    let (bytes, stride, shift) = match place {
        Place::Row(bytes) => (bytes.as_mut_ptr(), 4, 128),
        // SAFETY: the caller compared the lengths.
        Place::Panel(bytes, column) => (unsafe { bytes.as_mut_ptr().add(4 * column) }, 4 * COLUMNS, 0),
    };
    let (shift, limit) = (_mm512_set1_epi32(shift), _mm512_set1_epi32(127));
    for k in (0..row.len()).step_by(16) {
        // SAFETY: as above; sixteen bytes fit behind `k` in a row, four groups of four in a panel.
        unsafe {
            let x = _mm512_loadu_ps(to.add(k));
            let q = _mm512_min_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(x, inverse)), limit);
            let left = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(q), step, x);
            rest = _mm512_fmadd_ps(left, left, rest);
            sum = _mm512_add_epi32(sum, q);
            let packed = _mm512_cvtepi32_epi8(_mm512_add_epi32(q, shift));
            if stride == 4 {
                _mm_storeu_si128(bytes.add(k).cast(), packed);
            } else {
                let group = bytes.add(k / 4 * stride);
                group.cast::<i32>().write_unaligned(_mm_extract_epi32::<0>(packed));
                group.add(stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<1>(packed));
                group.add(2 * stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<2>(packed));
                group.add(3 * stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<3>(packed));
            }
        }
    }
    Quantised {
        scale,
        rest: _mm512_reduce_add_ps(rest).sqrt(),
        norm: _mm512_reduce_add_ps(norm),
        sum: _mm512_reduce_add_epi32(sum),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma")]
unsafe fn below(tile: &Tile, coordinates: usize) -> [u32; ROWS] {
    // SAFETY: arrays of 32 hold two vectors; every row and the panel have `coordinates`, a multiple of four.
    unsafe {
        let two = |from: *const i32| [_mm512_loadu_epi32(from), _mm512_loadu_epi32(from.add(16))];
        let floats = |from: *const f32| [_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(16))];
        let mut sums = [two(tile.correction.as_ptr()); ROWS];
        let (rows, panel) = (tile.rows.map(<[u8]>::as_ptr), tile.panel.as_ptr());
        for k in (0..coordinates).step_by(4) {
            let y = two(panel.add(k * COLUMNS).cast());
            for r in 0..ROWS {
                let x = _mm512_set1_epi32(rows[r].add(k).cast::<i32>().read_unaligned());
                sums[r] = [_mm512_dpbusd_epi32(sums[r][0], x, y[0]), _mm512_dpbusd_epi32(sums[r][1], x, y[1])];
            }
        }
        let (scale, offset) = (floats(tile.scale.as_ptr()), floats(tile.offset.as_ptr()));
        std::array::from_fn(|r| {
            let (slope, limit) = (_mm512_set1_ps(-tile.slope[r]), _mm512_set1_ps(tile.limit[r]));
            let of = |v: usize| {
                let product = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[r][v]), scale[v]);
                // True also where a comparison is not possible: what cannot be excluded is below.
                _mm512_cmp_ps_mask::<_CMP_NGE_UQ>(_mm512_fmadd_ps(product, slope, offset[v]), limit)
            };
            u32::from(of(0)) | u32::from(of(1)) << 16
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    /// Bytes, measures and bits against plain sums, over odd widths.
    #[test]
    fn tiles_agree_with_plain_sums() {
        let Some(products) = Vnni::new().map(Products::of) else {
            eprintln!("skipped: this processor has no AVX-512 VNNI");
            return;
        };
        let mut random = Pcg64::seed_from_u64(1);
        for d in [1, 3, 4, 15, 16, 17, 31, 100, 512] {
            let mut numbers =
                |count: usize| -> Vec<f32> { (0..count).map(|_| random.random_range(-2.0f32..3.0)).collect() };
            let (x, y, p, q) = (numbers(ROWS * d), numbers(COLUMNS * d), numbers(d), numbers(d));
            let wide = d.next_multiple_of(16);
            let (mut scratch, mut rows, mut panel) =
                (vec![0.0; wide], vec![128u8; ROWS * wide], vec![0u8; COLUMNS * wide]);
            let mut of_x = [Quantised::default(); ROWS];
            for (i, of_x) in of_x.iter_mut().enumerate() {
                let place = Place::Row(&mut rows[i * wide..(i + 1) * wide]);
                *of_x = products.quantise(&x[i * d..(i + 1) * d], &p, &mut scratch, place);
            }
            let mut of_y = [Quantised::default(); COLUMNS];
            for (j, of_y) in of_y.iter_mut().enumerate() {
                *of_y = products.quantise(&y[j * d..(j + 1) * d], &q, &mut scratch, Place::Panel(&mut panel, j));
            }
            let byte_x = |i: usize, k: usize| i32::from(rows[i * wide + k]) - 128;
            let byte_y = |j: usize, k: usize| i32::from(panel[k / 4 * 4 * COLUMNS + 4 * j + k % 4] as i8);
            for (i, of) in of_x.iter().enumerate() {
                let centred = |k: usize| f64::from(x[i * d + k]) - f64::from(p[k]);
                let norm: f64 = (0..d).map(|k| centred(k).powi(2)).sum();
                let rest: f64 =
                    (0..d).map(|k| (centred(k) - f64::from(byte_x(i, k)) * f64::from(of.scale)).powi(2)).sum();
                assert!((f64::from(of.norm) - norm).abs() < 1e-5 * norm);
                assert!((f64::from(of.rest) - rest.sqrt()).abs() < 1e-5 * norm.sqrt());
                assert_eq!(of.sum, (0..d).map(|k| byte_x(i, k)).sum::<i32>());
                assert!((d..wide).all(|k| byte_x(i, k) == 0));
            }
            for (j, of) in of_y.iter().enumerate() {
                assert_eq!(of.sum, (0..wide).map(|k| byte_y(j, k)).sum::<i32>());
            }
            let product = |i: usize, j: usize| (0..wide).map(|k| byte_x(i, k) * byte_y(j, k)).sum::<i32>() as f32;
            let tile = Tile {
                rows: std::array::from_fn(|i| &rows[i * wide..(i + 1) * wide]),
                slope: of_x.map(|of| 2.0 * of.scale),
                limit: std::array::from_fn(|i| i as f32 - 5.0),
                panel: &panel,
                correction: &of_y.map(|of| -128 * of.sum),
                scale: &of_y.map(|of| of.scale),
                offset: &of_y.map(|of| of.norm),
            };
            for (i, bits) in products.below(&tile).into_iter().enumerate() {
                for j in 0..COLUMNS {
                    let value = tile.offset[j] - tile.slope[i] * (product(i, j) * tile.scale[j]);
                    let doubtful = (value - tile.limit[i]).abs() < 1e-4 * value.abs();
                    assert!(doubtful || (bits >> j & 1 == 1) == (value < tile.limit[i]), "d = {d}, {i}, {j}");
                }
            }
        }
    }
}
