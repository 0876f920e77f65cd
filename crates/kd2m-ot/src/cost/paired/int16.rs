//! The proof without products of bytes: costs as products of 16-bit integers, a tile at a time, each with the bound that
//! [`Pairwise::rounding`] gives; no matrix is written. Exact costs where a bound does not decide.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::Pairing;
use crate::{
    cloud::Cloud,
    cost::{
        centring::Centres,
        pairwise::Pairwise,
        scan::{PairCost, PairCosts},
    },
    isa::Isa,
    pool::Pool,
    real::Real,
};

/// Rows whose costs with one panel are computed at once.
const ROWS: usize = 12;

/// See [`super::prove`].
pub(super) fn prove<T: Real>(
    isa: Isa,
    pool: &Pool,
    a: &Cloud<T>,
    b: &Cloud<T>,
    centres: &Centres<T>,
) -> Option<Pairing> {
    let products = Pairwise::in_int16(isa, pool, a, b, centres)?;
    let (n, d, shift) = (a.len(), a.width(), centres.shift());
    let mut pairs = vec![PairCost::default(); n];
    let block = n.div_ceil(4 * pool.size());
    pool.share_chunks(&mut pairs, block, |k, pairs| {
        let of = k * block * d..(k * block + pairs.len()) * d;
        let (x, y) = (&a.features()[of.clone()], &b.features()[of]);
        isa.run(PairCosts { x, y, q: &centres.b, shift: &shift, out: pairs });
    });
    // A computed cost from here on proves that the pair (i, j) is no nearer than (i, i).
    let limits: Vec<T> =
        pairs.iter().enumerate().map(|(i, own)| T::of((own.centred + products.rounding(i)) * (1.0 + 1e-6))).collect();
    let open = search(pool, &products, &limits)?;
    super::decide(isa, (a, b), centres, pairs, open)
}

/// All pairs off the diagonal whose computed cost is below the row's limit, or `None` if there are more than n.
fn search<T: Real>(pool: &Pool, products: &Pairwise<T>, limits: &[T]) -> Option<Vec<(usize, usize)>> {
    let n = limits.len();
    let block = products.block();
    let (open, found) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    pool.share(n.div_ceil(block), |k| {
        let mut mine = Vec::new();
        let rows: Vec<u32> = (k * block..((k + 1) * block).min(n)).map(|i| i as u32).collect();
        let mut costs = Vec::new();
        for panel in 0..products.panel_count() {
            let columns = products.columns_of(panel..panel + 1);
            for rows in rows.chunks(ROWS) {
                costs.resize(rows.len() * columns.len(), T::zero());
                products.fill_panels(rows, panel..panel + 1, &mut costs);
                for (&i, costs) in rows.iter().zip(costs.chunks_exact(columns.len())) {
                    let limit = limits[i as usize];
                    // Counted without a branch, so that most rows are passed by in a few vectors.
                    if costs.iter().map(|&cost| u32::from(cost < limit)).sum::<u32>() == 0 {
                        continue;
                    }
                    let below = columns.clone().zip(costs).filter(|&(j, &cost)| cost < limit && j != i as usize);
                    mine.extend(below.map(|(j, _)| (i as usize, j)));
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
