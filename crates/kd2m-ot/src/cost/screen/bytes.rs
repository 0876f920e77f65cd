//! The screen by AVX-512 VNNI, which multiplies four times as many bytes in an instruction as numbers in single precision.

use super::Least;
use crate::{
    buffers::Buffer,
    cache,
    cloud::Cloud,
    cost::{
        bytes::{COLUMNS, Columns, Extent, Place, Products, Quantised, ROWS, Tile, WIDEST},
        pairwise::doubt_of,
        scan::CentredDistance,
    },
    isa::{Isa, Vnni},
    real::Real,
    stop::Stop,
};

/// Most bytes of rows that stay in the second-level cache while all panels pass by.
const CACHED: usize = 256 << 10;

/// One of so many columns may be computed exactly before other products are faster.
const ONE_OF: usize = 16;

/// Samples of A, centred, as bytes.
pub(crate) struct Screen<'a, T> {
    isa: Isa,
    products: Products,
    cloud: &'a Cloud<'a, T>,
    centre: &'a [T],
    width: usize,
    bytes: Buffer<u8>,
    of: Vec<Quantised>,
    extents: Vec<Extent>,
}

impl<'a, T: Real> Screen<'a, T> {
    /// Of some samples around a centre; `None` for a type, a width, numbers or a processor that has no fast form.
    pub(crate) fn new(cloud: &'a Cloud<'a, T>, centre: &'a [T]) -> Option<Self> {
        let isa = Isa::detect();
        let Isa::Avx512(_) = isa else { return None };
        let (products, d) = (Products::of(Vnni::new()?), cloud.width());
        let (x, middle) = (T::singles(cloud.features())?, T::singles(centre)?);
        if d > WIDEST {
            return None;
        }
        let width = d.next_multiple_of(16);
        let mut bytes = Buffer::any(cloud.len() * width, 0u8);
        let mut scratch = vec![0.0; width];
        let rows = x.chunks_exact(d).zip(bytes.chunks_exact_mut(width));
        let of: Vec<Quantised> =
            rows.map(|(row, bytes)| products.quantise(row, middle, &mut scratch, Place::Row(bytes))).collect();
        let extents = of.iter().map(|of| Extent::of(std::slice::from_ref(of))).collect();
        let screen = Self { isa, products, cloud, centre, width, bytes, of, extents };
        screen.of.iter().all(Quantised::is_safe).then_some(screen)
    }

    /// Lowers what is least of each row to what these samples of B have, around their centre, less `v`; told to stop it may leave out
    /// some. False, and nothing lowered for certain, where too many columns may be the nearest for this to be the way.
    pub(crate) fn lower(&self, b: &Cloud<T>, centre: &[T], v: &[T], least: &mut [Least], stop: &Stop) -> bool {
        let (d, m) = (self.cloud.width(), b.len());
        let (Some(y), Some(middle)) = (T::singles(b.features()), T::singles(centre)) else { return false };
        assert!(v.len() == m && least.len() == self.of.len());
        let mut panels = Buffer::any(m.div_ceil(COLUMNS) * COLUMNS * self.width, 0u8);
        let mut scratch = vec![0.0; self.width];
        let panel_size = COLUMNS * self.width;
        let of_columns = y.chunks_exact(d).enumerate().map(|(j, row)| {
            let panel = &mut panels[j / COLUMNS * panel_size..][..panel_size];
            self.products.quantise(row, middle, &mut scratch, Place::Panel(panel, j % COLUMNS))
        });
        let of_columns: Vec<Quantised> = of_columns.collect();
        if !of_columns.iter().all(Quantised::is_safe) {
            return false;
        }
        let columns: Vec<Columns> = (of_columns.chunks(COLUMNS).zip(v.chunks(COLUMNS)))
            .map(|(of, v)| Columns::new(of, |j| v[j].wide() as f32))
            .collect();
        let largest = v.iter().fold(0.0, |most: f64, v| most.max(v.wide().abs()));
        let extents: Vec<Extent> = of_columns.chunks(COLUMNS).map(Extent::of).collect();
        let mut left = self.of.len() * m / ONE_OF + COLUMNS * self.of.len();
        let mut exact = |i: usize, j: usize, least: &mut Least| {
            left = left.saturating_sub(1);
            let (x, y, v) = (self.cloud.row(i), b.row(j), v[j].wide());
            let cost = self.isa.run(CentredDistance { x, p: self.centre, y, q: centre });
            let reach = 1.01 * (self.of[i].length() + of_columns[j].length());
            let doubt = doubt_of(d, reach, cost) + f64::EPSILON * (cost + v.abs());
            *least = Least { certain: least.certain.min(cost - doubt - v), found: least.found.min(cost - v) };
            left > 0
        };
        let height = (CACHED.min(cache::second_level() / 2) / (ROWS * self.width)).max(1) * ROWS;
        for first in (0..least.len()).step_by(height) {
            if stop.is_set() {
                return true;
            }
            let rows = first..(first + height).min(least.len());
            // A first few costs, so that there is something to be nearer than.
            for i in rows.clone().filter(|&i| least[i].found == f64::INFINITY).collect::<Vec<_>>() {
                (0..COLUMNS.min(m)).for_each(|j| {
                    exact(i, j, &mut least[i]);
                });
            }
            // What a column's computed value, which lacks the row's norm, has to reach to be left out, but for what it may be off.
            let level = |i: usize, least: &Least| least.found - f64::from(self.of[i].norm) + 2f64.powi(-22) * largest;
            let mut levels: Vec<f64> = rows.clone().map(|i| level(i, &least[i])).collect();
            for (p, (columns, extent)) in columns.iter().zip(&extents).enumerate() {
                for strip in rows.clone().step_by(ROWS) {
                    // A short last strip repeats its last row; the repetitions are not read.
                    let row = |r: usize| (strip + r).min(rows.end - 1);
                    let limit = |i: usize| ((levels[i - first] + self.extents[i].doubt(*extent, d)) as f32).next_up();
                    let bits = self.products.below(&Tile {
                        rows: std::array::from_fn(|r| &self.bytes[row(r) * self.width..(row(r) + 1) * self.width]),
                        slope: std::array::from_fn(|r| 2.0 * self.of[row(r)].scale),
                        limit: std::array::from_fn(|r| limit(row(r))),
                        panel: &panels[p * panel_size..(p + 1) * panel_size],
                        correction: &columns.correction,
                        scale: &columns.scale,
                        offset: &columns.offset,
                    });
                    for (i, mut bits) in (strip..rows.end).zip(bits) {
                        if bits == 0 {
                            continue;
                        }
                        while bits != 0 {
                            let j = p * COLUMNS + bits.trailing_zeros() as usize;
                            bits &= bits - 1;
                            if !exact(i, j, &mut least[i]) {
                                return false;
                            }
                        }
                        levels[i - first] = level(i, &least[i]);
                    }
                }
            }
        }
        true
    }
}
