//! The proof itself: features as bytes in one pass, bounds of all costs in tiles, exact costs where a bound does not decide.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::Pairing;
use crate::{
    buffers::Buffer,
    cache,
    cloud::Cloud,
    cost::{
        bytes::{COLUMNS, Columns, Extent, Place, Products, Quantised, ROWS, Tile, WIDEST},
        centring::Centres,
        scan::{PairCost, PairCosts},
    },
    isa::{Isa, Vnni},
    pool::Pool,
    real::Real,
};

/// Most bytes of rows that stay in the second-level cache while all panels pass by: more gained nothing where it was measured.
const MOST: usize = 256 << 10;

/// See [`super::prove`].
pub(super) fn prove<T: Real>(
    isa: Isa,
    vnni: Vnni,
    pool: &Pool,
    a: &Cloud<T>,
    b: &Cloud<T>,
    centres: &Centres<T>,
) -> Option<Pairing> {
    let (n, d, products) = (a.len(), a.width(), Products::of(vnni));
    if d > WIDEST {
        return None;
    }
    let (x, y) = (T::singles(a.features())?, T::singles(b.features())?);
    let (p, q) = (T::singles(&centres.a)?, T::singles(&centres.b)?);
    let width = d.next_multiple_of(16);
    let mut rows = Buffer::any(n * width, 0u8);
    let mut panels = Buffer::any(n.div_ceil(COLUMNS) * COLUMNS * width, 0u8);
    let (mut of_x, mut of_y) = (vec![Quantised::default(); n], vec![Quantised::default(); n]);
    let mut pairs = vec![PairCost::default(); n];
    let shift = centres.shift();

    let mut parts: Vec<_> = (rows.chunks_mut(COLUMNS * width))
        .zip(panels.chunks_mut(COLUMNS * width))
        .zip(of_x.chunks_mut(COLUMNS).zip(of_y.chunks_mut(COLUMNS)))
        .zip(pairs.chunks_mut(COLUMNS))
        .collect();
    pool.share_chunks(&mut parts, 1, |k, part| {
        let (((rows, panel), (of_x, of_y)), pairs) = &mut part[0];
        let mut scratch = vec![0.0; width];
        let first = k * COLUMNS;
        for r in 0..pairs.len() {
            let of = (first + r) * d..(first + r + 1) * d;
            of_x[r] =
                products.quantise(&x[of.clone()], p, &mut scratch, Place::Row(&mut rows[r * width..(r + 1) * width]));
            of_y[r] = products.quantise(&y[of], q, &mut scratch, Place::Panel(panel, r));
        }
        let of = first * d..(first + pairs.len()) * d;
        let (x, y) = (&a.features()[of.clone()], &b.features()[of]);
        isa.run(PairCosts { x, y, q: &centres.b, shift: &shift, out: pairs });
    });
    drop(parts);

    let bounds = Bounds::new(&of_x, &of_y, &pairs, d)?;
    let open = bounds.search(products, pool, &rows, &panels, width)?;
    super::decide(isa, (a, b), centres, pairs, open)
}

/// Which computed value of row i and column j proves that the pair (i, j) is no nearer than (i, i).
struct Bounds {
    slope: Vec<f32>,
    limit: Vec<f32>,
    columns: Vec<Columns>,
}

impl Bounds {
    /// `None` where norms are so large or small that single precision cannot bound them.
    fn new(of_x: &[Quantised], of_y: &[Quantised], pairs: &[PairCost], d: usize) -> Option<Self> {
        if !of_x.iter().chain(of_y).all(Quantised::is_safe) {
            return None;
        }
        let of_columns = Extent::of(of_y);
        let limit = of_x.iter().zip(pairs).map(|(of, pair)| {
            ((pair.centred - f64::from(of.norm) + Extent::of(std::slice::from_ref(of)).doubt(of_columns, d)) as f32)
                .next_up()
        });
        let columns = of_y.chunks(COLUMNS).map(|of_y| Columns::new(of_y, |_| 0.0));
        Some(Self {
            slope: of_x.iter().map(|of| 2.0 * of.scale).collect(),
            limit: limit.collect(),
            columns: columns.collect(),
        })
    }

    /// All pairs off the diagonal that the bounds leave open, or `None` if there are more than n.
    fn search(
        &self,
        products: Products,
        pool: &Pool,
        rows: &[u8],
        panels: &[u8],
        width: usize,
    ) -> Option<Vec<(usize, usize)>> {
        let n = self.limit.len();
        let strips = n.div_ceil(ROWS);
        let block = (MOST.min(cache::second_level() / 2) / (ROWS * width)).clamp(1, strips.div_ceil(4 * pool.size()));
        let (open, found) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
        pool.share(strips.div_ceil(block), |k| {
            let mut mine = Vec::new();
            for (p, columns) in self.columns.iter().enumerate() {
                let panel = &panels[p * COLUMNS * width..(p + 1) * COLUMNS * width];
                for first in (k * block * ROWS..((k + 1) * block * ROWS).min(n)).step_by(ROWS) {
                    // A short last strip repeats its last row; the repetitions are not read.
                    let row = |r: usize| (first + r).min(n - 1);
                    let bits = products.below(&Tile {
                        rows: std::array::from_fn(|r| &rows[row(r) * width..(row(r) + 1) * width]),
                        slope: std::array::from_fn(|r| self.slope[row(r)]),
                        limit: std::array::from_fn(|r| self.limit[row(r)]),
                        panel,
                        correction: &columns.correction,
                        scale: &columns.scale,
                        offset: &columns.offset,
                    });
                    for (i, mut bits) in (first..n.min(first + ROWS)).zip(bits) {
                        while bits != 0 {
                            let j = p * COLUMNS + bits.trailing_zeros() as usize;
                            bits &= bits - 1;
                            if i != j {
                                mine.push((i, j));
                            }
                        }
                    }
                }
                if found.load(Relaxed) + mine.len() > n || pool.stop().is_set() {
                    break;
                }
            }
            found.fetch_add(mine.len(), Relaxed);
            open.lock().unwrap_or_else(PoisonError::into_inner).append(&mut mine);
        });
        (found.into_inner() <= n).then(|| open.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
