//! The lower bound by duality: one pass over all costs, tile by tile.

use kd2m_simd::ranks::Ranks;

use crate::{
    cloud::Cloud,
    cost::{
        centring::{Centres, Centring},
        pairwise::Pairwise,
    },
    isa::{Isa, Kernel, LANES, Simd},
    pool::Pool,
    real::Real,
    sets::{
        centres,
        tiles::{Reader, over_all},
    },
    stop::{Interrupted, Stop},
};

/// Shares of the blocks' potentials that the one pass over all costs tries at once: a block knows less than all samples do, so
/// part of what its potentials say is noise.
const SHARES: [f64; 4] = [0.0, 0.5, 0.8, 1.0];

/// Panels of columns whose costs are computed at a time: they then stay in the second-level cache.
const PANELS: usize = 32;

/// The best of the dual bounds that shares of `v` give, in one pass over all costs.
///
/// # Errors
/// Told to stop.
pub(super) fn bound<T: Real>(
    ranks: &dyn Ranks,
    a: &Reader<T>,
    b: &Reader<T>,
    v: &[f64],
    roughly: bool,
) -> Result<f64, Interrupted> {
    let centres = centres::of(ranks, a, b, Centring::Each)?;
    let shift = centres.shift();
    let constant: f64 = shift.iter().map(|s| s * s).sum();
    let of_a = centres::around(ranks, a, &centres.a, &shift, 2.0)?;
    let of_b = centres::around(ranks, b, &centres.b, &shift, -2.0)?;
    // Shares of the potentials for centred costs, rounded to T: any potentials are allowed.
    let shares: [Vec<T>; SHARES.len()] =
        SHARES.map(|share| v.iter().zip(&of_b.along).map(|(v, s)| T::of(share * (v - s))).collect());
    let columns = b.tiles();
    let sums = over_all(
        ranks,
        &a.tiles(),
        || a.check(),
        |rows| {
            let x = a.rows(rows.clone());
            let mut least = vec![[f64::INFINITY; SHARES.len()]; rows.len()];
            for columns in &columns {
                if a.is_over() {
                    break;
                }
                let y = b.rows(columns.clone());
                let shares = shares.each_ref().map(|share| &share[columns.clone()]);
                lower(&mut least, &pairs(&x.cloud(), &y.cloud(), &centres, a.stop, roughly), &shares);
            }
            let mut sums = [0.0; SHARES.len()];
            for (i, least) in rows.clone().zip(least) {
                let weight = a.set.weight(i);
                sums.iter_mut().zip(least).for_each(|(sum, least)| *sum += weight * least);
            }
            sums
        },
    )?;
    let separable = constant
        + (0..a.len()).map(|i| a.set.weight(i) * of_a.along[i]).sum::<f64>()
        + (0..b.len()).map(|j| b.set.weight(j) * of_b.along[j]).sum::<f64>();
    let bound = |k: usize| {
        let u: f64 = sums.iter().map(|s| s[k]).sum();
        let v: f64 = shares[k].iter().enumerate().map(|(j, v)| b.set.weight(j) * v.wide()).sum();
        u + v + separable
    };
    Ok((0..SHARES.len()).map(bound).fold(f64::NEG_INFINITY, f64::max))
}

/// The costs of two tiles, `roughly` in 16-bit integers where they can be.
fn pairs<T: Real>(x: &Cloud<T>, y: &Cloud<T>, centres: &Centres<T>, stop: &Stop, roughly: bool) -> Pairwise<T> {
    let isa = Isa::detect();
    Pool::with(false, stop, |pool| {
        let in_int16 = if roughly { Pairwise::in_int16(isa, pool, x, y, centres) } else { None };
        in_int16.unwrap_or_else(|| Pairwise::around(isa, pool, x, y, centres.clone()))
    })
}

/// Lowers what is least of each row so far to what these columns have, less what their costs may be off.
fn lower<T: Real>(least: &mut [[f64; SHARES.len()]], pairs: &Pairwise<T>, shares: &[&[T]; SHARES.len()]) {
    let isa = Isa::detect();
    let (scale, unit) = (pairs.scale * pairs.scale, 1.0 / (pairs.scale * pairs.scale));
    // A power of two changes no digit.
    let shares = shares.map(|share| share.iter().map(|v| T::of(v.wide() * scale)).collect::<Vec<T>>());
    let numbers: Vec<u32> = (0..least.len() as u32).collect();
    let mut scratch = Vec::new();
    for (rows, least) in numbers.chunks(pairs.block()).zip(least.chunks_mut(pairs.block())) {
        let mut found = vec![[T::infinity(); SHARES.len()]; rows.len()];
        for from in (0..pairs.panel_count()).step_by(PANELS) {
            let panels = from..(from + PANELS).min(pairs.panel_count());
            let columns = pairs.columns_of(panels.clone());
            scratch.resize(rows.len() * columns.len(), T::zero());
            pairs.fill_panels(rows, panels, &mut scratch);
            for (found, row) in found.iter_mut().zip(scratch.chunks_exact(columns.len())) {
                for (found, share) in found.iter_mut().zip(&shares) {
                    let least = isa.run(LeastReduced { row, v: &share[columns.clone()] });
                    *found = if least < *found { least } else { *found };
                }
            }
        }
        for ((&i, least), found) in rows.iter().zip(least).zip(found) {
            for (least, found) in least.iter_mut().zip(found) {
                // The entry's bound, and one more rounding for the subtraction.
                let rounding = pairs.rounding(i as usize) + found.wide().abs() * T::epsilon().wide();
                *least = least.min((found.wide() - rounding) * unit);
            }
        }
    }
}

/// Least of c_j − v_j in the precision of the costs.
struct LeastReduced<'a, T> {
    row: &'a [T],
    v: &'a [T],
}

impl<T: Real> Kernel for LeastReduced<'_, T> {
    type Output = T;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> T {
        let (chunks, tail) = self.row.as_chunks::<LANES>();
        let (v_chunks, v_tail) = self.v.as_chunks::<LANES>();
        let mut least = T::vsplat(simd, T::infinity());
        for (c, v) in chunks.iter().zip(v_chunks) {
            least = T::vmin(simd, T::vsub(simd, T::vload(simd, c), T::vload(simd, v)), least);
        }
        let mut lanes = [T::infinity(); LANES];
        T::vstore(simd, least, &mut lanes);
        let of_tail = tail.iter().zip(v_tail).map(|(c, v)| *c - *v);
        lanes.into_iter().chain(of_tail).fold(T::infinity(), |a, b| if b < a { b } else { a })
    }
}
